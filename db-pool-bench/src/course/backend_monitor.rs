//! The server's side of a pool's connections: which there are, since when, and which are gone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use load_engine::Failure;
use tokio::time::{sleep, timeout};

use super::session_tracker::{SessionChanges, SessionKey, SessionTracker};
use crate::connect::Client;
use crate::failure::{from_connect, is_server_gone};
use pg_connect::Address;
use pg_connect::ConnectError;

const COUNTED_EVERY: Duration = Duration::from_millis(40);
/// For one look, connecting included.
const LOOK_BOUND: Duration = Duration::from_secs(2);
/// A process's number may be given again: its start tells it from another.
const QUERY: &str = "
    SELECT /* plimsoll */ pid, extract(epoch FROM backend_start)::float8,
           extract(epoch FROM clock_timestamp() - state_change)::float8
      FROM pg_stat_activity WHERE application_name = $1";

/// A session that is there although nobody should hold it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Leaked {
    /// The server's process.
    pub(crate) pid: i32,
    /// Time that it has been doing nothing.
    pub(crate) idle_s: f64,
}

/// Counts the sessions of one application, on a connection of its own. A server that restarts ends
/// that one too: the census goes on with another as soon as there is one.
#[derive(Debug)]
pub(crate) struct BackendMonitor {
    address: Address,
    application: String,
    link: Option<MonitorConnection>,
    session_tracker: SessionTracker,
    away: Arc<AtomicBool>,
}

#[derive(Debug)]
struct MonitorConnection {
    client: Client,
}

impl MonitorConnection {
    async fn open(address: &Address, application: &str) -> Result<Self, ConnectError> {
        let client = Client::open(&address, &format!("{application}.census")).await?;
        Ok(Self { client })
    }
}

impl BackendMonitor {
    /// Says in `away` whether the server is gone for the time being.
    ///
    /// # Errors
    /// Fails when there is none to begin with.
    pub(crate) async fn open(
        address: &Address,
        application: &str,
        away: Arc<AtomicBool>,
    ) -> Result<Self, Failure> {
        let link = MonitorConnection::open(address, application).await;
        Ok(Self {
            address: address.clone(),
            application: application.to_owned(),
            link: Some(link.map_err(|error| from_connect(&error))?),
            session_tracker: SessionTracker::new(monotonic_ns()),
            away,
        })
    }

    /// The sessions that are there, with how long each has been idle, or why the server does not
    /// tell.
    async fn look(&mut self) -> Result<BTreeMap<SessionKey, f64>, Failure> {
        let looking = async {
            let link = match &mut self.link {
                Some(link) => link,
                none => {
                    none.insert(MonitorConnection::open(&self.address, &self.application).await?)
                }
            };
            Ok::<_, ConnectError>(ask(link, &self.application).await?)
        };
        let seen = match timeout(LOOK_BOUND, looking).await {
            Ok(seen) => seen.map_err(|error| from_connect(&error)),
            Err(_) => Err(Failure::new("timeout", "the server did not answer in time")),
        };
        if seen.is_err() {
            self.link = None;
        }
        seen
    }

    /// Counts once.
    pub(crate) async fn count(&mut self) {
        let seen = self.look().await;
        let absence = |failure: &Failure| is_server_gone(&failure.kind);
        let away = seen.as_ref().err().is_some_and(absence);
        self.away.store(away, Ordering::Relaxed);
        match seen {
            Ok(now) => self
                .session_tracker
                .seen(monotonic_ns(), now.into_keys().collect()),
            Err(_) => self.session_tracker.unseen(),
        }
    }

    /// Counts again and again.
    pub(crate) async fn keep_counting(&mut self) {
        loop {
            self.count().await;
            sleep(COUNTED_EVERY).await;
        }
    }

    /// Returns what came and went since the last call.
    pub(crate) fn take(&mut self) -> SessionChanges {
        self.session_tracker.take(monotonic_ns())
    }

    /// The sessions that are there now; `None` where the server does not tell.
    pub(crate) async fn left(&mut self) -> Option<Vec<Leaked>> {
        let left = self.look().await.ok()?.into_iter();
        Some(
            left.map(|((pid, _), idle_s)| Leaked { pid, idle_s })
                .collect(),
        )
    }
}

async fn ask(
    link: &MonitorConnection,
    application: &str,
) -> Result<BTreeMap<SessionKey, f64>, tokio_postgres::Error> {
    let rows = link.client.query(QUERY, &[&application]).await?;
    let read = rows.iter().map(|row| {
        let started_s: f64 = row.try_get(1)?;
        // The state of a session that is just beginning is not known yet.
        let idle_s: Option<f64> = row.try_get(2)?;
        let session = (row.try_get(0)?, (started_s * 1e6) as u64);
        Ok((session, idle_s.unwrap_or(0.0)))
    });
    read.collect()
}
