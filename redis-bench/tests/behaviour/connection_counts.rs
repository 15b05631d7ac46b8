//! Tests of the connections that a client opened and lost during a step.
use std::collections::BTreeMap;
use std::time::Duration;

use crate::common::{self, bench};
use test_support::{RunningProgram, TestDirectory};

const NAMES: [&str; 3] = [
    "connections.opened",
    "connections.failed",
    "connections.lost",
];

/// Runs a step with the arguments `client`, in which all clients of the server are cut off `kills`
/// times, and returns its figures.
fn figures(client: &str, kills: usize) -> BTreeMap<String, f64> {
    let (redis, place) = (common::redis(), TestDirectory::new());
    let load = "cache --keys 200 --ttl 1h --preload 1 --users 4 --think-time 5ms --repeats 1 \
                --warmup 100ms --duration 1500ms --stop-on errors>90% --run-dir run --client";
    let args: Vec<&str> = load.split_whitespace().chain(client.split(' ')).collect();
    let mut running = RunningProgram::start(bench(&place, &args).env("REDIS_URL", redis.url()));
    running.wait_for("phase: measure");
    for _ in 0..kills {
        std::thread::sleep(Duration::from_millis(150));
        let killed: Result<u64, _> = redis::cmd("CLIENT")
            .arg(&["KILL", "TYPE", "normal"])
            .query(&mut common::connect(&redis));
        assert!(killed.is_ok(), "{killed:?}");
    }
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    common::report(&place, "cache").steps.remove(0).figures
}

#[test]
fn connections_that_the_server_ended_are_lost_and_opened_anew() {
    for client in [
        "pooled --pool-size 2",
        "multiplexed --connections 2",
        "pooled --pool-size 4 --workers 2",
    ] {
        let figures = figures(client, 4);
        let [opened, failed, lost] = NAMES.map(|name| figures[name]);
        assert!(opened >= 1.0 && lost >= 1.0, "{client}: {figures:?}");
        assert!(failed < 1.0, "{client}: {figures:?}");
    }
}

#[test]
fn where_no_connection_ends_none_is_counted() {
    for client in ["pooled", "multiplexed"] {
        let figures = figures(client, 0);
        let counted: f64 = NAMES.iter().map(|name| figures[*name]).sum();
        assert!(counted < 1.0, "{client}: {figures:?}");
    }
}
