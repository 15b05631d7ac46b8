//! Tests of the comparison by made-up steps: 4 s with 1,000 requests per second, of which 100 miss
//! their key, through a pool of 8 connections. On a quiet server each count is as large as ours.

use bench_report::{CheckoutParts, Operation, Pacing, PoolUsage};
use test_support::empty_step;

use super::*;

const SHAPE: LoadShape<'static> = LoadShape {
    commands: &["get", "set"],
    unbounded: &[],
    without_commands: &["local"],
    times: 1,
    connections: 8,
    connects: false,
    opened_beside: 0,
};

fn command(name: &str, whose: &str, calls: f64, rejected: f64) -> EvidenceRow {
    EvidenceRow::new(
        [
            (columns::COMMAND, name.to_owned()),
            (columns::WHOSE, whose.to_owned()),
        ],
        [(columns::CALLS, calls), (columns::REJECTED_CALLS, rejected)],
    )
}

fn quiet_step() -> Step {
    let mut step = empty_step("pooled");
    step.window.measure_start_ns = 1_000_000_000;
    step.window.measure_end_ns = 5_000_000_000;
    let finished = |throughput_per_s: f64| Operation {
        throughput_per_s,
        ..Operation::default()
    };
    step.operations = [
        ("get".to_owned(), finished(900.0)),
        ("miss".to_owned(), finished(100.0)),
    ]
    .into();
    step.pool = Some(PoolUsage {
        max_size: 8,
        checkout: Some(CheckoutParts::default()),
        ..PoolUsage::default()
    });
    let mut server = ServerEvidence::default();
    server.figure(names::redis::INTERVAL_S, 4.0);
    server.figure(names::redis::CONNECTIONS_RECEIVED, 0.0);
    let rows = vec![
        command("get", "load", 4_000.0, 0.0),
        command("set", "load", 400.0, 0.0),
        command("ping", "pool", 4_000.0, 0.0),
        command("unwatch", "pool", 4_000.0, 0.0),
        command("info", "bench", 80.0, 0.0),
    ];
    server.table(columns::TABLE, rows);
    step.server = Some(server);
    step
}

/// Returns the warning about a quiet step that `plant` changed.
fn doubt(plant: impl FnOnce(&mut Step)) -> Option<Warning> {
    let mut step = quiet_step();
    plant(&mut step);
    surplus_doubt(&step, 0, &SHAPE)
}

fn server(step: &mut Step) -> &mut ServerEvidence {
    step.server.as_mut().unwrap()
}

fn rows(step: &mut Step) -> &mut Vec<EvidenceRow> {
    server(step).tables.get_mut("commands").unwrap()
}

fn set_calls(step: &mut Step, name: &str, calls: f64) {
    let row = rows(step)
        .iter_mut()
        .find(|row| row.labels["command"] == name);
    row.unwrap().figures.insert("calls".to_owned(), calls);
}

#[test]
fn a_quiet_server_gives_no_doubt_and_neither_does_one_that_counted_less() {
    assert_eq!(doubt(|_| ()), None);
    assert_eq!(doubt(|step| set_calls(step, "get", 3_000.0)), None);
    // 2 % of 4,000 calls.
    assert_eq!(doubt(|step| set_calls(step, "get", 4_079.0)), None);
    assert!(doubt(|step| set_calls(step, "get", 4_081.0)).is_some());
    // Three rounds of 8 connections.
    assert_eq!(doubt(|step| set_calls(step, "set", 423.0)), None);
    assert!(doubt(|step| set_calls(step, "set", 425.0)).is_some());
}

#[test]
fn requests_under_way_at_the_limit_of_an_open_loop_are_no_strangers() {
    let overloaded = |calls: f64| {
        doubt(|step| {
            step.load = Load::Open {
                rate_per_s: 5_000.0,
                pacing: Pacing::Poisson,
                in_flight_cap: 1_024,
                delayed_at_cap: 300,
            };
            set_calls(step, "get", calls);
        })
    };
    assert_eq!(overloaded(4_000.0 + 3.0 * 1_024.0), None);
    assert!(overloaded(4_001.0 + 3.0 * 1_024.0).is_some());
}

#[test]
fn a_second_run_on_the_server_makes_its_hit_ratio_doubtful() {
    let doubt = doubt(|step| set_calls(step, "get", 9_000.0)).unwrap();
    assert_eq!(doubt.code, WarningCode::ServerDiffers);
    let words = "9000 GET calls, 4000 of them of this run (somebody else reads or writes here";
    assert!(doubt.message.contains(words), "{}", doubt.message);
    assert!(doubt.spoils("/steps/0/figures/server_hit_ratio"));
    assert!(!doubt.spoils("/steps/0/figures/hit_ratio"));
}

