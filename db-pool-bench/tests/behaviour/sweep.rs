//! Tests of complete sweeps with the program, on real servers.

use crate::common::{Talk, postgres};
use bench_report::{Report, Status, Step, StepEnd, WarningCode};
use load_engine::shuffled_steps;

/// Runs a sweep on the server at `url` to its end. Returns the report, the exit code, and the text
/// on stdout and stderr.
fn complete(url: &str, args: &str) -> (Report, i32, String) {
    let ran = crate::common::complete(url, "sweep", args);
    (ran.report, ran.code, ran.said)
}

fn driver(step: &Step) -> String {
    step.parameters["driver"].to_string()
}

fn size(step: &Step) -> f64 {
    step.parameter("pool_size")
        .or(step.parameter("users"))
        .unwrap()
}

/// Asserts that `step` completed without errors, and that its figures of operations, phases, server
/// and pool are present and consistent.
fn assert_step_is_whole(step: &Step) {
    assert_eq!(step.end, StepEnd::Completed, "{}", step.name);
    assert_eq!(
        step.operations.keys().collect::<Vec<_>>(),
        ["read", "write"],
        "{}",
        step.name
    );
    for operation in step.operations.values() {
        assert!(
            operation.succeeded > 0 && operation.errors.is_empty(),
            "{}: {operation:?}",
            step.name
        );
        assert_eq!(operation.checkout.is_some(), driver(step) != "direct");
        assert!(
            operation.response.is_none(),
            "a closed loop has no due instant"
        );
    }
    let server = &step.server.as_ref().unwrap();
    let commits = server.figures["database.commits"];
    let succeeded: u64 = step.operations.values().map(|o| o.succeeded).sum();
    assert!(
        commits >= succeeded as f64,
        "{}: {commits} commits of {succeeded}",
        step.name
    );
    for figure in [
        "sessions.cpu_mean",
        "connections.limit",
        "wal.bytes",
        "server.cpu_ns",
    ] {
        assert!(
            server.figures.contains_key(figure),
            "{}: no {figure}: {server:?}",
            step.name
        );
    }
    if let Some(pool) = &step.pool {
        assert!(
            pool.in_use_max <= pool.max_size && size(step) == pool.max_size as f64,
            "{pool:?}"
        );
    }
}

#[test]
fn all_drivers_are_measured_in_the_order_of_the_seed_and_nothing_is_left() {
    let server = postgres(&[]);
    let (report, code, said) = complete(
        server.url(),
        "--pool-sizes 2,4 --users 12 --repeats 2 --warmup 50ms --duration 300ms --seed 11",
    );
    assert_eq!((code, report.status), (0, Status::Complete), "{said}");

    let settings = [
        "direct 2",
        "direct 4",
        "deadpool 2",
        "deadpool 4",
        "sqlx 2",
        "sqlx 4",
    ];
    let expected: Vec<&str> = shuffled_steps(6, 2, 11)
        .iter()
        .map(|planned| settings[planned.setting])
        .collect();
    let ran: Vec<String> = report
        .steps
        .iter()
        .map(|s| format!("{} {}", driver(s), size(s)))
        .collect();
    assert_eq!(ran, expected);

    report.steps.iter().for_each(assert_step_is_whole);
    let subjects: Vec<&str> = report
        .summary
        .recommendations
        .iter()
        .map(|r| r.subject.as_str())
        .collect();
    assert_eq!(subjects, ["direct", "deadpool", "sqlx"]);
    for recommendation in &report.summary.recommendations {
        assert!(
            recommendation.value.is_some() && !recommendation.reason.is_empty(),
            "{recommendation:?}"
        );
        assert!(
            recommendation
                .steps
                .iter()
                .all(|&i| driver(&report.steps[i]) == recommendation.subject)
        );
    }
    assert!(
        said.contains("deadpool: run with") && said.contains("checkout"),
        "{said}"
    );
    Talk::to(server.url()).assert_nothing_is_left();
}

#[test]
fn a_pool_that_is_too_small_shows_as_checkout_wait_and_not_as_service() {
    let server = postgres(&[]);
    let args = "--driver deadpool,sqlx --pool-sizes 1 --users 16 --repeats 1 --warmup 100ms --duration 500ms --workload point-select";
    let (report, code, said) = complete(server.url(), args);
    assert_eq!(code, 0, "{said}");
    for step in &report.steps {
        let select = &step.operations["select"];
        let mean = |h: &Option<bench_report::Histogram>| h.as_ref().unwrap().mean_ns;
        let (checkout, service) = (mean(&select.checkout), mean(&select.service));
        assert!(
            checkout > 5.0 * service,
            "{}: 16 users on 1: {checkout} and {service}",
            step.name
        );
        let parts = checkout + service;
        assert!(
            (parts / mean(&select.call) - 1.0).abs() < 0.005,
            "phases add up"
        );
    }
}

