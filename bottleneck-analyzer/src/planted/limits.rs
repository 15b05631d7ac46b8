//! Tests of the limiting factor: the demand whose bound explains the throughput is named, and no other.

use crate::assessment::{Assessment, ComponentKind, Confidence, FindingKind};
use bench_report::{FoundRate, Load, Pacing, RateSearchEnd, RateVerdict, TriedRate};

use super::common::SECOND;
use super::common::server::Server;
use super::worked_example::hot_row_beside_a_report;
use super::{assess_reports, factor, finding, is_unknown, named};

fn limit(assessment: &Assessment) -> String {
    let limit = &assessment.components[0].limiting_factor;
    format!("{}: {} ({})", limit.factor, limit.title, limit.reason)
}

/// Creates the worked example with fewer measurements: neither the processes of the machine nor the CPU time
/// of the server's sessions were recorded.
fn hot_row() -> Server {
    Server {
        outsider: None,
        figures: vec![],
        samples: Server::default().samples,
        ..hot_row_beside_a_report()
    }
}

#[test]
fn a_hot_row_is_the_limit_and_not_the_pool_and_not_the_cpu_that_others_use() {
    let assessment = assess_reports(&hot_row().run());
    let found = assessment
        .findings
        .iter()
        .find(|f| f.kind == FindingKind::Problem)
        .unwrap();
    assert!(found.rule() == "lock_waits", "{}", found.title);
    let impact = found.impact.unwrap();
    // 12.5 ms of waiting for the row, and the queue before the pool that it causes: 72.5 of 80 ms.
    let saved = impact.saved_ns.unwrap() / 1e6;
    assert!((70.0..75.0).contains(&saved), "{saved}");
    assert!((impact.ratio - saved / 80.0).abs() < 0.01, "{impact:?}");
    // The next limit is the CPU that report.py leaves: 583 requests per second instead of 500.
    let gain = impact.capacity_gain_ratio.unwrap();
    assert!((0.14..0.20).contains(&gain), "{gain}");
    assert_eq!(factor(&assessment, ComponentKind::Postgres), "wait.lock");
    assert!(
        limit(&assessment).contains("table branches"),
        "{}",
        limit(&assessment)
    );
    let pool = assessment
        .ruled_out
        .iter()
        .find(|r| r.rule == "pool_too_small");
    let pool = pool.expect("the pool is ruled out");
    assert!(
        pool.statement.contains("is large enough"),
        "{}",
        pool.statement
    );
    assert!(
        found
            .detail
            .contains("committing (waiting until the log is on disk)"),
        "{}",
        found.detail
    );
}

#[test]
fn an_open_load_that_was_carried_is_its_own_limit() {
    let open = |rate: f64| {
        let reports = Server::default().run_with(|_, step| {
            step.load = Load::Open {
                rate_per_s: rate,
                pacing: Pacing::Constant,
                in_flight_cap: 1_000,
                delayed_at_cap: 0,
            };
        });
        assess_reports(&reports)
    };
    let carried = open(2_000.0);
    assert_eq!(factor(&carried, ComponentKind::Postgres), "offered_rate");
    assert!(
        limit(&carried).contains("the limit was not reached"),
        "{}",
        limit(&carried)
    );
    assert_ne!(
        factor(&open(3_000.0), ComponentKind::Postgres),
        "offered_rate"
    );
}

#[test]
fn a_search_for_a_rate_tells_its_limit_and_asks_for_no_higher_rate() {
    let mut reports = Server::default().run_with(|_, step| {
        step.load = Load::Open {
            rate_per_s: 2_000.0,
            pacing: Pacing::Constant,
            in_flight_cap: 1_000,
            delayed_at_cap: 0,
        };
    });
    let tried = |step, verdict| TriedRate {
        step,
        rate_per_s: 2_000.0,
        verdict,
        reason: None,
    };
    let reason = "between 2,000 and 2,100 requests/s: at 2,100/s p99 was 61 ms";
    for report in &mut reports {
        let steps = 0..report.steps.len();
        report.summary.found_rates = vec![FoundRate {
            subject: "pool of 8".to_owned(),
            objectives: vec!["p99<50ms".to_owned()],
            repeats: 1,
            held_per_s: Some(2_000.0),
            broken_per_s: Some(2_100.0),
            end: RateSearchEnd::Bracketed,
            reason: reason.to_owned(),
            steps: steps.map(|step| tried(step, RateVerdict::Held)).collect(),
        }];
    }
    let assessment = assess_reports(&reports);
    assert_eq!(factor(&assessment, ComponentKind::Postgres), "offered_rate");
    let told = limit(&assessment);
    assert!(told.contains(reason), "{told}");
    assert!(told.contains("p99<50ms"), "{told}");
    assert!(!told.contains("not reached"), "{told}");
}

