//! Activity of sessions, as sums over samples. Each sample is weighted by the time since the
//! previous one, so that a late sample is not underweighted.

use std::collections::{BTreeMap, HashMap};

use bench_report::names::postgres;
use bench_report::names::postgres_tables::{connections, waiting_statements};
use bench_report::{EvidenceRow, ServerEvidence};

use crate::fingerprint;
use crate::sessions::backends::OtherBackends;
use crate::sessions::connections_in_use::ConnectionsInUse;
use crate::sessions::scope::Scope;
use crate::sessions::session::{CLASSES, SessionGroup};
use crate::sessions::session_seconds::SessionSeconds;

/// Largest number of rows in the table of connections.
const MOST_ROWS: usize = 20;
/// Largest number of statements whose fingerprints are cached.
const MOST_SHAPES: usize = 300;

/// Activity of the server's sessions, as sums over the samples of a measured part. One session in a
/// state for one second is one session-second.
#[derive(Debug)]
pub(crate) struct Activity {
    scope: Scope,
    samples: u64,
    /// Sum of the weights of all samples: the time that they cover, in seconds.
    seconds: f64,
    /// Session-seconds of client sessions in scope by class of activity, in the order of
    /// [`CLASSES`].
    classes: [f64; CLASSES.len()],
    /// Session-seconds of client sessions in scope by wait event.
    waits: SessionSeconds<String>,
    /// Session-seconds of client sessions in scope by fingerprint of the statement and wait event.
    statements: SessionSeconds<[String; 2]>,
    others: OtherBackends,
    /// Session-seconds of client sessions in scope by application and state, with the largest
    /// number in one sample.
    connections: BTreeMap<(String, String), ConnectionUsage>,
    hidden: f64,
    /// Session-seconds of hidden activity because the server does not track what its sessions do.
    untracked: f64,
    used_max: ConnectionsInUse,
    /// Largest age in seconds of a transaction of a client session in scope.
    oldest_s: f64,
    oldest_of_all_s: f64,
    fingerprints: HashMap<String, String>,
}

#[derive(Debug, Default, Clone, Copy)]
struct ConnectionUsage {
    seconds: f64,
    most: u64,
}

/// Facts of one sample that are needed at once.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SampleFacts {
    /// Client connections in use, including the one that takes the sample.
    pub(crate) used: ConnectionsInUse,
    /// True if any client session in scope waits for a lock.
    pub(crate) lock_wait: bool,
}

impl Activity {
    /// Creates empty sums over the sessions in `scope`, for the run `name`.
    pub(crate) fn new(scope: Scope, name: &str) -> Self {
        Self {
            others: OtherBackends::new(scope.clone(), name),
            scope,
            samples: 0,
            seconds: 0.0,
            classes: [0.0; CLASSES.len()],
            waits: SessionSeconds::default(),
            statements: SessionSeconds::default(),
            connections: BTreeMap::new(),
            hidden: 0.0,
            untracked: 0.0,
            used_max: ConnectionsInUse::default(),
            oldest_s: 0.0,
            oldest_of_all_s: 0.0,
            fingerprints: HashMap::new(),
        }
    }

    /// Returns the number of samples added so far.
    pub(crate) fn samples(&self) -> u64 {
        self.samples
    }

    /// Adds the sample `look`, weighted by `seconds`, the time since the previous one. Returns
    /// facts of this sample.
    pub(crate) fn add(&mut self, look: &[SessionGroup], seconds: f64) -> SampleFacts {
        let mut facts = SampleFacts {
            used: ConnectionsInUse::SAMPLER,
            lock_wait: false,
        };
        let mut now: BTreeMap<(String, String), u64> = BTreeMap::new();
        for group in look {
            let weight = group.count as f64 * seconds;
            let in_scope = self.scope.contains(&group.application);
            if group.is_of_clients() {
                facts.used.add(group);
                self.oldest_of_all_s = self.oldest_of_all_s.max(group.oldest_s);
            }
            if !(group.is_of_clients() && in_scope) {
                self.others.add(group, weight);
                continue;
            }
            let state = group.state.clone().unwrap_or_else(|| "hidden".to_owned());
            *now.entry((group.application.clone(), state)).or_default() += group.count;
            facts.lock_wait |= group.waits_for_lock();
            self.oldest_s = self.oldest_s.max(group.oldest_s);
            self.add_client(group, weight);
        }
        for (key, count) in now {
            let usage = self.connections.entry(key).or_default();
            usage.seconds += count as f64 * seconds;
            usage.most = usage.most.max(count);
        }
        self.used_max = self.used_max.largest(facts.used);
        self.samples += 1;
        self.seconds += seconds;
        facts
    }

