//! Tests of the doubt about a server that counted more than the run did, on real servers.
use std::time::Duration;

use crate::common::{self, bench};
use bench_report::{Report, Warning, WarningCode};
use test_support::{RunningProgram, TestDirectory};

const CACHE: &str = "cache --client pooled --pool-size 4 --keys 500 --rate 300 --repeats 1 \
                     --warmup 100ms --duration 1500ms --run-dir run";

/// Runs a step of `cache` on the server at `url` and returns the report. Calls `meanwhile` 300 ms
/// after the measured part has begun, when the server was read for the first time.
fn run(url: &str, meanwhile: impl FnOnce()) -> Report {
    let place = TestDirectory::new();
    let args: Vec<&str> = CACHE.split_whitespace().collect();
    let mut running = RunningProgram::start(bench(&place, &args).env("REDIS_URL", url));
    running.wait_for("phase: measure");
    std::thread::sleep(Duration::from_millis(300));
    meanwhile();
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    common::report(&place, "cache")
}

/// Returns the warning that the server counted more than the run did.
fn doubt(report: &Report) -> Option<&Warning> {
    let mut warnings = report.warnings.iter();
    warnings.find(|warning| warning.code == WarningCode::ServerDiffers)
}

#[test]
fn a_run_alone_on_its_server_has_no_doubt() {
    let redis = common::redis();
    let report = run(redis.url(), || ());
    assert_eq!(doubt(&report), None);
}

#[test]
fn somebody_else_who_reads_meanwhile_makes_the_servers_hit_ratio_doubtful() {
    let redis = common::redis();
    let report = run(redis.url(), || {
        let mut reads = redis::pipe();
        for _ in 0..5_000 {
            reads.cmd("GET").arg("nothing").ignore();
        }
        let () = reads.query(&mut common::connect(&redis)).unwrap();
    });
    let doubt = doubt(&report).unwrap();
    assert!(doubt.message.contains("GET calls"), "{}", doubt.message);
    assert!(!doubt.message.contains("SET calls"), "{}", doubt.message);
    assert!(doubt.spoils("/steps/0/figures/server_hit_ratio"));
    let figures = &report.steps[0].figures;
    assert!(figures["hit_ratio"] > figures["server_hit_ratio"]);
}

#[test]
fn a_user_who_may_not_unwatch_learns_that_each_checkout_opens_a_connection() {
    let redis = common::redis();
    let () = redis::cmd("ACL")
        .arg(&["SETUSER", "app", "on", ">pw", "~*", "+@all", "-unwatch"])
        .query(&mut common::connect(&redis))
        .unwrap();
    let url = redis.url().replace("redis://", "redis://app:pw@");
    let report = run(&url, || ());
    let message = &doubt(&report).unwrap().message;
    for words in ["NOPERM", "the user may not run UNWATCH", "+unwatch"] {
        assert!(message.contains(words), "{message}");
    }
    let failed = report.steps[0].operations.values();
    assert_eq!(failed.map(|o| o.errors.len()).sum::<usize>(), 0);
}
