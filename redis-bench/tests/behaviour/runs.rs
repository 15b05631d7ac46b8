//! Tests of the program `redis-bench` from its command line to its report.
use std::time::Duration;

use crate::common::{self, PASSWORD, bench, report};
use bench_report::{QuantileKind, Report, Status, Step, StepEnd, WarningCode};
use test_support::{Ended, RunningProgram, TestDirectory, left_behind};
use testbed::{Faults, Proxy, token};

const CACHE: &[&str] = &[
    "cache",
    "--keys",
    "2k",
    "--repeats",
    "1",
    "--warmup",
    "100ms",
    "--run-dir",
    "run",
];

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn with<'a>(args: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [args, more].concat()
}

#[test]
fn a_run_on_the_users_server_leaves_only_its_report() {
    let redis = common::redis_with_password();
    let () = redis::cmd("SET")
        .arg("mine")
        .arg("x")
        .query(&mut common::connect(&redis))
        .unwrap();
    let place = TestDirectory::new();
    let mut running = RunningProgram::start(
        bench(&place, &with(CACHE, &["--duration", "700ms"])).env("REDIS_URL", redis.url()),
    );
    running.wait_for("phase: measure");
    let process = std::path::Path::new("/proc").join(running.id().to_string());
    let command_line = text(&std::fs::read(process.join("cmdline")).unwrap());
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        common::keys(&redis),
        ["mine"],
        "keys are gone, and only ours"
    );
    let saved = std::fs::read_to_string(place.path().join("run/redis-bench.cache.json")).unwrap();
    for shown in [&command_line, &said, &saved] {
        assert!(
            !shown.contains("hunter2") && !shown.contains("s3cret"),
            "{shown}"
        );
    }
    assert!(!PASSWORD.is_empty() && saved.contains("***@127.0.0.1"));
    assert!(
        said.lines()
            .all(|line| line.chars().count() <= 80 || line.starts_with("Report:")),
        "{said}"
    );
    check(&report(&place, "cache"));
}

fn check(report: &Report) {
    assert_eq!(report.status, Status::Complete);
    assert_eq!(
        report.config["stop_on"][0], "errors>10%",
        "the user's server is guarded"
    );
    assert!(report.environment.versions.contains_key("redis"));
    assert_eq!(report.steps.len(), 2);
    for step in &report.steps {
        let (ours, theirs) = (step.figures["hit_ratio"], step.figures["server_hit_ratio"]);
        assert!((ours - theirs).abs() < 0.02, "{ours} and {theirs}");
        let server = &step.server.as_ref().unwrap().figures;
        for name in [
            "keyspace_hits",
            "commands.get.calls",
            "commands.get.usec",
            "cpu_main_thread_s",
            "used_memory_bytes",
            "connected_clients_max",
        ] {
            assert!(server.contains_key(name), "{name}");
        }
        assert!(step.parameters.contains_key("client") && step.parameter("users").is_some());
    }
    let pooled = of_client(report, "pooled");
    assert_eq!(pooled.parameter("pool_size"), Some(8.0));
    assert_eq!(pooled.pool.as_ref().unwrap().max_size, 8);
    let server = &pooled.server.as_ref().unwrap().figures;
    assert!(
        server["commands.ping.calls"] > 0.0,
        "every checkout asks first"
    );
    assert!(pooled.operations["get"].checkout.is_some());
    let shared = of_client(report, "multiplexed");
    assert!(shared.pool.is_none() && shared.operations["get"].checkout.is_none());
    assert!(!report.summary.headline.is_empty());
    assert!(report.summary.figures["hit_ratio"] > 0.5);
    assert_eq!(report.summary.recommendations.len(), 1);
}

/// Think times make the rate nearly the same on every machine: at most 8 users ÷ 5 ms.
#[test]
fn users_who_wait_begin_in_the_steady_state_of_the_rate_that_trials_found() {
    let place = TestDirectory::new();
    let args = [
        "cache",
        "--client",
        "multiplexed",
        "--users",
        "8",
        "--think-time",
        "5ms",
        "--keys",
        "5k",
        "--ttl",
        "2s",
        "--repeats",
        "2",
        "--warmup",
        "100ms",
        "--duration",
        "2s",
        "--run-dir",
        "run",
    ];
    let Ended { code, said, .. } = RunningProgram::start(&mut bench(&place, &args)).end();
    assert_eq!(code, Some(0), "{said}");
    let report = report(&place, "cache");
    assert_eq!(report.config["preload"], "steady");
    assert_eq!(report.steps.len(), 2, "trials are no steps");
    for step in &report.steps {
        let figure = |name: &str| step.figures[name];
        let ratio = figure("preload_rate_per_s") / step.throughput_per_s();
        assert!((0.5..2.0).contains(&ratio), "{ratio}");
        let (seen, theory) = (figure("hit_ratio"), figure("theory_hit_ratio"));
        assert!((seen - theory).abs() < 0.1, "{seen}, not {theory}");
        assert!(figure("hit_drift_ratio").abs() < 0.2);
    }
    assert!(said.contains("in theory"), "{said}");
}

