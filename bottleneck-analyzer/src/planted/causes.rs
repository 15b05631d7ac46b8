//! Causes inside PostgreSQL: each planted, the same below its guard, and without its figure.

use crate::assessment::{Assessment, ComponentKind, Confidence, Finding, FindingKind};
use bench_report::{EvidenceRow, Report};

use super::common::server::{Server, row};
use super::{assess_reports, factor, finding, is_unknown, named};

fn assess(server: &Server) -> Assessment {
    assess_reports(&server.run())
}

/// The first problem, which must be of `rule`.
fn first<'a>(assessment: &'a Assessment, rule: &str) -> &'a Finding {
    let mut problems = assessment.findings.iter();
    let first = problems.find(|f| f.kind == FindingKind::Problem && f.confidence > Confidence::Low);
    let first = first.unwrap_or_else(|| panic!("no problem: {:?}", assessment.findings));
    assert_eq!(first.id.split(':').next(), Some(rule), "{}", first.title);
    first
}

fn ruled_out(assessment: &Assessment, rule: &str) -> bool {
    assessment.ruled_out.iter().any(|r| r.rule == rule)
}

fn saved_ns(finding: &Finding) -> f64 {
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

/// Every entry below: the event with 60 % of the sessions in service, the rule that tells of it,
/// and what its title names.
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
        // 60 % of the sessions, 95 % of the service of 2 ms.
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

/// Commits and reads wait a little in every load: that is what it costs, until it is much.
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
        ..Server::default()
    });
    assert_eq!(named(&assessment), Vec::<&str>::new());
    assert!(finding(&assessment, "parallel_queries").is_some());
}

fn blocker(lock: &str, labels: &[(&str, &str)]) -> EvidenceRow {
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
    assert!(
        found.detail.contains("sleeping (pg_sleep)"),
        "{}",
        found.detail
    );
    // What the holder does is part of the lock's cost.
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
            "idle in transaction: its client has the turn",
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

/// Reports of the release before have pairs, and no roots.
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
        found.detail.contains("committing (100 %"),
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
    // Seven statements of 2 ms together: each pause is a quarter of a millisecond.
    let trips = Server {
        idle_in_transaction: 0.7,
        figures: vec![("statements.calls", 7.0 * Server::default().calls())],
        ..Server::default()
    };
    let assessment = assess(&trips);
    assert_eq!(named(&assessment), Vec::<&str>::new());
    assert!(ruled_out(&assessment, "kept_transactions"));
}

/// On a machine that is full, a client that waits for a CPU pauses as one does that thinks.
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