#[test]
fn each_core_may_have_a_pool_of_its_own_and_a_rate_may_be_asked_for() {
    let server = postgres(&[]);
    let args = "--driver wire,deadpool,direct,sqlx --pool-sizes 3 --rate 200 --pacing poisson --runtime per-core --repeats 1 --warmup 0 --duration 500ms --workload write-heavy";
    let (report, code, said) = complete(server.url(), args);
    assert_eq!(code, 0, "{said}");
    for step in &report.steps {
        assert_eq!(step.end, StepEnd::Completed);
        assert!(
            step.operations
                .values()
                .all(|o| o.response.is_some() && o.errors.is_empty()),
            "{}",
            step.name
        );
    }
    Talk::to(server.url()).assert_nothing_is_left();
}

#[test]
fn a_table_of_pgbench_is_only_read_and_no_schema_is_made() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    talk.execute(
        "CREATE TABLE pgbench_accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84));
         INSERT INTO pgbench_accounts SELECT id, 1, id, '' FROM generate_series(1, 500) id;
",
    );
    talk.execute("ALTER SYSTEM SET default_transaction_read_only = on");
    talk.execute("SELECT pg_reload_conf()");
    let args = "--driver wire,direct,deadpool,sqlx --pool-sizes 2 --repeats 1 --warmup 0 --duration 300ms --workload point-select --table pgbench_accounts";
    let (report, code, said) = complete(server.url(), args);
    assert_eq!((code, report.steps.len()), (0, 4), "{said}");
    for step in &report.steps {
        let select = &step.operations["select"];
        assert!(
            select.succeeded > 0 && select.errors.is_empty(),
            "{}: {:?}",
            step.name,
            select.errors
        );
    }
}

#[test]
fn a_size_that_does_not_fit_is_left_out_with_a_sentence_and_the_others_are_measured() {
    let server = postgres(&[("max_connections", "12")]);
    let args = "--driver deadpool --pool-sizes 2,40 --repeats 1 --warmup 0 --duration 300ms --most-connections 100%";
    let (report, code, said) = complete(server.url(), args);
    assert_eq!((code, report.status), (0, Status::Complete), "{said}");
    let of = |size: f64| {
        report
            .steps
            .iter()
            .position(|s| s.parameter("pool_size") == Some(size))
            .unwrap()
    };
    assert_eq!(report.steps[of(2.0)].end, StepEnd::Completed);
    let StepEnd::Failed { reason } = &report.steps[of(40.0)].end else {
        panic!("{:?}", report.steps[of(40.0)].end);
    };
    assert!(
        reason.contains("max_connections is 12") && reason.contains("at most 10"),
        "{reason}"
    );
    let warning = report
        .warnings
        .iter()
        .find(|w| w.code == WarningCode::LimitTooLow)
        .unwrap();
    assert_eq!(warning.step, Some(of(40.0)));
    assert!(said.contains("was left out"), "{said}");
    Talk::to(server.url()).assert_nothing_is_left();
}

#[test]
fn another_schema_of_the_same_kind_is_not_ours_to_drop() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    talk.execute("CREATE SCHEMA plimsoll_20200101_000000_0000");
    let args =
        "--driver direct --pool-sizes 1 --repeats 1 --warmup 0 --duration 100ms --workload mixed";
    assert_eq!(complete(server.url(), args).1, 0);
    assert_eq!(talk.schemas(), ["plimsoll_20200101_000000_0000"]);
}

#[test]
fn hold_and_network_delay_ask_for_as_many_connections_as_the_law_says() {
    let server = postgres(&[]);
    let args = "--driver deadpool --pool-sizes 1,4 --hold 10ms,40ms --network-delay 0,5ms --repeats 1 --warmup 100ms --duration 1200ms --workload point-select --app-instances 30";
    let (report, code, said) = complete(server.url(), args);
    assert_eq!((code, report.steps.len()), (0, 8), "{said}");
    for step in &report.steps {
        let of = |name: &str| step.parameters[name].to_string();
        let hold_ns = if of("hold") == "10ms" { 10e6 } else { 40e6 };
        let there_and_back_ns = if of("network_delay") == "5ms" {
            10e6
        } else {
            0.0
        };
        let service = step.operations["select"].service.as_ref().unwrap();
        assert!(
            service.min_ns as f64 >= hold_ns + there_and_back_ns,
            "{}: {}",
            step.name,
            service.min_ns
        );
    }
    // Four times as long held: four times as many connections, but for what the server takes.
    let figure = |name: &str| report.summary.figures[&format!("deadpool, {name}")];
    let ratio =
        figure("hold 40ms.predicted_connections") / figure("hold 10ms.predicted_connections");
    assert!((2.0..4.2).contains(&ratio), "{ratio}: {said}");
    for conditions in ["hold 10ms, delay 5ms", "hold 40ms", "hold 40ms, delay 5ms"] {
        let off = figure(&format!("{conditions}.prediction_error_ratio"));
        assert!(off < 0.3, "{conditions}: {off}: {said}");
    }
    let unwrapped = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        unwrapped.contains("connections needed = throughput × time held"),
        "{said}"
    );
    assert!(unwrapped.contains("more than 97"), "120 do not fit: {said}");
    Talk::to(server.url()).assert_nothing_is_left();
}
