//! Reading of certificates from PEM files.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::causes::error_chain;

/// Reads all certificates of the PEM file `file`, in their order.
///
/// # Errors
/// Returns a message with the file's path if it cannot be read, has a malformed certificate, or has
/// none.
pub(crate) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(file).map_err(|error| unreadable(file, &error))?;
    let chain: Vec<_> = read
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(file, &error))?;
    if chain.is_empty() {
        return Err(format!("{} holds no certificate", file.display()));
    }
    Ok(chain)
}

/// Formats the message that `file` could not be read, with the error and its causes.
pub(crate) fn unreadable(file: &Path, error: &dyn std::error::Error) -> String {
    format!("cannot read {}: {}", file.display(), error_chain(error))
}
