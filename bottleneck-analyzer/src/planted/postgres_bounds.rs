//! Tests of the rules about PostgreSQL on both sides of their bounds, and of what they say where a count is zero
//! or absent.

use crate::assessment::{Assessment, Finding, FindingKind};
use bench_report::{EvidenceRow, Report};

use super::causes::{assess, first, ruled_out, saved_ns, statements, tables};
use super::common::parts::PlantFigure;
use super::common::server::{Server, row};
use super::{assess_reports, finding, is_unknown};

const SELECT: &str = "SELECT note FROM logs WHERE who = $1";

fn told<'a>(assessment: &'a Assessment, rule: &str) -> &'a Finding {
    finding(assessment, rule).unwrap_or_else(|| panic!("{rule}: {:?}", assessment.findings))
}

fn actions(finding: &Finding) -> String {
    finding.advice.as_ref().unwrap().actions.join("; ")
}

/// Returns the time that the cause itself takes of a call, in nanoseconds.
fn own_ns(finding: &Finding) -> f64 {
    let mut all = finding.computed.iter();
    let own = all.find(|figure| figure.what.starts_with("time that the cause itself takes"));
    own.unwrap().value
}

/// Load whose calls of 20 ms spend nine tenths of their time outside of the server.
fn far(figures: &[(&'static str, f64)]) -> Server {
    Server {
        outside: 0.9,
        service_ns: 2e7,
        figures: figures.to_vec(),
        ..Server::default()
    }
}

/// Plants the time for which a call holds its connection beside its statements: none, written in both ways, and
/// 5 ms.
#[test]
fn a_load_that_holds_its_connections_on_purpose_leaves_the_round_trip_open() {
    let holding = |hold: &str| {
        assess_reports(&far(&[]).run_with(|_, step| {
            step.parameters.insert("hold".into(), hold.into());
        }))
    };
    for none in ["0", "0s"] {
        let assessment = holding(none);
        first(&assessment, "round_trips");
        assert!(!is_unknown(&assessment, "round_trips"), "{none}");
    }
    let held = holding("5ms");
    assert!(is_unknown(&held, "round_trips"));
    assert!(finding(&held, "round_trips").is_none());
}

/// Plants 900 statements, once in 300 transactions and once without a transaction that was committed, which tells
/// nothing of the statements of a call.
#[test]
fn statements_without_a_commit_do_not_tell_the_round_trips_of_a_call() {
    let counted = |commits: f64| {
        let figures = [("statements.calls", 900.0), ("database.commits", commits)];
        let assessment = assess(&far(&figures));
        first(&assessment, "round_trips").detail.clone()
    };
    let three = counted(300.0);
    assert!(three.contains("makes about 3 round trips."), "{three}");
    let one = counted(0.0);
    assert!(one.contains("makes about 1 round trip."), "{one}");
}

/// Plants 4 deadlocks among 3,000 commits. How long the counters ran is not known, so the calls in that time are not
/// known either.
#[test]
fn deadlocks_are_compared_with_the_transactions_where_the_calls_are_not_known() {
    let server = Server {
        figures: vec![("database.deadlocks", 4.0)],
        ..Server::default()
    };
    let assessment = assess_reports(&server.run_without("deltas.span_s"));
    let found = told(&assessment, "deadlocks");
    assert_eq!(found.kind, FindingKind::Problem);
    let words = "one for every 750 transactions.";
    assert!(found.detail.contains(words), "{}", found.detail);
    // Four waits of a second among 3,000 transactions.
    let saved = saved_ns(found);
    assert!((saved * 3_000.0 / 4e9 - 1.0).abs() < 1e-6, "{saved}");
}

/// Plants a standby that applies the log 9 ms later, and has it on its disk 4 or 5 ms later: applying takes more and
/// less than twice as long as flushing.
#[test]
fn a_standby_that_mostly_flushes_is_no_reason_not_to_wait_until_it_has_applied_the_log() {
    let advised = |flush_ns: f64| {
        let server = Server {
            waits: vec![("IPC.SyncRep", 0.6)],
            figures: vec![
                ("replication.synchronous_standbys", 1.0),
                ("replication.flush_lag_ns_max", flush_ns),
                ("replication.replay_lag_ns_max", 9e6),
            ],
            ..Server::default()
        };
        let mut reports = server.run();
        let settings = serde_json::json!({ "synchronous_commit": "remote_apply" });
        reports[0].config.insert("server_settings".into(), settings);
        actions(first(&assess_reports(&reports), "sync_replica"))
    };
    let applies = advised(4e6);
    let words = "do not wait until the standby has applied the log";
    assert!(applies.starts_with(words), "{applies}");
    let flushes = advised(5e6);
    assert!(!flushes.contains(words), "{flushes}");
}

/// Plants a statement of 12 ms in each call of 20 ms, beside another of `other_ns`.
fn two_statements(other_ns: f64) -> Finding {
    let server = Server {
        service_ns: 2e7,
        ..Server::default()
    };
    let calls = server.calls();
    let statement = |text: &str, ns: f64| {
        let figures = [("calls", calls), ("exec_ns", ns * calls), ("rows", calls)];
        row(&[("statement", text), ("toplevel", "true")], &figures)
    };
    let assessment = assess(&Server {
        figures: vec![("statements.exec_ns", (12e6 + other_ns) * calls)],
        tables: vec![(
            "statements",
            vec![
                statement(SELECT, 12e6),
                statement("UPDATE people SET seen = $1 WHERE id = $2", other_ns),
            ],
        )],
        ..server
    });
    told(&assessment, "statement_cpu").clone()
}

#[test]
fn a_statement_stands_out_if_it_takes_ten_times_what_the_others_take() {
    let twelve = two_statements(1e6);
    assert_eq!(twelve.kind, FindingKind::Problem);
    assert!(twelve.detail.contains("stands out"), "{}", twelve.detail);
    let six = two_statements(2e6);
    assert_eq!(six.kind, FindingKind::Information);
    assert!(!six.detail.contains("stands out"), "{}", six.detail);
}

/// Plants a statement that reads a table whole, and indexes of the table and of another one.
#[test]
fn advice_to_create_an_index_names_those_of_the_table_or_says_that_it_has_none() {
    let advised = |indexes: &[(&str, &str, &str)]| {
        let calls = Server::default().calls();
        let index = |(relation, index, columns): &(&str, &str, &str)| {
            let labels = [
                ("relation", *relation),
                ("index", *index),
                ("columns", *columns),
            ];
            row(&labels, &[])
        };
        let rows: Vec<EvidenceRow> = indexes.iter().map(index).collect();
        let assessment = assess(&Server {
            tables: vec![
                statements(SELECT, 1.0, &[]),
                tables(
                    "logs",
                    &[("seq_scan", calls), ("seq_tup_read", calls * 1e5)],
                ),
                ("indexes", rows),
            ],
            ..Server::default()
        });
        actions(first(&assessment, "sequential_scans"))
    };
    let other = ("people", "by_who", "who");
    let none = advised(&[other]);
    assert!(none.contains("ON logs (who); it has no index;"), "{none}");
    let two = advised(&[("logs", "pk", "id"), other, ("logs", "by_at", "at")]);
    let words = "ON logs (who); its indexes are pk (id), by_at (at);";
    assert!(two.contains(words), "{two}");
}

/// Plants 190,000 rows read for each transaction, in a server whose tables were not counted. The statement that
/// reads them takes half of the time of all statements.
#[test]
fn rows_that_were_not_counted_by_table_cost_the_share_of_the_statement_that_reads_them() {
    let calls = Server::default().calls();
    let assessment = assess(&Server {
        figures: vec![
            ("database.rows_returned", 190_000.0 * calls),
            ("statements.exec_ns", 2.0 * 1.8e6 * calls),
        ],
        tables: vec![statements(SELECT, 1.0, &[])],
        ..Server::default()
    });
    // The server works for 1.9 ms of a call; the one row that the statement keeps is no saving.
    let own = own_ns(told(&assessment, "sequential_scans"));
    let expected = 1.9e6 * 0.5 * (1.0 - 1.0 / 190_000.0);
    assert!(
        (own / expected - 1.0).abs() < 1e-6,
        "{own} and not {expected}"
    );
}

/// Plants a step whose measured part has no length, so that the cores which another application used in it cannot
/// be told.
#[test]
fn another_application_is_not_told_of_a_step_without_a_measured_part() {
    let process = |application: &str, cpu_ns: f64| {
        let labels = [
            ("backend_type", "client backend"),
            ("application", application),
        ];
        row(&labels, &[("cpu_ns", cpu_ns), ("count", 1.0)])
    };
    let server = Server {
        tables: vec![(
            "processes",
            vec![process("ours", 6e8), process("report.py", 5e8)],
        )],
        ..Server::default()
    };
    let lasting = |measured: bool| {
        let reports = server.run_with(|_, step| {
            step.server
                .as_mut()
                .unwrap()
                .figures
                .remove("server.cpu_ns");
            if !measured {
                step.window.measure_end_ns = step.window.measure_start_ns;
            }
        });
        assess_reports(&reports[..1])
    };
    assert!(finding(&lasting(true), "other_applications").is_some());
    let nothing = lasting(false);
    assert!(finding(&nothing, "other_applications").is_none());
    assert!(ruled_out(&nothing, "other_applications"));
}

/// Plants 1,000 and 999 dead rows, both more than a fifth of the live ones.
#[test]
fn a_thousand_dead_rows_are_told_and_one_less_is_not() {
    let with = |dead: f64| {
        assess(&Server {
            tables: vec![tables("accounts", &[("dead", dead), ("live", 2_000.0)])],
            ..Server::default()
        })
    };
    let title = told(&with(1_000.0), "dead_rows").title.clone();
    assert!(title.contains("1000 dead rows"), "{title}");
    let fewer = with(999.0);
    assert!(finding(&fewer, "dead_rows").is_none() && ruled_out(&fewer, "dead_rows"));
}

/// Load of three repeats in which these shares of the sessions at work wait for a lock.
fn waiting(shares: [f64; 3]) -> Vec<Report> {
    let server = Server {
        waits: vec![("Lock.relation", 0.0)],
        ..Server::default()
    };
    server.run_with(|repeat, step| {
        let evidence = step.server.as_mut().unwrap();
        // 3.8 of the 4 users are inside of the server.
        let waiting = 3.8 * shares[repeat];
        evidence.plant("sessions.lock_mean", waiting);
        evidence.plant("waits.Lock.relation_mean", waiting);
        evidence.plant("sessions.cpu_mean", 3.8 - waiting);
    })
}

/// Plants a wait for a lock in two of three repeats, and none in the last one, which is the operating point. The
/// longer of the two waits is the middle one from above.
#[test]
fn a_cause_that_the_operating_point_lacks_is_told_by_the_median_of_the_other_repeats() {
    for shares in [[0.6, 0.4, 0.0], [0.4, 0.6, 0.0]] {
        let assessment = assess_reports(&waiting(shares));
        let point = assessment.components[0].operating_point.as_ref().unwrap();
        assert_eq!(point.step, 2);
        let found = told(&assessment, "lock_waits");
        let words = "Seen in 2 of 3 repeats.";
        assert!(found.detail.contains(words), "{}", found.detail);
        // 60 % of the 1.9 ms that a call is inside of the server.
        let own = own_ns(found);
        assert!((own / (0.6 * 1.9e6) - 1.0).abs() < 1e-6, "{own}");
    }
}
