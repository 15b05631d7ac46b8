//! Tests of the time of failures: how soon they came back, and when they came.

use bench_report::Series;

use super::common::server::Server;
use super::errors::{fail, first};
use super::{assess_reports, finding};

/// Requests that are refused at once leave the others alone: their percentiles look better, and the finding
/// says so.
#[test]
fn failures_that_answer_fast_are_told_to_make_the_percentiles_look_better() {
    let failing = |failed_ns: f64| {
        let reports = Server::default().run_with(|_, step| {
            fail(step, "sqlstate.53300", 0.3, "too many clients");
            let call = step.operations.get_mut("call").unwrap();
            call.failed = super::common::hist(failed_ns, 500);
        });
        first(&reports).0.detail
    };
    let fast = failing(0.2e6);
    assert!(
        fast.contains("Failures came back after 200 µs on average, successes after 2.00 ms"),
        "{fast}"
    );
    assert!(!failing(3e6).contains("came back after"));
    let late = failing(2e8);
    let words = "Failures came back after 200 ms on average, successes after 2.00 ms. ";
    assert!(format!("{late} ").contains(words), "{late}");
}

/// The times of failures are recorded for all kinds together, so that the sentence must not be about one.
#[test]
fn the_times_of_failures_of_several_kinds_are_told_as_those_of_all() {
    let reports = Server::default().run_with(|_, step| {
        fail(step, "sqlstate.53300", 0.3, "too many clients");
        fail(step, "sqlstate.57014", 0.1, "canceling statement");
        let call = step.operations.get_mut("call").unwrap();
        call.failed = super::common::hist(0.2e6, 500);
    });
    let told = first(&reports).0.detail;
    let words = "Failures of all kinds came back after 200 µs on average, successes after 2.00 ms";
    assert!(told.contains(words), "{told}");
}

/// Failures of every repeat, by tenths of its measured second.
fn failing(rate: impl Fn(u64) -> f64) -> String {
    let server = Server::default();
    let mut reports =
        server.run_with(|_, step| fail(step, "sqlstate.57014", 0.05, "ERROR: canceling statement"));
    let mut series = Series::new("errors_per_s");
    for step in &reports[0].steps {
        let from = step.window.measure_start_ns;
        series.push(from, Some(0.0));
        for tenth in 0..10 {
            let at_ns = from + (tenth + 1) * super::common::SECOND / 10;
            series.push(at_ns, Some(rate(tenth)));
        }
    }
    reports[0].series.push(series);
    let assessment = assess_reports(&reports);
    let found = finding(&assessment, "errors_past_objective").unwrap();
    let value = |label: &str| {
        let item = found.evidence.iter().find(|e| e.label == label)?;
        item.value.as_f64()
    };
    let length = value("failures began").zip(value("failures ended"));
    let length = length.map_or(0.0, |(began, ended)| ended - began);
    let highest = value("highest rate of failures").unwrap_or(0.0);
    format!("{} {length} {highest}", found.detail)
}

#[test]
fn failures_that_come_together_are_told_with_their_time() {
    let together = failing(|tenth| if tenth == 6 { 1_000.0 } else { 0.0 });
    let words = "nearly all within 100 ms, 600 ms after the start of measuring, up to 1.00 k/s. ";
    assert!(together.contains(words), "{together}");
    assert!(together.ends_with(" 100000000 1000"), "{together}");
    let always = failing(|_| 100.0);
    assert!(!always.contains("together"), "{always}");
}
