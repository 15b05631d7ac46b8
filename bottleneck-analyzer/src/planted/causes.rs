//! Tests of causes inside PostgreSQL: each is planted, then planted below its bound, then planted without its
//! figure in the report.

use crate::assessment::{Assessment, ComponentKind, Confidence, Finding, FindingKind};
use bench_report::EvidenceRow;

use super::common::server::{Server, row};
use super::{assess_reports, factor, finding, is_unknown, named};

pub(super) fn assess(server: &Server) -> Assessment {
    assess_reports(&server.run())
}

/// Returns the first problem that is not doubtful. Panics if there is none, or if it is not of
/// `rule`.
pub(super) fn first<'a>(assessment: &'a Assessment, rule: &str) -> &'a Finding {
    let mut problems = assessment.findings.iter();
    let first = problems.find(|f| f.kind == FindingKind::Problem && f.confidence > Confidence::Low);
    let first = first.unwrap_or_else(|| panic!("no problem: {:?}", assessment.findings));
    assert_eq!(first.rule().name(), rule, "{}", first.title);
    first
}

pub(super) fn ruled_out(assessment: &Assessment, rule: &str) -> bool {
    assessment.ruled_out.iter().any(|r| r.rule == rule)
}

pub(super) fn saved_ns(finding: &Finding) -> f64 {
    finding.impact.unwrap().saved_ns.unwrap()
}

#[test]
fn a_healthy_load_has_no_problem_and_its_number_of_users_is_the_limit() {
    let assessment = assess(&Server::default());
    assert_eq!(
        named(&assessment),
        Vec::<&str>::new(),
        "{:?}",
        assessment.findings
    );
    assert_eq!(factor(&assessment, ComponentKind::Postgres), "users");
    let limit = &assessment.components[0].limiting_factor.title;
    assert!(
        limit.contains("each of 4 waits for one call of 2.0"),
        "{limit}"
    );
}

/// Plants each event with 60 % of the sessions in service. Each entry has the event, the rule that
/// must report it, and a part of the finding's title.
#[test]
fn each_event_is_the_first_finding_with_its_name_and_its_time() {
    for (event, rule, named) in [
        ("Lock.transactionid", "lock_waits", "Lock:transactionid"),
        ("Lock.tuple", "lock_waits", "Lock:tuple"),
        ("Lock.relation", "lock_waits", "Lock:relation"),
        ("Lock.extend", "lock_waits", "Lock:extend"),
        ("Lock.advisory", "lock_waits", "Lock:advisory"),
        ("Lock.object", "lock_waits", "Lock:object"),
        (
            "LWLock.BufferContent",
            "lwlock_waits",
            "LWLock:BufferContent",
        ),
        ("LWLock.WALInsert", "lwlock_waits", "LWLock:WALInsert"),
        ("LWLock.LockManager", "lwlock_waits", "LWLock:LockManager"),
        ("LWLock.SubtransSLRU", "lwlock_waits", "LWLock:SubtransSLRU"),
        (
            "IPC.ProcarrayGroupUpdate",
            "lwlock_waits",
            "IPC:ProcarrayGroupUpdate",
        ),
        ("IO.DataFileRead", "read_waits", "IO:DataFileRead"),
        ("IO.AioIoCompletion", "read_waits", "IO:AioIoCompletion"),
        ("IO.DataFileExtend", "io_waits", "IO:DataFileExtend"),
        ("LWLock.WALWrite", "commit_waits", "LWLock:WALWrite"),
        ("Timeout.PgSleep", "sleeps", "Timeout:PgSleep"),
        ("Timeout.SpinDelay", "other_waits", "Timeout:SpinDelay"),
        ("IPC.SyncRep", "sync_replica", "IPC:SyncRep"),
        ("Client.ClientWrite", "client_waits", "Client:ClientWrite"),
        (
            "Extension.PostgresFdwGetResult",
            "other_waits",
            "Extension:PostgresFdwGetResult",
        ),
        ("BufferPin.BufferPin", "other_waits", "BufferPin:BufferPin"),
        ("IPC.NeverHeardOf", "other_waits", "IPC:NeverHeardOf"),
    ] {
        let server = Server {
            waits: vec![(event, 0.6)],
            ..Server::default()
        };
        let assessment = assess(&server);
        let found = first(&assessment, rule);
        assert!(found.title.contains(named), "{}", found.title);
        assert!(
            found.thing.as_ref().unwrap().contains(named),
            "{:?}",
            found.thing
        );
        // 60 % of the sessions, of the 95 % of the 2 ms of service that pass inside the server.
        let own = 2e6 * 0.95 * 0.6;
        assert!(
            (saved_ns(found) / own - 1.0).abs() < 0.05,
            "{event}: {found:?}"
        );
        let told = format!("{:.2} ms", own / 1e6);
        assert!(found.title.contains(&told), "{told}: {}", found.title);
        let small = Server {
            waits: vec![(event, 0.06)],
            ..Server::default()
        };
        let small = assess(&small);
        assert_eq!(super::named(&small), Vec::<&str>::new(), "{event}");
        assert!(ruled_out(&small, rule), "{event}: {:?}", small.ruled_out);
    }
}

