//! TLS stream over rustls to which a login can be bound (`tls-server-end-point`, RFC 5929, section
//! 4).
//!
//! The crate `tokio-postgres-rustls` (0.14) does the same, but only for tokio-postgres. This module
//! exists beside it for two reasons. A client of PostgreSQL's protocol with its own login needs the
//! hash for channel binding, which [`tokio_postgres::tls::ChannelBinding`] keeps private. This
//! module also has hashes for certificates signed by ECDSA with SHA-512 or SHA-1.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ring::digest::{self, Algorithm, Digest};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// Object identifiers of certificates' signature algorithms whose hash is not SHA-256, each with
/// the hash. Source: RFC 3279, RFC 4055, RFC 5758.
const OTHER_HASHES: [(&str, &Algorithm); 4] = [
    ("1.2.840.113549.1.1.12", &digest::SHA384),
    ("1.2.840.10045.4.3.3", &digest::SHA384),
    ("1.2.840.113549.1.1.13", &digest::SHA512),
    ("1.2.840.10045.4.3.4", &digest::SHA512),
];
/// Object identifiers of signature algorithms with SHA-256, and of those with SHA-1, for which RFC
/// 5929 uses SHA-256 too.
const SHA256: [&str; 4] = [
    "1.2.840.113549.1.1.11",
    "1.2.840.10045.4.3.2",
    "1.2.840.113549.1.1.5",
    "1.2.840.10045.4.1",
];

/// Connector that creates TLS streams with the settings of an address. tokio-postgres requires one
/// even for connections without TLS.
#[derive(Clone)]
pub struct RustlsConnector(TlsConnector);

impl std::fmt::Debug for RustlsConnector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RustlsConnector")
    }
}

impl RustlsConnector {
    /// Creates a connector with the TLS settings `config`.
    pub(crate) fn new(config: Arc<ClientConfig>) -> Self {
        Self(TlsConnector::from(config))
    }

    /// Performs the TLS handshake on `stream` and verifies that the server's certificate is right
    /// for the host `name`, as far as `sslmode` demands it.
    ///
    /// # Errors
    /// Fails if `name` is no valid host name, or if the handshake fails. A [`rustls::Error`] among
    /// the causes describes a fault of the server's certificate.
    pub async fn connect<S>(&self, name: &str, stream: S) -> io::Result<PgTlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let stream = self.0.connect(server_name(name)?, stream).await?;
        Ok(PgTlsStream(stream))
    }
}

fn server_name(host: &str) -> io::Result<ServerName<'static>> {
    ServerName::try_from(host.to_owned()).map_err(io::Error::other)
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for RustlsConnector {
    type Stream = PgTlsStream<S>;
    type TlsConnect = TlsHandshake;
    type Error = io::Error;

    fn make_tls_connect(&mut self, domain: &str) -> io::Result<TlsHandshake> {
        // A Unix socket has no name, and does not use TLS.
        let name = if domain.is_empty() {
            "localhost"
        } else {
            domain
        };
        Ok(TlsHandshake(self.clone(), server_name(name)?))
    }
}

/// TLS handshake that is still to be performed, with the name of the server.
#[derive(Debug)]
pub struct TlsHandshake(RustlsConnector, ServerName<'static>);

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for TlsHandshake {
    type Stream = PgTlsStream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<PgTlsStream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move { Ok(PgTlsStream(self.0.0.connect(self.1, stream).await?)) })
    }
}

/// TLS stream to a PostgreSQL server over the stream `S`; it encrypts what is written.
#[derive(Debug)]
pub struct PgTlsStream<S>(TlsStream<S>);

impl<S> PgTlsStream<S> {
    /// Returns the hash of the server's certificate, to which a login can be bound
    /// (`tls-server-end-point`); `None` if RFC 5929 defines no hash for its signature algorithm.
    pub fn server_end_point(&self) -> Option<Digest> {
        let certificate = self.0.get_ref().1.peer_certificates()?.first()?;
        Some(digest::digest(hash_of(certificate)?, certificate))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> tokio_postgres::tls::TlsStream for PgTlsStream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.server_end_point()
            .map_or_else(ChannelBinding::none, |hash| {
                ChannelBinding::tls_server_end_point(hash.as_ref().to_vec())
            })
    }
}

/// Returns the hash function for channel binding to a certificate in DER form; `None` if RFC 5929
/// defines none or the certificate is malformed.
fn hash_of(certificate: &[u8]) -> Option<&'static Algorithm> {
    let signed = Certificate::from_der(certificate)
        .ok()?
        .signature_algorithm
        .oid
        .to_string();
    if SHA256.contains(&signed.as_str()) {
        return Some(&digest::SHA256);
    }
    let other = OTHER_HASHES.iter().find(|(oid, _)| *oid == signed);
    other.map(|(_, algorithm)| *algorithm)
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for PgTlsStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for PgTlsStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
