//! Tests of figures that a warning spoils.

use crate::assessment::{Assessment, ComponentKind, Confidence, Finding, FindingKind, GateOutcome};
use crate::render::{html, terminal};
use bench_report::{Report, Warning, WarningCode};

use super::common::{Plant, held_for, save};
use super::{assess_at, assess_reports, finding, gate, judge, named, promise};

#[test]
fn what_a_warning_spoils_is_never_sure_and_passes_no_gate() {
    let home = tempfile::tempdir().unwrap();
    let plant = Plant {
        lock: 0.5,
        ..Plant::default()
    };
    plant.write(home.path());
    let mut report = plant.postgres();
    for index in 0..report.steps.len() {
        let doubt = Warning::new(WarningCode::GeneratorSaturated, "the generator was full")
            .about_step(index, &["operations", "server", "generator"]);
        report.warnings.push(doubt);
    }
    save(home.path(), &report);
    let assessment = assess_at(home.path());
    let postgres = |f: &&Finding| f.component == ComponentKind::Postgres;
    let mut found = assessment.findings.iter().filter(postgres).peekable();
    assert!(found.peek().is_some());
    assert!(
        found.all(|f| f.confidence == Confidence::Low),
        "{:?}",
        assessment.findings
    );
    let p90 = gate(&assessment, "postgres.sweep.p90");
    assert_eq!(p90.outcome, GateOutcome::Unknown);
    assert!(assessment.spoiled.iter().any(|s| s.touches_a_conclusion));
    assert!(named(&assessment).contains(&"generator_spoilt_results"));
}

/// Returns the report with one warning of `code` for each step, which spoils the figures that match
/// `fields`, pointers inside the step.
fn doubted(mut report: Report, code: WarningCode, fields: &[&str]) -> Report {
    for index in 0..report.steps.len() {
        let doubt = Warning::new(code, "arrivals were released late by the generator");
        report.warnings.push(doubt.about_step(index, fields));
    }
    report
}

/// Returns the assessment as shown on the terminal, joined into one line. Panics if a line is
/// longer than 80 columns.
fn shown(assessment: &Assessment) -> String {
    let text = terminal::render(assessment);
    assert!(text.lines().all(|l| l.chars().count() <= 80), "{text}");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn nothing_is_promised_on_a_figure_that_a_warning_spoils() {
    let fields = ["operations/*/call/percentiles_ns/p99"];
    let report = held_for(Plant::default().postgres(), 30);
    let report = doubted(report, WarningCode::PacingLag, &fields);
    let home = tempfile::tempdir().unwrap();
    save(home.path(), &report);
    let (run, assessment) = judge(home.path());
    let promise = |name| promise(&assessment, ComponentKind::Postgres, name).unwrap();
    assert_eq!(promise("latency_p99").value, None);
    assert!(promise("latency_p99").basis.contains("released late"));
    assert!(promise("latency_p95").value.is_some() && promise("throughput").value.is_some());
    let text = shown(&assessment);
    assert!(text.contains("p99 not told: pacing lag"), "{text}");
    assert!(!text.contains("p99 at most"), "{text}");
    let point = text.split("at deadpool").nth(1).unwrap();
    assert!(
        point.split("p95").nth(1).unwrap().contains("(doubtful)"),
        "{text}"
    );
    assert!(html::page(&run, &assessment).contains("p99 not told: pacing lag"));
}

#[test]
fn doubtful_findings_stand_last_and_are_called_so() {
    let plant = Plant {
        lock: 0.9,
        memory_pressure: 0.2,
        multiplexed_gain: 1.3,
        ..Plant::default()
    };
    let fields = ["operations", "server"];
    let report = doubted(plant.postgres(), WarningCode::NotSteady, &fields);
    let assessment = assess_reports(&[report, plant.redis(), plant.sysmon()]);
    let sure: Vec<bool> = assessment.findings.iter().map(Finding::is_sure).collect();
    assert!(
        sure.contains(&false) && sure.is_sorted_by(|a, b| a >= b),
        "{sure:?}"
    );
    assert_eq!(named(&assessment)[0], "memory_pressure");
    let text = shown(&assessment);
    assert!(text.contains("PROBLEM: Tasks wait for memory"), "{text}");
    assert!(
        text.contains("DOUBTFUL: ") && text.contains("→ if confirmed: "),
        "{text}"
    );
    let locks = finding(&assessment, "lock_waits").expect("found");
    assert_eq!((locks.kind, locks.is_sure()), (FindingKind::Problem, false));
    assert!(
        text.contains(&format!("DOUBTFUL: {}", locks.title)),
        "{text}"
    );
}

#[test]
fn nothing_is_ruled_out_by_a_figure_that_a_warning_spoils() {
    let fields = ["operations", "server"];
    let sound = assess_reports(&[Plant::default().postgres()]);
    let spoilt = doubted(
        Plant::default().postgres(),
        WarningCode::StepTooShort,
        &fields,
    );
    let spoilt = assess_reports(&[spoilt]);
    assert!(sound.ruled_out.iter().any(|r| r.rule == "lock_waits"));
    assert!(!spoilt.ruled_out.iter().any(|r| r.rule == "lock_waits"));
    assert!(spoilt.unknown.iter().any(|u| u.rule == "lock_waits"));
    assert!(
        spoilt
            .findings
            .iter()
            .all(|f| f.kind != FindingKind::Problem || !f.is_sure())
    );
}
