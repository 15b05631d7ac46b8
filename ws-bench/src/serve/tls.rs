//! TLS of the test server.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::options::TlsFiles;

/// Reason why a certificate or key cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {file}: {reason}")]
pub(crate) struct TlsFileError {
    file: PathBuf,
    reason: String,
}

impl TlsFileError {
    fn new(file: &Path, reason: &dyn fmt::Display) -> Self {
        Self {
            file: file.to_owned(),
            reason: reason.to_string(),
        }
    }
}

/// Reads the files and returns the server's side of TLS. No certificate is asked of clients.
///
/// # Errors
/// If a file cannot be read, has no certificate or key, or if they do not belong together.
pub(crate) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, TlsFileError> {
    let unusable =
        |error: rustls::pki_types::pem::Error| TlsFileError::new(&files.certificate, &error);
    let chain: Vec<_> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .map_err(unusable)?;
    if chain.is_empty() {
        return Err(TlsFileError::new(
            &files.certificate,
            &"it has no certificate",
        ));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| TlsFileError::new(&files.key, &error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| TlsFileError::new(&files.key, &error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use test_support::{Certificates, TestDirectory};

    use super::*;

    #[test]
    fn a_file_that_cannot_be_used_is_named() {
        let place = TestDirectory::new();
        let made = Certificates::made_in(place.path());
        let (certificate, key) = made.server;
        let (_, other_key) = made.client;
        let missing = place.path().join("missing.pem");
        let with = |certificate: &Path, key: &Path| {
            acceptor(&TlsFiles {
                certificate: certificate.to_owned(),
                key: key.to_owned(),
            })
        };
        assert!(with(&certificate, &key).is_ok());
        for (certificate, key, named) in [
            (&missing, &key, &missing),
            (&certificate, &missing, &missing),
            (&key, &key, &key),
            (&certificate, &certificate, &certificate),
            (&certificate, &other_key, &other_key),
        ] {
            let error = with(certificate, key).err().unwrap();
            assert_eq!(&error.file, named, "{error}");
        }
    }
}
