//! Tests of the time between load and Redis: long ways, checks of a pool, large values, and connections that are
//! opened for each request or turned away.

use crate::assessment::{Assessment, FindingKind, ImpactOf};
use bench_report::{CheckoutParts, Parameter, PoolUsage, Step};

use super::common::parts::PlantFigure;
use super::common::{Plant, hist};
use super::redis_server::run;
use super::{assess_reports, finding, is_told, is_unknown, named, told};

const MS: f64 = 1e6;

/// Assesses a healthy run of Redis with calls of `call_ns` nanoseconds after `plant` changed its steps.
fn calls_of(call_ns: f64, plant: impl Fn(&mut Step)) -> Assessment {
    let plan = Plant {
        redis_ns: call_ns,
        ..Plant::default()
    };
    let mut report = plan.redis();
    // How large values are is a parameter of the steps here.
    report.config.remove("value_bytes");
    report.steps.iter_mut().for_each(plant);
    assess_reports(&[report])
}

/// Plants the fastest answer to a minimal command, of `ns` nanoseconds.
fn answer(step: &mut Step, ns: f64) {
    let server = step.server.as_mut().unwrap();
    server.plant("answer_least_ns", ns);
    server.plant("answer_mean_ns", 1.1 * ns);
}

#[test]
fn a_long_way_to_redis_is_told_from_two_milliseconds_on() {
    let far = |trip_ns: f64| calls_of(1.1 * trip_ns, |step| answer(step, trip_ns));
    let assessment = far(4.0 * MS);
    let found = told(&assessment, "redis_round_trips");
    assert_eq!(named(&assessment)[0], "redis_round_trips");
    assert!(found.title.contains("4.00 ms"), "{}", found.title);
    assert!(found.detail.contains("1 round trip"), "{}", found.detail);
    assert!(found.impact.unwrap().ratio > 0.8, "{:?}", found.impact);
    assert!(!is_told(&far(1.9 * MS), "redis_round_trips"));
    let unread = calls_of(4.4 * MS, |step| {
        let server = step.server.as_mut().unwrap();
        server.figures.remove("answer_least_ns");
    });
    assert!(is_unknown(&unread, "redis_round_trips"));
}

/// Planted: calls of which most of the time is a queue of the client, beside a way of 2 ms.
#[test]
fn only_as_many_round_trips_as_a_call_has_commands_are_the_way_s() {
    let assessment = calls_of(40.0 * MS, |step| answer(step, 2.0 * MS));
    assert!(!is_told(&assessment, "redis_round_trips"));
    let assessment = calls_of(10.0 * MS, |step| answer(step, 2.0 * MS));
    let found = told(&assessment, "redis_round_trips");
    assert!(found.impact.unwrap().ratio < 0.3, "{:?}", found.impact);
}

/// Gives the step a pool whose check of a connection takes `check_ns` nanoseconds of a call.
fn checks(step: &mut Step, check_ns: f64) {
    step.pool = Some(PoolUsage {
        max_size: 8,
        size_mean: 8.0,
        in_use_mean: 3.0,
        checkout: Some(CheckoutParts {
            count: 20_000,
            check_mean_ns: check_ns,
            ..CheckoutParts::default()
        }),
        ..PoolUsage::default()
    });
    step.figures
        .insert("extra_round_trips_per_request".into(), 1.0);
}

#[test]
fn a_pool_s_check_over_a_network_is_a_problem_and_beside_the_server_a_note() {
    let checked = |check_ns: f64, trip_ns: f64| {
        calls_of(2.2 * trip_ns, |step| {
            answer(step, trip_ns);
            checks(step, check_ns);
        })
    };
    let assessment = checked(1.0 * MS, 1.0 * MS);
    let found = told(&assessment, "redis_recycling");
    assert_eq!(named(&assessment)[0], "redis_recycling");
    assert!(found.detail.contains("PING") && found.detail.contains("1 of them"));
    assert!((found.impact.unwrap().ratio - 0.45).abs() < 0.05);
    let near = checked(0.1 * MS, 0.1 * MS);
    assert_eq!(
        told(&near, "redis_recycling").kind,
        FindingKind::Information
    );
    assert!(!is_told(&checked(0.1 * MS, 1.0 * MS), "redis_recycling"));
    // Without a pool nothing is checked, and nothing is said.
    let shared = calls_of(2.2 * MS, |step| answer(step, 1.0 * MS));
    assert!(finding(&shared, "redis_recycling").is_none());
}

#[test]
fn a_check_costs_more_than_the_way_of_the_command_that_it_doubles() {
    let assessment = calls_of(4.4 * MS, |step| {
        answer(step, 2.0 * MS);
        checks(step, 2.1 * MS);
        for operation in step.operations.values_mut() {
            operation.service = hist(2.1 * MS, operation.succeeded);
        }
    });
    let causes: Vec<&str> = named(&assessment)
        .into_iter()
        .filter(|rule| rule.starts_with("redis_"))
        .collect();
    assert_eq!(causes, ["redis_recycling", "redis_round_trips"]);
}