    fn add_client(&mut self, group: &SessionGroup, weight: f64) {
        let Some(class) = group.class() else {
            self.hidden += weight;
            if group.state.is_some() {
                self.untracked += weight;
            }
            return;
        };
        self.classes[class] += weight;
        if group.is_idle() {
            return;
        }
        let event = group.event_name();
        if !event.is_empty() {
            self.waits.add(event, weight);
        }
        if let Some(statement) = &group.statement {
            let key = [self.fingerprint(statement), group.doing()];
            self.statements.add(key, weight);
        }
    }

    /// Returns the fingerprint of a statement, from the cache if it has it.
    fn fingerprint(&mut self, statement: &str) -> String {
        if let Some(known) = self.fingerprints.get(statement) {
            return known.clone();
        }
        if self.fingerprints.len() >= MOST_SHAPES {
            self.fingerprints.clear();
        }
        let fingerprint = fingerprint::fingerprint(statement);
        self.fingerprints
            .insert(statement.to_owned(), fingerprint.clone());
        fingerprint
    }

    /// Writes means over the sampled time, and maxima, into `evidence`. If there are none or some
    /// activity is hidden, records the reason.
    pub(crate) fn report(&self, evidence: &mut ServerEvidence) {
        if self.samples == 0 || self.seconds <= 0.0 {
            missing(evidence, "no sample was taken in the measured part");
            return;
        }
        self.used_max.report(evidence);
        evidence.figure(postgres::SESSIONS_SAMPLES, self.samples as f64);
        evidence.figure(
            postgres::SESSIONS_SAMPLES_PER_S,
            self.samples as f64 / self.seconds,
        );
        self.report_connections(evidence);
        self.others.report(self.seconds, evidence);
        if self.hidden > 0.0 {
            missing(evidence, &self.reason_of_hidden());
            // Some figures of other applications are useful even without the hidden ones; those of
            // the load itself must be complete.
            if matches!(self.scope, Scope::Application(_)) {
                return;
            }
        }
        for (name, sum) in CLASSES.into_iter().zip(self.classes) {
            evidence.figure(name, sum / self.seconds);
        }
        for (event, mean) in self.waits.means(self.seconds) {
            evidence.member(postgres::WAITS, event, mean);
        }
        evidence.figure(postgres::TRANSACTIONS_OLDEST_S, self.oldest_s);
        evidence.figure(postgres::TRANSACTIONS_OLDEST_AGE_S, self.oldest_of_all_s);
        let labels = [waiting_statements::STATEMENT, waiting_statements::EVENT];
        let mean = waiting_statements::SESSIONS_MEAN;
        let rows = self.statements.rows(labels, mean, self.seconds);
        evidence.table(waiting_statements::TABLE, rows);
    }

    fn reason_of_hidden(&self) -> String {
        let hidden = self.hidden / self.seconds;
        if self.untracked > 0.0 {
            return format!(
                "the server does not track what {hidden:.1} of the sessions do: track_activities is off"
            );
        }
        format!(
            "this role may not see what {hidden:.1} of the sessions do; grant it pg_read_all_stats"
        )
    }

    fn report_connections(&self, evidence: &mut ServerEvidence) {
        if self.scope != Scope::Everyone {
            return;
        }
        let mut usages: Vec<_> = self.connections.iter().collect();
        usages.sort_by(|a, b| b.1.seconds.total_cmp(&a.1.seconds));
        let row = |((application, state), usage): (&(String, String), &ConnectionUsage)| {
            EvidenceRow::new(
                [
                    (connections::APPLICATION, application.clone()),
                    (connections::STATE, state.clone()),
                ],
                [
                    (connections::SESSIONS_MEAN, usage.seconds / self.seconds),
                    (connections::SESSIONS_MAX, usage.most as f64),
                ],
            )
        };
        let rows = usages.into_iter().take(MOST_ROWS).map(row).collect();
        evidence.table(connections::TABLE, rows);
    }
}