fn of_client<'a>(report: &'a Report, client: &str) -> &'a Step {
    let named = |step: &&Step| step.parameters["client"].to_string() == client;
    report.steps.iter().find(named).unwrap()
}

#[test]
fn without_a_url_the_server_is_a_throwaway_one() {
    let place = TestDirectory::new();
    let args = with(
        CACHE,
        &[
            "--client",
            "pooled",
            "--rate",
            "500",
            "--duration",
            "700ms",
            "--format",
            "json",
        ],
    );
    let output = bench(&place, &args).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let printed: Report = serde_json::from_slice(&output.stdout).unwrap();
    let report = report(&place, "cache");
    assert_eq!(printed, report);
    assert_eq!(report.steps[0].parameter("rate_per_s"), Some(500.0));
    assert!(report.steps[0].operations["get"].response.is_some());
    assert_eq!(
        report.config["stop_on"],
        serde_json::json!([]),
        "nobody to protect"
    );
    assert_eq!(place.left_behind_after(Duration::from_secs(10)), [""; 0]);
}

#[test]
fn the_pool_scenario_compares_ways_to_connect() {
    let place = TestDirectory::new();
    let args = [
        "pool",
        "--client",
        "pooled,multiplexed",
        "--workload",
        "get",
        "--value-size",
        "1KiB",
        "--repeats",
        "3",
        "--warmup",
        "50ms",
        "--duration",
        "300ms",
        "--users",
        "16",
        "--run-dir",
        "run",
    ];
    let output = bench(&place, &args).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report = report(&place, "pool");
    assert_eq!(report.steps.len(), 6);
    let step = of_client(&report, "multiplexed");
    assert_eq!(step.parameter("value_bytes"), Some(1_024.0));
    assert_eq!(step.parameters["workload"].to_string(), "get");
    assert!(step.operations["get"].succeeded > 0 && step.operations["get"].failures() == 0);
    let recommended = &report.summary.recommendations[0];
    // A pooled GET takes two round trips, and sixteen users share eight connections.
    assert_eq!(recommended.subject, "multiplexed", "{recommended:?}");
    assert!(text(&output.stdout).contains("shared connection"));
}

#[test]
fn a_server_that_is_killed_is_counted_by_kind_and_stops_a_guarded_run() {
    let mut redis = common::redis();
    let place = TestDirectory::new();
    let args = with(CACHE, &["--client", "multiplexed", "--duration", "4s"]);
    let mut running = RunningProgram::start(bench(&place, &args).env("REDIS_URL", redis.url()));
    running.wait_for("phase: measure");
    std::thread::sleep(Duration::from_millis(300));
    redis.kill();
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(3), "{said}");
    let report = report(&place, "cache");
    assert_eq!(report.status, Status::Stopped);
    assert!(matches!(&report.steps[0].end, StepEnd::Stopped { rule, .. } if rule == "errors>10%"));
    assert_killed(&report.steps[0]);
    let left = left_behind(&report).unwrap();
    assert!(
        left.contains("redis-cli") && left.contains("unlink"),
        "{left}"
    );
}

#[test]
fn without_a_guard_a_run_goes_on_when_its_server_is_killed() {
    let mut redis = common::redis();
    let place = TestDirectory::new();
    let args = with(CACHE, &["--client", "pooled", "--duration", "1500ms"]);
    let mut command = bench(&place, &args);
    command
        .env("REDIS_URL", redis.url())
        .env(token::ENV, token::mark([redis.url()]));
    let mut running = RunningProgram::start(&mut command);
    running.wait_for("phase: measure");
    std::thread::sleep(Duration::from_millis(300));
    redis.kill();
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(0), "{said}");
    let report = report(&place, "cache");
    assert_eq!(report.steps[0].end, StepEnd::Completed);
    assert_killed(&report.steps[0]);
    let missing = |w: &&bench_report::Warning| w.code == WarningCode::EvidenceMissing;
    assert!(
        report.warnings.iter().any(|w| missing(&w)),
        "{:?}",
        report.warnings
    );
    let server = report.steps[0].server.as_ref().unwrap();
    assert!(
        server.figures.is_empty() && server.unavailable.contains_key("info"),
        "{server:?}"
    );
}

