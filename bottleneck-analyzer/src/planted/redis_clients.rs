//! Tests of Redis's clients: rejected connections, clients that cost the server time, and the pool of the
//! load.

use crate::assessment::{Assessment, FindingKind};
use bench_report::{CheckoutParts, EvidenceRow, PoolUsage};

use super::common::parts::{PlantFigure, row};
use super::common::{Plant, hist};
use super::redis_server::{rows, run, server};
use super::{assess_reports, finding, is_unknown, named};

#[test]
fn clients_that_are_turned_away_are_told_with_the_limit() {
    let assessment = server(|s| {
        s.plant("rejected_connections", 31.0);
        s.plant("maxclients", 20.0);
    });
    assert_eq!(named(&assessment), ["redis_maxclients"]);
    let found = finding(&assessment, "redis_maxclients").unwrap();
    assert!(
        found.title.contains("31") && found.title.contains("20"),
        "{}",
        found.title
    );
    let near = server(|s| s.plant("connected_clients_max", 9_500.0));
    assert_eq!(
        finding(&near, "redis_maxclients").unwrap().kind,
        FindingKind::Information
    );
}

#[test]
fn connections_that_the_load_opens_anew_are_a_problem_and_those_of_others_are_not() {
    let churning = |connect_mean_ns: f64| {
        run(move |step| {
            step.server
                .as_mut()
                .unwrap()
                .plant("connections_received", 9_000.0);
            step.pool = Some(PoolUsage {
                max_size: 8,
                size_mean: 8.0,
                in_use_mean: 3.0,
                checkout: Some(CheckoutParts {
                    count: 20_000,
                    opened: 9_000,
                    connect_mean_ns,
                    ..CheckoutParts::default()
                }),
                ..PoolUsage::default()
            });
        })
    };
    assert!(named(&churning(90_000.0)).contains(&"redis_churn"));
    let others = churning(0.0);
    assert!(named(&others).is_empty());
    assert_eq!(
        finding(&others, "redis_churn").unwrap().kind,
        FindingKind::Information
    );
}

fn client(kind: &str, output_bytes: f64) -> EvidenceRow {
    let labels = [
        ("kind", kind),
        ("name", "ops"),
        ("address", "10.0.0.7"),
        ("command", "x"),
    ];
    row(
        labels.map(|(name, value)| (name, value.to_owned())),
        [("clients", 1.0), ("output_bytes", output_bytes)],
    )
}

#[test]
fn a_monitor_is_named_and_a_problem_only_on_a_busy_thread() {
    let watched = |busy_s: f64| {
        server(move |s| {
            s.plant("cpu_main_thread_s", busy_s);
            rows(s, "clients").push(client("monitor", 0.0));
        })
    };
    let quiet = watched(0.3);
    let found = finding(&quiet, "redis_monitor").unwrap();
    assert!(found.title.contains("ops at 10.0.0.7"), "{}", found.title);
    assert!(named(&quiet).is_empty());
    assert_eq!(named(&watched(0.8)), ["redis_monitor"]);
    let unread = server(|s| drop(s.unavailable.insert("clients".into(), "NOPERM".into())));
    assert!(is_unknown(&unread, "redis_monitor"));
}

#[test]
fn clients_that_do_not_take_their_answers_are_named() {
    let slow = server(|s| rows(s, "clients").push(client("slow reader", 9e6)));
    let found = finding(&slow, "redis_output").unwrap();
    assert!(found.title.contains("ops") && found.kind == FindingKind::Information);
    // Clients that were cut off while no connection of the load broke cost the load nothing.
    let cut = server(|s| s.plant("evicted_clients", 2.0));
    let found = finding(&cut, "redis_output").unwrap();
    assert!(
        found.title.contains("2 clients") && found.kind == FindingKind::Information,
        "{}",
        found.title
    );
}

