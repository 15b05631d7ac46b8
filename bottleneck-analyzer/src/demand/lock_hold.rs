//! Hold of a hot lock: the mean time for which each call keeps the lock that other calls wait for, divided
//! by what the holders do meanwhile.

use crate::assessment::{Rule, TimeModel, TimePart};
use crate::catalogue::events;
use crate::postgres::{LockHolders, PostgresEvidence};
use crate::queueing::utilisation_behind;
use bench_report::names::postgres_tables;

/// Smallest share of the service time, from 0 to 1, that lock waits must take for a hold to be computed.
const LEAST_SHARE: f64 = 0.10;
/// Smallest share of the samples of locks, from 0 to 1, in which a holder must be listed for that share to
/// count as the utilisation of the lock. Below it the list, which has ten entries, may lack holders.
const LISTED: f64 = 0.90;
/// Smallest number of samples of locks at which the share of those with a holder counts.
const LEAST_LOOKS: f64 = 20.0;

/// Hold of the locks that calls wait for, as if they were one lock with one holder at a time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LockHold {
    /// Share of time, from 0 to 1, for which the lock is held.
    pub(crate) used_ratio: f64,
    /// Mean time for which one call holds the lock, in nanoseconds: `used_ratio` ÷ calls per second.
    pub(crate) ns: f64,
    /// Activities of the holders as the finding names them, each with its part of `ns`; the largest first.
    /// Empty if the holders are not known.
    pub(crate) doing: Vec<(String, f64)>,
    /// Name of a holder outside of the load, which has the lock whatever the calls do; `None` if the holders
    /// are calls of the load or are not known.
    pub(crate) outsider: Option<String>,
}

impl LockHold {
    /// Computes the hold of the locks that the calls in `model` wait for. `None` if they wait for less than a
    /// tenth of the service time, or if no call was made.
    ///
    /// The utilisation follows from the number of waiting sessions (the machine-repairman model). Where the
    /// samples show a holder nearly always, it is multiplied by the share of samples that do.
    pub(crate) fn of(model: &TimeModel, server: &PostgresEvidence<'_>) -> Option<Self> {
        let waited = model.lock_ns();
        let rate = server.calls_per_s();
        if waited < LEAST_SHARE * model.served_ns() || rate <= 0.0 {
            return None;
        }
        // Little's law turns times of a call into mean numbers of sessions.
        let waiting = waited / 1e9 * rate;
        let inside = inside(model, server).max(waiting);
        let used_ratio = utilisation_behind(inside, waiting) * presence(server);
        let ns = used_ratio / rate * 1e9;
        let holders = LockHolders::find(server, &LockHolders::KINDS);
        let doing = holders.as_ref().map_or(Vec::new(), |holders| {
            let told = holders.doing.iter().filter(|(what, _)| !what.is_empty());
            told.map(|(what, part)| (what.clone(), part * ns)).collect()
        });
        Some(Self {
            used_ratio,
            ns,
            doing,
            outsider: holders.and_then(|holders| holders.outsider),
        })
    }

    /// Shortens the hold by what its holders do no longer. Each of `parts` is a part of a call with its length
    /// before and now, in nanoseconds. What a holder outside of the load does stays as it is.
    pub(crate) fn shorten(&mut self, parts: &[(&TimePart, f64, f64)]) {
        if self.outsider.is_some() || self.ns <= 0.0 {
            return;
        }
        let before = self.ns;
        for (what, ns) in &mut self.doing {
            let of_it = parts.iter().filter(|(part, ..)| is_spent_in(what, part));
            let (then, now) = of_it.fold((0.0, 0.0), |(t, n), (_, b, a)| (t + b, n + a));
            if then > 0.0 {
                let spared = *ns * (1.0 - now / then).max(0.0);
                *ns -= spared;
                self.ns -= spared;
            }
        }
        self.ns = self.ns.max(0.0);
        self.used_ratio *= self.ns / before;
    }
}

/// Returns the mean number of sessions that are served at the same time: the connections of the pool in use,
/// or throughput × service time without a pool.
pub(super) fn inside(model: &TimeModel, server: &PostgresEvidence<'_>) -> f64 {
    let in_service = model.served_ns() / 1e9 * server.calls_per_s();
    let pool = server.step.pool.as_ref();
    pool.map_or(in_service, |pool| pool.in_use_mean)
}