/// Asserts that `step` has the failures of a server that was killed: requests succeeded first, then
/// connections broke and were refused.
fn assert_killed(step: &Step) {
    let get = &step.operations["get"];
    assert!(get.succeeded > 0);
    assert!(get.errors.contains_key("refused"), "{:?}", get.errors);
    let known = ["refused", "closed", "reset", "io.other"];
    assert!(
        get.errors.keys().all(|kind| known.contains(&kind.as_str())),
        "{:?}",
        get.errors
    );
    assert!(!step.failures.is_empty());
}

#[test]
fn a_server_that_freezes_shows_in_each_operation_and_in_the_table() {
    let redis = common::redis();
    let address = redis.url().trim_start_matches("redis://");
    let address = address.split('/').next().unwrap();
    let proxy = Proxy::start(address.parse().unwrap(), Faults::default()).unwrap();
    let url = redis.url().replace(address, &proxy.address().to_string());
    let mut runs = ["pooled --pool-size 64", "multiplexed"].map(|client| {
        let place = TestDirectory::new();
        let args = format!(
            "cache --run-dir run --keys 100 --writes 0.5 --rate 300 --warmup 0 --duration 3s \
             --repeats 1 --stop-on p99>1h --client {client}"
        );
        let args: Vec<&str> = args.split_whitespace().collect();
        let running = RunningProgram::start(bench(&place, &args).env("REDIS_URL", &url));
        (client, place, running)
    });
    for (_, _, running) in &mut runs {
        running.wait_for("phase: measure");
    }
    std::thread::sleep(Duration::from_secs(1));
    proxy.set(Faults {
        stall: true,
        ..Faults::default()
    });
    for (_, _, running) in &mut runs {
        running.wait_for("phase: drain");
    }
    // Longer than the drain lasts.
    std::thread::sleep(Duration::from_secs(8));
    proxy.set(Faults::default());
    for (client, place, running) in runs {
        let Ended { code, said, .. } = running.end();
        assert_eq!(code, Some(0), "{client}: {said}");
        let report = report(&place, "cache");
        let operations = &report.steps[0].operations;
        let (get, set) = (&operations["get"], &operations["set"]);
        for operation in [get, set] {
            assert!(operation.censored > 0, "{client}: {operations:?}");
            let started = operation.censored - operation.never_started;
            assert!(
                started > 20,
                "{client}: half of them are of each kind: {operations:?}"
            );
        }
        let p99 = set.latency_at(0.99).unwrap();
        assert_eq!(p99.kind, QuantileKind::AtLeast, "{client}: {p99:?}");
        for told in ["≥", "unanswered", "carried"] {
            assert!(said.contains(told), "{client}: {told}: {said}");
        }
    }
}

/// In `pool` every key exists when the load begins, so a read without a value is a failure of its
/// own kind, which breaks no connection. In `cache` it is a miss.
#[test]
fn keys_that_another_client_flushes_are_missing_and_no_wrong_values() {
    for client in ["pooled", "multiplexed"] {
        let redis = common::redis();
        let place = TestDirectory::new();
        let args = "pool --workload get --users 4 --repeats 1 --warmup 100ms --duration 3s \
                    --stop-on p99>1h --run-dir run --client";
        let mut args: Vec<&str> = args.split_whitespace().collect();
        args.push(client);
        let mut running = RunningProgram::start(bench(&place, &args).env("REDIS_URL", redis.url()));
        // A second of the measured part is over, in which reads succeeded.
        running.wait_for("2s left");
        let () = redis::cmd("FLUSHALL")
            .query(&mut common::connect(&redis))
            .unwrap();
        let Ended { code, said, .. } = running.end();
        assert_eq!(code, Some(0), "{client}: {said}");
        let step = report(&place, "pool").steps.remove(0);
        let kinds: Vec<&String> = step.operations["get"].errors.keys().collect();
        assert_eq!(kinds, ["missing_key"], "{client}");
        let sample = &step.failures[0];
        assert_eq!(sample.kind, "missing_key", "{sample:?}");
        assert_eq!(sample.statement.as_deref(), Some("GET"), "{sample:?}");
    }
}

#[test]
fn a_quiet_run_without_scan_and_unlink_leaves_no_key() {
    let redis = common::redis();
    let mut user = redis::cmd("ACL");
    user.arg(&["SETUSER", "app", "on", "nopass", "~*", "&*", "+@all"]);
    user.arg(&["-scan", "-unlink"]);
    user.exec(&mut common::connect(&redis)).unwrap();
    let url = redis.url().replace("redis://", "redis://app:any@");
    let place = TestDirectory::new();
    let args = with(CACHE, &["--client", "multiplexed", "-q"]);
    let output = bench(&place, &args).env("REDIS_URL", url).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(common::keys(&redis), [""; 0]);
    assert_eq!(left_behind(&report(&place, "cache")), None);
}