fn statements(text: &str, rows: f64, more: &[(&str, f64)]) -> (&'static str, Vec<EvidenceRow>) {
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

fn tables(relation: &str, figures: &[(&str, f64)]) -> (&'static str, Vec<EvidenceRow>) {
    ("tables", vec![row(&[("relation", relation)], figures)])
}

#[test]
fn a_table_read_whole_is_named_with_its_statement() {
    let scanned = |rows: f64, text: &str| Server {
        tables: vec![
            statements(text, 1.0, &[]),
            tables(
                "shop.orders",
                &[("seq_scan", 3_000.0), ("seq_tup_read", 3_000.0 * rows)],
            ),
        ],
        ..Server::default()
    };
    let text = "SELECT sum(total) FROM orders WHERE customer = $1";
    let assessment = assess(&scanned(200_000.0, text));
    let found = first(&assessment, "sequential_scans");
    for word in ["shop.orders", "200000 rows", text] {
        assert!(found.title.contains(word), "{word}: {}", found.title);
    }
    // A small table is best read whole; one that is asked for all its rows must be.
    for harmless in [
        scanned(200.0, text),
        scanned(200_000.0, "SELECT sum(total) FROM orders"),
        scanned(200_000.0, "SELECT name FROM customers WHERE id = $1"),
    ] {
        let assessment = assess(&harmless);
        assert_eq!(named(&assessment), Vec::<&str>::new());
        assert!(ruled_out(&assessment, "sequential_scans"));
    }
    let unknown = assess_reports(&scanned(200_000.0, text).run_without("tables"));
    assert!(is_unknown(&unknown, "sequential_scans"));
}

/// A cast on the column: an index is read from end to end, and no scan of the table is counted.
#[test]
fn an_index_that_is_read_whole_is_named_and_a_range_of_it_is_not() {
    let text = "SELECT count(*) FROM logs WHERE who::int = $1";
    let scanned = |entries: f64| Server {
        tables: vec![
            statements(text, 1.0, &[]),
            tables(
                "logs",
                &[
                    ("idx_scan", 3_000.0),
                    ("idx_entries_read", 3_000.0 * entries),
                    ("rows_estimated", 100_000.0),
                ],
            ),
        ],
        ..Server::default()
    };
    let assessment = assess(&scanned(100_000.0));
    let found = first(&assessment, "sequential_scans");
    for word in ["An index of logs is read whole", text] {
        assert!(found.title.contains(word), "{word}: {}", found.title);
    }
    let range = assess(&scanned(20_000.0));
    assert_eq!(named(&range), Vec::<&str>::new());
}

/// Reports of the release before count no scans by table: rows read beside rows given tell.
#[test]
fn rows_read_in_older_reports_tell_of_a_scan() {
    let read = |rows: f64| Server {
        figures: vec![("database.rows_returned", rows * Server::default().calls())],
        tables: vec![statements("SELECT a FROM b WHERE c = $1", 1.0, &[])],
        ..Server::default()
    };
    let assessment = assess(&read(190_000.0));
    let found = first(&assessment, "sequential_scans");
    assert!(
        found.title.contains("SELECT a FROM b WHERE c = $1"),
        "{}",
        found.title
    );
    assert!(ruled_out(&assess(&read(3.0)), "sequential_scans"));
}

#[test]
fn a_foreign_key_without_an_index_is_named_and_not_the_statement_s_own_table() {
    let calls = Server::default().calls();
    let deleting = |scans: f64| Server {
        tables: vec![
            statements("DELETE FROM parent WHERE id = $1", 1.0, &[]),
            (
                "tables",
                vec![
                    row(&[("relation", "parent")], &[("deleted", calls)]),
                    row(
                        &[("relation", "child")],
                        &[("seq_scan", scans), ("seq_tup_read", scans * 50_000.0)],
                    ),
                ],
            ),
            (
                "unindexed_foreign_keys",
                vec![row(
                    &[
                        ("child", "child"),
                        ("columns", "parent_id"),
                        ("parent", "parent"),
                    ],
                    &[],
                )],
            ),
        ],
        ..Server::default()
    };
    let assessment = assess(&deleting(calls));
    let found = first(&assessment, "unindexed_foreign_key");
    assert!(found.title.contains("child (parent_id)"), "{}", found.title);
    assert!(finding(&assessment, "sequential_scans").is_none());
    let fine = assess(&deleting(3.0));
    assert_eq!(named(&fine), Vec::<&str>::new());
    assert!(ruled_out(&fine, "unindexed_foreign_key"));
}

#[test]
fn a_trigger_that_takes_the_time_is_named_and_a_function_that_is_asked_for_is_no_problem() {
    let calls = Server::default().calls();
    let timed = |part: f64, with_trigger: bool| {
        let function = row(
            &[("function", "shop.audit")],
            &[
                ("calls", calls),
                ("self_ns", part * 2e6 * calls),
                ("total_ns", part * 2e6 * calls),
            ],
        );
        let mut tables = vec![("functions", vec![function])];
        if with_trigger {
            let labels = [
                ("relation", "orders"),
                ("trigger", "audit_it"),
                ("function", "shop.audit"),
            ];
            tables.push(("triggers", vec![row(&labels, &[])]));
        }
        Server {
            tables,
            ..Server::default()
        }
    };
    let assessment = assess(&timed(0.6, true));
    let found = first(&assessment, "function_time");
    assert!(
        found.title.contains("trigger audit_it on orders"),
        "{}",
        found.title
    );
    assert_eq!(named(&assess(&timed(0.6, false))), Vec::<&str>::new());
    assert!(ruled_out(&assess(&timed(0.02, true)), "function_time"));
    let unknown = assess_reports(&timed(0.6, true).run_without("functions"));
    assert!(is_unknown(&unknown, "function_time"));
}

#[test]
fn sorts_that_spill_are_named_with_what_they_spill() {
    let spilling = |bytes: f64, part: f64| Server {
        waits: vec![("IO.BufFileWrite", part)],
        figures: vec![("database.temp_bytes", bytes * Server::default().calls())],
        tables: vec![statements(
            "SELECT * FROM t ORDER BY x",
            10.0,
            &[("temp_blocks_written", 9e6)],
        )],
        ..Server::default()
    };
    let assessment = assess(&spilling(14e6, 0.08));
    let found = first(&assessment, "temp_files");
    for word in ["13.4 MiB", "ORDER BY x", "BufFileWrite"] {
        assert!(found.title.contains(word), "{word}: {}", found.title);
    }
    let fine = assess(&spilling(1e4, 0.0));
    assert_eq!(named(&fine), Vec::<&str>::new());
    assert!(ruled_out(&fine, "temp_files"));
    let unknown = assess_reports(&spilling(14e6, 0.08).run_without("database.temp_bytes"));
    assert!(is_unknown(&unknown, "temp_files"));
}

#[test]
fn planning_and_compiling_are_told_by_their_time() {
    let calls = Server::default().calls();
    let planned = |ns: f64| Server {
        figures: vec![
            ("statements.plan_ns", ns * calls),
            ("statements.plans", calls),
        ],
        ..Server::default()
    };
    first(&assess(&planned(1.2e6)), "planning_time");
    let fine = assess(&planned(2e4));
    assert!(ruled_out(&fine, "planning_time") && named(&fine).is_empty());
    assert!(is_unknown(&assess(&Server::default()), "planning_time"));
    let compiled = |ns: f64| Server {
        figures: vec![("statements.jit_ns", ns * calls)],
        ..Server::default()
    };
    first(&assess(&compiled(8e5)), "jit");
    assert!(ruled_out(&assess(&compiled(1e3)), "jit"));
}

#[test]
fn deadlocks_that_were_retried_are_a_problem_though_no_request_failed() {
    let locked = |deadlocks: f64| Server {
        figures: vec![("database.deadlocks", deadlocks)],
        ..Server::default()
    };
    first(&assess(&locked(400.0)), "deadlocks");
    let fine = assess(&locked(0.0));
    assert!(ruled_out(&fine, "deadlocks") && named(&fine).is_empty());
}

#[test]
fn connections_that_are_opened_all_the_time_are_told_by_what_connecting_takes() {
    let opening = |ns: f64, opened: u64| {
        let server = Server {
            users: 4.0,
            ..Server::default()
        };
        server.run_with(|_, step| {
            let call = step.operations.get_mut("call").unwrap();
            call.checkout = super::common::hist(ns + 2_000.0, call.succeeded);
            call.call = super::common::hist(2e6 + ns, call.succeeded);
            step.pool.as_mut().unwrap().checkout = Some(bench_report::CheckoutParts {
                count: call.succeeded,
                opened,
                connect_mean_ns: ns,
                check_mean_ns: 1_000.0,
                ..bench_report::CheckoutParts::default()
            });
        })
    };
    let assessment = assess_reports(&opening(3e6, 2_000));
    first(&assessment, "connection_storm");
    assert!(finding(&assessment, "pool_too_small").is_none());
    let fine = assess_reports(&opening(1_000.0, 2));
    assert_eq!(named(&fine), Vec::<&str>::new());
    assert!(ruled_out(&fine, "connection_storm"));
}

#[test]
fn a_far_server_is_told_by_its_round_trips_and_not_where_the_cpu_may_be_the_reason() {
    let far = Server {
        outside: 0.9,
        service_ns: 2e7,
        ..Server::default()
    };
    let assessment = assess(&far);
    let found = first(&assessment, "round_trips");
    assert!(
        found.title.contains("for each round trip"),
        "{}",
        found.title
    );
    let crowded = Server {
        cpu: (0.95, 0.5, 0.4),
        ..far.clone()
    };
    assert!(is_unknown(&assess(&crowded), "round_trips"));
    let near = assess(&Server::default());
    assert!(ruled_out(&near, "round_trips"));
}

#[test]
fn what_is_worth_knowing_and_was_not_timed_is_information() {
    let assessment = assess(&Server {
        figures: vec![
            ("checkpointer.requested", 3.0),
            ("checkpointer.timed", 1.0),
            ("wal.full_page_images", 9_000.0),
            ("wal.bytes", 1e8),
        ],
        tables: vec![
            tables(
                "accounts",
                &[
                    ("dead", 40_000.0),
                    ("live", 100_000.0),
                    ("updated", 5_000.0),
                    ("hot_updated", 100.0),
                ],
            ),
            (
                "processes",
                vec![
                    row(
                        &[("backend_type", "client backend"), ("application", "ours")],
                        &[("cpu_ns", 6e8)],
                    ),
                    row(
                        &[
                            ("backend_type", "client backend"),
                            ("application", "report.py"),
                        ],
                        &[("cpu_ns", 5e8), ("count", 1.0)],
                    ),
                ],
            ),
        ],
        ..Server::default()
    });
    assert_eq!(named(&assessment), Vec::<&str>::new());
    for (rule, word) in [
        ("requested_checkpoints", "3 checkpoint(s)"),
        ("full_page_images", "74 %"),
        ("dead_rows", "accounts"),
        ("updates_touch_indexes", "accounts"),
        ("other_applications", "report.py"),
    ] {
        let found = finding(&assessment, rule).unwrap_or_else(|| panic!("{rule}"));
        assert!(found.title.contains(word), "{}", found.title);
        assert_eq!(found.kind, FindingKind::Information);
    }
    let healthy = assess(&Server::default());
    assert!(finding(&healthy, "requested_checkpoints").is_none());
}

/// The same cause in every repeat, in one of three, and in none.
#[test]
fn a_lock_in_one_repeat_of_three_is_an_episode_with_its_worst_call() {
    let in_repeats = |which: &[usize]| -> Vec<Report> {
        let server = Server {
            waits: vec![("Lock.relation", 0.0)],
            ..Server::default()
        };
        let which = which.to_vec();
        server.run_with(move |repeat, step| {
            if which.contains(&repeat) {
                let evidence = step.server.as_mut().unwrap();
                evidence.figure("sessions.lock_mean", 3.2);
                evidence.figure("waits.Lock.relation_mean", 3.2);
                evidence.figure("sessions.cpu_mean", 0.5);
                let call = step.operations.get_mut("call").unwrap();
                for phase in [&mut call.call, &mut call.service] {
                    let mut slow = phase.clone().unwrap();
                    slow.max_ns = 3_000_000_000;
                    *phase = Some(slow);
                }
            }
        })
    };
    let all = assess_reports(&in_repeats(&[0, 1, 2]));
    let found = first(&all, "lock_waits");
    assert!(
        found.detail.contains("In 3 of 3 repeats"),
        "{}",
        found.detail
    );
    let one = assess_reports(&in_repeats(&[2]));
    let found = first(&one, "lock_waits");
    for word in [
        "An episode: only in 1 of 3 repeats",
        "repeat 3",
        "slowest call took 3.00 s",
    ] {
        assert!(found.detail.contains(word), "{word}: {}", found.detail);
    }
    let third = found.impact.unwrap().ratio / first(&all, "lock_waits").impact.unwrap().ratio;
    assert!((third - 1.0 / 3.0).abs() < 0.02, "{third}");
    let none = assess_reports(&in_repeats(&[]));
    assert!(finding(&none, "lock_waits").is_none());
}

/// Few samples make a share of time no more than likely, a handful a doubt.
#[test]
fn a_handful_of_samples_is_no_more_than_a_doubt() {
    for (samples, confidence) in [
        (100.0, Confidence::High),
        (20.0, Confidence::Medium),
        (5.0, Confidence::Low),
    ] {
        let assessment = assess(&Server {
            waits: vec![("Lock.tuple", 0.6)],
            samples,
            ..Server::default()
        });
        let found = finding(&assessment, "lock_waits").unwrap();
        assert_eq!(found.confidence, confidence, "{samples}");
    }
}

/// Six statements in a transaction, two milliseconds each way: what the run itself declares needs no
/// machine with room to be known.
#[test]
fn round_trips_of_a_delay_that_the_run_declares_are_counted() {
    let server = Server {
        service_ns: 3e7,
        idle_in_transaction: 0.7,
        outside: 0.15,
        cpu: (0.97, 0.05, 0.06),
        ..Server::default()
    };
    let reports = server.run_with(|_, step| {
        step.parameters.insert("network_delay".into(), "2ms".into());
        let call = step.operations["call"].clone();
        for n in 1..=7 {
            step.parts.insert(format!("call:{n}"), call.clone());
        }
    });
    let assessment = assess_reports(&reports);
    let found = first(&assessment, "round_trips");
    assert!(
        found.title.contains("4.00 ms for each round trip"),
        "{}",
        found.title
    );
    assert!(
        found.detail.contains("about 7 round trips"),
        "{}",
        found.detail
    );
    assert!(finding(&assessment, "kept_transactions").is_none());
}
