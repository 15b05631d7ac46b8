//! Tests of pools that are too small, and of long checkouts from pools that are large enough.

use crate::assessment::{ComponentKind, Confidence};
use bench_report::{CheckoutParts, Load, PoolUsage, Report, Step};

use super::common::server::Server;
use super::common::{Plant, hist};
use super::{assess_reports, factor, finding, is_unknown, named};

/// Creates a server with 32 users whose calls queue for a pool of 4. `cpu` has the shares of the
/// machine's CPU time that all programs, the server and the generator use.
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

/// Of ten connections, eight in use are the least with which calls may wait for the pool.
#[test]
fn a_pool_is_full_from_four_fifths_of_its_connections_in_use_on() {
    let server = Server {
        pool: 10,
        ..crowd((0.3, 0.2, 0.08))
    };
    let is_too_small = |in_use: f64| {
        let reports = server.run_with(|_, step| {
            step.pool.as_mut().unwrap().in_use_mean = in_use;
        });
        named(&assess_reports(&reports)).contains(&"pool_too_small")
    };
    assert!(is_too_small(8.0) && !is_too_small(7.9));
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

/// Creates reports with a checkout of 1.5 ms without a queue. Of `size` connections `in_use` are
/// used on average; `waiting` calls wait for one, if counted; `parts` divides the checkout, if
/// known.
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
        call.checkout = hist(1.5e6, call.succeeded);
        call.call = hist(3.5e6, call.succeeded);
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
                operation.checkout = hist(call * 0.43, operation.succeeded);
                operation.service = hist(call * 0.57, operation.succeeded);
            }
        }
        if step.parameter("pool_size").is_some() {
            step.pool = Some(PoolUsage {
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
