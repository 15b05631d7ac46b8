//! Sample of `pg_stat_activity`, as groups of sessions in the same state.
//!
//! An active session without a wait event runs on a CPU or is ready to run. A session whose state
//! is hidden belongs to no class.

use bench_report::names::{FigureName, postgres};
use tokio_postgres::{Error, Row};

use crate::server::client::Client;
use crate::server::foreign_text::{optional, text};
use crate::sessions::scope::Scope;

/// Query of the groups of sessions. It calls the function under `pg_stat_activity`, because
/// planning the view's joins, which add the names of database and role, costs more than the sample.
/// Processes that wait in their main loop (`Activity`) are left out. `$1` is the application whose
/// statements are wanted, NULL for all; `$2` and `$3` are role and database of this connection.
///
/// A backend's type is NULL only where this role may not see it. The state of a client session is
/// NULL there too, and up to version 17 also until its first request can be taken; such a session is
/// `starting` in the words of version 18.
const QUERY: &str = "SELECT /* plimsoll evidence */
           coalesce(backend_type, CASE WHEN datid IS NOT NULL THEN 'client backend' END),
           application_name,
           coalesce(state, CASE WHEN backend_type = 'client backend' THEN 'starting' END),
           wait_event_type, wait_event,
           CASE WHEN backend_type = 'autovacuum worker'
                  OR state <> 'idle' AND ($1::text IS NULL OR application_name = $1) THEN query END,
           count(*), max(extract(epoch FROM clock_timestamp() - xact_start))::float8,
           count(*) FILTER (WHERE usesysid = $2::oid), count(*) FILTER (WHERE datid = $3::oid)
      FROM pg_stat_get_activity(NULL)
     WHERE pid <> pg_backend_pid() AND wait_event_type IS DISTINCT FROM 'Activity'
     GROUP BY 1, 2, 3, 4, 5, 6";

/// Figures of the classes of a session's activity.
pub(crate) const CLASSES: [FigureName; 8] = [
    postgres::SESSIONS_CPU_MEAN,
    postgres::SESSIONS_LOCK_MEAN,
    postgres::SESSIONS_LWLOCK_MEAN,
    postgres::SESSIONS_IO_MEAN,
    postgres::SESSIONS_CLIENT_MEAN,
    postgres::SESSIONS_OTHER_WAIT_MEAN,
    postgres::SESSIONS_IDLE_MEAN,
    postgres::SESSIONS_IDLE_IN_TRANSACTION_MEAN,
];
/// Start of the state, as in `pg_stat_activity`, of a session that is idle in a transaction.
const KEPT: &str = "idle in transaction";
/// Index of the class `lock` in [`CLASSES`].
const LOCK: usize = 1;

/// Sessions with the same state, wait event, application and statement in one sample.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SessionGroup {
    /// Type of the backends as in `pg_stat_activity`; `None` for a background process that this
    /// role may not see.
    pub(crate) backend_type: Option<String>,
    pub(crate) application: String,
    /// State of the sessions as in `pg_stat_activity`; `None` if hidden from this role, or for a
    /// background process.
    pub(crate) state: Option<String>,
    /// Type and name of the wait event; `None` if the sessions do not wait, or it is hidden.
    pub(crate) event: Option<(String, String)>,
    /// Current statement as it was sent, or the last one of a session that is idle in a
    /// transaction; `None` for other idle sessions and those not in scope. An autovacuum worker
    /// shows what it does, with its table.
    pub(crate) statement: Option<String>,
    pub(crate) count: u64,
    /// Number of the sessions that have the role of the connection that takes the sample.
    pub(crate) of_own_role: u64,
    /// Number of the sessions in the database of that connection.
    pub(crate) of_own_database: u64,
    /// Age of the group's oldest transaction, in seconds; 0 if none has a transaction.
    pub(crate) oldest_s: f64,
}

/// Role and database of a connection, by their object ids.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnIdentity {
    pub(crate) role: i64,
    pub(crate) database: i64,
}

/// Samples all processes of the server but this connection's; statements are read of those in
/// `scope`, and the sessions with role or database of this connection, `own`, are counted. Fails
/// with the error of the query.
pub(crate) async fn sample(
    client: &Client,
    scope: &Scope,
    own: OwnIdentity,
) -> Result<Vec<SessionGroup>, Error> {
    let application = scope.application();
    let rows = client
        .query(QUERY, &[&application, &own.role, &own.database])
        .await?;
    rows.iter().map(SessionGroup::from_row).collect()
}

