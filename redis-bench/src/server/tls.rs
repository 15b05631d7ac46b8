//! TLS settings of a connection to a Redis server.

use std::fmt;
use std::io;
use std::sync::Arc;

use bench_cli::UsageError;
use client_tls::{ClientTls, TlsFiles};
use redis::{Client, ClientTlsConfig, ConnectionInfo, RedisError, TlsCertificates};
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
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
        // The driver takes the provider of the process. An earlier address has installed it already.
        let _ = ring::default_provider().install_default();
        let files = TlsFiles {
            ca: flags.ca.clone(),
            client: flags.cert.clone().zip(flags.key.clone()),
        };
        let tls = ClientTls::load(&files).map_err(|error| UsageError(error.to_string()))?;
        let client = tls.client_pem.map(|(certificate, key)| ClientTlsConfig {
            client_cert: certificate,
            client_key: key,
        });
        Ok(Self {
            flags: flags.clone(),
            certificates: TlsCertificates {
                client_tls: client,
                root_cert: tls.authorities_pem,
            },
            config: tls.config,
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

#[cfg(test)]
mod tests {
    use test_support::{Certificates, TestDirectory};

    use super::*;

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
