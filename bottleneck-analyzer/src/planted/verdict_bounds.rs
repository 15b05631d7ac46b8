//! Tests of what makes a run incomplete, and of the verdict by the numbers of its gates.

use bench_report::Report;
use bench_report::manifest::{Part, PartStatus};

use crate::assessment::{
    Assessment, ComponentKind, Confidence, Finding, FindingKind, Gate, GateOutcome, Readiness,
    ReadinessVerdict, Rule, SkippedInput,
};
use crate::completeness;
use crate::finding_draft::FindingDraft;
use crate::run_facts::RunFacts;
use crate::run_reports::RunReports;
use crate::thresholds::Thresholds;
use crate::{analysis, cli, verdict};

use super::common::{Plant, RUN};
use super::limit_bounds::unsaved;

/// Returns what is missing in a run of these reports after `change` changed what was read beside them.
fn missing(reports: Vec<Report>, change: impl FnOnce(&mut RunReports)) -> Vec<String> {
    let mut run = unsaved(reports);
    change(&mut run);
    let thresholds = Thresholds::load(None).unwrap();
    completeness::missing(&RunFacts::gather(&run, &thresholds))
}

/// Returns a part of a manifest that ended well.
fn done(tool: &str, scenario: &str) -> Part {
    let report = format!("{tool}.{scenario}.json");
    let mut part = Part::plan(
        (tool, scenario),
        RUN,
        &report,
        "plimsoll",
        &[tool, scenario],
    );
    part.status = PartStatus::Done { exit_code: 0 };
    part
}

/// Planted: a recording without a bench, under a manifest of a recording alone, and under one of a bench as well,
/// which left no report.
#[test]
fn a_run_that_was_to_be_a_recording_alone_made_no_load() {
    let recorded = || vec![Plant::default().sysmon()];
    let alone = missing(recorded(), |run| run.parts = vec![done("sysmon", "record")]);
    assert_eq!(alone.len(), 1, "{alone:?}");
    assert!(alone[0].starts_with("no load was made"), "{alone:?}");
    let beside = missing(recorded(), |run| {
        run.parts = vec![done("sysmon", "record"), done("db-pool-bench", "sweep")];
    });
    let told = "db-pool-bench.sweep wrote no report (db-pool-bench.sweep.json)";
    assert_eq!(beside, [told]);
}

#[test]
fn a_recording_without_a_reading_is_missing() {
    let plant = Plant::default();
    let mut empty = plant.sysmon();
    empty.series.clear();
    let lost = missing(vec![plant.postgres(), empty], |_| ());
    assert_eq!(lost, ["sysmon.record.json holds no reading"]);
    let whole = missing(vec![plant.postgres(), plant.sysmon()], |_| ());
    assert_eq!(whole, [""; 0]);
}

/// Planted: the report of a part of the manifest is not there, and this file was not read.
fn without_a_report(skipped: &str, makes_incomplete: bool) -> Vec<String> {
    missing(vec![Plant::default().postgres()], |run| {
        run.parts = vec![done("db-pool-bench", "sweep"), done("redis-bench", "cache")];
        run.skipped = vec![SkippedInput {
            file: skipped.to_owned(),
            pointer: None,
            reason: format!("{skipped} is cut off"),
            makes_incomplete,
        }];
    })
}

#[test]
fn a_report_that_could_not_be_read_is_told_once_and_hides_no_other() {
    let own = without_a_report("redis-bench.cache.json", true);
    assert_eq!(own, ["redis-bench.cache.json is cut off"]);
    let other = without_a_report("notes.json", false);
    let told = "redis-bench.cache wrote no report (redis-bench.cache.json)";
    assert_eq!(other, [told]);
}

/// Returns the assessment of a healthy sweep without its gates, and without anything that speaks against it.
fn assessed() -> Assessment {
    let run = unsaved(vec![Plant::default().postgres()]);
    let mut assessment = analysis::assess(&run, &Thresholds::load(None).unwrap(), cli::tool());
    assessment.findings.clear();
    assessment.missing.clear();
    assessment.spoiled.clear();
    assessment.notes.clear();
    assessment
}

/// Returns the verdict on a run whose gates have these outcomes.
fn decided(outcomes: &[GateOutcome], change: impl FnOnce(&mut Assessment)) -> ReadinessVerdict {
    let mut assessment = assessed();
    let gate = assessment.gates[0].clone();
    let gates = outcomes.iter().map(|outcome| Gate {
        outcome: *outcome,
        reason: None,
        ..gate.clone()
    });
    assessment.gates = gates.collect();
    change(&mut assessment);
    verdict::decide(&assessment)
}

#[test]
fn a_verdict_needs_as_many_gates_that_passed_as_could_not_be_judged() {
    use GateOutcome::{Fail, Pass, Unknown};
    for (outcomes, readiness) in [
        (vec![Pass], Readiness::Ready),
        (vec![Pass, Unknown], Readiness::ReadyWithReservations),
        (vec![Pass, Unknown, Unknown], Readiness::CannotTell),
        (vec![Unknown], Readiness::CannotTell),
        (vec![], Readiness::CannotTell),
        (vec![Pass, Pass, Fail], Readiness::NotReady),
    ] {
        let found = decided(&outcomes, |_| ());
        assert_eq!(found.readiness, readiness, "{outcomes:?}");
        let unknown = outcomes.iter().filter(|one| **one == Unknown).count();
        let failed = outcomes.iter().filter(|one| **one == Fail).count();
        assert_eq!(found.reasons.len(), unknown + failed, "{found:?}");
    }
    let lost = decided(&[Pass], |assessment| {
        assessment.missing.push("a part".to_owned());
    });
    assert_eq!(lost.readiness, Readiness::CannotTell);
    assert_eq!(lost.reasons, ["missing: a part"]);
}

#[test]
fn problems_are_reasons_unless_they_are_in_doubt_and_other_findings_are_none() {
    let finding = |kind: FindingKind, confidence: Confidence| -> Finding {
        let postgres = ComponentKind::Postgres;
        let draft = FindingDraft::new(Rule::LockWaits, "postgres.sweep", postgres, kind);
        let draft = draft.says("calls wait", "").confidence(confidence);
        draft.into_finding().0
    };
    for (kind, confidence, is_reason) in [
        (FindingKind::Problem, Confidence::High, true),
        (FindingKind::Problem, Confidence::Medium, true),
        (FindingKind::Problem, Confidence::Low, false),
        (FindingKind::Symptom, Confidence::High, false),
        (FindingKind::Information, Confidence::High, false),
    ] {
        let found = decided(&[GateOutcome::Pass], |assessment| {
            assessment.findings.push(finding(kind, confidence));
        });
        let reasons: &[&str] = if is_reason {
            &["problem: calls wait"]
        } else {
            &[]
        };
        assert_eq!(found.reasons, reasons, "{kind:?} {confidence:?}");
    }
}

#[test]
fn a_gate_that_failed_is_told_with_what_was_measured() {
    let failed = |measured: Option<f64>| {
        let verdict = decided(&[GateOutcome::Fail], |assessment| {
            let gate = &mut assessment.gates[0];
            (gate.id, gate.title, gate.file) = (None, None, None);
            gate.requirement = "failed requests at most 1 %".to_owned();
            gate.unit = "ratio".to_owned();
            gate.measured = measured;
        });
        verdict.reasons[0].clone()
    };
    let told = "PostgreSQL failed: failed requests at most 1 %, measured 25.0 %";
    assert_eq!(failed(Some(0.25)), told);
    let unmeasured = "PostgreSQL failed: failed requests at most 1 %";
    assert_eq!(failed(None), unmeasured);
}
