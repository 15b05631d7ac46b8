//! Tests of a fault in one of several repeats of a setting: it counts in gates, figures and promises, in
//! whichever repeat it is.

use crate::assessment::{ComponentKind, GateOutcome, OperatingPoint};
use crate::render::{html, terminal};
use crate::{analysis, cli, run_reports::RunReports, thresholds::Thresholds};
use bench_report::{Report, Series, StepEnd};

use super::common::{Plant, SECOND, held_for, hist, save};
use super::{assess_reports, finding, gate, promise};

/// Returns a sweep whose operating point has two repeats of 30 s each, and the indices of these repeats.
fn sweep() -> (Report, Vec<usize>) {
    let report = held_for(Plant::default().postgres(), 30);
    let repeats = report.summary.recommendations[0].steps.clone();
    assert_eq!(repeats.len(), 2);
    (report, repeats)
}

/// Multiplies the times of all calls in step `index` by `factor`.
fn slower(report: &mut Report, index: usize, factor: f64) {
    for operation in report.steps[index].operations.values_mut() {
        let call = operation.call.as_ref().unwrap();
        operation.call = hist(call.mean_ns * factor, call.count);
    }
}

fn point(report: Report) -> OperatingPoint {
    let assessment = assess_reports(&[report]);
    assessment.components[0].operating_point.clone().unwrap()
}

#[test]
fn a_repeat_that_breaks_a_gate_breaks_it_whichever_it_is() {
    for bad in 0..2 {
        let (mut report, repeats) = sweep();
        let (clean, _) = sweep();
        slower(&mut report, repeats[bad], 1_000.0);
        let assessment = assess_reports(&[report]);
        let p90 = gate(&assessment, "postgres.sweep.p90");
        assert_eq!(p90.outcome, GateOutcome::Fail, "repeat {bad}");
        let step = format!("/steps/{}/", repeats[bad]);
        assert!(p90.evidence[0].pointer.starts_with(&step), "{p90:?}");
        let slow = finding(&assessment, "latency_past_objective").unwrap();
        assert!(slow.evidence[0].pointer.starts_with(&step), "{slow:?}");
        let promised = |assessment: &_| {
            let promise = promise(assessment, ComponentKind::Postgres, "latency_p99").unwrap();
            promise.value.unwrap()
        };
        let usual = promised(&assess_reports(&[clean]));
        assert!(promised(&assessment) > 500.0 * usual, "repeat {bad}");
    }
}

#[test]
fn throughput_is_promised_from_the_slowest_repeat_and_errors_count_over_all() {
    for bad in 0..2 {
        let (mut report, repeats) = sweep();
        for operation in report.steps[repeats[bad]].operations.values_mut() {
            operation.throughput_per_s /= 4.0;
            operation.errors.insert("refused".into(), 900);
            operation.attempted += 900;
        }
        let assessment = assess_reports(&[report]);
        let throughput = promise(&assessment, ComponentKind::Postgres, "throughput").unwrap();
        // 8,000 requests per second in the good repeat, 2,000 in the bad one, of which 70 % may be promised.
        assert!(
            (throughput.value.unwrap() - 1_400.0).abs() < 1.0,
            "{throughput:?}"
        );
        let errors = gate(&assessment, "postgres.sweep.errors");
        assert_eq!(errors.outcome, GateOutcome::Fail);
        // 1,800 of 17,800 requests failed.
        assert!((errors.measured.unwrap() - 1_800.0 / 17_800.0).abs() < 1e-6);
    }
}

#[test]
fn a_repeat_that_a_warning_spoils_neither_passes_for_the_other_nor_hides_its_failure() {
    use bench_report::{Warning, WarningCode};
    let (mut report, repeats) = sweep();
    let doubt = Warning::new(WarningCode::GeneratorSaturated, "full");
    report
        .warnings
        .push(doubt.about_step(repeats[0], &["operations"]));
    let assessment = assess_reports(&[report.clone()]);
    let p90 = gate(&assessment, "postgres.sweep.p90");
    assert_eq!(p90.outcome, GateOutcome::Unknown);
    slower(&mut report, repeats[1], 1_000.0);
    let assessment = assess_reports(&[report]);
    let p90 = gate(&assessment, "postgres.sweep.p90");
    assert_eq!(p90.outcome, GateOutcome::Fail);
}

