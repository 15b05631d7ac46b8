//! The ways to a server, and which of them a run takes.

use std::sync::{Arc, OnceLock};

use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};

use super::{ConnectError, Tls, Way, open};
use crate::failure::is_tls;

/// The ways to a server. The first connection settles which of them all later ones take: every
/// driver of a run must meet the same server in the same way.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    ways: Vec<Way>,
    settled: Arc<OnceLock<usize>>,
}

impl Route {
    /// By `ways`, of which there is one at least, in the order in which they are tried.
    pub(crate) fn by(ways: Vec<Way>) -> Self {
        Self {
            ways,
            settled: Arc::default(),
        }
    }

    /// The way that was settled; the first choice until then.
    pub(crate) fn way(&self) -> &Way {
        &self.ways[self.settled.get().copied().unwrap_or(0)]
    }

    /// Opens a connection as `config` says of a way, and leaves its input and output to a task on
    /// the current runtime.
    ///
    /// # Errors
    /// Fails with what the driver said, of the last server that was tried.
    pub(crate) async fn connect(
        &self,
        tls: &Tls,
        config: impl Fn(&Way) -> Config,
    ) -> Result<Client, ConnectError> {
        let (mut tried, settled) = match self.settled.get() {
            Some(&way) => (way, true),
            None => (0, false),
        };
        let mut refused = None;
        loop {
            let way = &self.ways[tried];
            let error = match open(&config(way), tls).await {
                Ok(client) => {
                    let _ = self.settled.set(tried);
                    return Ok(client);
                }
                // That the server wants TLS is no news; why it did not come about is.
                Err(error) if way.otherwise && way.sslmode == SslMode::Disable => {
                    refused.take().unwrap_or(error)
                }
                Err(error) => error,
            };
            match self.next(tried, &error).filter(|_| !settled) {
                Some(next) => (tried, refused) = (next, Some(error)),
                None => return Err(error),
            }
        }
    }

    /// The way to try when `tried` failed by `error`. A server that refuses the login is the
    /// one that was meant: no other is asked.
    fn next(&self, tried: usize, error: &ConnectError) -> Option<usize> {
        let next = tried + 1;
        if self.ways.get(next)?.otherwise {
            let without_tls = error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION);
            if without_tls || matches!(error, ConnectError::Driver(error) if is_tls(error)) {
                return Some(next);
            }
        }
        let refused = error
            .code()
            .is_some_and(|code| *code != SqlState::CANNOT_CONNECT_NOW);
        let others = next..self.ways.len();
        others
            .into_iter()
            .find(|&way| !refused && !self.ways[way].otherwise)
    }
}