impl SessionGroup {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            backend_type: row.try_get(0)?,
            application: text(row, 1)?,
            state: row.try_get(2)?,
            event: Option::zip(row.try_get(3)?, row.try_get(4)?),
            statement: optional(row, 5)?,
            count: row.try_get::<_, i64>(6)?.unsigned_abs(),
            oldest_s: row.try_get::<_, Option<f64>>(7)?.unwrap_or(0.0),
            of_own_role: row.try_get::<_, i64>(8)?.unsigned_abs(),
            of_own_database: row.try_get::<_, i64>(9)?.unsigned_abs(),
        })
    }

    /// Returns true if the group consists of client sessions.
    pub(crate) fn is_of_clients(&self) -> bool {
        self.backend_type.as_deref() == Some("client backend")
    }

    /// Returns true if the group consists of workers of parallel queries.
    pub(crate) fn is_of_workers(&self) -> bool {
        self.backend_type.as_deref() == Some("parallel worker")
    }

    /// Returns true if the sessions wait, outside a transaction, for their client's next request.
    pub(crate) fn is_idle(&self) -> bool {
        self.state.as_deref() == Some("idle")
    }

    /// Returns true if the sessions are idle in a transaction.
    fn is_idle_in_transaction(&self) -> bool {
        let state = self.state.as_deref().unwrap_or_default();
        state.starts_with(KEPT)
    }

    /// Returns true if the sessions wait for a lock.
    pub(crate) fn waits_for_lock(&self) -> bool {
        self.class() == Some(LOCK)
    }

    /// Returns the index of the sessions' class in [`CLASSES`]; `None` if it is hidden or not
    /// tracked. A wait for the WAL write lock counts as `io`, because the holder of the lock waits
    /// for the disk.
    pub(crate) fn class(&self) -> Option<usize> {
        let event = self
            .event
            .as_ref()
            .map(|(of, name)| (of.as_str(), name.as_str()));
        let name = match (self.state.as_deref()?, event) {
            // The server does not track the activity of its sessions.
            ("disabled", _) => return None,
            ("idle", _) => postgres::SESSIONS_IDLE_MEAN,
            (state, _) if state.starts_with(KEPT) => postgres::SESSIONS_IDLE_IN_TRANSACTION_MEAN,
            (_, None) => postgres::SESSIONS_CPU_MEAN,
            (_, Some(("Lock", _))) => postgres::SESSIONS_LOCK_MEAN,
            (_, Some(("IO", _) | ("LWLock", "WALWrite"))) => postgres::SESSIONS_IO_MEAN,
            (_, Some(("LWLock", _))) => postgres::SESSIONS_LWLOCK_MEAN,
            (_, Some(("Client", _))) => postgres::SESSIONS_CLIENT_MEAN,
            _ => postgres::SESSIONS_OTHER_WAIT_MEAN,
        };
        CLASSES.iter().position(|class| *class == name)
    }

    /// Returns the wait event as `event_name` does, or `idle in transaction` for sessions in that
    /// state.
    pub(crate) fn doing(&self) -> String {
        if self.is_idle_in_transaction() {
            KEPT.to_owned()
        } else {
            self.event_name()
        }
    }

    /// Returns type and name of the wait event, such as `Lock.transactionid`; empty if there is
    /// none.
    pub(crate) fn event_name(&self) -> String {
        let event = self.event.as_ref();
        event.map_or_else(String::new, |(of, name)| format!("{of}.{name}"))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Creates a group of one client session with this state and wait event.
    pub(crate) fn session(state: Option<&str>, event: Option<(&str, &str)>) -> SessionGroup {
        SessionGroup {
            backend_type: Some("client backend".to_owned()),
            state: state.map(str::to_owned),
            event: event.map(|(of, name)| (of.to_owned(), name.to_owned())),
            count: 1,
            ..SessionGroup::default()
        }
    }

    #[test]
    fn each_state_has_its_class_and_a_hidden_one_has_none() {
        for (state, event, name) in [
            (Some("active"), None, Some("cpu")),
            (Some("fastpath function call"), None, Some("cpu")),
            (Some("active"), Some(("Lock", "tuple")), Some("lock")),
            (
                Some("active"),
                Some(("LWLock", "WALInsert")),
                Some("lwlock"),
            ),
            (Some("active"), Some(("LWLock", "WALWrite")), Some("io")),
            (Some("active"), Some(("IO", "WALSync")), Some("io")),
            (Some("active"), Some(("IPC", "SyncRep")), Some("other_wait")),
            (
                Some("active"),
                Some(("Timeout", "PgSleep")),
                Some("other_wait"),
            ),
            (
                Some("active"),
                Some(("Client", "ClientRead")),
                Some("client"),
            ),
            (
                Some("starting"),
                Some(("Client", "SslOpenServer")),
                Some("client"),
            ),
            (Some("idle"), Some(("Client", "ClientRead")), Some("idle")),
            (
                Some("idle in transaction (aborted)"),
                Some(("Client", "ClientRead")),
                Some("idle_in_transaction"),
            ),
            (None, None, None),
            (Some("disabled"), None, None),
        ] {
            let found = session(state, event).class();
            let found = found.map(|class| CLASSES[class].to_string());
            let name = name.map(|name| format!("sessions.{name}_mean"));
            assert_eq!(found, name, "{state:?} {event:?}");
        }
        assert!(session(Some("active"), Some(("Lock", "tuple"))).waits_for_lock());
    }
}