#[test]
fn a_repeat_with_few_samples_hides_no_failure_of_another_and_lets_nothing_pass() {
    let (mut report, repeats) = sweep();
    for operation in report.steps[repeats[0]].operations.values_mut() {
        (operation.attempted, operation.succeeded) = (20, 20);
        operation.call = hist(1e6, 20);
    }
    let assessment = assess_reports(&[report.clone()]);
    let p90 = gate(&assessment, "postgres.sweep.p90");
    assert_eq!(p90.outcome, GateOutcome::Unknown);
    slower(&mut report, repeats[1], 1_000.0);
    let assessment = assess_reports(&[report]);
    let p90 = gate(&assessment, "postgres.sweep.p90");
    assert_eq!(p90.outcome, GateOutcome::Fail);
}

/// Returns a run of two repeats of 30 s. In the second one nothing was answered for three seconds,
/// as under a lock.
fn with_a_lock() -> Report {
    let (mut report, repeats) = sweep();
    for operation in report.steps[repeats[1]].operations.values_mut() {
        operation.call.as_mut().unwrap().max_ns = 3 * SECOND;
    }
    let mut throughput = Series::new("throughput_per_s");
    let mut p99 = Series::new("latency.p99_ns");
    for index in repeats.clone() {
        let from = report.steps[index].window.measure_start_ns;
        for second in 0..=30 {
            let locked = index == repeats[1] && (10..13).contains(&second);
            let at_ns = from + second * SECOND;
            throughput.push(at_ns, Some(if locked { 0.0 } else { 8_000.0 }));
            p99.push(at_ns, (!locked).then_some(2e6));
        }
    }
    report.series = vec![throughput, p99];
    report
}

#[test]
fn worst_interval_maximum_and_spread_are_shown() {
    let point = point(with_a_lock());
    assert_eq!(point.max_ns, Some(3 * SECOND));
    let spread = point.spread.as_ref().unwrap();
    assert_eq!(spread.repeats, 2);
    let worst = point.worst_interval.as_ref().unwrap();
    assert_eq!((worst.repeat, worst.length_ns), (1, SECOND));
    assert!(worst.throughput_per_s.abs() < 1e-9 && worst.p99_ns.is_none());
    assert_eq!(worst.at_ns, 9 * SECOND);

    let home = tempfile::tempdir().unwrap();
    save(home.path(), &with_a_lock());
    let run = RunReports::load(&[home.path().to_owned()]).unwrap();
    let assessment = analysis::assess(&run, &Thresholds::load(None).unwrap(), cli::tool());
    let text = terminal::render(&assessment);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for shown in [
        "in 2 repeats; shown is repeat",
        "longest 3.00 s",
        "worst interval (1.00 s long, 9.00 s into repeat 2): 0.00/s",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
        assert!(html::page(&run, &assessment).contains(shown), "{shown}");
    }
}

#[test]
fn a_repeat_that_a_rule_ended_is_judged_with_the_others_and_nothing_is_promised() {
    let stopped = |index: usize, report: &mut Report| {
        report.steps[index].end = StepEnd::Stopped {
            rule: "errors>10%".into(),
            reason: "half failed".into(),
        };
    };
    for bad in 0..2 {
        let (mut report, repeats) = sweep();
        stopped(repeats[bad], &mut report);
        for operation in report.steps[repeats[bad]].operations.values_mut() {
            operation
                .errors
                .insert("refused".into(), operation.attempted);
            operation.attempted *= 2;
        }
        let assessment = assess_reports(&[report]);
        let errors = gate(&assessment, "postgres.sweep.errors");
        assert_eq!(
            errors.outcome,
            GateOutcome::Fail,
            "repeat {bad}: {errors:?}"
        );
        for promise in &assessment.promises {
            assert_eq!(promise.value, None, "{promise:?}");
        }
        let throughput = promise(&assessment, ComponentKind::Postgres, "throughput").unwrap();
        assert!(
            throughput.shown.contains("1 of 2 repeats ended"),
            "{throughput:?}"
        );

        let (mut report, _) = sweep();
        stopped(repeats[bad], &mut report);
        slower(&mut report, repeats[bad], 1_000.0);
        let assessment = assess_reports(&[report]);
        let p90 = gate(&assessment, "postgres.sweep.p90");
        assert_eq!(p90.outcome, GateOutcome::Fail, "repeat {bad}");
    }
}

#[test]
fn the_finding_about_latency_agrees_with_its_gate_whichever_repeat_is_slow() {
    for bad in 0..2 {
        let (mut report, repeats) = sweep();
        slower(&mut report, repeats[bad], 1_000.0);
        let assessment = assess_reports(&[report]);
        let found = assessment.findings.iter();
        assert!(
            found.clone().any(|f| f.rule() == "latency_past_objective"),
            "repeat {bad}"
        );
        let fine = assessment.ruled_out.iter();
        let fine = fine.filter(|r| r.statement.starts_with("latency: p90"));
        assert_eq!(fine.count(), 0, "repeat {bad}");
    }
}
