//! Tests of the ways to connect: what each sends, how many connections it opens, and how it comes
//! back after the server closed its connections.
use std::time::Duration;

use crate::common::{self, bench, report};
use bench_report::{Report, Step, WarningCode};
use redis::Connection;
use test_support::{Ended, RunningProgram, TestDirectory};
use testbed::{Faults, Proxy, Redis};

const CLIENTS: [&str; 5] = ["pooled", "multiplexed", "managed", "plain", "per-request"];

fn reset_statistics(redis: &Redis) -> Connection {
    let mut connection = common::connect(redis);
    let () = redis::cmd("CONFIG")
        .arg("RESETSTAT")
        .query(&mut connection)
        .unwrap();
    connection
}

/// Returns the figure `name` of the section `section` of INFO, as in `calls` of `cmdstat_get`.
fn statistic(connection: &mut Connection, section: &str, line: &str, name: &str) -> u64 {
    let info: String = redis::cmd("INFO").arg(section).query(connection).unwrap();
    let found = info.lines().find_map(|text| text.strip_prefix(line));
    let Some(found) = found else { return 0 };
    let mut fields = found.trim_start_matches(':').split(',');
    let value = fields.find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
    value
        .unwrap_or(found.trim_start_matches(':'))
        .parse()
        .unwrap()
}

fn run(redis: &Redis, args: &str) -> (String, Report) {
    let place = TestDirectory::new();
    let args: Vec<&str> = args.split_whitespace().collect();
    let output = bench(&place, &args)
        .env("REDIS_URL", redis.url())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    (said, report(&place, "pool"))
}

fn finished(step: &Step) -> u64 {
    let operations = step.operations.values();
    operations.map(|operation| operation.succeeded).sum()
}

/// Without a warm-up and with all requests answered, the server has seen each command once, and as
/// many connections as the way to connect needs.
#[test]
fn each_way_to_connect_sends_what_it_says_over_as_many_connections_as_it_says() {
    for client in CLIENTS {
        for pipeline in [1_u64, 5] {
            let redis = common::redis();
            let mut server = reset_statistics(&redis);
            let size = match client {
                "pooled" => "--pool-size 3",
                "multiplexed" | "managed" => "--connections 2",
                _ => "",
            };
            let args = format!(
                "pool --workload get --client {client} {size} --users 6 --duration 400ms \
                 --warmup 0s --repeats 1 --pipeline {pipeline} --run-dir run"
            );
            let (said, report) = run(&redis, &args);
            let step = &report.steps[0];
            let requests = finished(step);
            assert!(requests > 10, "{client}: {said}");
            let calls = statistic(&mut server, "commandstats", "cmdstat_get", "calls");
            assert_eq!(calls, requests * pipeline, "{client}: {said}");
            let commands = step.figures["commands_per_s"] / step.throughput_per_s();
            assert!((commands - pipeline as f64).abs() < 1e-9, "{client}");
            let opened = statistic(&mut server, "stats", "total_connections_received", "");
            let opened = opened as f64;
            let (least, most) = match client {
                "pooled" => (3.0, 3.0),
                "multiplexed" | "managed" => (2.0, 2.0),
                "plain" => (6.0, 6.0),
                _ => (requests as f64, requests as f64),
            };
            // The run itself opens a few for its keys and its reading of the server.
            assert!(
                opened >= least && opened <= most + 10.0,
                "{client}: {opened}"
            );
            let mut warnings = report.warnings.iter();
            let differs = warnings.find(|warning| warning.code == WarningCode::ServerDiffers);
            assert!(differs.is_none(), "{client}: {differs:?}");
        }
    }
}