/// Returns the share of the samples of locks, from 0 to 1, in which a holder was seen; 1 if that is not known
/// or is so small that holders may be missing in the list.
fn presence(server: &PostgresEvidence<'_>) -> f64 {
    let rows = server.rows(postgres_tables::blockers::TABLE);
    let seen: f64 = rows.iter().map(|row| row.count("looks")).sum();
    let all = rows.first().map_or(0.0, |row| row.count("looks_total"));
    if all < LEAST_LOOKS || seen < LISTED * all {
        return 1.0;
    }
    (seen / all).min(1.0)
}

/// Returns true if `part` of a call is the time in which a holder does `what`.
fn is_spent_in(what: &str, part: &TimePart) -> bool {
    let rule = events::find(&part.name).map(|event| event.rule);
    if what.starts_with("idle in transaction") {
        return part.name == "client.idle_in_transaction";
    }
    if what.starts_with("committing") {
        return rule == Some(Rule::CommitWaits);
    }
    if what.starts_with("sleeping") {
        return rule == Some(Rule::Sleeps);
    }
    if what.starts_with("running a statement") {
        return ["server_cpu", "server_runnable"].contains(&&*part.name);
    }
    what.starts_with(&part.title)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use bench_report::{EvidenceRow, Operation, PoolUsage, Report, ServerEvidence, Tool};
    use serde_json::Value;
    use test_support::empty_step;

    use super::*;
    use crate::source_report::SourceReport;

    /// Creates a report of one step with 1,000 calls a second. A holder was listed in `seen` of `all` samples of
    /// locks.
    fn source((seen, all): (f64, f64)) -> SourceReport {
        let mut step = empty_step("4 users");
        let call = Operation {
            attempted: 1_000,
            succeeded: 1_000,
            throughput_per_s: 1_000.0,
            ..Operation::default()
        };
        step.operations.insert("call".into(), call);
        let figures = [("looks", seen), ("looks_total", all)];
        let row = EvidenceRow {
            labels: BTreeMap::new(),
            figures: figures.map(|(name, value)| (name.to_owned(), value)).into(),
        };
        let mut server = ServerEvidence::default();
        server.tables.insert("blockers".into(), vec![row]);
        step.server = Some(server);
        let tool = Tool {
            name: "db-pool-bench".into(),
            version: "0.1.0".into(),
            commit: None,
        };
        let mut report = Report::begin(tool, "run".into(), "sweep");
        report.steps.push(step);
        SourceReport {
            file: "report.json".to_owned(),
            path: PathBuf::new(),
            report,
            raw: Value::Null,
        }
    }

    /// Computes the hold where a call in service waits for a lock for `waits_ns` and runs for `runs_ns`.
    fn hold(source: &SourceReport, waits_ns: f64, runs_ns: f64) -> Option<LockHold> {
        let mut model = TimeModel::new("mean response time", waits_ns + runs_ns);
        model.add_part("lock.tuple", "waiting for row locks", waits_ns, Vec::new());
        model.add_part("server_cpu", "server on a CPU", runs_ns, Vec::new());
        LockHold::of(&model, &PostgresEvidence::of_step(source, 0).unwrap())
    }

    #[track_caller]
    fn near(value: f64, expected: f64) {
        let apart = (value - expected).abs();
        assert!(apart <= 1e-6 * expected, "{value}, expected {expected}");
    }

    /// 1,000 calls a second of 2 ms are two sessions in service, and 0.4 ms of waiting 0.4 of them. With two
    /// customers who are away as long as they are served, 1 − 1 ÷ (1 + 2 + 2) = 0.8 of the time one is served, and
    /// 2 − 0.8 × 2 = 0.4 wait.
    #[test]
    fn the_utilisation_of_a_lock_follows_from_the_sessions_that_wait_for_it() {
        let unknown = source((0.0, 0.0));
        let found = hold(&unknown, 0.4e6, 1.6e6).unwrap();
        near(found.used_ratio, 0.8);
        // 0.8 s of each second are divided among 1,000 calls.
        near(found.ns, 0.8e6);
        // With a pool, its connections in use are the sessions in service.
        let mut pooled = source((0.0, 0.0));
        pooled.report.steps[0].pool = Some(PoolUsage {
            in_use_mean: 2.0,
            ..PoolUsage::default()
        });
        near(hold(&pooled, 0.4e6, 3.2e6).unwrap().used_ratio, 0.8);
    }

    #[test]
    fn a_hold_is_computed_from_a_tenth_of_the_service_time_on_and_never_without_calls() {
        let mut source = source((0.0, 0.0));
        assert!(hold(&source, 0.21e6, 1.79e6).is_some());
        assert_eq!(hold(&source, 0.19e6, 1.81e6), None);
        source.report.steps[0].operations.clear();
        assert_eq!(hold(&source, 0.4e6, 1.6e6), None);
    }

    #[test]
    fn samples_without_a_holder_lower_the_utilisation_if_they_are_enough_and_nearly_all_have_one() {
        for (seen, all, part) in [
            (90.0, 100.0, 0.9),
            (89.0, 100.0, 1.0),
            (110.0, 100.0, 1.0),
            (19.0, 20.0, 0.95),
            (18.0, 19.0, 1.0),
        ] {
            let found = hold(&source((seen, all)), 0.4e6, 1.6e6).unwrap();
            near(found.used_ratio, 0.8 * part);
            near(found.ns, 0.8e6 * part);
        }
    }

    /// Creates a hold of 1 ms for half of the time: 0.6 ms of it running a statement and 0.4 ms committing.
    fn held(outsider: Option<&str>) -> LockHold {
        LockHold {
            used_ratio: 0.5,
            ns: 1e6,
            doing: vec![
                ("running a statement".to_owned(), 0.6e6),
                ("committing".to_owned(), 0.4e6),
            ],
            outsider: outsider.map(str::to_owned),
        }
    }

    /// Shortens `lock` by parts of a call, each with its name and its length before and now, in milliseconds.
    fn shortened(mut lock: LockHold, parts: &[(&str, f64, f64)]) -> LockHold {
        let named = parts.iter().map(|(name, ..)| TimePart {
            name: (*name).to_owned(),
            title: (*name).to_owned(),
            ns: 0.0,
            share_ratio: 0.0,
            evidence: Vec::new(),
        });
        let named: Vec<TimePart> = named.collect();
        let lengths = named.iter().zip(parts);
        let lengths = lengths.map(|(part, (_, then, now))| (part, *then, *now));
        lock.shorten(&lengths.collect::<Vec<_>>());
        lock
    }

    #[test]
    fn a_hold_is_shorter_by_the_share_that_the_parts_of_what_its_holders_do_lost() {
        // Of 4 ms on a CPU or waiting for one a quarter is gone, 0.6 ms × 0.25, and the whole commit.
        let parts = [
            ("server_cpu", 2.0, 1.0),
            ("server_runnable", 2.0, 2.0),
            ("io.walsync", 3.0, 0.0),
            ("io.datafileread", 5.0, 0.0),
        ];
        let lock = shortened(held(None), &parts);
        near(lock.ns, 1e6 - 0.15e6 - 0.4e6);
        near(lock.used_ratio, 0.5 * 0.45);
        near(lock.doing[0].1, 0.45e6);
        assert!(lock.doing[1].1.abs() < 1e-3, "{lock:?}");
        // What became longer does not lengthen the hold, and a holder outside the load does what it did.
        let longer = [("server_cpu", 1.0, 2.0)];
        assert_eq!(shortened(held(None), &longer), held(None));
        let outside = Some("report.py");
        assert_eq!(shortened(held(outside), &parts), held(outside));
    }

    #[test]
    fn a_wait_of_exactly_a_tenth_of_the_service_time_is_enough_for_a_hold() {
        assert!(hold(&source((0.0, 0.0)), 0.2e6, 1.8e6).is_some());
    }

    #[test]
    fn what_a_holder_does_is_found_in_the_parts_of_a_call_of_that_kind() {
        let names = [
            "client.idle_in_transaction",
            "io.walsync",
            "timeout.pgsleep",
            "server_cpu",
            "server_runnable",
            "io.datafileread",
        ];
        let spent_in = |what: &str| -> Vec<&str> {
            let is_spent = |name: &&str| {
                let part = TimePart {
                    name: (*name).to_owned(),
                    title: format!("waiting for {name}"),
                    ns: 1.0,
                    share_ratio: 0.5,
                    evidence: Vec::new(),
                };
                is_spent_in(what, &part)
            };
            names.into_iter().filter(is_spent).collect()
        };
        for (what, parts) in [
            ("idle in transaction: it waits for its client", &names[..1]),
            (
                "committing (waiting until the log is on disk)",
                &names[1..2],
            ),
            ("sleeping (pg_sleep)", &names[2..3]),
            ("running a statement", &names[3..5]),
            ("waiting for io.datafileread", &names[5..]),
            ("vacuuming", &names[..0]),
        ] {
            assert_eq!(spent_in(what), parts, "{what}");
        }
    }
}
