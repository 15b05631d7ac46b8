//! TLS settings of a connection to a Redis server.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bench_cli::UsageError;
use redis::{Client, ClientTlsConfig, ConnectionInfo, RedisError, TlsCertificates};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::cli::tls_flags::TlsFlags;

/// TLS settings of an address: authorities to trust, and the certificate that a client shows.
///
/// The driver makes its own settings from the same files, and those for a stream that is opened
/// without the driver are kept here.
#[derive(Clone)]
pub(crate) struct RedisTls {
    flags: TlsFlags,
    certificates: TlsCertificates,
    config: Arc<ClientConfig>,
}

impl fmt::Debug for RedisTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisTls").field(&self.flags).finish()
    }
}

impl RedisTls {
    /// Reads the files that `flags` name. Without authorities there, those of this machine are
    /// trusted.
    ///
    /// # Errors
    /// Fails with a sentence about the file that cannot be read, or has no certificate or key.
    pub(crate) fn load(flags: &TlsFlags) -> Result<Self, UsageError> {
        let provider = ring::default_provider();
        // The driver takes the provider of the process. An earlier address has installed it already.
        let _ = provider.clone().install_default();
        let authorities = flags.ca.as_deref().map(read).transpose()?;
        let roots = match (&flags.ca, &authorities) {
            (Some(file), Some(pem)) => given_authorities(file, pem)?,
            _ => authorities_of_this_machine()?,
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| UsageError(error.to_string()))?
            .with_root_certificates(roots);
        let mut client = None;
        let config = match (&flags.cert, &flags.key) {
            (Some(cert), Some(key)) => {
                let (cert_pem, key_pem) = (read(cert)?, read(key)?);
                let secret = PrivateKeyDer::from_pem_slice(&key_pem)
                    .map_err(|error| unusable(key, "private key", &error))?;
                let config = builder
                    .with_client_auth_cert(chain(cert, &cert_pem)?, secret)
                    .map_err(|error| {
                        UsageError(format!("--cert and --key do not fit together: {error}"))
                    })?;
                client = Some(ClientTlsConfig {
                    client_cert: cert_pem,
                    client_key: key_pem,
                });
                config
            }
            _ => builder.with_no_client_auth(),
        };
        Ok(Self {
            flags: flags.clone(),
            certificates: TlsCertificates {
                client_tls: client,
                root_cert: authorities,
            },
            config: Arc::new(config),
        })
    }

    /// Adds these settings to those of the driver, which must be for TLS.
    ///
    /// # Errors
    /// Fails with a sentence of the driver if it cannot use the files.
    pub(crate) fn added_to(&self, info: ConnectionInfo) -> Result<ConnectionInfo, UsageError> {
        let client = Client::build_with_tls(info, self.certificates.clone());
        let client = client.map_err(|error| UsageError(error.to_string()))?;
        Ok(client.get_connection_info().clone())
    }

    /// Returns the files of these settings as the driver takes them.
    pub(crate) fn certificates(&self) -> TlsCertificates {
        self.certificates.clone()
    }

    /// Returns the settings for a stream that is opened without the driver.
    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// Performs the handshake with the server called `host`, on a stream to it.
    ///
    /// # Errors
    /// Fails if `host` is no name or address, or if the handshake fails.
    pub(crate) async fn handshake(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, RedisError> {
        let connector = TlsConnector::from(self.config());
        Ok(connector.connect(server_name(host)?, stream).await?)
    }

    /// Returns the options of `redis-cli` for the same settings, each after a blank.
    pub(crate) fn cli(&self) -> String {
        let mut options = " --tls".to_owned();
        for (flag, file) in self.flags.given() {
            let name = if flag == "--ca" { "--cacert" } else { flag };
            options += &format!(" {name} {}", file.display());
        }
        options
    }
}

/// Converts the host of a URL to the name for which the server's certificate must be issued.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, RedisError> {
    let name = ServerName::try_from(host.to_owned());
    name.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error).into())
}

fn read(file: &Path) -> Result<Vec<u8>, UsageError> {
    fs::read(file).map_err(|error| UsageError(format!("cannot read {}: {error}", file.display())))
}

fn chain(file: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, UsageError> {
    let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| unusable(file, "certificate", &error))?;
    if chain.is_empty() {
        return Err(UsageError(format!(
            "{} has no certificate; name a PEM file",
            file.display()
        )));
    }
    Ok(chain)
}

fn given_authorities(file: &Path, pem: &[u8]) -> Result<RootCertStore, UsageError> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(file, pem)? {
        let added = roots.add(certificate);
        added.map_err(|error| unusable(file, "certificate", &error))?;
    }
    Ok(roots)
}

/// Reads the authorities that this machine trusts; some may be malformed.
///
/// # Errors
/// Fails if there are none, because no server's certificate can then be trusted.
fn authorities_of_this_machine() -> Result<RootCertStore, UsageError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err(UsageError(
            "this machine has no authorities for TLS; name those to trust with --ca FILE"
                .to_owned(),
        ));
    }
    Ok(roots)
}

fn unusable(file: &Path, what: &str, error: &dyn fmt::Display) -> UsageError {
    let file = file.display();
    UsageError(format!("{file} has no {what} that can be used: {error}"))
}

#[cfg(test)]
mod tests {
    use test_support::{Certificates, TestDirectory};

    use super::*;

    fn refused(flags: &TlsFlags) -> String {
        let UsageError(said) = RedisTls::load(flags).unwrap_err();
        said
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named() {
        let place = TestDirectory::new();
        let made = Certificates::made_in(place.path());
        let (certificate, key) = made.client;
        let flags = |ca: &Path, cert: &Path, key: &Path| TlsFlags {
            ca: Some(ca.to_owned()),
            cert: Some(cert.to_owned()),
            key: Some(key.to_owned()),
        };
        let ca = &made.authority;
        RedisTls::load(&flags(ca, &certificate, &key)).unwrap();
        let missing = place.path().join("missing.pem");
        let said = refused(&flags(&missing, &certificate, &key));
        assert!(
            said.contains("cannot read") && said.contains("missing.pem"),
            "{said}"
        );
        let said = refused(&flags(&key, &certificate, &key));
        assert!(said.contains("app.key has no certificate"), "{said}");
        let said = refused(&flags(ca, &certificate, &certificate));
        assert!(said.contains("app.crt has no private key"), "{said}");
        let said = refused(&flags(ca, &certificate, &made.server.1));
        assert!(said.contains("do not fit together"), "{said}");
    }

    #[test]
    fn the_options_of_redis_cli_are_those_of_the_flags() {
        let place = TestDirectory::new();
        let made = Certificates::made_in(place.path());
        let ca = made.authority.display().to_string();
        let tls = RedisTls::load(&TlsFlags {
            ca: Some(made.authority),
            ..TlsFlags::default()
        });
        assert_eq!(tls.unwrap().cli(), format!(" --tls --cacert {ca}"));
    }
}
