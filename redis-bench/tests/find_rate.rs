//! Tests of the search for the highest rate, on a real server with a known limit: a pool of two
//! connections, each of which is occupied for ten milliseconds or more by a request.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp
)]

mod common;

use std::time::Duration;

use bench_report::{FoundRate, RateSearchEnd, RateVerdict, Report, Status};
use common::{bench, report};
use test_support::{Ended, RunningProgram, TestDirectory};
use testbed::{Faults, Proxy};

/// Highest rate that the search may find, in requests per second: two connections at 10 ms per
/// request, divided by 0.97, because a rate counts as held if 97 % of it was served.
const MOST_PER_S: f64 = 2.0 / 0.010 / 0.97;

/// Runs a search with `args` on a Redis server behind a proxy that delays each answer by ten
/// milliseconds in total; it must succeed. Returns the report, and the printed text.
fn search(args: &str) -> (Report, String) {
    let redis = common::redis();
    let address = redis.url().rsplit('/').nth(1).unwrap().parse().unwrap();
    let delay = Duration::from_millis(5);
    let faults = Faults {
        delay,
        ..Faults::default()
    };
    let proxy = Proxy::start(address, faults).unwrap();
    let place = TestDirectory::new();
    let all = format!(
        "pool --client pooled --pool-size 2 --warmup 300ms --duration 1s --run-dir run {args}"
    );
    let words: Vec<&str> = all.split(' ').collect();
    let mut command = bench(&place, &words);
    let url = format!("redis://{}/", proxy.address());
    let running = RunningProgram::start(command.env("REDIS_URL", url));
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(0), "{said}");
    (report(&place, "pool"), said)
}

/// Asserts that the found interval contains the known limit and rests on at least `repeats` steps
/// in the report, and returns it.
fn assert_limit_is_found(report: &Report, repeats: u64) -> &FoundRate {
    assert_eq!(report.status, Status::Complete);
    let [found] = &*report.summary.found_rates else {
        panic!("{:?}", report.summary.found_rates);
    };
    let held = found.held_per_s.unwrap_or_else(|| panic!("{found:?}"));
    assert!((20.0..=MOST_PER_S + 1.0).contains(&held), "{found:?}");
    if found.end == RateSearchEnd::Bracketed {
        let broken = found.broken_per_s.unwrap();
        assert!(held < broken && broken <= held * 1.06, "{found:?}");
    } else {
        // If the machine was too busy to judge, the search must say so and claim nothing more.
        assert_eq!(found.end, RateSearchEnd::NotJudgedAbove, "{found:?}");
        assert!(found.reason.contains("no limit of the target's was found"));
    }
    let at = |verdict, rate| {
        let tried = found.steps.iter().filter(move |t| t.rate_per_s == rate);
        tried.filter(|t| t.verdict == verdict).count() as u64
    };
    assert!(at(RateVerdict::Held, held) >= repeats, "{found:?}");
    assert_eq!(at(RateVerdict::Broken, held), 0, "{found:?}");
    for tried in &found.steps {
        let step = &report.steps[tried.step];
        assert_eq!(step.parameter("rate_per_s"), Some(tried.rate_per_s));
    }
    let recommended = &report.summary.recommendations[0];
    assert_eq!(recommended.value, found.held_per_s);
    assert_eq!(recommended.reason, found.reason);
    found
}

#[test]
fn the_limit_of_a_pool_is_found_as_an_interval_with_its_reason() {
    let (report, said) = search("--find-rate p50<500ms --find-rate errors<10% --repeats 2");
    let found = assert_limit_is_found(&report, 2);
    assert_eq!(found.subject, "pool of 2");
    assert_eq!(found.objectives, ["p50<500ms", "errors<10%"]);
    for wanted in [
        "highest rate of arrivals that keeps p50<500ms and errors<10%",
        "verdict",
        "100/s",
        "requests/s",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert!(
        said.lines()
            .all(|line| line.chars().count() <= 80 || line.contains("Report:")),
        "{said}"
    );
    assert_eq!(report.config["find_rate"][0], "p50<500ms");
    assert!(!report.config.contains_key("users"));
}

#[test]
fn worker_processes_share_the_load_of_a_search() {
    let (report, _) = search("--find-rate p50<500ms --repeats 1 --workers 2");
    assert_limit_is_found(&report, 1);
}

#[test]
fn a_bound_that_no_rate_keeps_is_told_as_that() {
    let (report, said) = search("--find-rate p50<1ms --repeats 1");
    let found = &report.summary.found_rates[0];
    assert_eq!(found.held_per_s, None, "{found:?}");
    assert_eq!(found.end, RateSearchEnd::NotMet, "{found:?}");
    assert!(said.contains("not met at the lowest rate tried"), "{said}");
    assert!(found.reason.contains("p50 was"), "{found:?}");
}
