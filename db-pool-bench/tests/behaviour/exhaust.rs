//! Tests of `exhaust` as a program, on a real server: what was planted must be found.

use crate::common::{Ran, Talk, complete, postgres, time_parts};
use bench_report::{Report, Status, Step};

fn part<'r>(report: &'r Report, holder: &str, part: &str) -> &'r Step {
    let mut steps = report.steps.iter();
    steps
        .find(|step| step.is_with(&[("holder", holder), ("part", part)]))
        .unwrap()
}

fn errors(step: &Step, kind: &str) -> u64 {
    let all = step.operations.values();
    all.filter_map(|o| o.errors.get(kind)).sum()
}

fn assert_done(ran: &Ran) {
    assert_eq!(
        (ran.code, ran.report.status),
        (0, Status::Complete),
        "{}",
        ran.said
    );
}

#[test]
fn behind_holders_users_wait_and_give_up_and_are_served_again_once_they_let_go() {
    let server = postgres(&[]);
    let ran = complete(
        server.url(),
        "exhaust",
        "--holder slow-query,idle-in-transaction --pool-size 3 --users 9 --keep 1s \
         --duration 500ms --checkout-timeout 300ms --workload point-select",
    );
    assert_done(&ran);
    for (holder, evidence, time) in [
        ("slow-query", "sessions.other_wait_mean", "other_wait"),
        (
            "idle-in-transaction",
            "sessions.idle_in_transaction_mean",
            "client",
        ),
    ] {
        let held = part(&ran.report, holder, "held");
        let before = part(&ran.report, holder, "before");
        let after = part(&ran.report, holder, "after");
        for step in [before, held, after] {
            let busiest = step.generator.busiest_thread_ratio.unwrap();
            assert!((0.001..1.05).contains(&busiest), "{busiest}");
        }
        assert!(
            errors(held, "timeout.wait") >= 9,
            "each of 9 users gives up: {}",
            ran.said
        );
        assert_eq!(errors(before, "timeout.wait"), 0, "{}", ran.said);
        let waited = held.figures["wait.longest_ns"];
        assert!(waited >= 300e6, "{holder}: {waited}");
        assert_eq!(held.figures["holders.kept"] as u64, 3, "{holder}");
        assert!(!held.figures.contains_key("deadlock.times"), "{holder}");
        assert!(
            after.throughput_per_s() > held.throughput_per_s(),
            "{holder}: {}",
            ran.said
        );
        assert!(after.figures.contains_key("recovery_ns"), "{}", ran.said);
        // The server's evidence shows what the connections were kept for: three for most of the time.
        let kept = held.server.as_ref().unwrap().figures[evidence];
        assert!(kept > 1.5, "{holder}: {evidence} {kept}");
        // Nine users wait for a connection while three hold one; the reason of the wait must show.
        let parts = time_parts(held);
        assert!(parts["checkout"] > 0.6, "{holder}: {parts:?}");
        let behind = parts.iter().filter(|(part, _)| **part != "checkout");
        let largest = behind.max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
        assert_eq!(*largest.0, time, "{holder}: {parts:?}");
        assert!(time_parts(before)["checkout"] < parts["checkout"]);
    }
    Talk::to(server.url()).assert_nothing_is_left();
}

#[test]
fn nested_checkouts_block_each_other_and_with_one_connection_more_they_do_not() {
    let server = postgres(&[]);
    let run = |pool_size: u64| {
        let args = format!(
            "--driver deadpool,sqlx --holder nested --holders 3 --pool-size {pool_size} --users 6 \
             --keep 1s --duration 300ms --checkout-timeout 200ms --workload point-select"
        );
        let ran = complete(server.url(), "exhaust", &args);
        assert_done(&ran);
        ran
    };
    let blocked = run(3);
    for driver in ["deadpool", "sqlx"] {
        let figure = format!("{driver}, nested.deadlocks");
        assert!(
            blocked.report.summary.figures[&figure] >= 1.0,
            "{}",
            blocked.said
        );
    }
    let headline = &blocked.report.summary.headline;
    assert!(
        headline.contains("nested-checkout deadlock") && headline.contains("4 connections for 3"),
        "{headline}"
    );
    let free = run(4);
    assert!(
        !free.report.summary.headline.contains("deadlock"),
        "three requests of two connections each fit into four: {}",
        free.said
    );
}

#[test]
fn a_pool_serves_in_the_order_of_arrival() {
    let server = postgres(&[]);
    let ran = complete(
        server.url(),
        "exhaust",
        "--holder slow-query --pool-size 2 --holders 1 --users 8 --keep 700ms --duration 300ms \
         --hold 10ms --checkout-timeout 30s --workload point-select",
    );
    assert_done(&ran);
    let held = part(&ran.report, "slow-query", "held");
    let figure = |name: &str| held.figures[name];
    let successes: u64 = held.operations.values().map(|o| o.succeeded).sum();
    assert!(
        figure("wait.starved") < 1.0 && 4.0 * figure("wait.passed_over") < successes as f64,
        "{}",
        ran.said
    );
    // Seven others wait before each user; the only free connection takes 10 ms for each of them.
    assert!(
        held.figures["wait.median_ns"] >= 40e6,
        "7 × 10 ms, at least half of it: {}",
        ran.said
    );
}
