//! Tests of the engine's measurements on targets whose behaviour is known exactly.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod known;

use std::time::Duration;

use bench_report::Histogram;
use bench_report::clock::monotonic_ns;
use known::{Known, closed, hit, open, p, run};
use load_engine::RuntimeKind;

#[test]
fn a_server_that_serves_three_at_once_shows_its_limit_and_the_wait_for_it() {
    let known = Known {
        at_once: 3,
        takes: Duration::from_millis(10),
        ..Known::default()
    };
    let result = run(&closed(12, Duration::from_secs(1)), known);
    let hit = hit(&result);
    assert!(
        hit.throughput_per_s <= 3.0 / 0.010 * 1.05,
        "{} per second",
        hit.throughput_per_s
    );
    let (call, service) = (p(hit.call.as_ref(), 0.5), p(hit.service.as_ref(), 0.5));
    let ratio = call / service;
    assert!(
        (3.0..5.0).contains(&ratio),
        "12 users on 3 places wait 4 turns, not {ratio}"
    );
    let pool = result.step.pool.as_ref().unwrap();
    assert_eq!(pool.in_use_max, 3);
    assert!(hit.response.is_none(), "a closed loop has no due instant");
}

#[test]
fn a_stall_shows_in_the_response_time_of_everyone_who_was_due_in_it() {
    let stall_ns = 500_000_000;
    let from_ns = monotonic_ns() + 1_000_000_000;
    let known = Known {
        at_once: 4,
        stall: Some((from_ns, from_ns + stall_ns)),
        ..Known::default()
    };
    let result = run(&open(1_000.0, 2_000, Duration::from_secs(3)), known);
    let hit = hit(&result);
    let response = hit.response.as_ref().unwrap().decode().unwrap();
    let felt = response.count_between(stall_ns / 2, u64::MAX) as f64 / response.len() as f64;
    let planted = 0.5 * (stall_ns as f64 / 1e9) / 3.0;
    assert!(
        (felt / planted - 1.0).abs() < 0.2,
        "{felt} of responses, not {planted}"
    );
    assert!(p(hit.response.as_ref(), 0.999) >= 0.9 * stall_ns as f64);
    let ratio = p(hit.response.as_ref(), 0.99) / p(hit.service.as_ref(), 0.99);
    assert!(
        ratio > 10.0,
        "only the four in service felt the stall as service: {ratio}"
    );
    assert_eq!(hit.attempted, 3_000);
}

/// Ten requests of 40 ms are due at once in the middle of a second, and one at a time is served. None
/// is due at any other time, whatever the rate of the plan, and those after the end are not begun.
#[test]
fn arrivals_are_due_at_the_instants_that_the_target_gives() {
    let instants = [vec![500_000_000; 10], vec![2_000_000_000; 5]].concat();
    let known = Known {
        at_once: 1,
        takes: Duration::from_millis(40),
        instants: Some(instants),
        ..Known::default()
    };
    let result = run(&open(100.0, 64, Duration::from_secs(1)), known);
    let hit = hit(&result);
    assert_eq!((hit.attempted, hit.succeeded), (10, 10));
    let response = hit.response.as_ref();
    let (first, last) = (p(response, 0.01), p(response, 1.0));
    assert!(
        last >= 0.4e9 && last - first >= 0.35e9,
        "each waited for those before it: {first} to {last} ns"
    );
}

#[test]
fn phases_add_up() {
    let known = Known {
        at_once: 2,
        takes: Duration::from_millis(1),
        ..Known::default()
    };
    let result = run(&open(500.0, 64, Duration::from_secs(1)), known);
    let hit = hit(&result);
    let mean = |h: &Option<Histogram>| h.as_ref().unwrap().mean_ns;
    let parts = mean(&hit.pacing_lag) + mean(&hit.backlog) + mean(&hit.call);
    assert!((parts / mean(&hit.response) - 1.0).abs() < 0.005);
    let parts = mean(&hit.checkout) + mean(&hit.service);
    assert!((parts / mean(&hit.call) - 1.0).abs() < 0.005);
}

#[test]
fn at_the_cap_arrivals_wait_and_are_counted_and_none_is_dropped() {
    let known = Known {
        takes: Duration::from_millis(20),
        ..Known::default()
    };
    let result = run(&open(400.0, 2, Duration::from_secs(1)), known);
    let hit = hit(&result);
    assert_eq!(hit.attempted, 400);
    assert!(p(hit.backlog.as_ref(), 0.5) > p(hit.call.as_ref(), 0.5));
    let warned = result.warnings.iter().any(|w| {
        w.code == bench_report::WarningCode::InFlightCapReached
            && w.spoils("/steps/0/operations/hit/checkout")
    });
    assert!(warned, "{:?}", result.warnings);
}

#[test]
fn per_core_workers_share_the_load_without_losing_any() {
    let mut plan = open(1_000.0, 64, Duration::from_secs(1));
    plan.runtime = RuntimeKind::PerCore;
    plan.threads = 3;
    let result = run(&plan, Known::default());
    assert_eq!(hit(&result).attempted, 1_000);
    assert_eq!(hit(&result).succeeded, 1_000);
}

#[test]
fn the_pools_of_several_workers_are_reported_as_what_they_are_together() {
    let mut plan = closed(8, Duration::from_millis(300));
    plan.runtime = RuntimeKind::PerCore;
    plan.threads = 2;
    let known = Known {
        at_once: 3,
        takes: Duration::from_millis(5),
        ..Known::default()
    };
    let pool = run(&plan, known).step.pool.unwrap();
    assert_eq!(
        pool.in_use_max, 3,
        "one worker has a pool of two, the other of one"
    );
}

