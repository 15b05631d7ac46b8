//! Route to a server: the candidates for connecting, and the one that was selected.

use std::sync::{Arc, OnceLock};

use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};

use crate::candidates::Candidate;
use crate::causes::is_tls_error;
use crate::error::ConnectError;
use crate::tls::TlsSettings;

/// Candidates for connecting, in the order in which they are tried. The first successful connection
/// selects the one that all later connections use. Clones share the selection.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    candidates: Vec<Candidate>,
    settled: Arc<OnceLock<usize>>,
}

impl Route {
    /// Creates a route without a selection. `candidates` must not be empty.
    pub(crate) fn new(candidates: Vec<Candidate>) -> Self {
        Self {
            candidates,
            settled: Arc::default(),
        }
    }

    /// Returns the selected candidate, or the first one if none is selected yet.
    pub(crate) fn candidate(&self) -> &Candidate {
        &self.candidates[self.settled.get().copied().unwrap_or(0)]
    }

    /// Returns the position of the selected candidate, counted from 0; `None` if none is selected
    /// yet.
    pub(crate) fn settled(&self) -> Option<usize> {
        self.settled.get().copied()
    }

    /// Selects the candidate at position `number`, counted from 0. Has no effect if one is already
    /// selected, or if there is no such candidate.
    pub(crate) fn settle(&self, number: usize) {
        if number < self.candidates.len() {
            let _ = self.settled.set(number);
        }
    }

    /// Opens a connection with the settings that `config` returns for a candidate, and selects that
    /// candidate. If none is selected yet, tries them in turn. A task on the current tokio runtime
    /// handles the connection's input and output.
    ///
    /// # Errors
    /// Returns the error of the last candidate that was tried.
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
                // Without TLS the server only answers that it requires TLS. The earlier error
                // explains why there was none.
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

    /// Returns the position of the candidate to try after the one at `tried` failed with `error`;
    /// `None` if there is none. If a server refused the login, no other server is tried, because
    /// that server was the intended one.
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

/// Opens a connection with `config`; a task on the current tokio runtime handles its input and
/// output. The time-out of `config` limits connecting and login together, as in libpq; the driver
/// alone would wait forever for a server that accepts the connection and does not answer.
async fn open(config: &Config, tls: &TlsSettings) -> Result<Client, ConnectError> {
    let opening = config.connect(tls.connector());
    let (client, connection) = match config.get_connect_timeout() {
        Some(bound) => {
            let opened = timeout(*bound, opening).await;
            opened.map_err(|_| ConnectError::TimedOut(*bound))??
        }
        None => opening.await?,
    };
    // When the connection has ended, calls on the client fail with the reason.
    tokio::spawn(async move { connection.await.ok() });
    Ok(client)
}