#[test]
fn a_user_who_may_not_run_the_check_of_the_pool_is_told_which_command_to_allow() {
    let doubt = doubt(|step| {
        for row in rows(step) {
            if row.labels["command"] == "unwatch" {
                *row = command("unwatch", "pool", 0.0, 4_000.0);
            }
        }
        let opened = &mut step.pool.as_mut().unwrap().checkout;
        opened.as_mut().unwrap().opened = 3_990;
        server(step).figure(names::redis::CONNECTIONS_RECEIVED, 4_009.0);
        server(step).member(names::redis::ERRORS, "NOPERM", 4_002.0);
        // Each connection introduces itself with two commands that the server does not know.
        server(step).member(names::redis::ERRORS, "ERR", 8_018.0);
    });
    let message = doubt.unwrap().message;
    let words = "4002 answers NOPERM, 0 of them of this run (the user may not run UNWATCH, so";
    assert!(
        message.contains(words) && message.contains("+unwatch"),
        "{message}"
    );
    assert!(
        !message.contains("connections,") && !message.contains("answers ERR"),
        "{message}"
    );
}

#[test]
fn others_are_told_from_a_program_that_monitors_the_server() {
    let with = |name: &'static str| {
        move |step: &mut Step| rows(step).push(command(name, "others", 700.0, 0.0))
    };
    let monitored = doubt(with("info")).unwrap().message;
    assert!(monitored.contains("700 calls of commands"), "{monitored}");
    assert!(
        monitored.contains("(a program that monitors"),
        "{monitored}"
    );
    let others = doubt(with("hgetall")).unwrap().message;
    assert!(
        others.contains("(other clients; most of them HGETALL, 700)"),
        "{others}"
    );
    // Less than 2 % of the run's own calls, the checks of the pool included.
    let few = doubt(|step| rows(step).push(command("keys", "others", 200.0, 0.0)));
    assert_eq!(few, None);
}

#[test]
fn connections_and_errors_of_others_are_told_and_failures_of_the_load_are_its_own() {
    let others = doubt(|step| {
        server(step).figure(names::redis::CONNECTIONS_RECEIVED, 300.0);
        server(step).member(names::redis::ERRORS, "WRONGTYPE", 50.0);
    });
    let message = others.unwrap().message;
    assert!(message.contains("300 connections, 0 of them"), "{message}");
    assert!(
        message.contains("50 answers WRONGTYPE, 0 of them"),
        "{message}"
    );
    let own = doubt(|step| {
        let get = step.operations.get_mut("get").unwrap();
        get.errors = [("response.OOM".to_owned(), 500), ("closed".to_owned(), 300)].into();
        server(step).figure(names::redis::CONNECTIONS_RECEIVED, 300.0);
        server(step).member(names::redis::ERRORS, "OOM", 500.0);
    });
    assert_eq!(own, None);
}

#[test]
fn a_server_that_was_read_for_longer_counted_more_by_itself() {
    let late = |step: &mut Step| {
        server(step).figure(names::redis::INTERVAL_S, 6.0);
        for name in ["get", "set", "ping", "unwatch"] {
            let row = rows(step)
                .iter_mut()
                .find(|row| row.labels["command"] == name);
            let calls = row.unwrap().figures.get_mut("calls").unwrap();
            *calls *= 1.5;
        }
    };
    assert_eq!(doubt(late), None);
    let stopped = doubt(|step| {
        set_calls(step, "get", 9_000.0);
        step.end = StepEnd::Interrupted;
    });
    assert_eq!(stopped, None);
    let unread = doubt(|step| step.server = Some(ServerEvidence::unavailable("info", "refused")));
    assert_eq!(unread, None);
}

#[test]
fn reads_that_the_client_answered_itself_hide_no_strangers() {
    let local = |step: &mut Step| {
        let get = step.operations["get"].clone();
        step.operations.insert("local".to_owned(), get);
    };
    assert_eq!(doubt(local), None);
    let told = doubt(|step| {
        local(step);
        set_calls(step, "get", 5_000.0);
    });
    assert!(told.unwrap().message.contains("GET calls"));
}

#[test]
fn calls_without_a_bound_are_not_taken_for_those_of_strangers() {
    let mut step = quiet_step();
    set_calls(&mut step, "get", 9_000.0);
    let shape = LoadShape {
        unbounded: &["get"],
        ..SHAPE
    };
    assert_eq!(surplus_doubt(&step, 0, &shape), None);
    set_calls(&mut step, "set", 9_000.0);
    let told = surplus_doubt(&step, 0, &shape).unwrap().message;
    assert!(
        told.contains("SET calls") && !told.contains("GET calls"),
        "{told}"
    );
}