#[test]
fn an_event_that_nobody_knows_is_told_by_its_name_as_not_in_the_catalogue() {
    let assessment = assess(&Server {
        waits: vec![("IPC.NeverHeardOf", 0.5)],
        ..Server::default()
    });
    let found = first(&assessment, "other_waits");
    assert!(
        found.title.contains("not in the catalogue"),
        "{}",
        found.title
    );
}

#[test]
fn waits_that_were_not_sampled_are_not_known() {
    let server = Server {
        waits: vec![("Lock.tuple", 0.6)],
        ..Server::default()
    };
    let assessment = assess_reports(&server.run_without("sessions.cpu_mean"));
    assert!(is_unknown(&assessment, "waits"));
    assert!(finding(&assessment, "lock_waits").is_none());
}

/// Commits that wait for their own flush are information while calls are short. The same share of a
/// long call is a slow disk.
#[test]
fn commits_that_wait_for_their_own_flush_alone_are_no_problem() {
    let assessment = assess(&Server {
        waits: vec![("IO.WALSync", 0.6)],
        ..Server::default()
    });
    assert_eq!(named(&assessment), Vec::<&str>::new());
    let found = finding(&assessment, "commit_waits").unwrap();
    assert_eq!(found.kind, FindingKind::Information);
    // The same share of a call that takes much longer is a slow disk.
    let slow = assess(&Server {
        waits: vec![("IO.WalSync", 0.6)],
        service_ns: 2e7,
        ..Server::default()
    });
    first(&slow, "commit_waits");
}

#[test]
fn waiting_for_own_parallel_workers_is_no_problem() {
    let assessment = assess(&Server {
        waits: vec![("IPC.ExecuteGather", 0.6)],
        figures: vec![("waits.parallel.IO.DataFileRead_mean", 3.5)],
        ..Server::default()
    });
    assert_eq!(named(&assessment), Vec::<&str>::new());
    let found = finding(&assessment, "parallel_queries").unwrap();
    let workers = "3.50 of the workers wait for IO:DataFileRead on average";
    assert!(found.detail.contains(workers), "{}", found.detail);
}

pub(super) fn blocker(lock: &str, labels: &[(&str, &str)]) -> EvidenceRow {
    let mut all = vec![
        ("lock", lock),
        ("waiting_statement", "UPDATE branches SET balance = ?"),
        ("blocking_state", "active"),
        ("blocking_application", "ours"),
        ("ours", "true"),
    ];
    all.extend(labels);
    row(
        &all,
        &[("looks", 8.0), ("looks_total", 10.0), ("waiting_mean", 3.0)],
    )
}

#[test]
fn an_advisory_lock_is_named_by_its_key_and_not_called_a_row_or_table_lock() {
    let assessment = assess(&Server {
        waits: vec![("Lock.advisory", 0.6), ("Timeout.PgSleep", 0.2)],
        tables: vec![(
            "blockers",
            vec![blocker(
                "advisory",
                &[
                    ("key", "0:42"),
                    ("blocking_event", "Timeout.PgSleep"),
                    ("blocking_statement", "SELECT pg_sleep(?)"),
                ],
            )],
        )],
        ..Server::default()
    });
    let found = first(&assessment, "lock_waits");
    assert!(found.title.contains("advisory lock 42"), "{}", found.title);
    assert!(!found.title.contains("row"), "{}", found.title);
    let mut evidence = found.evidence.iter();
    assert!(evidence.any(|e| e.label == "sessions behind this holder" && e.shown == "3"));
    assert!(
        found.detail.contains("sleeping (pg_sleep)"),
        "{}",
        found.detail
    );
    // The activity of the holder is part of what the lock costs.
    let asleep = finding(&assessment, "sleeps").unwrap();
    assert_eq!(
        (asleep.kind, asleep.parent.as_ref()),
        (FindingKind::Symptom, Some(&found.id))
    );
    assert_eq!(factor(&assessment, ComponentKind::Postgres), "wait.lock");
}

