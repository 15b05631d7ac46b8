//! Tests of the scenario `rate-limit`: the decisions of each limiter against its model and against
//! the limit.
#![allow(
    clippy::float_cmp,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod common;

use bench_report::{Report, Step};
use common::{bench, report};
use test_support::TestDirectory;
use testbed::Redis;

const ALGORITHMS: [&str; 6] = [
    "fixed-window",
    "sliding-log",
    "sliding-log-list",
    "sliding-counter",
    "token-bucket",
    "gcra",
];

/// Runs `rate-limit` with `args` on `redis`, and returns what it printed and its report.
fn run(redis: &Redis, args: &str) -> (String, Report) {
    let place = TestDirectory::new();
    let repeats = if args.contains("--repeats") {
        ""
    } else {
        "--repeats 1"
    };
    let args = format!("rate-limit --run-dir run --warmup 0 {repeats} {args}");
    let args: Vec<&str> = args.split_whitespace().collect();
    let output = bench(&place, &args)
        .env("REDIS_URL", redis.url())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    (said, report(&place, "rate-limit"))
}

/// Returns the step of `report` with this limiter.
fn step<'a>(report: &'a Report, limiter: &str) -> &'a Step {
    let mut steps = report.steps.iter();
    let found = steps.find(|step| step.is_with(&[("limiter", limiter)]));
    found.unwrap_or_else(|| panic!("no step of {limiter}"))
}

fn figure(step: &Step, name: &str) -> f64 {
    let found = step.figures.get(&format!("limiter.{name}"));
    *found.unwrap_or_else(|| panic!("no {name}: {:?}", step.figures))
}

/// Ten times as many requests as the limit allows, from 100 clients: every decision of every
/// algorithm is that of its model, and no stretch of time exceeds the algorithm's bound.
#[test]
fn each_atomic_limiter_decides_as_its_model_at_ten_times_the_limit() {
    let redis = common::redis();
    // 5 limiters × 40 a second, from 100 users with a request in about 50 ms each.
    let (said, report) = run(
        &redis,
        "--limit 20/500ms --keys 5 --users 100 --think-time 50ms --duration 5s --verify",
    );
    for algorithm in ALGORITHMS {
        let step = step(&report, algorithm);
        let decisions = figure(step, "decisions");
        assert!(decisions > 1_000.0, "{algorithm}: {decisions} {said}");
        assert_eq!(figure(step, "agreed"), decisions, "{algorithm}: {said}");
        assert_eq!(figure(step, "disagreed"), 0.0, "{algorithm}");
        assert_eq!(figure(step, "unverified"), 0.0, "{algorithm}");
        let (worst, bound) = (
            figure(step, "worst_window_ratio"),
            figure(step, "bound_ratio"),
        );
        assert!(worst <= bound, "{algorithm}: {worst} > {bound}");
        assert!(figure(step, "windows") >= 5.0 * 8.0, "{algorithm}: {said}");
        let refused = &step.operations["refused"];
        assert!(refused.succeeded > 0, "{algorithm}: {said}");
        assert!(said.contains("decisions are those of its model"), "{said}");
    }
    for exact in ["sliding-log", "sliding-log-list"] {
        assert!(figure(step(&report, exact), "worst_window_ratio") <= 1.0);
    }
    assert_eq!(
        figure(step(&report, "fixed-window"), "over_admitted_ratio"),
        0.0
    );
    assert!(
        report
            .warnings
            .iter()
            .all(|warning| { warning.code != bench_report::WarningCode::ServerDiffers }),
        "{:?}",
        report.warnings
    );
    assert!(common::keys(&redis).is_empty(), "{said}");
}

/// Requests only around the edges of windows get the limit before an edge, and once more after it.
#[test]
fn a_fixed_window_admits_twice_the_limit_at_an_edge_and_a_log_does_not() {
    let redis = common::redis();
    let (said, report) = run(
        &redis,
        "--algorithm fixed-window,sliding-log --limit 20/500ms --keys 2 --users 20 \
         --burst-at edge --duration 4s --verify",
    );
    let fixed = step(&report, "fixed-window");
    let worst = figure(fixed, "worst_window_ratio");
    assert!((1.9..=2.0).contains(&worst), "{worst}: {said}");
    assert_eq!(figure(fixed, "over_admitted_ratio"), 0.0, "{said}");
    let worst = figure(step(&report, "sliding-log"), "worst_window_ratio");
    assert!((0.9..=1.0).contains(&worst), "{worst}: {said}");
    assert!(said.contains("worst window"), "{said}");
}

