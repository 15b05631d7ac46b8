//! Tests of runs that are incomplete, mixed, or without one of their reports.

use crate::assessment::{ComponentKind, Readiness};
use crate::sweep::Sweep;
use bench_report::StepEnd;

use super::common::parts::PlantFigure;
use super::common::{Plant, save};
use super::{assess_at, assess_reports, factor, judge};

#[test]
fn without_a_recording_the_machine_is_unknown_and_not_fine() {
    let home = tempfile::tempdir().unwrap();
    let plant = Plant::default();
    save(home.path(), &plant.postgres());
    let assessment = assess_at(home.path());
    assert_eq!(factor(&assessment, ComponentKind::Postgres), "inconclusive");
    assert!(
        assessment
            .unknown
            .iter()
            .any(|u| u.rule == "sysmon_missing")
    );
    assert!(
        !assessment
            .ruled_out
            .iter()
            .any(|r| r.component == ComponentKind::Machine)
    );
}

#[test]
fn a_recording_alone_and_each_component_alone_are_analyzed() {
    let plant = Plant::default();
    for report in [
        plant.postgres(),
        plant.redis(),
        plant.websocket(),
        plant.sysmon(),
    ] {
        let home = tempfile::tempdir().unwrap();
        save(home.path(), &report);
        let assessment = assess_at(home.path());
        assert_eq!(assessment.components.len(), 1);
    }
}

#[test]
fn an_interrupted_run_is_judged_as_far_as_it_goes_and_says_so() {
    let home = tempfile::tempdir().unwrap();
    let mut report = Plant::default().postgres();
    report.status = bench_report::Status::Interrupted;
    report.steps.truncate(3);
    report.summary.recommendations.clear();
    save(home.path(), &report);
    let assessment = assess_at(home.path());
    assert!(
        assessment.notes[0].contains("was interrupted"),
        "{:?}",
        assessment.notes
    );
    assert!(assessment.components[0].operating_point.is_some());
}

#[test]
fn a_report_without_a_step_is_inconclusive_rather_than_an_error() {
    let home = tempfile::tempdir().unwrap();
    let mut report = Plant::default().postgres();
    report.steps.clear();
    report.summary.recommendations.clear();
    report.summary.plant("samples", 1.0);
    save(home.path(), &report);
    let (_, assessment) = judge(home.path());
    assert_eq!(factor(&assessment, ComponentKind::Postgres), "inconclusive");
    assert_eq!(assessment.verdict.readiness, Readiness::CannotTell);
}

#[test]
fn a_step_that_was_cut_short_is_no_operating_point_and_no_setting() {
    let mut report = Plant::default().postgres();
    report.summary.recommendations.clear();
    for (index, end) in [
        (0, StepEnd::Interrupted),
        (
            9,
            StepEnd::Stopped {
                rule: "errors>10%".into(),
                reason: "half of the requests failed".into(),
            },
        ),
    ] {
        report.steps[index].end = end;
        for operation in report.steps[index].operations.values_mut() {
            operation.throughput_per_s *= 50.0;
        }
    }
    let settings = Sweep::from_report(&report)
        .into_iter()
        .flat_map(|s| s.settings);
    let averaged: Vec<usize> = settings.flat_map(|s| s.steps).collect();
    assert_eq!(averaged.len(), report.steps.len() - 2);
    assert!(!averaged.contains(&0) && !averaged.contains(&9));
    let assessment = assess_reports(&[report.clone()]);
    let point = assessment.components[0].operating_point.as_ref().unwrap();
    assert!(point.step != 0 && point.step != 9, "{point:?}");
    for step in &mut report.steps {
        step.end = StepEnd::Interrupted;
    }
    let home = tempfile::tempdir().unwrap();
    save(home.path(), &report);
    let (_, assessment) = judge(home.path());
    assert_eq!(assessment.components[0].operating_point, None);
    assert_eq!(assessment.promises, []);
}

#[test]
fn reports_of_several_runs_in_one_directory_are_told_by_name() {
    let plant = Plant::default();
    let mut old = plant.redis();
    old.run_id = "20260301-080000-0001d".into();
    old.started_at = "2026-03-01T08:00:00.000Z".into();
    let assessment = assess_reports(&[plant.postgres(), old, plant.sysmon()]);
    let note = &assessment.notes[0];
    assert!(
        note.contains("20260301-080000-0001d (redis-bench.cache.json)"),
        "{note}"
    );
    assert!(
        note.contains(&format!("newest is {}", super::common::RUN)),
        "{note}"
    );
    assert!(note.contains("give the files of one run"), "{note}");
    assert_eq!(
        assessment.verdict.readiness,
        Readiness::ReadyWithReservations
    );
    let one = assess_reports(&[plant.postgres(), plant.sysmon()]);
    assert_eq!(one.notes, Vec::<String>::new());
}
