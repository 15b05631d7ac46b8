//! Tests of verdicts on made-up steps.

use std::time::Duration;

use bench_report::histogram::recording;
use bench_report::{Histogram, Operation, Pacing, Window};
use test_support::empty_step;

use super::*;

/// Returns a step of an open loop with a warm-up of 1 s and a measured part of 10 s, in which
/// 10,000 requests arrive. Of these the share `share` is answered: 98 % of them in 1 ms, the
/// others in `slow`. `cut_off` requests have no answer after 5 s.
fn step(share: f64, slow: Duration, cut_off: u64) -> Step {
    let answered = (10_000.0 * share) as u64;
    let mut response = recording();
    let slow_ones = answered / 50;
    response.record_n(1_000_000, answered - slow_ones).unwrap();
    response
        .record_n(slow.as_nanos() as u64, slow_ones)
        .unwrap();
    let mut unfinished = recording();
    unfinished.record_n(5_000_000_000, cut_off).unwrap();
    let mut lag = recording();
    lag.record_n(1_000, 10_000).unwrap();
    let operation = Operation {
        attempted: 10_000,
        succeeded: answered,
        censored: cut_off,
        throughput_per_s: answered as f64 / 10.0,
        response: Histogram::from_recording(&response),
        unfinished: Histogram::from_recording(&unfinished),
        pacing_lag: Histogram::from_recording(&lag),
        ..Operation::default()
    };
    Step {
        load: Load::Open {
            rate_per_s: 1_000.0,
            pacing: Pacing::Constant,
            in_flight_cap: 100,
            delayed_at_cap: 0,
        },
        window: Window {
            start_ns: 0,
            measure_start_ns: 1_000_000_000,
            measure_end_ns: 11_000_000_000,
            end_ns: 11_000_000_000,
        },
        operations: [("get".to_owned(), operation)].into(),
        ..empty_step("planted")
    }
}

const MS: fn(u64) -> Duration = Duration::from_millis;

/// Turns `failed` of the requests that `step` answered in 1 ms into failures.
fn failing(mut step: Step, failed: u64) -> Step {
    let get = step.operations.get_mut("get").unwrap();
    get.succeeded -= failed;
    get.throughput_per_s -= failed as f64 / 10.0;
    get.errors.insert("refused".to_owned(), failed);
    let mut response = get.response.as_ref().unwrap().decode().unwrap();
    let mut fewer = recording();
    fewer.record_n(1_000_000, failed).unwrap();
    response.subtract(&fewer).unwrap();
    get.response = Histogram::from_recording(&response);
    step
}

fn judged(objectives: &str, step: &Step, warnings: &[Warning]) -> JudgedStep {
    let objectives: Vec<Objective> = objectives
        .split(' ')
        .map(|text| text.parse().unwrap())
        .collect();
    let warnings: Vec<&Warning> = warnings.iter().collect();
    judge(&objectives, (3, step), &warnings)
}

fn broken(objectives: &str, step: &Step) -> String {
    let judged = judged(objectives, step, &[]);
    assert_eq!(judged.verdict, RateVerdict::Broken, "{judged:?}");
    judged.reason.unwrap()
}

fn doubted(objectives: &str, step: &Step, warnings: &[Warning]) -> String {
    let judged = judged(objectives, step, warnings);
    assert_eq!(judged.verdict, RateVerdict::Doubtful, "{judged:?}");
    judged.reason.unwrap()
}

fn holds(objectives: &str, step: &Step, warnings: &[Warning]) {
    assert_eq!(judged(objectives, step, warnings), JudgedStep::held());
}

#[test]
fn a_rate_holds_where_its_figure_is_below_the_bound() {
    holds("p99<50ms", &step(1.0, MS(40), 0), &[]);
    holds("p95<50ms", &step(1.0, MS(60), 0), &[]);
    assert_eq!(broken("p99<50ms", &step(1.0, MS(60), 0)), "p99 was 60.0 ms");
}

#[test]
fn of_several_bounds_the_broken_one_decides() {
    let slow = step(1.0, MS(60), 0);
    assert_eq!(
        broken("p95<50ms p99<50ms errors<1%", &slow),
        "p99 was 60.0 ms"
    );
    holds("p95<50ms errors<1%", &slow, &[]);
}

#[test]
fn requests_without_an_answer_break_a_bound_that_the_answered_ones_keep() {
    // Of 10,000 requests, 200 are not answered within 5 s; the others took a millisecond.
    let hung = step(0.98, MS(1), 200);
    let reason = broken("p99<50ms", &hung);
    assert!(reason.starts_with("p99 was ≥"), "{reason}");
    let reason = doubted("p99<1m", &hung, &[]);
    assert!(reason.contains("does not tell"), "{reason}");
    holds("p95<50ms", &hung, &[]);
}

#[test]
fn a_target_that_answers_nothing_breaks_every_bound() {
    let hung = step(0.0, MS(1), 10_000);
    for (objective, reason) in [
        ("p50<50ms", "p50 was ≥\u{a0}5.00 s"),
        ("p99<1m", "0.0 % of the arrivals were carried"),
        ("errors<50%", "100.0 % of the requests failed"),
    ] {
        assert_eq!(broken(objective, &hung), reason);
    }
}

#[test]
fn a_rate_that_is_not_carried_breaks_bounds_that_its_figures_keep() {
    for objective in ["p99<50ms", "p50<1s", "errors<50%"] {
        let reason = broken(objective, &step(0.9, MS(1), 0));
        assert_eq!(reason, "90.0 % of the arrivals were carried");
    }
}

