//! Server under test: the user's, or a throwaway one that is stopped when this value is dropped.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bench_cli::{Remedy as _, UsageError};
use load_engine::Cancel;
use testbed::{Postgres, PostgresOptions, TestbedError, token};

use pg_connect::Address;

/// Connections that a throwaway server has beyond the largest setting.
const SPARE_CONNECTIONS: u64 = 20;
const LOOK: Duration = Duration::from_millis(10);
/// Time to wait, after a signal, for a throwaway server that is still starting, so that it can be
/// stopped in order; later its guardian process stops it.
const START_BOUND_WHEN_CANCELLED: Duration = Duration::from_millis(1_500);

/// The server under test.
#[derive(Debug)]
pub(crate) struct ServerUnderTest {
    /// Address of the server.
    pub(crate) address: Address,
    /// True if it is a throwaway server, started here or by the calling process: no guards apply.
    pub(crate) throwaway: bool,
    started: Option<Postgres>,
}

impl ServerUnderTest {
    /// Returns the server at `url`.
    ///
    /// # Errors
    /// Fails with a [`UsageError`] when that is no address of a PostgreSQL.
    pub(crate) fn at(url: &str) -> anyhow::Result<Self> {
        let address = Address::parse(url).map_err(|error| UsageError(error.to_string()))?;
        let mark = std::env::var(token::ENV).unwrap_or_default();
        Ok(Self {
            address,
            throwaway: token::is_ours(&mark, url),
            started: None,
        })
    }

    /// Starts a throwaway server that holds `connections`; `None` when a signal came meanwhile.
    ///
    /// # Errors
    /// Fails when none is installed, or it does not start.
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

    /// Returns true if this value started the server, so that dropping it removes everything.
    pub(crate) fn is_started_here(&self) -> bool {
        self.started.is_some()
    }
}

type Started = Result<Postgres, TestbedError>;

fn start(options: PostgresOptions, cancel: &Cancel) -> anyhow::Result<Option<Started>> {
    let (sender, receiver) = sync_channel(1);
    std::thread::Builder::new()
        .name("throwaway".to_owned())
        // When the receiver is gone, the server is dropped here.
        .spawn(move || sender.send(Postgres::start(&options)).ok())
        .context("cannot start a thread")?;
    let mut cancelled = None;
    loop {
        match receiver.recv_timeout(LOOK) {
            Ok(_) if cancel.is_cancelled() => return Ok(None),
            Ok(started) => return Ok(Some(started)),
            Err(RecvTimeoutError::Disconnected) => {
                anyhow::bail!("the start of PostgreSQL broke off")
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        if cancel.is_cancelled() {
            let since: &Instant = cancelled.get_or_insert_with(Instant::now);
            if since.elapsed() > START_BOUND_WHEN_CANCELLED {
                return Ok(None);
            }
        }
    }
}
