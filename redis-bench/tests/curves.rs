//! Tests of a load that changes during a step, on a real server: arrivals and users follow their
//! curve, and results are reported by segment.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp
)]

mod common;

use bench_report::{CurveUnit, Report, Status, Step};
use common::{bench, report};
use test_support::{Ended, RunningProgram, TestDirectory};
use testbed::Redis;

/// Runs `redis-bench` with `args` on `redis`; it must succeed. Returns the report, and the text
/// that it printed.
fn run(redis: &Redis, args: &str) -> (Report, String) {
    let place = TestDirectory::new();
    let words: Vec<&str> = args.split(' ').chain(["--run-dir", "run"]).collect();
    let mut command = bench(&place, &words);
    let running = RunningProgram::start(command.env("REDIS_URL", redis.url()));
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(0), "{said}");
    (report(&place, words[0]), said)
}

fn arrivals(step: &Step) -> Vec<(&str, u64)> {
    let told = step.segments.iter();
    told.map(|segment| (segment.name.as_str(), segment.attempted()))
        .collect()
}

fn series(report: &Report, name: &str) -> Vec<f64> {
    let found = report.series.iter().find(|series| series.name == name);
    found
        .unwrap_or_else(|| panic!("no {name}"))
        .mean
        .iter()
        .flatten()
        .copied()
        .collect()
}

fn adds_up(step: &Step) {
    for (name, whole) in &step.operations {
        let parts = || step.segments.iter().filter_map(|s| s.operations.get(name));
        assert_eq!(
            parts().map(|o| o.attempted).sum::<u64>(),
            whole.attempted,
            "{name}"
        );
        assert_eq!(
            parts().map(|o| o.succeeded).sum::<u64>(),
            whole.succeeded,
            "{name}"
        );
    }
}

#[test]
fn arrivals_follow_a_ramp_and_are_told_by_thirds() {
    let redis = common::redis();
    let args = "pool --client pooled --repeats 1 --warmup 300ms --rate ramp:100..700/3s";
    let (report, said) = run(&redis, args);
    assert_eq!(report.status, Status::Complete);
    let step = &report.steps[0];
    // A ramp from 100 to 700 per second has 1,200 arrivals; its thirds have 200, 400 and 600.
    let found = arrivals(step);
    for ((name, count), (wanted_name, wanted)) in
        found
            .iter()
            .zip([("low", 200), ("middle", 400), ("high", 600)])
    {
        assert!(
            *name == wanted_name && count.abs_diff(wanted) <= 1,
            "{found:?}"
        );
    }
    adds_up(step);
    let curve = step.curve.as_ref().unwrap();
    assert_eq!(
        (curve.unit, curve.written.as_str()),
        (CurveUnit::RatePerS, "ramp:100..700/3s")
    );
    assert_eq!((curve.first, curve.peak), (100.0, 700.0));
    assert_eq!(
        step.window.measured_s().round(),
        3.0,
        "as long as the curve"
    );
    let intended = series(&report, "load.intended_rate_per_s");
    assert!(
        intended.windows(2).all(|pair| pair[0] <= pair[1] + 1e-6),
        "{intended:?}"
    );
    for wanted in ["ramp:100..700/3s", "by segment of the curve", "middle"] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert!(
        said.lines()
            .all(|line| line.chars().count() <= 80 || line.contains("Report:")),
        "{said}"
    );
    assert_eq!(report.config["rate"], "ramp:100..700/3s");
}

#[test]
fn users_come_and_go_as_their_curve_says() {
    let redis = common::redis();
    let args = "cache --keys 1k --client multiplexed --repeats 1 --warmup 0s \
                --users stairs:2,6,1/700ms --think-time 5ms";
    let (report, said) = run(&redis, args);
    let step = &report.steps[0];
    let sessions = step.sessions.as_ref().unwrap();
    assert_eq!(
        (sessions.opened, sessions.failed, sessions.present_max),
        (6, 0, 6)
    );
    let names: Vec<&str> = step.segments.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["stair_1", "stair_2", "stair_3"]);
    adds_up(step);
    assert_eq!(step.censored(), 0, "who leaves has the answer first");
    let users = series(&report, "load.users");
    assert_eq!(users.iter().copied().fold(0.0, f64::max), 6.0, "{users:?}");
    assert!(
        said.contains("stair 2") && said.contains("users as in stairs:2,6,1/700ms"),
        "{said}"
    );
}

#[test]
fn a_spawn_rate_starts_the_users_one_after_the_other() {
    let redis = common::redis();
    let args = "pool --client multiplexed --repeats 1 --warmup 0s --duration 1s --users 8 \
                --spawn-rate 10 --think-time 5ms";
    let (report, said) = run(&redis, args);
    let sessions = report.steps[0].sessions.as_ref().unwrap();
    assert_eq!((sessions.opened, sessions.present_max), (8, 8));
    let intended = series(&report, "load.intended_users");
    assert!(
        intended[0] <= 2.0 && intended.windows(2).all(|pair| pair[0] <= pair[1]),
        "{intended:?}"
    );
    assert!(said.contains("at most 10"), "{said}");
}

#[test]
fn a_spike_with_too_few_requests_before_it_has_an_unknown_recovery_and_says_so() {
    let redis = common::redis();
    let args = "pool --client pooled --repeats 1 --warmup 0s --rate spike:200,1000/500ms";
    let (report, said) = run(&redis, args);
    let step = &report.steps[0];
    let recovery = step.curve.as_ref().unwrap().recovery.as_ref().unwrap();
    // Before the spike there are 500 ms with 100 requests.
    assert_eq!((recovery.after_ns, recovery.base_p99_ns), (None, None));
    assert_eq!(recovery.measured_ns, 1_000_000_000);
    let reason = recovery.unknown.as_deref().unwrap();
    assert!(
        reason.contains("100 of the 1000 that a base needs"),
        "{reason}"
    );
    let words: Vec<&str> = said.split_whitespace().collect();
    let told = "recovery from the spike is unknown: too few requests before the spike";
    assert!(words.join(" ").contains(told), "{said}");
}