/// Gives the reads of a step, 85 % of its calls, values of `each` bytes.
fn values(step: &mut Step, each: f64) {
    let reads = step.operations["get"].succeeded;
    let server = step.server.as_mut().unwrap();
    server.plant("net_output_bytes", reads as f64 * each);
    step.parameters
        .insert("value_bytes".into(), Parameter::Integer(each as u64));
}

#[test]
fn values_that_take_the_time_of_a_call_are_told_with_their_size() {
    let carried = |each: f64, call_ns: f64| calls_of(call_ns, |step| values(step, each));
    let assessment = carried(1_048_576.0, 20.0 * MS);
    let found = told(&assessment, "redis_network_bytes");
    assert!(found.title.contains("866 KiB"), "{}", found.title);
    assert!(found.impact.unwrap().ratio > 0.8, "{:?}", found.impact);
    // As slow with small values, and as large without any time.
    assert!(!is_told(
        &carried(1_000.0, 20.0 * MS),
        "redis_network_bytes"
    ));
    assert!(!is_told(
        &carried(1_048_576.0, 0.4 * MS),
        "redis_network_bytes"
    ));
    let busy = calls_of(20.0 * MS, |step| {
        values(step, 1_048_576.0);
        step.generator.cpu_ratio = 0.95;
    });
    assert!(is_unknown(&busy, "redis_network_bytes"));
    let unread = calls_of(20.0 * MS, |step| {
        let server = step.server.as_mut().unwrap();
        server.figures.remove("net_input_bytes");
    });
    assert!(is_unknown(&unread, "redis_network_bytes"));
}

/// Planted: half of a call is opening its connection, which no pool measures.
#[test]
fn a_connection_for_each_request_costs_what_its_checkout_takes() {
    let assessment = run(|step| {
        let server = step.server.as_mut().unwrap();
        server.plant("connections_received", 20_000.0);
        step.pool = None;
        for operation in step.operations.values_mut() {
            operation.checkout = hist(150_000.0, operation.succeeded);
        }
    });
    let found = told(&assessment, "redis_churn");
    assert_eq!(found.kind, FindingKind::Problem);
    assert!(found.title.contains("opened anew"), "{}", found.title);
    assert!((found.impact.unwrap().ratio - 0.48).abs() < 0.05);
}

/// Assesses a run in which a tenth of the requests find the server with as many clients as it takes, and fail with
/// `kind`. The load counted `attempts` to open a connection that failed.
fn turned_away(kind: &'static str, attempts: f64) -> Assessment {
    run(move |step| {
        let server = step.server.as_mut().unwrap();
        server.plant("rejected_connections", 1_800.0);
        server.plant("maxclients", 30.0);
        let get = step.operations.get_mut("get").unwrap();
        get.errors.insert(kind.into(), get.attempted / 10);
        get.attempted += get.attempted / 10;
        step.figures.insert("connections.failed".into(), attempts);
    })
}

#[test]
fn requests_that_fail_because_redis_turns_their_connections_away_follow_from_its_limit() {
    for kind in ["response.maxclients", "closed"] {
        let assessment = turned_away(kind, 9_000.0);
        let limit = told(&assessment, "redis_maxclients");
        let impact = limit.impact.unwrap();
        assert_eq!(impact.of, ImpactOf::Requests);
        assert!((impact.ratio - 0.08).abs() < 0.02, "{impact:?}");
        let failures = told(&assessment, "errors_past_objective");
        assert_eq!(failures.kind, FindingKind::Symptom);
        assert_eq!(failures.parent.as_ref(), Some(&limit.id));
        assert_eq!(named(&assessment)[0], "redis_maxclients");
    }
}

/// Planted: connections that broke while they were in use, beside a few that were turned away.
#[test]
fn connections_that_broke_later_do_not_follow_from_the_limit_of_clients() {
    let assessment = turned_away("closed", 100.0);
    let failures = told(&assessment, "errors_past_objective");
    assert_eq!(failures.kind, FindingKind::Problem);
    assert_eq!(failures.parent, None);
}

/// Planted: a few writes, which the minimal queries of the bench never meet, each with a flush of 3 ms.
#[test]
fn writes_that_wait_for_the_disk_are_told_where_no_query_waited() {
    let flushed = |call_ns: f64, policy: &str| {
        calls_of(call_ns, |step| {
            let server = step.server.as_mut().unwrap();
            server.plant("aof_enabled", 1.0);
            server.plant("answer_mean_ns", 105_000.0);
            for row in server.tables.get_mut("settings").unwrap() {
                if row.labels["setting"] == "appendfsync" {
                    row.labels.insert("value".into(), policy.into());
                }
            }
        })
    };
    let assessment = flushed(3.0 * MS, "always");
    let found = told(&assessment, "redis_append_only");
    assert_eq!(named(&assessment)[0], "redis_append_only");
    assert!(found.impact.unwrap().ratio > 0.8, "{:?}", found.impact);
    assert!(!is_told(&flushed(0.3 * MS, "always"), "redis_append_only"));
    assert!(!is_told(
        &flushed(3.0 * MS, "everysec"),
        "redis_append_only"
    ));
}
