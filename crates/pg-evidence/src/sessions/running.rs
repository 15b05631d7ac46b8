//! Statements and transactions that have been running for a long time, by fingerprint. If the
//! server does not count statements, this is the only sign of slow ones.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bench_report::names::postgres_tables::running;
use bench_report::{EvidenceRow, ServerEvidence};
use tokio_postgres::{Error, Row};

use crate::fingerprint;
use crate::server::client::Client;
use crate::server::foreign_text::text;

/// Time between two samples of running statements.
const EVERY: Duration = Duration::from_secs(1);
/// Largest number of statements in the table of running ones.
const MOST_ROWS: usize = 10;

const QUERY: &str = "SELECT /* plimsoll evidence */ application_name, state, query,
           extract(epoch FROM clock_timestamp()
             - CASE WHEN state = 'active' THEN query_start ELSE state_change END)::float8
      FROM pg_stat_activity
     WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND state <> 'idle'
     ORDER BY 4 DESC NULLS LAST LIMIT 20";

/// Running statements of all clients, as sums over the samples of a measured part.
#[derive(Debug, Default)]
pub(crate) struct LongRunning {
    looks: u64,
    last: Option<Instant>,
    seen: BTreeMap<(String, String, String), StatementSamples>,
    unavailable: Option<String>,
}

#[derive(Debug, Default, Clone, Copy)]
struct StatementSamples {
    times: u64,
    longest_s: f64,
}

impl LongRunning {
    /// Returns true if the next sample is due; never again after a failed one.
    pub(crate) fn is_due(&self) -> bool {
        self.unavailable.is_none() && self.last.is_none_or(|last| last.elapsed() >= EVERY)
    }

    /// Takes one sample: the 20 client sessions whose statement, or idleness in a transaction, is
    /// oldest. Fails with the error of the query.
    pub(crate) async fn read(client: &Client) -> Result<Vec<Row>, Error> {
        client.query(QUERY, &[]).await
    }

    /// Adds a sample or its error; `None` means that the server did not answer in time.
    pub(crate) fn add(&mut self, seen: Option<Result<Vec<Row>, Error>>) {
        self.last = Some(Instant::now());
        self.unavailable = match seen.map(|seen| seen.and_then(|rows| self.note(&rows))) {
            Some(Ok(())) => return,
            Some(Err(error)) => Some(crate::failure::from_postgres(&error).to_string()),
            None => Some("the server did not answer in time".to_owned()),
        };
    }

    fn note(&mut self, rows: &[Row]) -> Result<(), Error> {
        self.looks += 1;
        for row in rows {
            let key = (
                fingerprint::fingerprint(&text(row, 2)?),
                text(row, 0)?,
                text(row, 1)?,
            );
            let seen = self.seen.entry(key).or_default();
            seen.times += 1;
            let age_s = row.try_get::<_, Option<f64>>(3)?.unwrap_or(0.0);
            seen.longest_s = seen.longest_s.max(age_s);
        }
        Ok(())
    }

    /// Writes the ten statements that ran longest into `evidence`. For a session that is idle in a
    /// transaction, that is its last statement, with the time for which it has been idle.
    pub(crate) fn report(&self, evidence: &mut ServerEvidence) {
        if let Some(reason) = &self.unavailable {
            evidence
                .unavailable
                .insert("running".to_owned(), reason.clone());
        }
        let mut seen: Vec<_> = self.seen.iter().collect();
        seen.sort_by(|a, b| b.1.longest_s.total_cmp(&a.1.longest_s));
        let row = |((statement, application, state), seen): (
            &(String, String, String),
            &StatementSamples,
        )| {
            EvidenceRow::new(
                [
                    (running::STATEMENT, statement.clone()),
                    (running::APPLICATION, application.clone()),
                    (running::STATE, state.clone()),
                ],
                [
                    (running::LONGEST_S, seen.longest_s),
                    (
                        running::SESSIONS_MEAN,
                        seen.times as f64 / self.looks as f64,
                    ),
                ],
            )
        };
        let rows = seen.into_iter().take(MOST_ROWS).map(row).collect();
        evidence.table(running::TABLE, rows);
    }
}
