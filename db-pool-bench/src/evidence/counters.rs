//! The server's own counters, read before a step's connections open and after they have closed:
//! a backend hands in its counts once a second at most, and always when it ends.

use bench_report::ServerEvidence;
use bench_report::clock::monotonic_ns;
use tokio_postgres::{Client, Error};

/// Names in reports and what they are in `pg_stat_database`; the same in PostgreSQL 13 to 18.
const DATABASE: [(&str, &str); 6] = [
    ("database.commits", "xact_commit"),
    ("database.rollbacks", "xact_rollback"),
    ("database.blocks_hit", "blks_hit"),
    ("database.blocks_read", "blks_read"),
    ("database.deadlocks", "deadlocks"),
    ("database.temp_bytes", "temp_bytes"),
];
/// `pg_stat_wal` came with PostgreSQL 14.
const FIRST_WITH_WAL: i32 = 140_000;

/// Counters at one instant.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Counters {
    at_ns: u64,
    database: Vec<i64>,
    /// Bytes of write-ahead log, of the whole server; or why they cannot be read.
    wal_bytes: Result<f64, String>,
}

impl Counters {
    pub(super) async fn read(client: &Client, version: i32) -> Result<Self, Error> {
        let columns = DATABASE.map(|(_, column)| column).join(", ");
        let query =
            format!("SELECT {columns} FROM pg_stat_database WHERE datname = current_database()");
        let row = client.query_one(&query, &[]).await?;
        let database = (0..DATABASE.len())
            .map(|i| row.try_get(i))
            .collect::<Result<_, _>>()?;
        let at_ns = monotonic_ns();
        Ok(Self {
            at_ns,
            database,
            wal_bytes: wal_bytes(client, version).await,
        })
    }

    /// Writes what was counted since `before` into `evidence`. `deltas.span_s` is how long that
    /// was: the whole step, its warm-up too.
    pub(super) fn report_since(&self, before: &Self, evidence: &mut ServerEvidence) {
        evidence.figure(
            "deltas.span_s",
            self.at_ns.saturating_sub(before.at_ns) as f64 / 1e9,
        );
        let counted = self
            .database
            .iter()
            .zip(&before.database)
            .map(|(now, then)| now - then);
        for ((name, _), delta) in DATABASE.iter().zip(counted) {
            if delta >= 0 {
                evidence.figure(*name, delta as f64);
            } else {
                let reason = "the counters were reset during the step".to_owned();
                evidence.unavailable.insert((*name).to_owned(), reason);
            }
        }
        match (&self.wal_bytes, &before.wal_bytes) {
            (Ok(now), Ok(then)) if now >= then => evidence.figure("wal.bytes", now - then),
            (Err(reason), _) | (_, Err(reason)) => {
                evidence
                    .unavailable
                    .insert("wal.bytes".to_owned(), reason.clone());
            }
            (Ok(_), Ok(_)) => {
                let reason = "the counters were reset during the step".to_owned();
                evidence.unavailable.insert("wal.bytes".to_owned(), reason);
            }
        }
    }
}

async fn wal_bytes(client: &Client, version: i32) -> Result<f64, String> {
    if version < FIRST_WITH_WAL {
        return Err("PostgreSQL counts it from version 14 on".to_owned());
    }
    let row = client
        .query_one("SELECT wal_bytes::float8 FROM pg_stat_wal", &[])
        .await;
    row.and_then(|row| row.try_get(0))
        .map_err(|error| crate::failure::of_postgres(&error).message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(at_ns: u64, commits: i64, wal_bytes: Result<f64, String>) -> Counters {
        Counters {
            at_ns,
            database: vec![commits, 0, 7, 7, 0, 0],
            wal_bytes,
        }
    }

    #[test]
    fn deltas_are_what_was_counted_between() {
        let mut evidence = ServerEvidence::default();
        at(3_000_000_000, 110, Ok(600.0))
            .report_since(&at(1_000_000_000, 10, Ok(100.0)), &mut evidence);
        assert_eq!(evidence.figures["database.commits"], 100.0);
        assert_eq!(evidence.figures["database.blocks_hit"], 0.0);
        assert_eq!(evidence.figures["wal.bytes"], 500.0);
        assert_eq!(evidence.figures["deltas.span_s"], 2.0);
    }

    #[test]
    fn counters_that_were_reset_or_do_not_exist_are_absent_with_their_reason() {
        let mut evidence = ServerEvidence::default();
        at(3, 1, Err("none here".to_owned())).report_since(&at(1, 10, Ok(1.0)), &mut evidence);
        assert!(!evidence.figures.contains_key("database.commits"));
        assert!(evidence.unavailable["database.commits"].contains("reset"));
        assert_eq!(evidence.unavailable["wal.bytes"], "none here");
    }
}
