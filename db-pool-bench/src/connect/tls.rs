//! TLS as libpq's `sslmode` asks for it. Source: PostgreSQL manual, chapter *libpq*, *SSL Support*.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio_rustls::TlsConnector;

use super::{Connector, Environment, Parameters};

/// What is asked of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsMode {
    /// No TLS.
    Disable,
    /// TLS where the server insists.
    Allow,
    /// TLS where the server has it; anybody may be at the other end.
    Prefer,
    /// TLS, or no connection; anybody may be at the other end.
    Require,
    /// The other end has a certificate of an authority that we trust.
    VerifyCa,
    /// The same, and the certificate names the host.
    VerifyFull,
}

impl TlsMode {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(match text {
            "disable" => Self::Disable,
            "allow" => Self::Allow,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => {
                return Err(format!(
                    "sslmode={text} is none of disable, allow, prefer, require, verify-ca and verify-full"
                ));
            }
        })
    }
}

/// How TLS is to be spoken, for all drivers.
#[derive(Clone)]
pub struct Tls {
    /// What is asked.
    pub mode: TlsMode,
    roots: Option<PathBuf>,
    client: Option<(PathBuf, PathBuf)>,
    config: Arc<ClientConfig>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tls").field(&self.mode).finish()
    }
}

impl Tls {
    /// Reads the certificates that the parameters name, or those in `~/.postgresql`.
    ///
    /// # Errors
    /// A sentence on the file at fault.
    pub fn of(parameters: &Parameters, environment: &Environment<'_>) -> Result<Self, String> {
        let mut mode = TlsMode::parse(parameters.get("sslmode").unwrap_or("prefer"))?;
        let roots = file(parameters, environment, "sslrootcert", "root.crt");
        if mode == TlsMode::Require && roots.is_some() {
            // As libpq does: who says whom to trust wants it checked.
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

    /// Returns the same where the certificate need not name the host.
    #[must_use]
    pub fn without_names(&self) -> Self {
        let mode = self.mode.min(TlsMode::VerifyCa);
        match config(mode, self.roots.as_deref(), self.client.as_ref()) {
            Ok(config) if mode != self.mode => Self {
                mode,
                config: Arc::new(config),
                ..self.clone()
            },
            // The files were read once already: where they have gone, what they held still stands.
            _ => self.clone(),
        }
    }

    /// For all but sqlx.
    pub fn connector(&self) -> Connector {
        Connector(TlsConnector::from(Arc::clone(&self.config)))
    }

    /// Returns the same for sqlx, over a connection that has TLS or has not.
    pub fn give(
        &self,
        options: PgConnectOptions,
        sslmode: tokio_postgres::config::SslMode,
    ) -> PgConnectOptions {
        use tokio_postgres::config::SslMode;
        let mut options = options.ssl_mode(match (sslmode, self.mode) {
            (SslMode::Disable, _) => PgSslMode::Disable,
            (SslMode::Prefer, _) => PgSslMode::Prefer,
            (_, TlsMode::VerifyCa) => PgSslMode::VerifyCa,
            (_, TlsMode::VerifyFull) => PgSslMode::VerifyFull,
            _ => PgSslMode::Require,
        });
        if let Some(roots) = &self.roots {
            options = options.ssl_root_cert(roots);
        }
        if let Some((certificate, key)) = &self.client {
            options = options.ssl_client_cert(certificate).ssl_client_key(key);
        }
        options
    }
}

/// The file that is named, or the usual one where it exists.
fn file(
    parameters: &Parameters,
    environment: &Environment<'_>,
    name: &str,
    usual: &str,
) -> Option<PathBuf> {
    let named = parameters.get(name).map(PathBuf::from);
    let usual = environment.home(".postgresql").map(|home| home.join(usual));
    named.or(usual.filter(|file| file.is_file()))
}

fn client_files(
    parameters: &Parameters,
    environment: &Environment<'_>,
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
    let verifier = Verifier::new(mode, roots, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let Some((certificate, key)) = client else {
        return Ok(builder.with_no_client_auth());
    };
    let found = fs::metadata(key).map_err(|error| unreadable(key, &error))?;
    if others_may_read(&found) {
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

/// Returns true if a key is open to others. One of root's may be open to a group, as where a system
/// hands out certificates.
#[cfg(unix)]
fn others_may_read(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let closed = if found.uid() == 0 { 0o037 } else { 0o077 };
    found.mode() & closed != 0
}

#[cfg(not(unix))]
fn others_may_read(_: &fs::Metadata) -> bool {
    false
}

fn unreadable(file: &Path, error: &dyn std::error::Error) -> String {
    format!(
        "cannot read {}: {}",
        file.display(),
        crate::failure::chain(error)
    )
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(file).map_err(|error| unreadable(file, &error))?;
    let chain: Vec<_> = read
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(file, &error))?;
    if chain.is_empty() {
        return Err(format!("{} holds no certificate", file.display()));
    }
    Ok(chain)
}

/// Checks of the other end what the mode asks, and that it holds the key of its certificate.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    /// Absent where anybody may be at the other end.
    authorities: Option<Arc<WebPkiServerVerifier>>,
    names: bool,
}

impl Verifier {
    fn new(
        mode: TlsMode,
        roots: Option<&Path>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let authorities = if mode >= TlsMode::VerifyCa {
            let file = roots.ok_or(
                "sslmode=verify-ca and verify-full need the certificate of the authority; name its file with sslrootcert",
            )?;
            if file == Path::new("system") {
                return Err("sslrootcert=system is not supported; name a file".to_owned());
            }
            let mut store = RootCertStore::empty();
            for certificate in certificates(file)? {
                store
                    .add(certificate)
                    .map_err(|error| format!("{}: {error}", file.display()))?;
            }
            let verifier =
                WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider));
            Some(verifier.build().map_err(|error| error.to_string())?)
        } else {
            None
        };
        Ok(Self {
            provider: Arc::clone(provider),
            authorities,
            names: mode == TlsMode::VerifyFull,
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(authorities) = &self.authorities else {
            return Ok(ServerCertVerified::assertion());
        };
        let verified = authorities.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.names => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