fn missing(evidence: &mut ServerEvidence, reason: &str) {
    // Keeps an earlier reason, such as a lost connection, which explains more.
    let entry = evidence.unavailable.entry("sessions".to_owned());
    entry.or_insert_with(|| reason.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sessions::session::tests::session;

    fn load() -> Activity {
        Activity::new(Scope::Application("load".to_owned()), "load")
    }

    type Doing<'a> = (&'a str, Option<(&'a str, &'a str)>, u64, &'a str);

    /// Creates the groups of the load's sessions in one sample from (state, wait event, count,
    /// statement).
    fn sessions(of: &[Doing<'_>]) -> Vec<SessionGroup> {
        let group = |&(state, event, count, statement): &Doing<'_>| SessionGroup {
            application: "load".to_owned(),
            statement: (!statement.is_empty()).then(|| statement.to_owned()),
            count,
            ..session(Some(state), event)
        };
        of.iter().map(group).collect()
    }

    #[test]
    fn a_sample_counts_for_the_time_that_it_stands_for() {
        let mut activity = load();
        // Four sessions run on a CPU for a tenth of a second, two for the other nine tenths.
        activity.add(&sessions(&[("active", None, 4, "")]), 0.1);
        let idle = ("idle", Some(("Client", "ClientRead")), 10, "");
        let locked = ("active", Some(("Lock", "tuple")), 1, "");
        let facts = activity.add(&sessions(&[("active", None, 2, ""), idle, locked]), 0.9);
        assert!(facts.lock_wait);
        assert_eq!(facts.used.server, 14);
        let mut evidence = ServerEvidence::default();
        activity.report(&mut evidence);
        let figures = &evidence.figures;
        assert!((figures["sessions.cpu_mean"] - 2.2).abs() < 1e-9);
        assert_eq!(figures["waits.Lock.tuple_mean"], 0.9);
        assert!(!figures.contains_key("waits.Client.ClientRead_mean"));
    }

    #[test]
    fn samples_are_told_by_statement_and_event_without_values() {
        let mut activity = load();
        let pay = "UPDATE accounts SET n = 7 WHERE id = 4711";
        let again = "UPDATE accounts SET n = 8 WHERE id = 12";
        activity.add(
            &sessions(&[
                ("active", Some(("Lock", "transactionid")), 3, pay),
                ("active", Some(("Lock", "transactionid")), 1, again),
                ("active", None, 1, pay),
                (
                    "idle in transaction",
                    Some(("Client", "ClientRead")),
                    2,
                    pay,
                ),
            ]),
            1.0,
        );
        let mut evidence = ServerEvidence::default();
        activity.report(&mut evidence);
        let table = &evidence.tables["waiting_statements"];
        let seen: Vec<(&str, f64)> = table
            .iter()
            .map(|row| (row.labels["event"].as_str(), row.figures["sessions_mean"]))
            .collect();
        assert_eq!(
            seen,
            [
                ("Lock.transactionid", 4.0),
                ("idle in transaction", 2.0),
                ("", 1.0)
            ]
        );
        let fingerprint = "UPDATE accounts SET n = ? WHERE id = ?";
        assert!(
            table
                .iter()
                .all(|row| row.labels["statement"] == fingerprint)
        );
    }

    #[test]
    fn the_oldest_transaction_of_all_is_told_beside_that_of_the_load() {
        let mut activity = load();
        let report = SessionGroup {
            application: "report".to_owned(),
            oldest_s: 60.0,
            ..session(Some("active"), None)
        };
        activity.add(&[report], 1.0);
        let mut evidence = ServerEvidence::default();
        activity.report(&mut evidence);
        assert_eq!(evidence.figures["sessions.cpu_mean"], 0.0);
        assert_eq!(evidence.figures["transactions.oldest_s"], 0.0);
        assert_eq!(evidence.figures["transactions.oldest_age_s"], 60.0);
    }

    #[test]
    fn sessions_that_are_hidden_or_not_tracked_are_no_figure() {
        for (state, reason) in [
            (None, "pg_read_all_stats"),
            (Some("disabled"), "track_activities"),
        ] {
            let mut activity = load();
            let group = SessionGroup {
                application: "load".to_owned(),
                ..session(state, None)
            };
            activity.add(&[group], 1.0);
            let mut evidence = ServerEvidence::default();
            activity.report(&mut evidence);
            assert!(
                evidence.unavailable["sessions"].contains(reason),
                "{evidence:?}"
            );
            assert!(!evidence.figures.contains_key("sessions.cpu_mean"));
        }
    }

    #[test]
    fn what_was_never_sampled_is_absent_with_its_reason() {
        let mut evidence = ServerEvidence::default();
        load().report(&mut evidence);
        assert!(evidence.figures.is_empty());
        assert!(evidence.unavailable["sessions"].contains("no sample"));
    }
}
