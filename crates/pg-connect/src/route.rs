//! Route to a server: which of the candidates connections take.

use std::sync::{Arc, OnceLock};

use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};

use crate::candidates::Candidate;
use crate::causes::is_tls_error;
use crate::error::ConnectError;
use crate::tls::TlsSettings;

/// Candidates for connecting, in the order in which they are tried. The first connection settles
/// which of them all later ones take.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    candidates: Vec<Candidate>,
    settled: Arc<OnceLock<usize>>,
}

impl Route {
    /// Creates a route by `candidates`, of which there is at least one.
    pub(crate) fn new(candidates: Vec<Candidate>) -> Self {
        Self {
            candidates,
            settled: Arc::default(),
        }
    }

    /// Returns the candidate that was settled; the first choice until then.
    pub(crate) fn candidate(&self) -> &Candidate {
        &self.candidates[self.settled.get().copied().unwrap_or(0)]
    }

    /// Returns the number of the candidate that was settled.
    pub(crate) fn settled(&self) -> Option<usize> {
        self.settled.get().copied()
    }

    /// Settles the candidate of this number, unless one is settled or there is none.
    pub(crate) fn settle(&self, number: usize) {
        if number < self.candidates.len() {
            let _ = self.settled.set(number);
        }
    }

    /// Opens a connection with the settings that `config` gives for a candidate, and leaves its
    /// input and output to a task on the current runtime.
    ///
    /// # Errors
    /// Fails with the error of the last candidate that was tried.
    pub(crate) async fn connect(
        &self,
        tls: &TlsSettings,
        config: impl Fn(&Candidate) -> Config,
    ) -> Result<Client, ConnectError> {
        let (mut tried, settled) = match self.settled.get() {
            Some(&index) => (index, true),
            None => (0, false),
        };
        let mut refused = None;
        loop {
            let candidate = &self.candidates[tried];
            let error = match open(&config(candidate), tls).await {
                Ok(client) => {
                    let _ = self.settled.set(tried);
                    return Ok(client);
                }
                // Without TLS the server only says that it wants TLS; the error before tells why
                // there was none.
                Err(error) if candidate.fallback && candidate.sslmode == SslMode::Disable => {
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

    /// Returns the candidate to try when `tried` failed by `error`. A server that refuses the
    /// login is the one that was meant: no other is asked.
    fn next(&self, tried: usize, error: &ConnectError) -> Option<usize> {
        let next = tried + 1;
        if self.candidates.get(next)?.fallback {
            let without_tls = error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION);
            if without_tls || matches!(error, ConnectError::Driver(error) if is_tls_error(error)) {
                return Some(next);
            }
        }
        let refused = error
            .code()
            .is_some_and(|code| *code != SqlState::CANNOT_CONNECT_NOW);
        let mut others = next..self.candidates.len();
        others.find(|&other| !refused && !self.candidates[other].fallback)
    }
}

/// Opens a connection as `config` says and leaves its input and output to a task on the current
/// runtime. The time-out of `config` bounds all of it, as with libpq; the driver alone would wait
/// for ever for a server that lets it in and says nothing.
async fn open(config: &Config, tls: &TlsSettings) -> Result<Client, ConnectError> {
    let opening = config.connect(tls.connector());
    let (client, connection) = match config.get_connect_timeout() {
        Some(bound) => {
            let opened = timeout(*bound, opening).await;
            opened.map_err(|_| ConnectError::TimedOut(*bound))??
        }
        None => opening.await?,
    };
    // Calls on the client fail when the connection has ended, with the reason.
    tokio::spawn(async move { connection.await.ok() });
    Ok(client)
}
