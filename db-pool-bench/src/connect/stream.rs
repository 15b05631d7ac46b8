//! A TLS stream for tokio-postgres and for the bare protocol, which a login can be bound to
//! (`tls-server-end-point`, RFC 5929, section 4).

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use ring::digest::{self, Algorithm, Digest};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream as Encrypted;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// Signature algorithms of certificates whose hash is not SHA-256.
/// Source: RFC 3279, RFC 4055, RFC 5758.
const OTHER_HASHES: [(&str, &Algorithm); 4] = [
    ("1.2.840.113549.1.1.12", &digest::SHA384),
    ("1.2.840.10045.4.3.3", &digest::SHA384),
    ("1.2.840.113549.1.1.13", &digest::SHA512),
    ("1.2.840.10045.4.3.4", &digest::SHA512),
];
/// The same of those with SHA-256, or with a weaker hash that SHA-256 stands in for.
const SHA256: [&str; 4] = [
    "1.2.840.113549.1.1.11",
    "1.2.840.10045.4.3.2",
    "1.2.840.113549.1.1.5",
    "1.2.840.10045.4.1",
];

/// Makes TLS; tokio-postgres asks for it even where none will be spoken.
#[derive(Clone)]
pub struct Connector(pub(super) TlsConnector);

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector")
    }
}

impl Connector {
    /// Speaks TLS on `stream` with the server called `name`.
    ///
    /// # Errors
    /// Fails with the reason why that did not come about; a [`rustls::Error`] inside says what is
    /// wrong with the other end's certificate.
    pub(crate) async fn connect<S>(&self, name: &str, stream: S) -> io::Result<Stream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        Ok(Stream(self.0.connect(server_name(name)?, stream).await?))
    }
}

fn server_name(host: &str) -> io::Result<ServerName<'static>> {
    ServerName::try_from(host.to_owned()).map_err(io::Error::other)
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Connector {
    type Stream = Stream<S>;
    type TlsConnect = Handshake;
    type Error = io::Error;

    fn make_tls_connect(&mut self, domain: &str) -> io::Result<Handshake> {
        // A socket has no name, and no TLS.
        let name = if domain.is_empty() {
            "localhost"
        } else {
            domain
        };
        Ok(Handshake(self.clone(), server_name(name)?))
    }
}

/// A handshake to come, with the name that the other end should have.
#[derive(Debug)]
pub struct Handshake(Connector, ServerName<'static>);

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for Handshake {
    type Stream = Stream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move { Ok(Stream(self.0.0.connect(self.1, stream).await?)) })
    }
}

/// An encrypted stream.
#[derive(Debug)]
pub struct Stream<S>(Encrypted<S>);

impl<S> Stream<S> {
    /// The hash of the other end's certificate, which a login is bound to; `None` where the
    /// standard names no hash for it.
    pub(crate) fn end_point(&self) -> Option<Digest> {
        let certificate = self.0.get_ref().1.peer_certificates()?.first()?;
        Some(digest::digest(hash_of(certificate)?, certificate))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Stream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.end_point().map_or_else(ChannelBinding::none, |hash| {
            ChannelBinding::tls_server_end_point(hash.as_ref().to_vec())
        })
    }
}

/// The hash to take of a certificate; `None` where the standard names none.
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

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
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
