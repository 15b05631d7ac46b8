//! Tests of the tail: a phase is named only if the histograms prove that the slowest calls are spent in it.

use crate::assessment::{Assessment, TailModel};
use crate::render::terminal;
use bench_report::histogram::{self, Histogram};

use super::assess_reports;
use super::common::server::Server;

/// Returns a histogram of `count` calls: 98 of a hundred take `usual_ns`, two take `slow_ns`.
fn two_lengths(count: u64, usual_ns: u64, slow_ns: u64) -> Option<Histogram> {
    let mut recording = histogram::recording();
    recording.saturating_record_n(usual_ns, count * 98 / 100);
    recording.saturating_record_n(slow_ns, count * 2 / 100);
    Histogram::from_recording(&recording)
}

/// Assesses a load of `count` calls in each repeat, of which one of fifty waits 50 ms for a connection. The
/// service takes `service_ns` for one of fifty calls and 1 ms for the others.
fn load(count: u64, service_ns: u64) -> Assessment {
    let reports = Server::default().run_with(|_, step| {
        let call = step.operations.get_mut("call").unwrap();
        call.attempted = count;
        call.succeeded = count;
        call.checkout = two_lengths(count, 1_000, 50_000_000);
        call.service = two_lengths(count, 1_000_000, service_ns);
        call.call = two_lengths(count, 1_001_000, 51_000_000);
    });
    assess_reports(&reports)
}

/// Returns the tail of [`load`], and its text.
fn tail(count: u64, service_ns: u64) -> (TailModel, String) {
    let assessment = load(count, service_ns);
    let model = assessment.components[0].time_model.clone().unwrap();
    (model.tail.unwrap(), terminal::render(&assessment))
}

#[test]
fn the_phase_that_the_slowest_calls_must_be_spent_in_is_named() {
    let (told, text) = tail(20_000, 2_000_000);
    assert!(
        told.statement.contains("in at least 9 of ten of these"),
        "{}",
        told.statement
    );
    assert!(
        told.statement.ends_with("is taking a connection."),
        "{}",
        told.statement
    );
    let checkout = told.phases.iter().find(|p| p.name == "checkout").unwrap();
    // At the median nobody waits: the median call says nothing about the tail.
    assert!(
        checkout.median_ns < 2e3 && checkout.p99_ns > 4.9e7,
        "{told:?}"
    );
    assert!(text.contains("tail:  One of a hundred calls"), "{text}");
}

#[test]
fn what_the_histograms_do_not_prove_is_not_said() {
    let (both, _) = tail(20_000, 49_000_000);
    assert!(
        both.statement.contains("In which phase is not proven"),
        "{}",
        both.statement
    );
    assert!(
        both.statement.contains("as means only"),
        "{}",
        both.statement
    );
    let (few, _) = tail(2_000, 2_000_000);
    assert!(few.statement.contains("is not known"), "{}", few.statement);
    assert!(
        few.statement.contains("2000 were timed"),
        "{}",
        few.statement
    );
}

#[test]
fn few_calls_have_no_tail() {
    let assessment = load(500, 2_000_000);
    let model = assessment.components[0].time_model.as_ref().unwrap();
    assert_eq!(model.tail, None);
}
