//! TLS settings as `sslmode` demands them. Source: PostgreSQL manual, chapter *libpq*, *SSL
//! Support*.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;

use crate::certificate_verifier::CertificateVerifier;
use crate::environment::EnvironmentVariables;
use crate::parameters::ConnectionParameters;
use crate::pem::{certificates, unreadable};
use crate::tls_mode::TlsMode;
use crate::tls_stream::RustlsConnector;

/// TLS settings of an address, for all drivers.
#[derive(Clone)]
pub(crate) struct TlsSettings {
    pub(crate) mode: TlsMode,
    /// PEM file with the certificates of trusted authorities; `None` if the server's certificate is
    /// not checked.
    pub(crate) roots: Option<PathBuf>,
    /// PEM files with the client's certificate and its key; `None` if the client shows no
    /// certificate.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
    config: Arc<ClientConfig>,
}

impl std::fmt::Debug for TlsSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TlsSettings").field(&self.mode).finish()
    }
}

impl TlsSettings {
    /// Creates the settings from `parameters`. Reads the certificates and key that they name, or
    /// those in `~/.postgresql`.
    ///
    /// # Errors
    /// Returns a message about the value of `sslmode`, or about the file that is missing, cannot be
    /// read, or is a key that other users may read.
    pub(crate) fn load(
        parameters: &ConnectionParameters,
        environment: &EnvironmentVariables<'_>,
    ) -> Result<Self, String> {
        let mut mode = TlsMode::parse(parameters.get("sslmode").unwrap_or("prefer"))?;
        let roots = file(parameters, environment, "sslrootcert", "root.crt");
        if mode == TlsMode::Require && roots.is_some() {
            // As in libpq: if an authority is given, the certificate is checked against it.
            mode = TlsMode::VerifyCa;
        }
        let client = client_files(parameters, environment)?;
        let roots = roots.filter(|_| mode >= TlsMode::VerifyCa);
        let config = if mode == TlsMode::Disable {
            config(TlsMode::Require, None, None)?
        } else {
            config(mode, roots.as_deref(), client.as_ref())?
        };
        Ok(Self {
            mode,
            roots,
            client,
            config: Arc::new(config),
        })
    }

    /// Returns settings with which the name in the server's certificate is not checked. If the
    /// files can no longer be read, returns these settings unchanged.
    #[must_use]
    pub(crate) fn without_names(&self) -> Self {
        let mode = self.mode.min(TlsMode::VerifyCa);
        match config(mode, self.roots.as_deref(), self.client.as_ref()) {
            Ok(config) if mode != self.mode => Self {
                mode,
                config: Arc::new(config),
                ..self.clone()
            },
            // If the files can no longer be read, the old settings are kept.
            _ => self.clone(),
        }
    }

    /// Returns the connector that tokio-postgres and drivers on streams use.
    pub(crate) fn connector(&self) -> RustlsConnector {
        RustlsConnector::new(Arc::clone(&self.config))
    }
}

/// Returns the file that the parameter `name` names, or else the file `usual` in `~/.postgresql` if
/// that exists; `None` otherwise.
fn file(
    parameters: &ConnectionParameters,
    environment: &EnvironmentVariables<'_>,
    name: &str,
    usual: &str,
) -> Option<PathBuf> {
    let named = parameters.get(name).map(PathBuf::from);
    let usual = environment.home(".postgresql").map(|home| home.join(usual));
    named.or(usual.filter(|file| file.is_file()))
}

fn client_files(
    parameters: &ConnectionParameters,
    environment: &EnvironmentVariables<'_>,
) -> Result<Option<(PathBuf, PathBuf)>, String> {
    let certificate = file(parameters, environment, "sslcert", "postgresql.crt");
    let key = file(parameters, environment, "sslkey", "postgresql.key");
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
        (None, _) => Ok(None),
        (Some(certificate), None) => Err(format!(
            "the client certificate {} needs its key; name it with sslkey",
            certificate.display()
        )),
    }
}

fn config(
    mode: TlsMode,
    roots: Option<&Path>,
    client: Option<&(PathBuf, PathBuf)>,
) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let verifier = CertificateVerifier::new(mode, roots, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let Some((certificate, key)) = client else {
        return Ok(builder.with_no_client_auth());
    };
    let found = fs::metadata(key).map_err(|error| unreadable(key, &error))?;
    if is_open_to_others(&found) {
        return Err(format!(
            "others may read the key {}; chmod 0600 it",
            key.display()
        ));
    }
    let chain = certificates(certificate)?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?;
    builder
        .with_client_auth_cert(chain, secret)
        .map_err(|error| format!("{} and {}: {error}", certificate.display(), key.display()))
}

/// Returns true if users have access to a key who should not: any but its owner. A key that root
/// owns may also be readable by its group, as keys of a system are.
#[cfg(unix)]
fn is_open_to_others(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let closed = if found.uid() == 0 { 0o037 } else { 0o077 };
    found.mode() & closed != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_: &fs::Metadata) -> bool {
    false
}
