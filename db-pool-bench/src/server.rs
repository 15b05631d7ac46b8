//! Server under test: the user's server, or a throwaway server that is stopped when its value is
//! dropped.

use std::time::Duration;

use anyhow::Context as _;
use bench_cli::blocking::{BlockingTask, TaskResult, WaitLimits};
use bench_cli::{Remedy as _, UsageError};
use load_engine::Cancel;
use testbed::{Postgres, PostgresOptions, TestbedError, token};

use pg_connect::Address;

/// Number of connections that a throwaway server accepts beyond those of the largest setting.
const SPARE_CONNECTIONS: u64 = 20;
/// Longest wait, 1.5 s after a signal, for a throwaway server that is still starting, so that it
/// can be stopped in order. If it takes longer, its guardian process stops it.
const START_BOUND_WHEN_CANCELLED: Duration = Duration::from_millis(1_500);

/// Server under test. If it was started by this value, dropping the value stops it.
#[derive(Debug)]
pub(crate) struct ServerUnderTest {
    /// Address of the server, with user, password and settings.
    pub(crate) address: Address,
    /// True if the server is a throwaway one, started by this process or its parent; no stop rules
    /// or limits then protect it by default.
    pub(crate) throwaway: bool,
    started: Option<Postgres>,
}

impl ServerUnderTest {
    /// Returns the server at the address `url`, a URL or a list of settings as in `host=… user=…`,
    /// without connecting.
    ///
    /// # Errors
    /// Fails with a [`UsageError`] if `url` is not the address of a PostgreSQL server.
    pub(crate) fn at(url: &str) -> anyhow::Result<Self> {
        let address = Address::parse(url).map_err(|error| UsageError(error.to_string()))?;
        let mark = std::env::var(token::ENV).unwrap_or_default();
        Ok(Self {
            address,
            throwaway: token::is_ours(&mark, url),
            started: None,
        })
    }

    /// Starts a throwaway server that accepts this number of `connections` and some more. `None` if
    /// a signal is received meanwhile.
    ///
    /// # Errors
    /// Fails with a remedy if PostgreSQL is not installed, or does not start.
    pub(crate) fn start(connections: u64, cancel: &Cancel) -> anyhow::Result<Option<Self>> {
        let max_connections = u32::try_from(connections + SPARE_CONNECTIONS).unwrap_or(u32::MAX);
        let options = PostgresOptions {
            max_connections: max_connections.max(PostgresOptions::default().max_connections),
            ..PostgresOptions::default()
        };
        let Some(started) = start(options, cancel)? else {
            return Ok(None);
        };
        let postgres = started.or_else(|error| {
            let remedy = match &error {
                TestbedError::Missing { .. } => {
                    "install PostgreSQL, or name a server with --url or DATABASE_URL"
                }
                _ => "what its log says, or a server named with --url or DATABASE_URL",
            };
            let failed = Err(error).context("cannot start a throwaway PostgreSQL");
            failed.remedy(remedy)
        })?;
        let address = Address::parse(postgres.url())?;
        Ok(Some(Self {
            address,
            throwaway: true,
            started: Some(postgres),
        }))
    }

    /// Returns the URL, with the password, of the throwaway server that this value started; `None`
    /// if it started none.
    pub(crate) fn started_url(&self) -> Option<&str> {
        self.started.as_ref().map(Postgres::url)
    }

    /// Returns true if this value started the server, so that dropping it stops the server and removes its
    /// files.
    pub(crate) fn is_started_here(&self) -> bool {
        self.started.is_some()
    }
}

type Started = Result<Postgres, TestbedError>;

fn start(options: PostgresOptions, cancel: &Cancel) -> anyhow::Result<Option<Started>> {
    // If a signal ends the wait, the thread that starts the server drops it.
    let starting = BlockingTask::start(move |_| Postgres::start(&options));
    let limits = WaitLimits {
        timeout: Duration::MAX,
        after_cancel: START_BOUND_WHEN_CANCELLED,
    };
    match starting
        .context("cannot start a thread")?
        .wait(cancel, limits)
    {
        TaskResult::Done(_) if cancel.is_cancelled() => Ok(None),
        TaskResult::Done(started) => Ok(Some(started)),
        TaskResult::Cancelled => Ok(None),
        TaskResult::TimedOut | TaskResult::Lost => {
            anyhow::bail!("the start of PostgreSQL broke off")
        }
    }
}
