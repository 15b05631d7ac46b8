//! Tests of the limiting factor: the demand whose bound explains the throughput is named, and no other.

use crate::assessment::{Assessment, ComponentKind, Confidence, FindingKind};
use bench_report::{
    CheckoutParts, FoundRate, Load, Pacing, RateSearchEnd, RateVerdict, Report, Step, TriedRate,
};

use super::common::server::{Server, row};
use super::common::{Plant, SECOND};
use super::{assess_reports, factor, finding, is_unknown, named};

fn limit(assessment: &Assessment) -> String {
    let limit = &assessment.components[0].limiting_factor;
    format!("{}: {} ({})", limit.factor, limit.title, limit.reason)
}

/// Forty users before a pool of ten. Most of its sessions wait for one row, and a program that takes no part
/// uses CPU of the machine.
fn hot_row() -> Server {
    let holder = |event: &str, state: &str, looks: f64| {
        let labels = [
            ("lock", "transactionid"),
            ("relation", "branches"),
            ("waiting_statement", "UPDATE branches SET balance = ?"),
            ("blocking_event", event),
            ("blocking_state", state),
            ("blocking_application", "ours"),
            ("ours", "true"),
        ];
        row(&labels, &[("looks", looks), ("looks_total", 100.0)])
    };
    Server {
        users: 40.0,
        pool: 10,
        service_ns: 2e7,
        waits: vec![
            ("Lock.transactionid", 0.55),
            ("Lock.tuple", 0.108),
            ("IO.WalSync", 0.058),
        ],
        idle_in_transaction: 0.084,
        outside: 0.05,
        // Of 4 cores the server uses 1.9, the generator 0.5 and report.py 1.2: together 90 %.
        cpu: (0.90, 0.475, 0.125),
        tables: vec![(
            "blockers",
            vec![
                holder("IO.WalSync", "active", 55.0),
                holder("Client.ClientRead", "idle in transaction", 30.0),
                holder("", "active", 13.0),
            ],
        )],
        ..Server::default()
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
    assert!(found.id.starts_with("lock_waits"), "{}", found.title);
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

/// Calls that queue for a pool of 4. `cpu` are shares of the machine: all that is busy, the server's, the
/// generator's.
fn crowd(cpu: (f64, f64, f64)) -> Server {
    Server {
        users: 32.0,
        pool: 4,
        outside: 0.30,
        cpu,
        ..Server::default()
    }
}

#[test]
fn a_pool_is_too_small_only_where_the_cpu_is_known_to_have_room() {
    let reports = crowd((0.3, 0.2, 0.08)).run();
    let roomy = assess_reports(&reports);
    assert_eq!(named(&roomy), ["pool_too_small"]);
    assert_eq!(factor(&roomy, ComponentKind::Postgres), "pool_size");
    let found = finding(&roomy, "pool_too_small").unwrap();
    assert!(
        found.detail.contains("The CPU has room: busy 30 %"),
        "{}",
        found.detail
    );
    let alone = assess_reports(&reports[..1]);
    assert!(finding(&alone, "pool_too_small").is_none());
    assert!(is_unknown(&alone, "pool_too_small"));
    assert_eq!(factor(&alone, ComponentKind::Postgres), "inconclusive");
    let sure = alone
        .findings
        .iter()
        .filter(|f| f.confidence == Confidence::High);
    assert_eq!(sure.count(), 0, "{:?}", alone.findings);
    let full = assess_reports(&crowd((0.93, 0.55, 0.36)).run());
    assert!(finding(&full, "pool_too_small").is_none());
    assert_eq!(factor(&full, ComponentKind::Postgres), "machine_cpu.server");
}

/// A recording of the generator's machine tells nothing about a server on another machine.
#[test]
fn a_server_on_another_machine_is_not_known_to_have_room() {
    let mut reports = crowd((0.3, 0.0, 0.08)).run();
    let url = "postgres://app@db.example/shop";
    reports[0].config.insert("url".into(), url.into());
    let assessment = assess_reports(&reports);
    assert!(finding(&assessment, "pool_too_small").is_none());
    let unknown = assessment
        .unknown
        .iter()
        .find(|u| u.rule == "pool_too_small");
    let question = &unknown.expect("not known").question;
    assert!(question.contains("on another machine"), "{question}");
    assert_eq!(factor(&assessment, ComponentKind::Postgres), "inconclusive");
}

/// A long checkout without a queue: connections are free and no call waits for one.
fn checked(
    in_use: f64,
    size: u64,
    waiting: Option<f64>,
    parts: Option<CheckoutParts>,
) -> Vec<Report> {
    let server = Server {
        pool: size,
        cpu: (0.3, 0.2, 0.08),
        ..Server::default()
    };
    server.run_with(|_, step: &mut Step| {
        let call = step.operations.get_mut("call").unwrap();
        call.checkout = super::common::hist(1.5e6, call.succeeded);
        call.call = super::common::hist(3.5e6, call.succeeded);
        let pool = step.pool.as_mut().unwrap();
        (pool.in_use_mean, pool.waiting_mean) = (in_use, waiting);
        pool.checkout = parts;
    })
}

#[test]
fn a_checkout_without_a_queue_is_no_pool_that_is_too_small() {
    let check = CheckoutParts {
        count: 4_000,
        check_mean_ns: 1.5e6,
        ..CheckoutParts::default()
    };
    for (in_use, size, waiting, parts) in [
        (1.53, 4, Some(0.0), None),
        (0.37, 8, Some(0.0), None),
        (0.37, 8, None, None),
        (3.9, 4, Some(0.0), Some(check)),
    ] {
        let assessment = assess_reports(&checked(in_use, size, waiting, parts));
        assert_eq!(named(&assessment), Vec::<&str>::new(), "{in_use} of {size}");
        let ruled_out = assessment
            .ruled_out
            .iter()
            .find(|r| r.rule == "pool_too_small");
        let statement = &ruled_out.expect("ruled out").statement;
        assert!(statement.contains("check or connecting"), "{statement}");
    }
    let assessment = assess_reports(&checked(3.9, 4, Some(0.0), Some(check)));
    assert!(finding(&assessment, "checkout_check").is_some());
}

#[test]
fn a_checkout_that_cannot_be_divided_is_not_known() {
    let mut reports = checked(3.9, 4, None, None);
    for step in &mut reports[0].steps {
        step.load = Load::Closed {
            users: 4,
            think_time_ns: 5_000_000,
        };
    }
    let assessment = assess_reports(&reports);
    let unknown = assessment
        .unknown
        .iter()
        .find(|u| u.rule == "pool_too_small");
    let question = &unknown.expect("not known").question;
    assert!(
        question.contains("what a checkout consists of"),
        "{question}"
    );
}

/// A healthy Redis at 2,000 requests per second: the driver's PING at each checkout is no queue.
#[test]
fn a_healthy_redis_whose_driver_checks_its_connections_has_no_problem() {
    let plant = Plant::default();
    let mut report = plant.redis();
    // Only the pool at its operating point, without other settings to compare with.
    report
        .steps
        .retain(|step| step.parameter("pool_size") == Some(8.0));
    for step in &mut report.steps {
        for operation in step.operations.values_mut() {
            let call = operation.call.as_ref().unwrap().mean_ns;
            if operation.checkout.is_some() {
                operation.checkout = super::common::hist(call * 0.43, operation.succeeded);
                operation.service = super::common::hist(call * 0.57, operation.succeeded);
            }
        }
        if step.parameter("pool_size").is_some() {
            step.pool = Some(bench_report::PoolUsage {
                max_size: 8,
                size_mean: 8.0,
                in_use_mean: 0.37,
                in_use_max: 3,
                waiting_mean: Some(0.0),
                waiting_max: Some(0),
                samples: 100,
                checkout: None,
            });
        }
    }
    let assessment = assess_reports(&[report, plant.sysmon()]);
    assert_eq!(
        named(&assessment),
        Vec::<&str>::new(),
        "{:?}",
        assessment.findings
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

/// No sentence contradicts another: time on a CPU is not counted as a round trip.
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

/// Sessions that sleep need no CPU, so a CPU that others use up is not the reason of their calls' time.
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

/// A run recorded in intervals of 100 ms, in which the target stops for `stall_s` of each second.
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
