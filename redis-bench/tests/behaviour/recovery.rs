//! Tests of the recovery of each way to connect after events at a throwaway server.

use crate::common::{bench, report, told};
use std::time::Duration;

use bench_report::names::steps;
use bench_report::{Status, Step};
use nix::sys::signal::Signal;
use test_support::{Ended, RunningProgram, TestDirectory};

/// Returns the step in which the way to connect `client` was watched after `event`.
fn after<'a>(steps: &'a [Step], client: &str, event: &str) -> &'a Step {
    let wanted = [("client", client), ("event", event), ("part", "after")];
    let mut found = steps.iter().filter(|step| step.is_with(&wanted));
    let step = found.next();
    step.unwrap_or_else(|| panic!("{client} has no step after {event}"))
}

const EVENTS: [&str; 3] = ["kill", "restart", "idle timeout"];

/// Measures the recovery of `client`, and returns the steps after each event. Panics if the client does
/// not answer again, or if the server took no new connection.
fn recovered(client: &str, shown: &str) -> Vec<Step> {
    let place = TestDirectory::new();
    let mut args: Vec<&str> = "pool --recovery --rate 750 --duration 2s --run-dir run --client"
        .split_whitespace()
        .collect();
    args.push(client);
    let Ended { code, said, .. } = RunningProgram::start(&mut bench(&place, &args)).end();
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains(shown) && said.contains("first success"),
        "{said}"
    );
    let report = report(&place, "pool");
    let after = EVENTS.map(|event| after(&report.steps, client, event).clone());
    for step in &after {
        let answered = step.value(steps::EVENT_FIRST_SUCCESS_NS);
        assert!(
            answered.is_some(),
            "{} never answered again: {said}",
            step.name
        );
        let opened = step.value(steps::EVENT_CONNECTIONS_OPENED).unwrap();
        assert!(opened >= 1.0, "{}: {opened} connections", step.name);
    }
    assert_eq!(place.left_behind(), [""; 0]);
    after.to_vec()
}

#[test]
fn a_pool_checks_its_connections_and_comes_back() {
    let after = recovered("pooled", "pool of 8");
    for step in &after {
        let ended = step.value(steps::EVENT_CONNECTIONS_ENDED).unwrap();
        assert!((1.0..=8.0).contains(&ended), "{}: {ended}", step.name);
    }
    // What was ended while it was idle is found by the check, which no request notices.
    assert_eq!(after[2].value(steps::EVENT_REQUESTS_FAILED), Some(0.0));
}

/// One connection that all share: each event ends it, and one takes its place.
fn assert_one_replaces_one(after: &[Step]) {
    for step in after {
        for name in [
            steps::EVENT_CONNECTIONS_ENDED,
            steps::EVENT_CONNECTIONS_OPENED,
        ] {
            assert_eq!(step.value(name), Some(1.0), "{}: {name:?}", step.name);
        }
    }
}

#[test]
fn a_shared_connection_is_replaced_by_one_other() {
    let after = recovered("multiplexed", "1 shared connection");
    assert_one_replaces_one(&after);
    // Nobody checks it, so a request finds it ended.
    assert!(after[2].value(steps::EVENT_REQUESTS_FAILED) >= Some(1.0));
}

#[test]
fn a_managed_connection_is_replaced_by_one_other() {
    assert_one_replaces_one(&recovered("managed", "1 managed connection"));
}

#[test]
fn users_with_connections_of_their_own_come_back() {
    for step in recovered("plain", "a connection per user") {
        let ended = step.value(steps::EVENT_CONNECTIONS_ENDED).unwrap();
        assert!(ended >= 1.0, "{}: {ended}", step.name);
    }
}

/// A connection for each request: the server takes hundreds.
#[test]
fn requests_with_connections_of_their_own_come_back() {
    let after = recovered("per-request", "a connection per request");
    let opened = after[0].value(steps::EVENT_CONNECTIONS_OPENED).unwrap();
    assert!(opened > 450.0, "{opened}");
}

/// A signal ends the measurement in order, wherever it is, and leaves no server.
#[test]
fn a_signal_ends_a_measurement_of_recovery() {
    for wait_ms in [0, 4_000] {
        let place = TestDirectory::new();
        let args = [
            "pool",
            "--recovery",
            "--client",
            "managed",
            "--run-dir",
            "run",
        ];
        let mut running = RunningProgram::start(&mut bench(&place, &args));
        running.wait_for("phase: measure");
        std::thread::sleep(Duration::from_millis(wait_ms));
        running.signal(Signal::SIGINT);
        running
            .end()
            .assert_interrupted("the connections are watched");
        let report = report(&place, "pool");
        assert_eq!(report.status, Status::Interrupted);
        assert_eq!(place.left_behind_after(Duration::from_secs(10)), [""; 0]);
    }
}

#[test]
fn a_server_of_the_user_is_never_killed_restarted_or_changed() {
    let place = TestDirectory::new();
    let refused = ["pool", "--recovery"];
    let said = told(&place, Some("redis://127.0.0.1:1/"), &refused, 2);
    assert!(said.contains("leave out --url and REDIS_URL"), "{said}");
    let curve = ["pool", "--recovery", "--rate", "ramp:1..9/5s"];
    let said = told(&place, None, &curve, 2);
    assert!(said.contains("the rate is constant"), "{said}");
    let script = ["pool", "--recovery", "--repeats", "2"];
    assert!(told(&place, None, &script, 2).contains("cannot be used with"));
}
