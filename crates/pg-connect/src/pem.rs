//! Certificates in PEM files.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::causes::error_chain;

/// Reads all certificates of `file`, which must have at least one.
///
/// # Errors
/// Fails with a message that names the file.
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

/// Returns a message that `file` could not be read, with the reason.
pub(crate) fn unreadable(file: &Path, error: &dyn std::error::Error) -> String {
    format!("cannot read {}: {}", file.display(), error_chain(error))
}
