//! A socket to a PostgreSQL: TCP, or a file of this machine.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

const DEFAULT_PORT: u16 = 5432;

/// A socket without any buffer of its own.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// Connects to the first host of `config` that answers.
    ///
    /// # Errors
    /// What the last host said.
    pub(super) async fn open(config: &Config) -> io::Result<Self> {
        let mut last = io::Error::new(io::ErrorKind::InvalidInput, "no host is named");
        for (index, host) in config.get_hosts().iter().enumerate() {
            // One port stands for all hosts.
            let ports = config.get_ports();
            let port = ports.get(index).or(ports.first()).copied();
            match Self::connect(host, port.unwrap_or(DEFAULT_PORT)).await {
                Ok(socket) => return Ok(socket),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn connect(host: &Host, port: u16) -> io::Result<Self> {
        match host {
            Host::Tcp(name) => {
                let stream = TcpStream::connect((name.as_str(), port)).await?;
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream))
            }
            Host::Unix(directory) => {
                let path = directory.join(format!(".s.PGSQL.{port}"));
                Ok(Self::Unix(UnixStream::connect(path).await?))
            }
        }
    }

    pub(super) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes).await,
            Self::Unix(stream) => stream.write_all(bytes).await,
        }
    }

    /// Adds what has come to `buffer`; waits until there is something.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when the server has closed, or what the system said.
    pub(super) async fn read_into(&mut self, buffer: &mut BytesMut) -> io::Result<()> {
        let read = match self {
            Self::Tcp(stream) => stream.read_buf(buffer).await,
            Self::Unix(stream) => stream.read_buf(buffer).await,
        }?;
        if read == 0 {
            let closed = "the server closed the connection";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, closed));
        }
        Ok(())
    }
}
