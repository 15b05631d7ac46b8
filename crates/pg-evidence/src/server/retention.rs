//! Dead rows and write-ahead log that the server may not remove: who keeps VACUUM from removing
//! dead rows, and the log that replication slots keep. Read once before a step and once after it.
//!
//! VACUUM keeps each row that died after the oldest transaction id or snapshot of any holder. In
//! the tables of a database those are the sessions in that database, its prepared transactions, all
//! replication slots with an `xmin`, and standbys that send feedback without a slot. The
//! `catalog_xmin` of a slot keeps rows of the system catalogs alone. A running VACUUM keeps nothing.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use bench_report::names::postgres_tables::{replication_slots, xmin_holders};
use bench_report::{EvidenceRow, ServerEvidence};
use tokio_postgres::{Error, Row};

use crate::failure::message;
use crate::server::client::Client;
use crate::server::foreign_text::{optional, text};

/// Largest number of slots in the table of replication slots.
const MOST_SLOTS: usize = 20;

/// Query of the holders, then the slots, and a last row about the server. Of the sessions, the
/// oldest 50 ids are enough. `wal_status` exists since version 13; a slot that is `lost` keeps
/// nothing. On a standby, the end of the log is that of what it received.
const QUERY: &str = "WITH /* plimsoll evidence */ server AS (
        SELECT oid AS database, pg_is_in_recovery() AS is_standby,
               CASE WHEN pg_is_in_recovery()
                    THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
                    ELSE pg_current_wal_lsn() END AS log_end
          FROM pg_database WHERE datname = current_database()),
    sessions AS (
        SELECT CASE WHEN a.datid IS NULL THEN 'standby' ELSE 'session' END AS kind,
               a.application_name AS name, a.state, concat(a.pid, ' ', a.xact_start) AS holder,
               held.xid, a.backend_type IS NULL AS is_hidden
          FROM server, pg_stat_get_activity(NULL) a,
               unnest(ARRAY[a.backend_xid, a.backend_xmin]) AS held (xid)
         WHERE held.xid IS NOT NULL AND a.pid <> pg_backend_pid()
           AND CASE WHEN a.datid IS NULL
                    THEN coalesce(a.backend_type, 'walsender') = 'walsender'
                    ELSE a.datid = server.database
                         AND coalesce(a.backend_type, 'client backend') = 'client backend' END
           AND NOT EXISTS (SELECT FROM pg_stat_get_progress_info('VACUUM') v WHERE v.pid = a.pid)
         ORDER BY age(held.xid) DESC LIMIT 50),
    slots AS (
        SELECT slot_name::text AS name, CASE WHEN active THEN 'active' ELSE 'inactive' END AS state,
               xmin, catalog_xmin, restart_lsn, to_jsonb(s) ->> 'wal_status' AS wal_status
          FROM pg_replication_slots s),
    holders AS (
        SELECT kind, name, state, holder, xid FROM sessions
         UNION ALL
        SELECT 'prepared transaction', gid, 'prepared', '', transaction
          FROM pg_prepared_xacts WHERE database = current_database()
         UNION ALL
        SELECT 'replication slot', name, state, '', xmin FROM slots
         WHERE xmin IS NOT NULL AND wal_status IS DISTINCT FROM 'lost')
    SELECT kind, name, state, holder, age(xid)::int8, xid::text,
           NULL::text, NULL::float8, NULL::float8
      FROM holders
     UNION ALL
    SELECT 'slot', name, state, '', age(catalog_xmin)::int8, NULL, wal_status,
           pg_wal_lsn_diff(restart_lsn, '0/0')::float8,
           pg_wal_lsn_diff(log_end, restart_lsn)::float8
      FROM slots, server
     UNION ALL
    SELECT 'server', '', CASE WHEN is_standby THEN 'standby' ELSE 'primary' END, '',
           (SELECT count(*) FROM sessions WHERE is_hidden), NULL, NULL, NULL, NULL
      FROM server";

/// Holders of dead rows and of the log on the server at one instant.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Retention {
    /// True if the server is a standby, where VACUUM does not run.
    is_standby: bool,
    /// Number of ids that belong to sessions of which this role may not see the kind.
    hidden: i64,
    holders: Vec<RowHolder>,
    slots: Vec<SlotLog>,
}