/// A reading that comes late leaves out some of the first requests. Without a warm-up there are
/// never more than were made.
#[test]
fn what_the_targets_of_all_workers_counted_is_a_figure_of_the_step() {
    let mut plan = open(1_000.0, 64, Duration::from_secs(1));
    plan.runtime = RuntimeKind::PerCore;
    plan.threads = 3;
    let figures = run(&plan, Known::default()).step.figures;
    let opened = figures["connections.opened"];
    assert!((1.0..=1_000.0).contains(&opened), "{opened}");
    assert!(
        !figures.contains_key("connections.lost"),
        "nobody counts it"
    );
}

#[test]
fn each_operation_of_several_has_its_rate_over_time() {
    let known = Known {
        hits_first: Some(100),
        ..Known::default()
    };
    let result = run(&closed(1, Duration::from_millis(900)), known);
    let of = |name: &str| {
        let found = result.series.iter().find(|series| series.name == name);
        found.unwrap_or_else(|| panic!("{name} has no series"))
    };
    let (all, hits) = (of("throughput_per_s"), of("operations.hit.per_s"));
    let misses = of("operations.miss.per_s");
    assert_eq!((&hits.at_ns, &misses.at_ns), (&all.at_ns, &all.at_ns));
    let starts = [&[result.step.window.start_ns], &all.at_ns[..]].concat();
    let count = |series: &bench_report::Series, n: usize| {
        let seconds = (all.at_ns[n] - starts[n]) as f64 / 1e9;
        (series.mean[n].unwrap() * seconds).round() as u64
    };
    let counts: Vec<(u64, u64)> = (0..all.len())
        .map(|n| (count(hits, n), count(misses, n)))
        .collect();
    for (n, (hits, misses)) in counts.iter().enumerate() {
        assert_eq!(hits + misses, count(all, n), "interval {n} of {counts:?}");
    }
    assert_eq!(counts.iter().map(|(hits, _)| hits).sum::<u64>(), 100);
    let last_hit = counts.iter().rposition(|(hits, _)| *hits > 0);
    let first_miss = counts.iter().position(|(_, misses)| *misses > 0);
    assert!(last_hit <= first_miss && first_miss.is_some(), "{counts:?}");
}

#[test]
fn a_step_with_one_operation_has_its_rate_only_once() {
    let result = run(&closed(1, Duration::from_millis(300)), Known::default());
    let named = result.series.iter().map(|series| series.name.as_str());
    let by_operation = named.filter(|name| name.starts_with("operations."));
    assert_eq!(by_operation.collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn warm_up_is_not_counted() {
    let mut plan = open(500.0, 64, Duration::from_secs(1));
    plan.warmup = Duration::from_millis(400);
    let result = run(&plan, Known::default());
    assert_eq!(hit(&result).attempted, 500);
}

/// Compares the pacer's median lateness with that of the runtime's `sleep_until`, five times; by
/// the median of the ratios, it must be at most a fifth.
#[test]
fn pacing_is_far_finer_than_the_runtimes_own_timer() {
    let lateness = |rounds: u64| -> u64 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let mut late: Vec<u64> = runtime.block_on(async {
            let begin = tokio::time::Instant::now();
            let begin_ns = monotonic_ns();
            let mut late = Vec::new();
            for n in 1..=rounds {
                tokio::time::sleep_until(begin + Duration::from_millis(n)).await;
                late.push(monotonic_ns().saturating_sub(begin_ns + n * 1_000_000));
            }
            late
        });
        late.sort_unstable();
        late[late.len() / 2]
    };
    let mut ratios: Vec<f64> = (0..5)
        .map(|_| {
            let result = run(
                &open(1_000.0, 64, Duration::from_millis(500)),
                Known::default(),
            );
            p(hit(&result).pacing_lag.as_ref(), 0.5) / lateness(500) as f64
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    assert!(
        ratios[2] <= 0.2,
        "median lag ÷ sleep_until's lateness: {ratios:?}"
    );
}

/// Loads a target that serves 200 requests per second with 300 arrivals in one second, which keep
/// it busy for half a second after the measured part.
#[test]
fn an_overloaded_target_carried_what_it_could_and_not_what_it_was_offered() {
    let known = Known {
        at_once: 1,
        takes: Duration::from_millis(5),
        ..Known::default()
    };
    let result = run(&open(300.0, 1_000, Duration::from_secs(1)), known);
    let hit = hit(&result);
    assert_eq!((hit.attempted, hit.succeeded), (300, 300));
    assert!(hit.throughput_per_s <= 205.0, "{}", hit.throughput_per_s);
}

/// A session works for 30 ms between two requests, and its user then waits 30 ms more; neither is
/// part of a latency. Arrivals of an open loop do not wait.
#[test]
fn the_time_between_requests_is_part_of_none() {
    let rests = Duration::from_millis(30);
    let known = || Known {
        at_once: 8,
        rests: Some(rests),
        ..Known::default()
    };
    let result = run(&closed(2, Duration::from_secs(1)), known());
    let hit_alone = hit(&result);
    let most = 2.0 * (1_000.0 / 60.0 + 1.0);
    assert!(hit_alone.succeeded > 0 && hit_alone.succeeded as f64 <= most);
    let median = p(hit_alone.call.as_ref(), 0.5);
    assert!(median < rests.as_nanos() as f64, "{median}");
    // One session, and arrivals 50 ms apart: there is time for what it does, but not for its pause.
    let result = run(&open(20.0, 1, Duration::from_secs(1)), known());
    let response = p(hit(&result).response.as_ref(), 0.5);
    assert!(response < 2.0 * rests.as_nanos() as f64, "{response}");
}