/// Users who wait as long as they are told are refused rarely, and get the whole limit.
#[test]
fn users_who_obey_retry_after_are_refused_less_often() {
    let redis = common::redis();
    let refused = |how: &str| {
        let args = "--algorithm gcra --limit 10/100ms --keys 1 --users 4 --duration 2s --verify";
        let (said, report) = run(&redis, &format!("{args} --retry-after {how}"));
        let step = step(&report, "gcra");
        assert_eq!(figure(step, "disagreed"), 0.0, "{said}");
        let admitted = step.operations["admitted"].succeeded;
        step.operations["refused"].succeeded as f64 / admitted as f64
    };
    let (obeying, ignoring) = (refused("obey"), refused("ignore"));
    // Of four users who are told the same time, one is admitted and three are told to wait again.
    assert!(obeying < ignoring / 2.0, "{obeying} {ignoring}");
    assert!(obeying < 8.0, "{obeying}");
}

/// Without permission to scan, all keys of the run are removed by their names.
#[test]
fn keys_are_removed_without_a_permission_to_scan() {
    let redis = common::redis();
    let () = redis::cmd("ACL")
        .arg(&[
            "SETUSER", "app", "on", "nopass", "allkeys", "+@all", "-scan",
        ])
        .query(&mut common::connect(&redis))
        .unwrap();
    let place = TestDirectory::new();
    let args = "rate-limit --run-dir run --repeats 1 --warmup 0 --duration 300ms --verify --keys 3 \
                --limit 5/1h --users 4 --algorithm fixed-window,sliding-counter,gcra,sliding-log";
    let args: Vec<&str> = args.split_whitespace().collect();
    let url = redis.url().replace("redis://", "redis://app:x@");
    let output = bench(&place, &args).env("REDIS_URL", url).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        common::keys(&redis).is_empty(),
        "{:?}",
        common::keys(&redis)
    );
}

/// Fifty clients who each read before they write admit more than ten requests in an hour, in nearly
/// every round; one script never does.
#[test]
fn limiters_that_read_before_they_write_admit_too_many_and_scripts_do_not() {
    let redis = common::redis();
    let common = "--limit 10/1h --keys 1 --users 50 --client plain --duration 150ms";
    let (said, report) = run(
        &redis,
        &format!("--algorithm sliding-log --form atomic,racy {common} --repeats 20"),
    );
    let worst = |limiter: &str| -> Vec<f64> {
        let steps = report.steps.iter();
        let of = steps.filter(|step| step.is_with(&[("limiter", limiter)]));
        of.map(|step| figure(step, "worst_window_ratio")).collect()
    };
    assert_eq!(worst("sliding-log"), [1.0; 20], "{said}");
    let racy = worst("sliding-log/racy");
    let over = racy.iter().filter(|ratio| **ratio > 1.0).count();
    assert!(racy.len() == 20 && over >= 19, "{racy:?}");
    let (said, report) = run(&redis, &format!("--form racy {common} --repeats 3"));
    for algorithm in ALGORITHMS {
        let limiter = format!("{algorithm}/racy");
        let steps = report.steps.iter();
        let mut of = steps.filter(|step| step.is_with(&[("limiter", &limiter)]));
        let is_over = of.any(|step| figure(step, "worst_window_ratio") > 1.0);
        assert!(is_over, "{algorithm}: {said}");
    }
}

/// A client that ends between counting and setting the expiry leaves a counter that locks everybody
/// out, and which the run removes.
#[test]
fn counters_that_never_expire_are_found_and_removed() {
    let redis = common::redis();
    let args =
        "--algorithm fixed-window --form racy --limit 5/100ms --keys 3 --users 10 --duration 1s";
    let (said, report) = run(&redis, &format!("{args} --crash 100%"));
    let locked = step(&report, "fixed-window/racy");
    assert_eq!(figure(locked, "never_expiring"), 3.0, "{said}");
    assert!(figure(locked, "under_admitted_ratio") > 0.5, "{said}");
    assert!(said.contains("locked out for ever"), "{said}");
    assert!(common::keys(&redis).is_empty(), "{said}");
    let (said, report) = run(&redis, args);
    let step = step(&report, "fixed-window/racy");
    assert_eq!(figure(step, "never_expiring"), 0.0, "{said}");
}