/// Transaction id or snapshot that keeps dead rows.
#[derive(Debug, Default, Clone, PartialEq)]
struct RowHolder {
    kind: String,
    name: String,
    /// State of the session, of the slot, or of the process that serves the standby.
    state: String,
    /// Process and beginning of its transaction, which tell sessions of one name apart; empty for
    /// other kinds.
    identity: String,
    /// Oldest transaction that the holder may not see as ended.
    xid: String,
    /// Number of transactions that began since then.
    age: i64,
}

/// Write-ahead log that a replication slot keeps.
#[derive(Debug, Default, Clone, PartialEq)]
struct SlotLog {
    name: String,
    state: String,
    /// `None` before version 13, and for a slot that keeps no log.
    wal_status: Option<String>,
    /// Place in the log from which on the slot keeps it, in bytes; `None` if it keeps none.
    start_bytes: Option<f64>,
    kept_bytes: Option<f64>,
    /// Number of transactions whose dead rows in system catalogs the slot keeps.
    catalog_age: Option<i64>,
}

impl Retention {
    /// Reads holders and slots. Fails with a message if the query does.
    pub(crate) async fn read(client: &Client) -> Result<Self, String> {
        let rows = client.query(QUERY, &[]).await.map_err(message)?;
        Self::from_rows(&rows).map_err(message)
    }

    fn from_rows(rows: &[Row]) -> Result<Self, Error> {
        let mut read = Self::default();
        for row in rows {
            let kind = text(row, 0)?;
            match kind.as_str() {
                "server" => {
                    read.is_standby = text(row, 2)? == "standby";
                    read.hidden = row.try_get::<_, Option<i64>>(4)?.unwrap_or(0);
                }
                "slot" => read.slots.push(SlotLog::from_row(row)?),
                _ => read.holders.push(RowHolder::from_row(kind, row)?),
            }
        }
        Ok(read)
    }

    /// Writes the holders and the slots into `evidence`, with what is known of them from `before`.
    fn report_since(&self, before: &Self, evidence: &mut ServerEvidence) {
        if let Some(reason) = self.unseen().or_else(|| before.unseen()) {
            let name = xmin_holders::TABLE.to_string();
            evidence.unavailable.insert(name, reason);
        } else {
            evidence.table(xmin_holders::TABLE, self.holder_rows(before));
        }
        evidence.table(replication_slots::TABLE, self.slot_rows(before));
    }

    /// Returns the reason for which the holders of rows are not known; `None` if they are.
    fn unseen(&self) -> Option<String> {
        if self.is_standby {
            return Some("this server is a standby: VACUUM runs on its primary".to_owned());
        }
        (self.hidden > 0).then(|| {
            "this role may not see all sessions that keep rows; grant it pg_read_all_stats"
                .to_owned()
        })
    }

    /// Returns one row for each kind of holder, the oldest first. One that has held the same rows
    /// since `before` counts before an older one that has not.
    fn holder_rows(&self, before: &Self) -> Vec<EvidenceRow> {
        let mut first: BTreeMap<&str, (Option<i64>, &RowHolder)> = BTreeMap::new();
        for holder in &self.holders {
            let begin = before.holders.iter().find(|then| then.is_same(holder));
            let found = (begin.map(|then| then.age), holder);
            let rank = |(begin, holder): (Option<i64>, &RowHolder)| (begin.is_some(), holder.age);
            let chosen = first.entry(&holder.kind).or_insert(found);
            if rank(found) > rank(*chosen) {
                *chosen = found;
            }
        }
        let mut chosen: Vec<_> = first.into_values().collect();
        chosen.sort_by_key(|(_, holder)| Reverse(holder.age));
        let rows = chosen.into_iter();
        rows.map(|(begin, holder)| holder.row(begin)).collect()
    }

