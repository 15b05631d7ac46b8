//! Tests of time that only follows from a cause and comes back with it: a burst after a lock, a session that
//! sleeps before it flushes, the way to the server between two statements, a holder's pause.

use crate::assessment::{Assessment, Finding, FindingKind, Rule};
use bench_report::{Load, Pacing, Report, Step};
use serde_json::json;

use super::causes::{blocker, first};
use super::common::parts::{SECOND, hist};
use super::common::server::Server;
use super::{assess_reports, finding};

fn ratio(finding: &Finding) -> f64 {
    finding.impact.unwrap().ratio
}

/// Returns the reports of `server` with the value of one of its settings.
fn with_setting(server: &Server, name: &str, value: &str) -> Vec<Report> {
    let mut reports = server.run();
    let settings = json!({ name: value });
    reports[0].config.insert("server_settings".into(), settings);
    reports
}

/// Of 4 sessions 3 wait for the flush of the fourth, which sleeps for `commit_delay` and shows no wait event.
/// The kernel counts it neither as running nor as ready to.
#[test]
fn a_session_that_sleeps_before_its_flush_belongs_to_the_commits() {
    let server = |ready: f64| Server {
        waits: vec![("LWLock.WALWrite", 0.72), ("IO.WALSync", 0.01)],
        service_ns: 3e7,
        outside: 0.02,
        figures: vec![
            ("server.load_cpu_ns", 0.01 * SECOND as f64),
            ("server.load_ready_ns", ready * SECOND as f64),
        ],
        ..Server::default()
    };
    let delayed = |ready: f64, us: &str| {
        let reports = with_setting(&server(ready), "commit_delay", us);
        assess_reports(&reports)
    };
    let assessment = delayed(0.02, "30000");
    let found = first(&assessment, "commit_waits");
    assert!((ratio(found) - 0.97).abs() < 0.02, "{}", ratio(found));
    let sentence = "By the setting commit_delay the session that flushes the log sleeps 30.0 ms";
    assert!(found.detail.contains(sentence), "{}", found.detail);
    let actions = &found.advice.as_ref().unwrap().actions;
    assert!(
        actions[0].starts_with("set commit_delay to 0"),
        "{actions:?}"
    );
    // The same run without a delay: nobody knows why the session sleeps.
    let assessment = delayed(0.02, "0");
    let found = first(&assessment, "commit_waits");
    assert!((ratio(found) - 0.72).abs() < 0.02, "{}", ratio(found));
    let model = assessment.components[0].time_model.as_ref().unwrap();
    assert!(model.part("server_asleep").is_some(), "{model:?}");
    // If it was ready to run all the while, it waited for a CPU, whatever the delay.
    let assessment = delayed(1.1, "30000");
    let model = assessment.components[0].time_model.as_ref().unwrap();
    assert!(model.part("server_asleep").is_none(), "{model:?}");
    let found = finding(&assessment, "commit_waits").unwrap();
    assert!(ratio(found) < 0.75, "{}", ratio(found));
}

/// A session outside the load holds a table. When it lets go, all calls that waited run at once and queue for
/// the CPU, which is idle otherwise. Without the lock that queue is gone too.
#[test]
fn the_queue_for_the_cpu_after_a_lock_on_a_table_comes_back_with_it() {
    let held_by = |ours: &str| Server {
        waits: vec![("Lock.relation", 0.40)],
        service_ns: 1e7,
        outside: 0.02,
        cpu: (0.20, 0.15, 0.02),
        figures: vec![
            ("server.load_cpu_ns", 0.8 * SECOND as f64),
            ("server.load_ready_ns", 1.2 * SECOND as f64),
        ],
        tables: vec![(
            "blockers",
            vec![blocker(
                "relation",
                &[
                    ("relation", "stock"),
                    ("key", "stock"),
                    ("ours", ours),
                    ("blocking_application", "migration"),
                    ("blocking_state", "idle in transaction"),
                ],
            )],
        )],
        ..Server::default()
    };
    let arrivals = Load::Open {
        rate_per_s: 400.0,
        pacing: Pacing::Constant,
        in_flight_cap: 1_000,
        delayed_at_cap: 0,
    };
    let told = |ours: &str, load: Option<&Load>| {
        let reports = held_by(ours).run_with(|_, step| {
            step.load = load.cloned().unwrap_or(step.load.clone());
        });
        let assessment = assess_reports(&reports);
        ratio(finding(&assessment, "lock_waits").unwrap())
    };
    let outside = told("false", Some(&arrivals));
    let own = told("true", Some(&arrivals));
    // Users of a closed loop queue for the CPU as well while nobody holds the table.
    let closed = told("false", None);
    assert!((closed - own).abs() < 0.01, "{closed} and {own}");
    assert!((own - 0.39).abs() < 0.02, "{own}");
    assert!(outside > own + 0.25, "{outside} and {own}");
}