#[test]
fn without_a_warm_up_what_is_under_way_at_the_end_is_not_held_against_the_target() {
    let mut late = step(0.9, MS(1), 0);
    late.window.measure_start_ns = 0;
    late.window.measure_end_ns = 10_000_000_000;
    let reason = doubted("p99<50ms", &late, &[]);
    assert!(reason.contains("lengthen --warmup"), "{reason}");
}

#[test]
fn a_failed_request_kept_no_bound_on_latency() {
    let some = failing(step(1.0, MS(1), 0), 50);
    holds("p99<50ms errors<1%", &some, &[]);
    assert_eq!(broken("errors<0.5%", &some), "0.5 % of the requests failed");
    let many = failing(step(1.0, MS(1), 0), 200);
    assert!(
        broken("p99<50ms", &many).contains("2.0 % of the requests failed"),
        "two in a hundred got no answer within 50 ms"
    );
    holds("p95<50ms", &many, &[]);
    // 50 requests failed and 200 took 60 ms, so fewer than 99 % were answered in time.
    assert_eq!(
        broken("p99<50ms", &failing(step(1.0, MS(60), 0), 50)),
        "p99 was 60.0 ms"
    );
}

#[test]
fn a_bound_on_errors_is_not_broken_by_failures_that_it_allows() {
    let some = failing(step(1.0, MS(1), 0), 500);
    holds("errors<10%", &some, &[]);
    assert_eq!(broken("errors<5%", &some), "5.0 % of the requests failed");
}

#[test]
fn the_generators_lateness_is_not_charged_to_the_target() {
    let lag = Warning::new(WarningCode::PacingLag, "arrivals were released late")
        .about_step(3, &["operations/get/response"]);
    let lag = std::slice::from_ref(&lag);
    let reason = doubted("p99<50ms", &step(1.0, MS(60), 0), lag);
    assert_eq!(reason, "p99 was 60.0 ms, but arrivals were released late");
    holds("p99<50ms", &step(1.0, MS(40), 0), lag);
    let busy = Warning::new(WarningCode::GeneratorSaturated, "it was the limit")
        .about_step(3, &["operations"]);
    let reason = doubted("errors<1%", &step(0.5, MS(1), 0), &[busy]);
    assert_eq!(
        reason,
        "50.0 % of the requests failed, but it was the limit"
    );
}

#[test]
fn a_bound_that_lateness_alone_may_have_broken_is_not_broken() {
    let mut late = step(1.0, MS(60), 0);
    let mut lag = recording();
    lag.record_n(12_000_000, 10_000).unwrap();
    late.operations.get_mut("get").unwrap().pacing_lag = Histogram::from_recording(&lag);
    let reason = doubted("p99<50ms", &late, &[]);
    assert_eq!(
        reason,
        "p99 was 60.0 ms, of which 12.0 ms may have been the generator's lateness"
    );
    assert_eq!(broken("p99<40ms", &late), "p99 was 60.0 ms");
}

#[test]
fn a_load_that_was_not_made_tells_nothing() {
    let lost = Warning::new(WarningCode::WorkerLost, "worker 2/4 was killed")
        .about_step(3, &["operations"]);
    let lost = std::slice::from_ref(&lost);
    assert_eq!(
        doubted("p99<50ms", &step(1.0, MS(1), 0), lost),
        "worker 2/4 was killed"
    );
    let mut failed = step(1.0, MS(1), 0);
    failed.end = StepEnd::Failed {
        reason: "no session opened".to_owned(),
    };
    assert_eq!(doubted("p99<50ms", &failed, &[]), "no session opened");
}

#[test]
fn a_rule_that_ended_a_step_broke_the_rate() {
    let mut stopped = step(1.0, MS(1), 0);
    stopped.end = StepEnd::Stopped {
        rule: "errors>10%".to_owned(),
        reason: "20 % failed".to_owned(),
    };
    assert_eq!(
        broken("p99<50ms", &stopped),
        "errors>10% ended the step: 20 % failed"
    );
}

#[test]
fn too_few_samples_tell_nothing_unless_ten_are_beyond_the_bound() {
    let of = |answered: u64, slow: u64| {
        let mut few = step(1.0, MS(1), 0);
        let get = few.operations.get_mut("get").unwrap();
        let mut response = recording();
        response.record_n(1_000_000, answered - slow).unwrap();
        response.record_n(60_000_000, slow).unwrap();
        get.response = Histogram::from_recording(&response);
        (get.attempted, get.succeeded) = (answered, answered);
        get.throughput_per_s = answered as f64 / 10.0;
        few
    };
    let reason = doubted("p99<50ms", &of(200, 0), &[]);
    assert!(reason.contains("200 requests, too few for p99"), "{reason}");
    let reason = doubted("p99<50ms", &of(200, 5), &[]);
    assert!(reason.contains("too few"), "{reason}");
    assert_eq!(broken("p99<50ms", &of(200, 20)), "p99 was 60.0 ms");
    holds("p95<50ms", &of(200, 0), &[]);
    let reason = doubted("errors<1%", &of(200, 0), &[]);
    assert!(
        reason.contains("too few to tell 1.0 % of errors"),
        "{reason}"
    );
    for objective in ["p99<50ms", "errors<1%"] {
        let needed = requests_needed(&objective.parse().unwrap()).ceil() as u64;
        holds(objective, &of(needed, 0), &[]);
    }
}
