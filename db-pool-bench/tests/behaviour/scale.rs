//! `scale` through the binary, on a real server whose requests take a planted time.

use crate::common::{Talk, complete, postgres};
use bench_report::{Status, StepEnd};

#[test]
fn waiting_begins_with_the_first_user_more_than_the_pool_holds() {
    let server = postgres(&[]);
    // A request holds its connection for 20 ms and hardly anything beside: what 3 connections
    // serve is known, and so is that 12 users wait for four turns.
    let ran = complete(
        server.url(),
        "scale",
        "--pool-size 3 --users 1,3,4,12 --hold 20ms --workload point-select \
         --objective p50<75ms --repeats 1 --warmup 100ms --duration 1s",
    );
    assert_eq!(
        (ran.code, ran.report.status),
        (0, Status::Complete),
        "{}",
        ran.said
    );
    let figures = &ran.report.summary.figures;
    assert!(
        (figures["deadpool.wait_begins_users"] - 4.0).abs() < f64::EPSILON,
        "{}",
        ran.said
    );
    assert!(
        ran.report
            .summary
            .headline
            .contains("wait for a connection from 4 on, and with 3 they do not"),
        "{}",
        ran.said
    );
    assert!(
        figures["deadpool.little_discrepancy_ratio"].abs() < 0.2,
        "{}",
        ran.said
    );

    let most = &ran.report.summary.recommendations[0];
    let (value, high) = (most.value.unwrap(), most.high.unwrap());
    assert!(
        value >= 3.0 && high < 12.0 && most.parameter == "users",
        "12 users wait for 80 ms: {most:?}"
    );

    for step in &ran.report.steps {
        assert_eq!(step.end, StepEnd::Completed, "{}", step.name);
        let select = &step.operations["select"];
        let service = select.service.as_ref().unwrap();
        assert!(
            service.min_ns >= 20_000_000,
            "the hold is held: {service:?}"
        );
        assert!(step.pool.as_ref().unwrap().in_use_max <= 3);
    }
    Talk::to(server.url()).assert_nothing_is_left();
}

#[test]
fn a_driver_without_a_pool_gets_a_sentence() {
    let place = test_support::TestDirectory::new();
    let output = crate::common::bench(&place, "scale", "--driver direct")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("direct has none"), "{said}");
}
