//! What sessions were doing, sampled from `pg_stat_activity`.
//!
//! An active session that waits for nothing is on a CPU or wants one. A session whose state is
//! hidden is not: it is unknown. Each sample stands for the time since the one before, so that a
//! look that came late does not count for too little.

use std::collections::BTreeMap;

use bench_report::{EvidenceRow, ServerEvidence};
use tokio_postgres::{Error, Row};

use crate::connect::Client;

use super::Scope;

/// The joins of the view that name database and role are not asked for, and so are not made.
const QUERY: &str =
    "SELECT /* plimsoll evidence */ application_name, state, wait_event_type, wait_event, count(*),
           max(extract(epoch FROM clock_timestamp() - xact_start))::float8
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
/// Place of `lock` in [`CLASSES`].
const LOCK: usize = 1;
/// Applications and states that a table holds.
const MOST_ROWS: usize = 20;

/// Asks once.
pub(super) async fn look(client: &Client) -> Result<Vec<Row>, Error> {
    client.query(QUERY, &[]).await
}

/// Sums over the samples of a step.
#[derive(Debug)]
pub(super) struct Activity {
    scope: Scope,
    samples: u64,
    /// What the samples stand for together.
    seconds: f64,
    /// Session-seconds by class.
    classes: [f64; CLASSES.len()],
    /// Session-seconds by type and name of what was waited for.
    waits: BTreeMap<(String, String), f64>,
    /// Session-seconds, and the most at once, by application and state.
    connections: BTreeMap<(String, String), Usage>,
    hidden: f64,
    used_max: u64,
    oldest_s: f64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Usage {
    seconds: f64,
    most: u64,
}

/// What one sample saw, for those who look on.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sight {
    /// Client connections of the server, ours included.
    pub(super) used: u64,
    /// Whether any session in scope waits for a lock.
    pub(super) lock_wait: bool,
}

impl Activity {
    /// Nothing seen yet of the sessions in `scope`.
    pub(super) fn of(scope: Scope) -> Self {
        Self {
            scope,
            samples: 0,
            seconds: 0.0,
            classes: [0.0; CLASSES.len()],
            waits: BTreeMap::new(),
            connections: BTreeMap::new(),
            hidden: 0.0,
            used_max: 0,
            oldest_s: 0.0,
        }
    }

    /// Adds one sample, which stands for `seconds`.
    pub(super) fn add(&mut self, rows: &[Row], seconds: f64) -> Result<Sight, Error> {
        // The one that asks is a connection too.
        let mut sight = Sight {
            used: 1,
            lock_wait: false,
        };
        let mut now: BTreeMap<(String, String), u64> = BTreeMap::new();
        for row in rows {
            let count = row.try_get::<_, i64>(4)?.unsigned_abs();
            sight.used += count;
            let application = row.try_get::<_, Option<&str>>(0)?.unwrap_or_default();
            if !self.scope.holds(application) {
                continue;
            }
            let state: Option<&str> = row.try_get(1)?;
            let key = (application.to_owned(), state.unwrap_or("hidden").to_owned());
            *now.entry(key).or_default() += count;
            let (kind, event): (Option<&str>, Option<&str>) = (row.try_get(2)?, row.try_get(3)?);
            let weight = count as f64 * seconds;
            match class(state, kind, event) {
                Some(class) => {
                    self.classes[class] += weight;
                    sight.lock_wait |= class == LOCK;
                    self.wait(state, kind, event, weight);
                }
                None => self.hidden += weight,
            }
            self.oldest_s = self
                .oldest_s
                .max(row.try_get::<_, Option<f64>>(5)?.unwrap_or(0.0));
        }
        for (key, count) in now {
            let usage = self.connections.entry(key).or_default();
            usage.seconds += count as f64 * seconds;
            usage.most = usage.most.max(count);
        }
        self.used_max = self.used_max.max(sight.used);
        self.samples += 1;
        self.seconds += seconds;
        Ok(sight)
    }