#[test]
fn repeats_that_disagree_on_the_limit_make_it_doubtful() {
    let agreed = assess_reports(&hot_row().run());
    let sure = agreed.components[0].limiting_factor.confidence;
    assert_eq!(sure, Confidence::High);
    let reports = hot_row().run_with(|repeat, step| {
        if repeat == 2 {
            step.generator.cpu_ratio = 0.99;
        }
    });
    let assessment = assess_reports(&reports);
    let limit = &assessment.components[0].limiting_factor;
    assert_eq!(limit.confidence, Confidence::Low);
    assert!(limit.reason.contains("the repeats disagree"), "{limit:?}");
}

#[test]
fn figures_that_break_little_s_law_make_the_limit_doubtful() {
    let reports = Server::default().run_with(|_, step| {
        step.load = Load::Closed {
            users: 9,
            think_time_ns: 0,
        };
    });
    let assessment = assess_reports(&reports);
    let limit = &assessment.components[0].limiting_factor;
    assert_eq!(limit.confidence, Confidence::Low);
    assert!(limit.reason.contains("9 were at work"), "{}", limit.reason);
}

/// No bound explains the run, so the limiting factor is inconclusive and names the nearest bound.
#[test]
fn where_no_bound_explains_the_run_the_limit_is_not_known_and_the_nearest_is_told() {
    let assessment = assess_reports(
        &Server {
            cpu: (0.82, 0.5, 0.3),
            ..Server::default()
        }
        .run(),
    );
    assert_eq!(factor(&assessment, ComponentKind::Postgres), "inconclusive");
    let told = limit(&assessment);
    assert!(
        told.contains("not known") && told.contains("busy 82 %"),
        "{told}"
    );
    assert!(!told.contains("round trip"), "{told}");
}

/// Calls that sleep need no CPU, so a CPU that other programs use up is not the reason for their
/// time.
#[test]
fn a_cpu_that_others_use_up_does_not_hide_what_the_calls_wait_for() {
    let sleeping = Server {
        users: 16.0,
        service_ns: 2.4e7,
        waits: vec![("Timeout.PgSleep", 0.93)],
        outside: 0.01,
        cpu: (0.99, 0.03, 0.04),
        ..Server::default()
    };
    let assessment = assess_reports(&sleeping.run());
    assert_eq!(factor(&assessment, ComponentKind::Postgres), "pool_size");
    assert_eq!(named(&assessment)[0], "sleeps");
}

#[test]
fn a_quota_that_holds_the_server_back_is_named_with_its_periods() {
    let held = |throttled: f64| Server {
        figures: vec![
            ("server.cgroup.periods", 150.0),
            ("server.cgroup.throttled_periods", throttled),
            ("server.cgroup.throttled_ns", throttled * 5e7),
            ("server.cgroup.quota_cores", 0.5),
        ],
        ..Server::default()
    };
    let assessment = assess_reports(&held(148.0).run());
    assert_eq!(named(&assessment)[0], "throttled");
    let title = &finding(&assessment, "throttled").unwrap().title;
    assert!(
        title.contains("148 of 150 periods") && title.contains("quota 0.50 cores"),
        "{title}"
    );
    let fine = assess_reports(&held(2.0).run());
    assert!(finding(&fine, "throttled").is_none());
    assert!(fine.ruled_out.iter().any(|r| r.rule == "throttled"));
}

/// Assesses a run recorded in intervals of 100 ms, in which the target answers nothing in the first
/// `stall_s` seconds of each step's measured part, one second long. `generator_stall_ns` is the
/// generator's longest stall.
fn with_stalls(stall_s: f64, generator_stall_ns: u64) -> Assessment {
    let mut reports = Server::default().run_with(|_, step| {
        step.generator.worst_stall_ns = generator_stall_ns;
    });
    let mut series = bench_report::Series::new("throughput_per_s");
    for step in &reports[0].steps {
        for i in 0..10u64 {
            let at = step.window.measure_start_ns + (i + 1) * SECOND / 10;
            let stands = i as f64 * 0.1 < stall_s;
            series.push(at - 1, Some(if stands { 0.0 } else { 2_000.0 }));
        }
    }
    reports[0].series.push(series);
    assess_reports(&reports)
}

#[test]
fn a_target_that_stands_still_is_told_and_a_generator_that_does_acquits_it() {
    let assessment = with_stalls(0.4, 1_000_000);
    assert_eq!(named(&assessment), ["stalls"]);
    let found = finding(&assessment, "stalls").unwrap();
    assert!(
        found.title.contains("400 ms at the longest"),
        "{}",
        found.title
    );
    let own = with_stalls(0.4, 390_000_000);
    assert!(finding(&own, "stalls").is_none() && is_unknown(&own, "stalls"));
    assert!(
        with_stalls(0.0, 0)
            .ruled_out
            .iter()
            .any(|r| r.rule == "stalls")
    );
}
