//! What the sessions under test were doing, sampled from `pg_stat_activity`.
//!
//! An active session that waits for nothing is on a CPU or wants one. A session whose state is
//! hidden is not: it is unknown.

use bench_report::ServerEvidence;
use tokio_postgres::{Client, Error, Row, Statement};

const QUERY: &str = "
    SELECT application_name = $1, state, wait_event_type, wait_event, count(*)
      FROM pg_stat_activity
     WHERE pid <> pg_backend_pid()
       AND (backend_type = 'client backend' OR backend_type IS NULL AND datid IS NOT NULL)
     GROUP BY 1, 2, 3, 4";

/// What a session can be doing, as named in reports.
const CLASSES: [&str; 8] = [
    "cpu",
    "lock",
    "lwlock",
    "io",
    "client",
    "other_wait",
    "idle",
    "idle_in_transaction",
];

/// Prepares the question, once for a connection.
pub(super) async fn prepare(client: &Client) -> Result<Statement, Error> {
    client.prepare(QUERY).await
}

/// Sums over the samples of a step.
#[derive(Debug, Default)]
pub(super) struct Activity {
    samples: u64,
    sessions: [u64; CLASSES.len()],
    hidden: u64,
    used_max: u64,
}

impl Activity {
    /// Adds one sample.
    pub(super) fn add(&mut self, rows: &[Row]) -> Result<(), Error> {
        // The one that asks is a connection too.
        let mut used = 1;
        for row in rows {
            let count = row.try_get::<_, i64>(4)?.unsigned_abs();
            used += count;
            if row.try_get::<_, Option<bool>>(0)? != Some(true) {
                continue;
            }
            match class(row.try_get(1)?, row.try_get(2)?, row.try_get(3)?) {
                Some(class) => self.sessions[class] += count,
                None => self.hidden += count,
            }
        }
        self.used_max = self.used_max.max(used);
        self.samples += 1;
        Ok(())
    }

    /// Writes means and the highest count into `evidence`.
    pub(super) fn report(&self, evidence: &mut ServerEvidence) {
        if self.samples == 0 {
            missing(evidence, "no sample was taken in the measured part");
            return;
        }
        evidence.figure("connections.used_max", self.used_max as f64);
        evidence.figure("sessions.samples", self.samples as f64);
        if self.hidden > 0 {
            missing(
                evidence,
                "this role may not see what its sessions do; grant it pg_read_all_stats",
            );
            return;
        }
        for (class, sum) in CLASSES.iter().zip(self.sessions) {
            let mean = sum as f64 / self.samples as f64;
            evidence.figure(format!("sessions.{class}_mean"), mean);
        }
    }
}

fn missing(evidence: &mut ServerEvidence, reason: &str) {
    // A reason noted earlier, such as a lost connection, is the better one.
    let entry = evidence.unavailable.entry("sessions".to_owned());
    entry.or_insert_with(|| reason.to_owned());
}

/// Index into [`CLASSES`]; `None` = hidden. Who waits for the latch of the log's writer waits for
/// the disk that the writer waits for.
fn class(state: Option<&str>, kind: Option<&str>, event: Option<&str>) -> Option<usize> {
    let name = match (state?, kind, event) {
        ("idle", ..) => "idle",
        ("idle in transaction" | "idle in transaction (aborted)", ..) => "idle_in_transaction",
        ("active", None, _) => "cpu",
        ("active", Some("Lock"), _) => "lock",
        ("active", Some("IO"), _) | ("active", Some("LWLock"), Some("WALWrite")) => "io",
        ("active", Some("LWLock"), _) => "lwlock",
        ("active", Some("Client"), _) => "client",
        _ => "other_wait",
    };
    CLASSES.iter().position(|class| *class == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_its_class_and_a_hidden_one_has_none() {
        for (state, kind, event, name) in [
            (Some("active"), None, None, Some("cpu")),
            (Some("active"), Some("Lock"), Some("tuple"), Some("lock")),
            (
                Some("active"),
                Some("LWLock"),
                Some("WALInsert"),
                Some("lwlock"),
            ),
            (Some("active"), Some("LWLock"), Some("WALWrite"), Some("io")),
            (Some("active"), Some("IO"), Some("WALSync"), Some("io")),
            (Some("active"), Some("IPC"), None, Some("other_wait")),
            (
                Some("active"),
                Some("Client"),
                Some("ClientRead"),
                Some("client"),
            ),
            (
                Some("idle"),
                Some("Client"),
                Some("ClientRead"),
                Some("idle"),
            ),
            (
                Some("idle in transaction (aborted)"),
                Some("Client"),
                None,
                Some("idle_in_transaction"),
            ),
            (None, None, None, None),
        ] {
            let found = class(state, kind, event).map(|class| CLASSES[class]);
            assert_eq!(found, name, "{state:?} {kind:?} {event:?}");
        }
    }

    #[test]
    fn what_was_never_sampled_is_absent_with_its_reason() {
        let mut evidence = ServerEvidence::default();
        Activity::default().report(&mut evidence);
        assert!(evidence.figures.is_empty());
        assert!(evidence.unavailable["sessions"].contains("no sample"));
    }
}