#[test]
fn a_holder_is_told_by_what_it_does() {
    for (state, event, statement, told, advice) in [
        (
            "idle in transaction",
            "Client.ClientRead",
            "SELECT 1",
            "idle in transaction: it waits for its client to go on",
            "let the client commit",
        ),
        (
            "active",
            "IO.WalSync",
            "COMMIT",
            "committing",
            "shorten the commit",
        ),
        (
            "active",
            "",
            "UPDATE x SET y = ?",
            "running a statement",
            "make the holder's statement faster",
        ),
    ] {
        let labels = [
            ("blocking_state", state),
            ("blocking_event", event),
            ("blocking_statement", statement),
            ("relation", "branches"),
        ];
        let assessment = assess(&Server {
            waits: vec![("Lock.transactionid", 0.6)],
            tables: vec![("blockers", vec![blocker("transactionid", &labels)])],
            ..Server::default()
        });
        let found = first(&assessment, "lock_waits");
        assert!(found.title.contains("table branches"), "{}", found.title);
        assert!(
            found.title.contains("UPDATE branches SET balance = ?"),
            "{}",
            found.title
        );
        assert!(found.detail.contains(told), "{}", found.detail);
        assert!(
            found.advice.as_ref().unwrap().actions[0].contains(advice),
            "{:?}",
            found.advice
        );
    }
}

#[test]
fn a_session_outside_the_load_that_holds_a_table_is_named() {
    let labels = [
        ("relation", "orders"),
        ("key", "orders"),
        ("ours", "false"),
        ("blocking_application", "psql"),
        ("blocking_state", "idle in transaction"),
    ];
    let assessment = assess(&Server {
        waits: vec![("Lock.relation", 0.8)],
        tables: vec![("blockers", vec![blocker("relation", &labels)])],
        ..Server::default()
    });
    let found = first(&assessment, "lock_waits");
    for word in ["psql", "no part of the load", "table orders"] {
        assert!(found.title.contains(word), "{word}: {}", found.title);
    }
}

/// Reports of the previous release have pairs of a waiting and a blocking session, and no table of
/// the sessions at the root of a queue.
#[test]
fn older_reports_tell_the_holder_by_pairs() {
    let pair = |statement: &str, weight: f64| {
        row(
            &[
                ("lock", "transactionid ShareLock"),
                ("relation", ""),
                ("waiting", "plimsoll_x"),
                ("waiting_statement", "UPDATE a SET b = ?"),
                ("blocking", "plimsoll_x"),
                ("blocking_state", "active"),
                ("blocking_statement", statement),
            ],
            &[("waiting_mean", weight)],
        )
    };
    let assessment = assess(&Server {
        waits: vec![("Lock.transactionid", 0.6)],
        tables: vec![(
            "blocking",
            vec![pair("UPDATE a SET b = ?", 5.0), pair("COMMIT", 3.0)],
        )],
        ..Server::default()
    });
    let found = first(&assessment, "lock_waits");
    assert!(
        found.title.contains("UPDATE a SET b = ?"),
        "{}",
        found.title
    );
    assert!(
        found.detail.contains("committing (in 100 %"),
        "{}",
        found.detail
    );
}

#[test]
fn a_transaction_that_its_client_keeps_open_is_a_problem_and_round_trips_are_none() {
    let kept = Server {
        idle_in_transaction: 0.7,
        service_ns: 2e7,
        ..Server::default()
    };
    let assessment = assess(&kept);
    let found = first(&assessment, "kept_transactions");
    assert!(
        found.title.contains("idle in transaction"),
        "{}",
        found.title
    );
    // Seven statements take 2 ms together, so each pause is a quarter of a millisecond.
    let trips = Server {
        idle_in_transaction: 0.7,
        figures: vec![("statements.calls", 7.0 * Server::default().calls())],
        ..Server::default()
    };
    let assessment = assess(&trips);
    assert_eq!(named(&assessment), Vec::<&str>::new());
    assert!(ruled_out(&assessment, "kept_transactions"));
}

/// On a full machine, a client that waits for a CPU pauses just as a client that thinks, so short
/// pauses are an open question.
#[test]
fn pauses_of_a_client_that_may_have_had_no_cpu_are_unknown() {
    let crowded = |pause_ns: f64| Server {
        idle_in_transaction: 0.7,
        service_ns: pause_ns / 0.7,
        cpu: (0.97, 0.05, 0.06),
        ..Server::default()
    };
    let assessment = assess(&crowded(1.4e7));
    assert!(finding(&assessment, "kept_transactions").is_none());
    assert!(is_unknown(&assessment, "kept_transactions"));
    let assessment = assess(&crowded(1.4e8));
    assert!(finding(&assessment, "kept_transactions").is_some());
}

pub(super) fn statements(
    text: &str,
    rows: f64,
    more: &[(&str, f64)],
) -> (&'static str, Vec<EvidenceRow>) {
    let calls = Server::default().calls();
    let mut figures = vec![
        ("calls", calls),
        ("exec_ns", calls * 1.8e6),
        ("rows", calls * rows),
    ];
    figures.extend(more);
    (
        "statements",
        vec![row(&[("statement", text), ("toplevel", "true")], &figures)],
    )
}

pub(super) fn tables(relation: &str, figures: &[(&str, f64)]) -> (&'static str, Vec<EvidenceRow>) {
    ("tables", vec![row(&[("relation", relation)], figures)])
}