    /// An idle session waits for its client's next request: that is no wait of the server's.
    fn wait(&mut self, state: Option<&str>, kind: Option<&str>, event: Option<&str>, weight: f64) {
        if let (Some(kind), Some(event)) = (kind, event)
            && state != Some("idle")
        {
            let key = (kind.to_owned(), event.to_owned());
            *self.waits.entry(key).or_default() += weight;
        }
    }

    /// Writes means and extremes into `evidence`.
    pub(super) fn report(&self, evidence: &mut ServerEvidence) {
        if self.samples == 0 || self.seconds <= 0.0 {
            missing(evidence, "no sample was taken in the measured part");
            return;
        }
        evidence.figure("connections.used_max", self.used_max as f64);
        evidence.figure("sessions.samples", self.samples as f64);
        evidence.figure("sessions.samples_per_s", self.samples as f64 / self.seconds);
        self.report_connections(evidence);
        if self.hidden > 0.0 {
            let hidden = self.hidden / self.seconds;
            missing(
                evidence,
                &format!(
                    "this role may not see what {hidden:.1} of the sessions do; grant it pg_read_all_stats"
                ),
            );
            // Of strangers something is known all the same; of our own nothing may be missing.
            if matches!(self.scope, Scope::Application(_)) {
                return;
            }
        }
        for (class, sum) in CLASSES.iter().zip(self.classes) {
            evidence.figure(format!("sessions.{class}_mean"), sum / self.seconds);
        }
        for ((kind, event), sum) in &self.waits {
            evidence.figure(format!("waits.{kind}.{event}_mean"), sum / self.seconds);
        }
        evidence.figure("transactions.oldest_s", self.oldest_s);
    }

    fn report_connections(&self, evidence: &mut ServerEvidence) {
        if self.scope != Scope::Everyone {
            return;
        }
        let mut usages: Vec<_> = self.connections.iter().collect();
        usages.sort_by(|a, b| b.1.seconds.total_cmp(&a.1.seconds));
        let row = |((application, state), usage): (&(String, String), &Usage)| {
            EvidenceRow::new(
                [
                    ("application", application.clone()),
                    ("state", state.clone()),
                ],
                [
                    ("sessions_mean", usage.seconds / self.seconds),
                    ("sessions_max", usage.most as f64),
                ],
            )
        };
        let rows = usages.into_iter().take(MOST_ROWS).map(row).collect();
        evidence.tables.insert("connections".to_owned(), rows);
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
        assert_eq!(CLASSES[LOCK], "lock");
    }

    #[test]
    fn a_sample_counts_for_the_time_that_it_stands_for() {
        let mut activity = Activity::of(Scope::Everyone);
        (activity.samples, activity.seconds) = (2, 1.0);
        // Four sessions on a CPU for a tenth of a second, two for the other nine tenths.
        activity.classes[0] = 4.0 * 0.1 + 2.0 * 0.9;
        activity.wait(Some("active"), Some("Lock"), Some("tuple"), 0.5);
        activity.wait(Some("idle"), Some("Client"), Some("ClientRead"), 9.0);
        let mut evidence = ServerEvidence::default();
        activity.report(&mut evidence);
        assert!((evidence.figures["sessions.cpu_mean"] - 2.2).abs() < 1e-9);
        assert_eq!(evidence.figures["waits.Lock.tuple_mean"], 0.5);
        assert!(
            !evidence
                .figures
                .contains_key("waits.Client.ClientRead_mean")
        );
    }

    #[test]
    fn what_was_never_sampled_is_absent_with_its_reason() {
        let mut evidence = ServerEvidence::default();
        Activity::of(Scope::Everyone).report(&mut evidence);
        assert!(evidence.figures.is_empty());
        assert!(evidence.unavailable["sessions"].contains("no sample"));
    }
}