/// The server closes every connection of the load once. Each way to connect loses the requests that
/// were on the way, and goes on over new connections.
#[test]
fn each_way_to_connect_comes_back_after_the_server_closed_its_connections() {
    let redis = common::redis();
    let mut runs = CLIENTS.map(|client| {
        let place = TestDirectory::new();
        let args = "pool --workload get --users 4 --think-time 5ms --repeats 1 --warmup 100ms \
                    --duration 3s --stop-on p99>1h --run-dir run --client";
        let args: Vec<&str> = args.split_whitespace().chain([client]).collect();
        let running = RunningProgram::start(bench(&place, &args).env("REDIS_URL", redis.url()));
        (client, place, running)
    });
    for (_, _, running) in &mut runs {
        running.wait_for("2s left");
    }
    let killed: u64 = redis::cmd("CLIENT")
        .arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"])
        .query(&mut common::connect(&redis))
        .unwrap();
    assert!(killed >= CLIENTS.len() as u64, "{killed}");
    for (client, place, running) in runs {
        let Ended { code, said, .. } = running.end();
        assert_eq!(code, Some(0), "{client}: {said}");
        let report = report(&place, "pool");
        let get = &report.steps[0].operations["get"];
        assert!(get.failures() <= 66, "{client}: {get:?}");
        let mut series = report.series.iter();
        let throughput = series.find(|series| series.name == "throughput_per_s");
        let throughput = throughput.unwrap();
        let of_interval = throughput.at_ns.iter().zip(&throughput.mean);
        let mut measured =
            of_interval.filter(|(at, _)| **at <= report.steps[0].window.measure_end_ns);
        let (_, last) = measured.next_back().unwrap();
        assert!(
            last.is_some_and(|rate| rate > 0.0),
            "{client}: {throughput:?}"
        );
        assert_eq!(get.censored, 0, "{client}: {get:?}");
    }
    assert_eq!(common::keys(&redis), [""; 0]);
}

/// At a rate there are a thousand users. The first failure of one replaces the connection for all, so
/// that what fails is what was on its way, and not a request of each user in the 2 s that follow.
#[test]
fn users_of_a_shared_connection_do_not_all_find_out_by_a_failure_that_it_broke() {
    let redis = common::redis();
    let place = TestDirectory::new();
    let args = "pool --workload get --client multiplexed --rate 300 --repeats 1 --warmup 100ms \
                --duration 3s --stop-on p99>1h --run-dir run";
    let args: Vec<&str> = args.split_whitespace().collect();
    let mut running = RunningProgram::start(bench(&place, &args).env("REDIS_URL", redis.url()));
    running.wait_for("2s left");
    let mut kill = redis::cmd("CLIENT");
    kill.arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"]);
    let killed: u64 = kill.query(&mut common::connect(&redis)).unwrap();
    assert!(killed > 0);
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(0), "{said}");
    let get = &report(&place, "pool").steps[0].operations["get"];
    assert!((1..200).contains(&get.failures()), "{get:?}");
}

/// Behind 2 ms in each direction, the pool's check and the command take 8 ms together. At 500
/// requests per second 4 requests are then under way (Little's law), and fewer connections cannot
/// carry the rate.
#[test]
fn the_smallest_pool_that_carries_the_rate_within_the_objective_is_recommended() {
    let redis = common::redis();
    let faults = Faults {
        delay: Duration::from_millis(2),
        ..Faults::default()
    };
    let address = redis.url().trim_start_matches("redis://");
    let address = address.trim_end_matches('/').parse().unwrap();
    let proxy = Proxy::start(address, faults).unwrap();
    let place = TestDirectory::new();
    let args = "pool --client pooled --pool-size 2,3,4,6,12 --rate 500 --objective p99<10s \
                --stop-on p99>1h --repeats 1 --warmup 200ms --duration 1500ms --run-dir run";
    let args: Vec<&str> = args.split_whitespace().collect();
    let output = bench(&place, &args)
        .env("REDIS_URL", format!("redis://{}", proxy.address()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let report = report(&place, "pool");
    let found = &report.summary.recommendations[0];
    assert_eq!(found.parameter, "pool_size");
    // A machine that is too slow for the rate gets no recommendation, but no small pool either.
    let is_told = found.reason.contains("no setting carried the rate");
    assert!(
        found.value.map_or(is_told, |size| size >= 4.0),
        "{found:?}\n{said}"
    );
}
