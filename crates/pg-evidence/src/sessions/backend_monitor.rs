//! Monitor of a pool's sessions on the server: which exist, for how long they are idle, and how
//! many have opened and closed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use load_engine::Failure;
use tokio::time::{sleep, timeout};

use crate::failure::{from_connect, is_server_gone};
use crate::server::client::Client;
use crate::sessions::session_tracker::{SessionChanges, SessionKey, SessionTracker};
use pg_connect::Address;
use pg_connect::ConnectError;

const COUNTED_EVERY: Duration = Duration::from_millis(40);
/// Longest time for one sample, including a reconnection.
const LOOK_BOUND: Duration = Duration::from_secs(2);
/// Query of an application's sessions. Process ids are reused, so the start time is part of a
/// session's identity.
const QUERY: &str = "
    SELECT /* plimsoll */ pid, extract(epoch FROM backend_start)::float8,
           extract(epoch FROM clock_timestamp() - state_change)::float8
      FROM pg_stat_activity WHERE application_name = $1";

/// Session on the server that should no longer exist.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Leaked {
    /// Process id of the session on the server.
    pub pid: i32,
    /// Time since the session's state last changed, in seconds; 0 if it is not known.
    pub idle_s: f64,
}

/// Monitor of the sessions with one application name. It has a connection of its own, and
/// reconnects after the server restarts.
#[derive(Debug)]
pub(crate) struct BackendMonitor {
    address: Address,
    application: String,
    client: Option<Client>,
    session_tracker: SessionTracker,
    away: Arc<AtomicBool>,
}

async fn connect(address: &Address, application: &str) -> Result<Client, ConnectError> {
    Client::open(address, &format!("{application}.census")).await
}

impl BackendMonitor {
    /// Connects to the server. From then on, each sample sets `away` to whether the server is down,
    /// stopping or starting.
    ///
    /// # Errors
    /// Returns the failure if the server cannot be reached.
    pub(crate) async fn open(
        address: &Address,
        application: &str,
        away: Arc<AtomicBool>,
    ) -> Result<Self, Failure> {
        let client = connect(address, application).await;
        Ok(Self {
            address: address.clone(),
            application: application.to_owned(),
            client: Some(client.map_err(|error| from_connect(&error))?),
            session_tracker: SessionTracker::new(monotonic_ns()),
            away,
        })
    }

    /// Returns the sessions, each with its idle time in seconds, or the failure to connect or to
    /// query.
    async fn look(&mut self) -> Result<BTreeMap<SessionKey, f64>, Failure> {
        let looking = async {
            let client = match &mut self.client {
                Some(client) => client,
                none => none.insert(connect(&self.address, &self.application).await?),
            };
            Ok::<_, ConnectError>(ask(client, &self.application).await?)
        };
        let seen = match timeout(LOOK_BOUND, looking).await {
            Ok(seen) => seen.map_err(|error| from_connect(&error)),
            Err(_) => Err(Failure::new("timeout", "the server did not answer in time")),
        };
        if seen.is_err() {
            self.client = None;
        }
        seen
    }

    /// Takes one sample, and notes the sessions that opened and closed. A failure of the server is
    /// noted too.
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

    /// Takes samples every 40 ms until the future is dropped.
    pub(crate) async fn keep_counting(&mut self) {
        loop {
            self.count().await;
            sleep(COUNTED_EVERY).await;
        }
    }

    /// Returns the changes of the sessions since the last call.
    pub(crate) fn take(&mut self) -> SessionChanges {
        self.session_tracker.take(monotonic_ns())
    }

    /// Returns the sessions that exist at present; `None` if the server cannot be queried.
    pub(crate) async fn left(&mut self) -> Option<Vec<Leaked>> {
        let left = self.look().await.ok()?.into_iter();
        Some(
            left.map(|((pid, _), idle_s)| Leaked { pid, idle_s })
                .collect(),
        )
    }
}

async fn ask(
    client: &Client,
    application: &str,
) -> Result<BTreeMap<SessionKey, f64>, tokio_postgres::Error> {
    let rows = client.query(QUERY, &[&application]).await?;
    let read = rows.iter().map(|row| {
        let started_s: f64 = row.try_get(1)?;
        // While a session starts, its state is unknown.
        let idle_s: Option<f64> = row.try_get(2)?;
        let session = (row.try_get(0)?, (started_s * 1e6) as u64);
        Ok((session, idle_s.unwrap_or(0.0)))
    });
    read.collect()
}