#[test]
fn clients_whose_request_was_too_long_are_told_where_they_are_counted() {
    let cut = |count: f64| server(move |s| s.plant("query_limit_disconnections", count));
    let some = cut(3.0);
    assert_eq!(named(&some), ["redis_query_limit"]);
    let found = finding(&some, "redis_query_limit").unwrap();
    assert!(found.title.contains("3 clients"), "{}", found.title);
    let ruled_out = |assessment: &Assessment| {
        let mut all = assessment.ruled_out.iter();
        all.any(|r| r.rule == "redis_query_limit")
    };
    assert!(ruled_out(&cut(0.0)));
    let one = finding(&cut(1.0), "redis_query_limit").map(|f| f.title.clone());
    assert!(one.is_some_and(|title| title.contains("1 client ")));
    // Versions before 7.4 do not count them.
    let old = server(|_| ());
    assert!(!ruled_out(&old) && finding(&old, "redis_query_limit").is_none());
}

/// Answers half of the load's writes with an error of this code, which the server counts in `column`.
fn refusing(code: &str, column: &str) -> Assessment {
    let kind = format!("response.{code}");
    run(|step| {
        let set = step.operations.get_mut("set").unwrap();
        set.succeeded /= 2;
        set.errors
            .insert(kind.clone(), set.attempted - set.succeeded);
        let table = rows(step.server.as_mut().unwrap(), "commands");
        let row = table.iter_mut().find(|r| r.labels["command"] == "set");
        row.unwrap().figures.insert(column.to_owned(), 1_000.0);
    })
}

#[test]
fn the_command_that_the_server_refuses_is_named() {
    for (code, column, words) in [
        (
            "OOM",
            "rejected_calls",
            "1000 calls of SET that it refused before",
        ),
        (
            "WRONGTYPE",
            "failed_calls",
            "1000 calls of SET that it answered with an error",
        ),
    ] {
        let assessment = refusing(code, column);
        let found = finding(&assessment, "errors_past_objective").unwrap();
        assert!(found.detail.contains(words), "{code}: {}", found.detail);
    }
    // A connection that broke is no answer of the server.
    let lost = run(|step| {
        let set = step.operations.get_mut("set").unwrap();
        set.succeeded /= 2;
        let failed = set.attempted - set.succeeded;
        set.errors.insert("reset".into(), failed);
    });
    let found = finding(&lost, "errors_past_objective").unwrap();
    assert!(!found.detail.contains("server counts"), "{}", found.detail);
}

#[test]
fn a_pool_that_users_queue_for_is_too_small_and_one_that_only_checks_is_not() {
    let pooled = |in_use_mean: f64, service_ns: f64, parts: CheckoutParts| {
        let plant = Plant {
            cpu: (0.35, 0.1, 0.2),
            ..Plant::default()
        };
        let mut report = plant.redis();
        // Only the pool at its operating point, without other settings to compare with.
        report
            .steps
            .retain(|step| step.parameter("pool_size") == Some(8.0));
        for step in &mut report.steps {
            step.pool = Some(PoolUsage {
                max_size: 8,
                size_mean: 8.0,
                in_use_mean,
                in_use_max: 8,
                samples: 50,
                checkout: Some(parts),
                ..PoolUsage::default()
            });
            for operation in step.operations.values_mut() {
                let (count, whole) = (operation.succeeded, parts.mean_ns());
                operation.checkout = hist(whole, count);
                operation.service = hist(service_ns, count);
                operation.call = hist(whole + service_ns, count);
            }
        }
        assess_reports(&[report, plant.sysmon()])
    };
    let checked = pooled(
        0.37,
        100_000.0,
        CheckoutParts {
            count: 20_000,
            wait_mean_ns: 1_000.0,
            check_mean_ns: 80_000.0,
            ..CheckoutParts::default()
        },
    );
    assert_eq!(named(&checked), Vec::<&str>::new());
    // 20,000 calls per second, each of which holds its connection for 0.39 ms.
    let queued = pooled(
        7.8,
        310_000.0,
        CheckoutParts {
            count: 20_000,
            waited: 19_000,
            wait_mean_ns: 900_000.0,
            check_mean_ns: 80_000.0,
            ..CheckoutParts::default()
        },
    );
    assert_eq!(
        named(&queued),
        ["pool_too_small"],
        "{:?} {:?}",
        queued.ruled_out,
        queued.unknown
    );
}
