//! Tests of a primary that Sentinels name: which ways to connect survive a failover under load, what is
//! told of it, and that no key stays on the new primary.
use std::time::{Duration, Instant};

use crate::common::{self, bench};
use bench_report::{Report, WarningCode};
use test_support::{Ended, RunningProgram, TestDirectory, left_behind};
use testbed::{Redis, RedisSentinel};

/// Ways to connect that ask the Sentinels again when they reconnect.
const SURVIVING: [&str; 4] = ["pooled", "multiplexed", "plain", "per-request"];

fn url(sentinel: &RedisSentinel) -> String {
    format!("{}?sentinel={}", sentinel.url(), RedisSentinel::PRIMARY)
}

/// Returns the address of the primary that the Sentinel names.
fn named(sentinel: &RedisSentinel) -> String {
    let client = redis::Client::open(sentinel.url()).unwrap();
    let mut connection = client.get_connection().unwrap();
    let mut ask = redis::cmd("SENTINEL");
    ask.arg(&["GET-MASTER-ADDR-BY-NAME", RedisSentinel::PRIMARY]);
    let (host, port): (String, u16) = ask.query(&mut connection).unwrap();
    format!("{host}:{port}")
}

/// Waits until the Sentinel names another primary than `old`, and returns it.
fn await_failover(sentinel: &RedisSentinel, old: &str) -> String {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let now = named(sentinel);
        if now != old {
            return now;
        }
        assert!(Instant::now() < until, "no failover from {old}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Returns the replica that the Sentinel made the primary.
fn promoted<'a>(sentinel: &'a RedisSentinel, address: &str) -> &'a Redis {
    let mut replicas = sentinel.replicas().iter();
    let found = replicas.find(|replica| address.ends_with(&format!(":{}", replica.port())));
    found.unwrap_or_else(|| panic!("{address} is none of the replicas"))
}

/// Starts a run of `pool` with `client` at `url`, and returns it when requests are being made.
fn start(place: &TestDirectory, url: &str, client: &str, more: &str) -> RunningProgram {
    let args = format!(
        "pool --workload set --users 4 --repeats 1 --warmup 0s --stop-on p99>1h --run-dir run \
         --client {client} {more} --url {url}"
    );
    let args: Vec<&str> = args.split_whitespace().collect();
    let mut running = RunningProgram::start(&mut bench(place, &args));
    running.wait_for("phase: measure");
    std::thread::sleep(Duration::from_millis(300));
    running
}

/// Returns the throughput of the last measured interval.
fn last_throughput(report: &Report) -> f64 {
    let mut series = report.series.iter();
    let throughput = series
        .find(|series| series.name == "throughput_per_s")
        .unwrap();
    let ends = throughput.at_ns.iter().zip(&throughput.mean);
    let until_ns = report.steps[0].window.measure_end_ns;
    let mut measured = ends.filter(|(at, _)| **at <= until_ns);
    measured.next_back().unwrap().1.unwrap()
}

fn warning(report: &Report, code: WarningCode) -> &str {
    let mut warnings = report.warnings.iter();
    let found = warnings.find(|warning| warning.code == code);
    &found
        .unwrap_or_else(|| panic!("no {code:?}: {:?}", report.warnings))
        .message
}

#[test]
fn a_killed_primary_is_replaced_under_load_and_the_run_goes_on_at_the_new_one() {
    for client in SURVIVING {
        let mut primary = common::redis();
        let sentinel = RedisSentinel::start(&primary, 2).unwrap();
        let old = named(&sentinel);
        let place = TestDirectory::new();
        let running = start(&place, &url(&sentinel), client, "--duration 8s");
        primary.kill();
        let new = await_failover(&sentinel, &old);
        let Ended { code, said, .. } = running.end();
        assert_eq!(code, Some(0), "{client}: {said}");
        let report = common::report(&place, "pool");
        assert_eq!(report.config["primary"], *old, "{client}");
        let set = &report.steps[0].operations["set"];
        assert!(set.failures() > 0, "{client}: {set:?}");
        assert_eq!(set.censored, 0, "{client}: {set:?}");
        let kinds = ["refused", "closed", "reset", "sentinel"];
        let known = kinds.iter().filter_map(|kind| set.errors.get(*kind));
        assert_eq!(known.sum::<u64>(), set.failures(), "{client}: {set:?}");
        assert!(last_throughput(&report) > 0.0, "{client}: {said}");
        let servers = format!("({old} → {new})");
        for code in [WarningCode::TargetAway, WarningCode::DisturbedServer] {
            let told = warning(&report, code);
            assert!(told.contains(&servers), "{client}: {told}");
        }
        assert_eq!(left_behind(&report), None, "{client}");
        assert_eq!(common::keys(promoted(&sentinel, &new)), [""; 0], "{client}");
    }
}
