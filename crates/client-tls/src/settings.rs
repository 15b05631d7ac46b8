//! TLS settings of a client: the authorities to trust, and the certificate that it shows.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::any_certificate::AnyCertificate;

/// PEM files of a client's TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates of the authorities to trust; `None` for those that this machine trusts.
    pub ca: Option<PathBuf>,
    /// Certificate that the client shows, with its private key; `None` to show none.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// TLS settings of a client, made from its files.
#[derive(Clone)]
pub struct ClientTls {
    /// Settings for connections of `rustls`.
    pub config: Arc<ClientConfig>,
    /// Content of the file of authorities; `None` if those of this machine are trusted.
    pub authorities_pem: Option<Vec<u8>>,
    /// Contents of the files of the client's certificate and its key; `None` if it shows none.
    pub client_pem: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").finish_non_exhaustive()
    }
}

/// Reason why no TLS settings could be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsFileError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", .file.display())]
    Unreadable {
        /// Path of the file.
        file: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// A file has no certificate.
    #[error("{} has no certificate; name a PEM file", .0.display())]
    Empty(PathBuf),
    /// A file has a certificate or a key that cannot be used, or no key.
    #[error("{} has no {what} that can be used: {reason}", .file.display())]
    Unusable {
        /// Path of the file.
        file: PathBuf,
        /// Kind of the content: `certificate` or `private key`.
        what: &'static str,
        /// Description of the fault.
        reason: String,
    },
    /// The client's key is not that of its certificate.
    #[error("the certificate {} and the key {} do not fit together: {reason}", .certificate.display(), .key.display())]
    Mismatch {
        /// Path of the certificate.
        certificate: PathBuf,
        /// Path of the key.
        key: PathBuf,
        /// Description of the fault.
        reason: String,
    },
    /// This machine trusts no authority, and no file names one.
    #[error("this machine has no authorities for TLS; name those to trust with --ca FILE")]
    NoAuthorities,
    /// The library for TLS cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Library(#[source] rustls::Error),
}

impl ClientTls {
    /// Reads `files`, and makes settings in which every certificate of a server must come from an
    /// authority that is trusted.
    ///
    /// # Errors
    /// If a file cannot be read or used, or if there is no authority to trust.
    pub fn load(files: &TlsFiles) -> Result<Self, TlsFileError> {
        Self::made(files, false)
    }

    /// Reads `files`, and makes settings in which every certificate of a server is accepted: an
    /// attacker between could read and change everything.
    ///
    /// # Errors
    /// If a file cannot be read or used.
    pub fn load_insecure(files: &TlsFiles) -> Result<Self, TlsFileError> {
        Self::made(files, true)
    }

    fn made(files: &TlsFiles, accepts_all: bool) -> Result<Self, TlsFileError> {
        let provider = Arc::new(ring::default_provider());
        let authorities_pem = files.ca.as_deref().map(read).transpose()?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(TlsFileError::Library)?;
        let builder = if accepts_all {
            let verifier = Arc::new(AnyCertificate { provider });
            builder
                .dangerous()
                .with_custom_certificate_verifier(verifier)
        } else {
            builder.with_root_certificates(match (&files.ca, &authorities_pem) {
                (Some(file), Some(pem)) => given_authorities(file, pem)?,
                _ => authorities_of_this_machine()?,
            })
        };
        let mut client_pem = None;
        let config = match &files.client {
            Some((certificate, key)) => {
                let (certificate_pem, key_pem) = (read(certificate)?, read(key)?);
                let secret = PrivateKeyDer::from_pem_slice(&key_pem)
                    .map_err(|error| unusable(key, "private key", &error))?;
                let chain = chain(certificate, &certificate_pem)?;
                client_pem = Some((certificate_pem, key_pem));
                let config = builder.with_client_auth_cert(chain, secret);
                config.map_err(|error| TlsFileError::Mismatch {
                    certificate: certificate.clone(),
                    key: key.clone(),
                    reason: error.to_string(),
                })?
            }
            None => builder.with_no_client_auth(),
        };
        Ok(Self {
            config: Arc::new(config),
            authorities_pem,
            client_pem,
        })
    }
}

fn read(file: &Path) -> Result<Vec<u8>, TlsFileError> {
    fs::read(file).map_err(|source| TlsFileError::Unreadable {
        file: file.to_owned(),
        source,
    })
}

fn chain(file: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| unusable(file, "certificate", &error))?;
    if chain.is_empty() {
        return Err(TlsFileError::Empty(file.to_owned()));
    }
    Ok(chain)
}

fn given_authorities(file: &Path, pem: &[u8]) -> Result<RootCertStore, TlsFileError> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(file, pem)? {
        let added = roots.add(certificate);
        added.map_err(|error| unusable(file, "certificate", &error))?;
    }
    Ok(roots)
}

/// Reads the authorities that this machine trusts; some may be malformed. Fails if there are none,
/// because no server's certificate can then be trusted.
fn authorities_of_this_machine() -> Result<RootCertStore, TlsFileError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err(TlsFileError::NoAuthorities);
    }
    Ok(roots)
}

fn unusable(file: &Path, what: &'static str, error: &dyn fmt::Display) -> TlsFileError {
    TlsFileError::Unusable {
        file: file.to_owned(),
        what,
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use test_support::{Certificates, TestDirectory};

    use super::*;

    #[test]
    fn a_file_that_cannot_be_used_is_named() {
        let place = TestDirectory::new();
        let made = Certificates::made_in(place.path());
        let (certificate, key) = made.client;
        let load = |ca: &Path, certificate: &Path, key: &Path| {
            ClientTls::load(&TlsFiles {
                ca: Some(ca.to_owned()),
                client: Some((certificate.to_owned(), key.to_owned())),
            })
        };
        let ca = &made.authority;
        load(ca, &certificate, &key).unwrap();
        let missing = place.path().join("missing.pem");
        for (ca, certificate, key, parts) in [
            (&missing, &certificate, &key, ["cannot read", "missing.pem"]),
            (&key, &certificate, &key, ["app.key", "has no certificate"]),
            (
                ca,
                &certificate,
                &certificate,
                ["app.crt", "has no private key"],
            ),
            (
                ca,
                &certificate,
                &made.server.1,
                ["localhost.key", "do not fit together"],
            ),
        ] {
            let said = load(ca, certificate, key).unwrap_err().to_string();
            assert!(parts.iter().all(|part| said.contains(part)), "{said}");
        }
    }
}
