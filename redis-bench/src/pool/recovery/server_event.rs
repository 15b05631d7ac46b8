//! Event of one measurement of recovery, beside the load: connections that are killed, a restart of
//! the server, or its time-out of idle connections. Only for a throwaway server.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use bench_report::clock::monotonic_ns;
use load_engine::{Actor, RunView};
use redis::{Connection, RedisResult};

use super::recovery_plan::RecoveryEvent;
use crate::server::address::RedisAddress;
use crate::server::info::Info;
use crate::server::redis_server::RedisServer;

/// Time after which the server ends idle connections, in seconds, while that is measured.
const TIMEOUT_S: u64 = 1;
/// Time from the beginning of the pause after which its connections are counted: requests that were
/// under way are over by then.
const SETTLED: Duration = Duration::from_millis(500);
/// Time before the end of the pause at which the time-out is switched off again.
const AHEAD: Duration = Duration::from_millis(100);

/// What happened at the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EventRecord {
    /// Instant at which the event began, on `CLOCK_MONOTONIC`.
    pub(super) begun_ns: u64,
    /// Instant from which the server takes connections again, on `CLOCK_MONOTONIC`.
    pub(super) over_ns: u64,
    /// Number of connections of the load that the event ended.
    pub(super) ended: u64,
    /// Number of connections that the server had taken in all until the event, or, if it counts anew
    /// since then, those that are not of the load.
    pub(super) taken_before: u64,
}

/// Record of an event, once it has happened; the error of the server otherwise. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct SharedRecord(Arc<Mutex<Option<anyhow::Result<EventRecord>>>>);

impl SharedRecord {
    /// Returns the record, and leaves none.
    pub(super) fn take(&self) -> Option<anyhow::Result<EventRecord>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, record: anyhow::Result<EventRecord>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(record);
    }
}

/// Task that makes one event happen at a throwaway server, and records it.
#[derive(Debug, Clone)]
pub(super) struct ServerEvent {
    pub(super) event: RecoveryEvent,
    pub(super) server: Arc<Mutex<RedisServer>>,
    pub(super) record: SharedRecord,
}

impl<T: Send + Sync> Actor<T> for ServerEvent {
    async fn act(&mut self, _: &Arc<T>, run: &RunView) {
        if run.ends_before(run.segment_start_ns(1)).await {
            return;
        }
        let record = match self.event {
            RecoveryEvent::Kill => self.blocking(kill).await,
            RecoveryEvent::Restart => self.blocking(restart).await,
            RecoveryEvent::IdleTimeout => {
                let settled_ns = run.segment_start_ns(1) + SETTLED.as_nanos() as u64;
                if run.ends_before(settled_ns).await {
                    return;
                }
                let begun = self.blocking(begin_timeout).await;
                let over_ns = run.segment_start_ns(2);
                let until_ns = over_ns.saturating_sub(AHEAD.as_nanos() as u64);
                run.ends_before(until_ns).await;
                match begun {
                    Ok(begun) => {
                        self.blocking(move |server| end_timeout(server, begun, over_ns))
                            .await
                    }
                    failed => failed,
                }
            }
        };
        self.record.set(record);
    }
}

impl ServerEvent {
    /// Runs `action` with the server on a thread that may wait.
    async fn blocking(
        &self,
        action: impl FnOnce(&mut RedisServer) -> anyhow::Result<EventRecord> + Send + 'static,
    ) -> anyhow::Result<EventRecord> {
        let server = Arc::clone(&self.server);
        let done = tokio::task::spawn_blocking(move || {
            action(&mut server.lock().unwrap_or_else(PoisonError::into_inner))
        });
        done.await.context("the event at the server broke off")?
    }
}

fn kill(server: &mut RedisServer) -> anyhow::Result<EventRecord> {
    let connection = &mut server.remote().connect()?;
    let taken_before = connections_taken(connection)?;
    let clients = others(connection)?;
    let begun_ns = monotonic_ns();
    let mut ended = 0;
    for id in clients {
        let mut kill = redis::cmd("CLIENT");
        // The answer is the number of clients with this number, of which some may have left.
        ended += kill
            .arg("KILL")
            .arg("ID")
            .arg(id)
            .query::<u64>(connection)?;
    }
    Ok(EventRecord {
        begun_ns,
        over_ns: monotonic_ns(),
        ended,
        taken_before,
    })
}

fn restart(server: &mut RedisServer) -> anyhow::Result<EventRecord> {
    let ended = others(&mut server.remote().connect()?)?.len() as u64;
    let begun_ns = monotonic_ns();
    server.restart()?;
    let over_ns = monotonic_ns();
    let connection = &mut server.remote().connect()?;
    // The server counts anew. Those of the load are there; all others are of this run itself.
    let of_load = others(connection)?.len() as u64;
    Ok(EventRecord {
        begun_ns,
        over_ns,
        ended,
        taken_before: connections_taken(connection)?.saturating_sub(of_load),
    })
}

fn begin_timeout(server: &mut RedisServer) -> anyhow::Result<EventRecord> {
    let connection = &mut server.remote().connect()?;
    let ended = others(connection)?.len() as u64;
    set_timeout(connection, TIMEOUT_S)?;
    let begun_ns = monotonic_ns();
    Ok(EventRecord {
        begun_ns,
        over_ns: begun_ns,
        ended,
        taken_before: 0,
    })
}

fn end_timeout(
    server: &mut RedisServer,
    begun: EventRecord,
    over_ns: u64,
) -> anyhow::Result<EventRecord> {
    let connection = &mut server.remote().connect()?;
    set_timeout(connection, 0)?;
    let left = others(connection)?.len() as u64;
    Ok(EventRecord {
        over_ns,
        ended: begun.ended.saturating_sub(left),
        taken_before: connections_taken(connection)?,
        ..begun
    })
}

fn set_timeout(connection: &mut Connection, seconds: u64) -> RedisResult<()> {
    let mut set = redis::cmd("CONFIG");
    set.arg("SET").arg("timeout").arg(seconds).query(connection)
}

/// Returns the numbers of all clients but `connection`.
fn others(connection: &mut Connection) -> RedisResult<Vec<u64>> {
    let own: u64 = redis::cmd("CLIENT").arg("ID").query(connection)?;
    let list: String = redis::cmd("CLIENT").arg("LIST").query(connection)?;
    let ids = list.lines().filter_map(|line| {
        let id = line
            .split(' ')
            .find_map(|field| field.strip_prefix("id="))?;
        id.parse().ok()
    });
    Ok(ids.filter(|id| *id != own).collect())
}

/// Returns the number of connections that the server has taken since it was started.
fn connections_taken(connection: &mut Connection) -> anyhow::Result<u64> {
    let info = Info::read(connection)?;
    let taken = info.number("total_connections_received");
    Ok(taken.context("the server does not count its connections")? as u64)
}

/// Returns the number of connections of the load that the server at `address` has taken since the
/// event of `record`.
///
/// # Errors
/// Fails if the server does not answer.
pub(super) fn taken_since(address: &RedisAddress, record: &EventRecord) -> anyhow::Result<u64> {
    let connection = &mut address.connect()?;
    // This connection is one of them.
    Ok(connections_taken(connection)?.saturating_sub(record.taken_before + 1))
}
