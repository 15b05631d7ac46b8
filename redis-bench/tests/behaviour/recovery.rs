//! Tests of the recovery of each way to connect after events at a throwaway server.

use crate::common::{bench, report, told};
use bench_report::Step;
use bench_report::names::steps;
use test_support::{Ended, RunningProgram, TestDirectory};

/// Returns the step in which the way to connect `client` was watched after `event`.
fn after<'a>(steps: &'a [Step], client: &str, event: &str) -> &'a Step {
    let wanted = [("client", client), ("event", event), ("part", "after")];
    let mut found = steps.iter().filter(|step| step.is_with(&wanted));
    let step = found.next();
    step.unwrap_or_else(|| panic!("{client} has no step after {event}"))
}

/// Every client loses its connections by each event, opens new ones, and answers again. Connections
/// that were killed cost a client that shares one at most a request on each; a restart costs requests
/// that were made meanwhile; a client whose connections were ended while it was idle opens new ones.
#[test]
fn each_way_to_connect_is_told_with_how_it_comes_back() {
    let place = TestDirectory::new();
    let args = "pool --recovery --rate 500 --duration 3s --pool-size 4 --run-dir run";
    let args: Vec<&str> = args.split_whitespace().collect();
    let Ended { code, said, .. } = RunningProgram::start(&mut bench(&place, &args)).end();
    assert_eq!(code, Some(0), "{said}");
    let report = report(&place, "pool");
    for client in ["pooled", "multiplexed", "managed", "plain", "per-request"] {
        for event in ["kill", "restart", "idle timeout"] {
            let step = after(&report.steps, client, event);
            let figure = |name| step.value(name);
            assert!(
                figure(steps::EVENT_FIRST_SUCCESS_NS).is_some(),
                "{client} never answered again after {event}: {said}"
            );
            let opened = figure(steps::EVENT_CONNECTIONS_OPENED).unwrap();
            assert!(opened >= 1.0, "{client}, {event}: {opened}");
            // A client that connects for each request may have none at the instant of the event.
            if client != "per-request" {
                let ended = figure(steps::EVENT_CONNECTIONS_ENDED).unwrap();
                assert!(ended >= 1.0, "{client}, {event}: {ended}");
            }
        }
    }
    // One connection that all share: it is ended, and one takes its place.
    for client in ["multiplexed", "managed"] {
        for event in ["kill", "restart", "idle timeout"] {
            let step = after(&report.steps, client, event);
            let ended = step.value(steps::EVENT_CONNECTIONS_ENDED);
            assert_eq!(ended, Some(1.0), "{client}, {event}");
            let opened = step.value(steps::EVENT_CONNECTIONS_OPENED);
            assert_eq!(opened, Some(1.0), "{client}, {event}");
        }
    }
    // A connection for each request: as many as requests, of which 500 are due each second.
    let each = after(&report.steps, "per-request", "kill");
    let opened = each.value(steps::EVENT_CONNECTIONS_OPENED).unwrap();
    assert!(opened > 1_000.0, "{opened}");
    for told in [
        "pool of 4",
        "1 managed connection",
        "idle timeout",
        "first success",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    assert_eq!(place.left_behind(), [""; 0]);
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
