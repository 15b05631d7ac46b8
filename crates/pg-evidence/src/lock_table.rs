//! One sample of the locks for which sessions wait, with the sessions that block them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use tokio_postgres::{Error, Row};

use crate::fingerprint;
use crate::server::client::Client;
use crate::server::foreign_text::{optional, text};

/// Query of sessions that wait for a lock (at most 200) and of those that block them. A prepared
/// transaction appears as process 0 (manual, `pg_blocking_pids`). A wait for a row lock is a wait
/// for the transaction that holds it, and names no relation; the relation is taken from the tuple
/// lock that the first waiter holds.
const QUERY: &str = "WITH /* plimsoll evidence */ locks AS MATERIALIZED (SELECT * FROM pg_locks),
    waits AS (SELECT DISTINCT ON (pid) * FROM locks WHERE NOT granted ORDER BY pid LIMIT 200)
    SELECT w.pid, w.locktype, w.mode,
           CASE w.locktype WHEN 'advisory' THEN w.classid || ':' || w.objid
                           WHEN 'object' THEN w.classid::regclass || ':' || w.objid END,
           CASE WHEN r.database IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
                THEN r.relation::regclass::text END,
           a.application_name, a.query,
           blocked.by, b.application_name, b.backend_type,
           coalesce(b.state, CASE WHEN b.backend_type = 'client backend' THEN 'starting' END),
           b.wait_event_type, b.wait_event, b.query,
           extract(epoch FROM clock_timestamp() - b.xact_start)::float8
      FROM waits w
           JOIN pg_stat_activity a ON a.pid = w.pid
           LEFT JOIN LATERAL (
               SELECT l.database, l.relation FROM locks l
                WHERE l.pid = w.pid AND l.relation IS NOT NULL
                  AND (NOT l.granted OR l.locktype = 'tuple')
                ORDER BY l.granted LIMIT 1) r ON true
           LEFT JOIN LATERAL (SELECT DISTINCT unnest(pg_blocking_pids(w.pid)) AS by) blocked ON true
           LEFT JOIN pg_stat_activity b ON b.pid = blocked.by";
const OLDEST_PREPARED: &str = "SELECT /* plimsoll evidence */
           max(extract(epoch FROM clock_timestamp() - prepared))::float8 FROM pg_prepared_xacts";
/// Process id under which the server reports a prepared transaction.
const PREPARED: i32 = 0;

/// Sessions that wait for a lock, and sessions that block them, at one instant, by process id.
#[derive(Debug, Default)]
pub(crate) struct LockTable {
    pub(crate) waiting: BTreeMap<i32, Waiter>,
    /// Sessions that block another one, by process id; they may wait for a lock too.
    pub(crate) sessions: BTreeMap<i32, BlockingSession>,
}

/// Session that waits for a lock, with the lock and the sessions that block it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waiter {
    pub(crate) pid: i32,
    /// Type of the lock as in `pg_locks`, such as `transactionid`.
    pub(crate) lock_type: String,
    pub(crate) mode: String,
    /// Identity of an advisory or object lock as `classid:objid`; empty for other locks.
    pub(crate) key: String,
    /// Name of the relation whose lock or row is waited for; empty if there is none, or it is in
    /// another database.
    pub(crate) relation: String,
    pub(crate) application: String,
    /// Fingerprint of the session's current statement.
    pub(crate) statement: String,
    pub(crate) blocked_by: Vec<i32>,
}

/// Session, or prepared transaction, that blocks another session.
#[derive(Debug, Clone, Default)]
pub(crate) struct BlockingSession {
    pub(crate) application: String,
    /// State of the session as in `pg_stat_activity`, such as `active`; `None` if hidden from this
    /// role.
    pub(crate) state: Option<String>,
    /// Type and name of the wait event, such as `IO.WALSync`; empty if the session does not wait.
    pub(crate) event: String,
    /// Fingerprint of the session's current or last statement; empty for a prepared transaction.
    pub(crate) statement: String,
    pub(crate) transaction_s: Option<f64>,
    pub(crate) waits_for_lock: bool,
}

impl LockTable {
    pub(crate) async fn read(client: &Client) -> Result<Self, Error> {
        let mut table = Self::default();
        for row in client.query(QUERY, &[]).await? {
            table.add(&row)?;
        }
        if let Some(prepared) = table.sessions.get_mut(&PREPARED) {
            // Not every role may read the transaction's age; the sample is useful without it.
            let row = client.query_one(OLDEST_PREPARED, &[]).await;
            prepared.transaction_s = row.and_then(|row| row.try_get(0)).unwrap_or_default();
        }
        Ok(table)
    }

    fn add(&mut self, row: &Row) -> Result<(), Error> {
        let pid: i32 = row.try_get(0)?;
        let waiter = match self.waiting.entry(pid) {
            Entry::Vacant(place) => place.insert(Waiter::from_row(row, pid)?),
            Entry::Occupied(known) => known.into_mut(),
        };
        let Some(by) = row.try_get::<_, Option<i32>>(7)? else {
            return Ok(());
        };
        // A session that has just ended no longer blocks.
        if let Some(blocking) = BlockingSession::from_row(row, by)? {
            self.sessions.insert(by, blocking);
            waiter.blocked_by.push(by);
        }
        Ok(())
    }

    pub(crate) fn waiters(&self) -> impl Iterator<Item = &Waiter> {
        self.waiting.values()
    }

    pub(crate) fn waiter(&self, pid: i32) -> Option<&Waiter> {
        self.waiting.get(&pid)
    }
}

impl Waiter {
    fn from_row(row: &Row, pid: i32) -> Result<Self, Error> {
        Ok(Self {
            pid,
            lock_type: text(row, 1)?,
            mode: text(row, 2)?,
            key: text(row, 3)?,
            relation: text(row, 4)?,
            application: text(row, 5)?,
            statement: fingerprint::fingerprint(&text(row, 6)?),
            blocked_by: Vec::new(),
        })
    }

    /// Returns type and mode of the lock, such as `transactionid ShareLock`.
    pub(crate) fn lock(&self) -> String {
        format!("{} {}", self.lock_type, self.mode)
    }
}

impl BlockingSession {
    /// Reads the blocking session with process id `pid` from a row of the query; `None` if it has
    /// ended meanwhile.
    fn from_row(row: &Row, pid: i32) -> Result<Option<Self>, Error> {
        if pid == PREPARED {
            return Ok(Some(Self {
                application: "a prepared transaction".to_owned(),
                state: Some("prepared transaction".to_owned()),
                ..Self::default()
            }));
        }
        let Some(application) = optional(row, 8)? else {
            return Ok(None);
        };
        let backend_type = optional(row, 9)?.filter(|of| of != "client backend");
        let (of, event) = (optional(row, 11)?, text(row, 12)?);
        Ok(Some(Self {
            application: backend_type.unwrap_or(application),
            state: optional(row, 10)?,
            waits_for_lock: of.as_deref() == Some("Lock"),
            event: of.map_or_else(String::new, |of| format!("{of}.{event}")),
            statement: fingerprint::fingerprint(&text(row, 13)?),
            transaction_s: row.try_get(14)?,
        }))
    }
}