    /// Returns one row for each slot, the one that keeps most log first.
    fn slot_rows(&self, before: &Self) -> Vec<EvidenceRow> {
        let mut slots: Vec<&SlotLog> = self.slots.iter().collect();
        let kept = |slot: &SlotLog| slot.kept_bytes.unwrap_or(0.0);
        slots.sort_by(|a, b| kept(b).total_cmp(&kept(a)));
        let row = |slot: &SlotLog| {
            let then = before.slots.iter().find(|then| then.name == slot.name);
            slot.row(then)
        };
        slots.into_iter().take(MOST_SLOTS).map(row).collect()
    }
}

impl RowHolder {
    fn from_row(kind: String, row: &Row) -> Result<Self, Error> {
        Ok(Self {
            kind,
            name: text(row, 1)?,
            state: text(row, 2)?,
            identity: text(row, 3)?,
            age: row.try_get(4)?,
            xid: text(row, 5)?,
        })
    }

    /// Returns true if `other` is the same holder, and holds from the same transaction on.
    fn is_same(&self, other: &Self) -> bool {
        let is_named_alike = (&self.kind, &self.name) == (&other.kind, &other.name);
        is_named_alike && (&self.identity, &self.xid) == (&other.identity, &other.xid)
    }

    /// Returns the row of the holder; `begin` is its age at the beginning of the step if it has held
    /// the same rows since then.
    fn row(&self, begin: Option<i64>) -> EvidenceRow {
        let mut row = EvidenceRow::new(
            [
                (xmin_holders::KIND, self.kind.clone()),
                (xmin_holders::NAME, self.name.clone()),
                (xmin_holders::STATE, self.state.clone()),
            ],
            [(xmin_holders::AGE_TRANSACTIONS, self.age as f64)],
        );
        if let Some(age) = begin {
            let name = xmin_holders::BEGIN_AGE_TRANSACTIONS.to_string();
            row.figures.insert(name, age as f64);
        }
        row
    }
}

impl SlotLog {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            name: text(row, 1)?,
            state: text(row, 2)?,
            catalog_age: row.try_get(4)?,
            wal_status: optional(row, 6)?,
            start_bytes: row.try_get(7)?,
            kept_bytes: row.try_get(8)?,
        })
    }

    /// Returns the row of the slot; `before` is what it kept at the beginning of the step. Without
    /// that, or if its place in the log went back, as that of a new slot of the same name does, its
    /// growth is left out.
    fn row(&self, before: Option<&Self>) -> EvidenceRow {
        let labels = [
            (replication_slots::SLOT, self.name.clone()),
            (replication_slots::STATE, self.state.clone()),
        ];
        let mut row = EvidenceRow::new(labels, []);
        if let Some(status) = &self.wal_status {
            let name = replication_slots::WAL_STATUS.to_string();
            row.labels.insert(name, status.clone());
        }
        let then = before.and_then(|then| then.start_bytes.zip(then.kept_bytes));
        let grown = self.start_bytes.zip(then);
        let grown = grown.map(|(start, (begin, kept))| (start - begin, kept));
        let grown = grown.filter(|(released, _)| *released >= 0.0);
        let figures = [
            (
                replication_slots::BEGIN_KEPT_BYTES,
                grown.map(|(_, kept)| kept.max(0.0)),
            ),
            (
                replication_slots::RELEASED_BYTES,
                grown.map(|(released, _)| released),
            ),
            (
                replication_slots::KEPT_BYTES,
                self.kept_bytes.map(|kept| kept.max(0.0)),
            ),
            (
                replication_slots::CATALOG_AGE_TRANSACTIONS,
                self.catalog_age.map(|age| age as f64),
            ),
        ];
        for (name, value) in figures {
            let known = value.map(|value| (name.to_string(), value));
            row.figures.extend(known);
        }
        row
    }
}

/// Writes holders and slots at the end of a step into `evidence`. If one of the two readings
/// failed, both tables are recorded as unavailable with the reason.
pub(crate) fn report(
    before: &Result<Retention, String>,
    after: &Result<Retention, String>,
    evidence: &mut ServerEvidence,
) {
    match (before, after) {
        (Ok(before), Ok(after)) => after.report_since(before, evidence),
        (Err(reason), _) | (_, Err(reason)) => {
            for table in [xmin_holders::TABLE, replication_slots::TABLE] {
                let name = table.to_string();
                evidence.unavailable.insert(name, reason.clone());
            }
        }
    }
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;