/// Four statements in a transaction, each 10 ms away. The client timed each, so what is left of the call is
/// all that it took itself.
#[test]
fn statements_that_the_client_timed_tell_its_own_pauses_from_the_way() {
    let far = |each_ns: f64| {
        let server = Server {
            service_ns: 4e7,
            idle_in_transaction: 0.88,
            outside: 0.10,
            cpu: (0.20, 0.05, 0.05),
            ..Server::default()
        };
        let timed = move |step: &mut Step| {
            let call = step.operations["call"].clone();
            for n in 1..=4 {
                let mut part = call.clone();
                part.call = hist(each_ns, part.succeeded);
                step.parts.insert(format!("call:{n}"), part);
            }
        };
        assess_reports(&server.run_with(|_, step| timed(step)))
    };
    let assessment = far(9.95e6);
    let found = first(&assessment, "round_trips");
    assert!(ratio(found) > 0.85, "{}", ratio(found));
    assert!(finding(&assessment, "kept_transactions").is_none());
    let assessment = far(2e6);
    let found = first(&assessment, "kept_transactions");
    assert!((ratio(found) - 0.79).abs() < 0.03, "{}", ratio(found));
    // A time-out of seconds does not end pauses of 10 ms.
    let actions = found.advice.as_ref().unwrap().actions.join("; ");
    assert!(
        !actions.contains("idle_in_transaction_session_timeout"),
        "{actions}"
    );
}

/// Two users take turns with a lock, and its holder waits for its client: the lock waits and the pauses are
/// the same time. The lock is told first, whichever was sampled more often.
#[test]
fn two_users_who_take_turns_wait_for_the_lock_and_not_for_the_pause() {
    let with = |waits: f64, pauses: f64| {
        let assessment = assess_reports(
            &Server {
                users: 2.0,
                service_ns: 4e7,
                outside: 0.0,
                waits: vec![("Lock.advisory", waits)],
                idle_in_transaction: pauses,
                tables: vec![(
                    "blockers",
                    vec![blocker(
                        "advisory",
                        &[("key", "0:42"), ("blocking_state", "idle in transaction")],
                    )],
                )],
                ..Server::default()
            }
            .run(),
        );
        let problems = assessment.findings.iter();
        let mut problems = problems.filter(|f| f.kind == FindingKind::Problem);
        problems.next().map(Finding::rule).unwrap()
    };
    assert_eq!(with(0.48, 0.51), Rule::LockWaits);
    assert_eq!(with(0.52, 0.47), Rule::LockWaits);
    assert_eq!(with(0.30, 0.69), Rule::KeptTransactions);
}

/// Open transactions of another application hold a table, for which DROP INDEX waits, and a snapshot, for which
/// CREATE INDEX CONCURRENTLY waits: one cause, which names both.
#[test]
fn locks_of_the_same_holder_outside_the_load_are_one_cause() {
    let held = |lock: &str, relation: &str, who: &str| {
        blocker(
            lock,
            &[
                ("relation", relation),
                ("ours", "false"),
                ("blocking_application", who),
                ("blocking_state", "idle in transaction"),
            ],
        )
    };
    let assessment = |other: &str| {
        let server = Server {
            service_ns: 6e7,
            cpu: (0.20, 0.05, 0.05),
            waits: vec![("Lock.relation", 0.5), ("Lock.virtualxid", 0.4)],
            tables: vec![(
                "blockers",
                vec![
                    held("relation AccessExclusiveLock", "stock", "report"),
                    held("virtualxid ShareLock", "", other),
                ],
            )],
            ..Server::default()
        };
        assess_reports(&server.run())
    };
    let locks = |assessment: &Assessment| {
        let all = assessment.findings.iter();
        let locks = all.filter(|f| f.rule() == Rule::LockWaits && f.kind == FindingKind::Problem);
        locks.cloned().collect::<Vec<Finding>>()
    };
    let same = locks(&assessment("report"));
    assert_eq!(same.len(), 1, "{same:?}");
    assert!((ratio(&same[0]) - 0.85).abs() < 0.03, "{}", ratio(&same[0]));
    for word in ["Lock:relation", "table stock", "Lock:virtualxid", "report"] {
        let thing = same[0].thing.as_deref().unwrap();
        assert!(thing.contains(word), "{word}: {thing}");
    }
    assert_eq!(locks(&assessment("vacuum")).len(), 2);
}
