//! TLS of connections to a server: one connector for all, with the name that they ask for.

use std::fmt;
use std::io;

use client_tls::{ClientTls, TlsFileError, TlsFiles};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Settings of TLS for all connections of a run.
#[derive(Clone)]
pub(crate) struct WsTls {
    connector: TlsConnector,
    name: Option<ServerName<'static>>,
    /// True if certificates of servers are not checked.
    pub(crate) is_insecure: bool,
}

impl fmt::Debug for WsTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsTls").finish_non_exhaustive()
    }
}

/// Reason why there are no settings of TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsSettingsError {
    /// A file cannot be used.
    #[error("{0}")]
    File(#[source] TlsFileError),
    /// The name to ask for is none.
    #[error("--sni is the name of a host, as in shop.example")]
    Name,
}

impl WsTls {
    /// Makes the settings from `files`. Connections ask for the server called `sni`, or for the host
    /// of their URL if that is `None`. With `is_insecure` every certificate is accepted.
    ///
    /// # Errors
    /// If a file cannot be used, or `sni` is no name.
    pub(crate) fn new(
        files: &TlsFiles,
        sni: Option<&str>,
        is_insecure: bool,
    ) -> Result<Self, TlsSettingsError> {
        let tls = if is_insecure {
            ClientTls::load_insecure(files)
        } else {
            ClientTls::load(files)
        };
        let name = sni.map(|name| ServerName::try_from(name.to_owned()));
        Ok(Self {
            connector: TlsConnector::from(tls.map_err(TlsSettingsError::File)?.config),
            name: name.transpose().map_err(|_| TlsSettingsError::Name)?,
            is_insecure,
        })
    }

    /// Performs the handshake on a stream to the server whose URL has this `host`.
    ///
    /// # Errors
    /// If the handshake fails, or if `host` is neither a name nor an address.
    pub(crate) async fn handshake(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.to_owned())
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?,
        };
        self.connector.connect(name, stream).await
    }
}
