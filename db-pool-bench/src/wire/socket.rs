//! Socket to a PostgreSQL server: TCP, with TLS or without, or a Unix socket.

use std::io;

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::error::WireError;
use pg_connect::{PgTlsStream, RustlsConnector};

const DEFAULT_PORT: u16 = 5432;
/// Answer, as one byte, of a server that supports TLS to a request for it.
const YES: u8 = b'S';

/// Socket to a PostgreSQL server, without buffers except those of TLS.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// TCP with TLS. Boxed, because TLS needs far more memory than the other variants.
    Tls(Box<PgTlsStream<TcpStream>>),
}

impl Socket {
    /// Connects to the first host of `config` that answers, with TLS if `config` requests it; Unix
    /// sockets are never encrypted. The connection is not logged in.
    ///
    /// # Errors
    /// Fails with the error of the last host if none can be used, or if `config` names none.
    pub(super) async fn open(config: &Config, tls: &RustlsConnector) -> Result<Self, WireError> {
        let nobody = io::Error::new(io::ErrorKind::InvalidInput, "no host is named");
        let mut last = WireError::Connect(nobody);
        for (index, host) in config.get_hosts().iter().enumerate() {
            // A single port applies to all hosts.
            let ports = config.get_ports();
            let port = ports.get(index).or(ports.first()).copied();
            let port = port.unwrap_or(DEFAULT_PORT);
            let opened = match host {
                Host::Tcp(name) => Self::tcp(name, port, config.get_ssl_mode(), tls).await,
                Host::Unix(directory) => {
                    let path = directory.join(format!(".s.PGSQL.{port}"));
                    let stream = UnixStream::connect(path).await;
                    stream.map(Self::Unix).map_err(WireError::Connect)
                }
            };
            match opened {
                Ok(socket) => return Ok(socket),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn tcp(
        name: &str,
        port: u16,
        mode: SslMode,
        tls: &RustlsConnector,
    ) -> Result<Self, WireError> {
        let stream = TcpStream::connect((name, port)).await;
        let mut stream = stream.map_err(WireError::Connect)?;
        stream.set_nodelay(true)?;
        if mode == SslMode::Disable {
            return Ok(Self::Tcp(stream));
        }
        let mut question = BytesMut::new();
        frontend::ssl_request(&mut question);
        stream.write_all(&question).await?;
        // Reads exactly one byte: bytes after it would be unencrypted and could come from an attacker.
        match stream.read_u8().await? {
            YES => {
                let encrypted = tls.connect(name, stream).await.map_err(WireError::Tls)?;
                Ok(Self::Tls(Box::new(encrypted)))
            }
            _ if mode == SslMode::Prefer => Ok(Self::Tcp(stream)),
            _ => {
                let refused = io::Error::other("server does not support TLS");
                Err(WireError::Tls(refused))
            }
        }
    }

    /// Returns the hash of the server's certificate, to which a login can be bound; `None` without
    /// TLS, or for a certificate whose signature defines no hash.
    pub(super) fn server_end_point(&self) -> Option<Vec<u8>> {
        match self {
            Self::Tls(stream) => Some(stream.server_end_point()?.as_ref().to_vec()),
            Self::Tcp(_) | Self::Unix(_) => None,
        }
    }

    /// Writes all of `bytes` and flushes them, encrypted if the socket uses TLS.
    pub(super) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes).await,
            Self::Unix(stream) => stream.write_all(bytes).await,
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    /// Waits until at least one byte arrives, and appends what has arrived to `buffer`.
    ///
    /// # Errors
    /// Fails with [`io::ErrorKind::UnexpectedEof`] if the server closed the connection, or with the error of
    /// the operating system.
    pub(super) async fn read_into(&mut self, buffer: &mut BytesMut) -> io::Result<()> {
        let read = match self {
            Self::Tcp(stream) => stream.read_buf(buffer).await,
            Self::Unix(stream) => stream.read_buf(buffer).await,
            Self::Tls(stream) => stream.read_buf(buffer).await,
        }?;
        if read == 0 {
            let closed = "the server closed the connection";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, closed));
        }
        Ok(())
    }
}
