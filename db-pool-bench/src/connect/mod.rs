//! How a server is reached: what an address and the environment say, by which host, with TLS or
//! without. The same for every driver, so that they are comparable.

mod client;
pub(crate) mod conninfo;
mod describer;
mod error;
mod login;
mod parameters;
mod passwords;
mod refusals;
mod route;
mod session;
mod stream;
mod tls;
mod ways;

pub use client::{Client, Value};
pub use describer::{Describer, Inferred};
pub use error::ConnectError;
pub(crate) use login::Login;
pub use parameters::{Environment, Parameters};
pub use passwords::Passwords;
pub(crate) use route::Route;
pub(crate) use session::SessionSettings;
pub use stream::{Connector, Stream};
pub use tls::{Tls, TlsMode};
pub use ways::Way;
pub(crate) use ways::{endpoints, targets, ways};

use tokio::time::timeout;
use tokio_postgres::{Config, Error};

/// One server that the address names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// A name, an IP address, or the directory of a Unix socket.
    pub host: String,
    /// Its port, which is a part of a socket's name too.
    pub port: u16,
}

impl Endpoint {
    /// Returns true if it is a Unix socket, over which no TLS is spoken.
    pub fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }

    /// Sets host and port of `config`, which has none.
    pub fn give(&self, config: &mut Config) {
        if self.is_socket() {
            config.host_path(&self.host);
        } else {
            config.host(&self.host);
        }
        config.port(self.port);
    }
}

/// Opens a connection as `config` says and leaves its input and output to a task on the current
/// runtime. `config` bounds all of it, as libpq has it: the driver alone would wait for ever for a
/// server that lets it in and says nothing.
pub(crate) async fn open(
    config: &Config,
    tls: &Tls,
) -> Result<tokio_postgres::Client, ConnectError> {
    let opening = config.connect(tls.connector());
    let (client, connection) = match config.get_connect_timeout() {
        Some(bound) => {
            let opened = timeout(*bound, opening).await;
            opened.map_err(|_| ConnectError::TimedOut(*bound))??
        }
        None => opening.await?,
    };
    // Whoever uses the client learns there that the connection has ended, and why.
    tokio::spawn(async move { connection.await.ok() });
    Ok(client)
}

/// Version and cipher of the TLS on this connection, or `none`. A pooler in between has a
/// connection of its own to the server, of which this then tells.
///
/// # Errors
/// Fails with what the server said.
pub async fn tls_in_use(client: &Client) -> Result<String, Error> {
    let query = "SELECT /* plimsoll */ version || ' ' || cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl";
    let row = client.query_opt(query, &[]).await?;
    row.map_or(Ok("none".to_owned()), |row| row.try_get(0))
}
