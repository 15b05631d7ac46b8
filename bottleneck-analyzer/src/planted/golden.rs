//! Tests with reports of real runs that are kept for ever: each can be judged, and the fault that was planted
//! in it is named.

#[path = "../../../crates/bench-report/tests/common/faults.rs"]
mod faults;

use std::path::{Path, PathBuf};

use crate::assessment::{Assessment, FindingKind};
use crate::figures::printed;
use crate::{analysis, cli, run_reports::RunReports, thresholds::Thresholds};
use serde_json::{Value, json};

use super::figures_walk::every_figure_has_a_source;
use super::recorded;

fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/bench-report/tests/golden")
}

fn assess(file: &Path) -> Assessment {
    let run = RunReports::load(&[file.to_owned()]).unwrap();
    printed::forget();
    let thresholds = Thresholds::load(None).unwrap();
    let assessment = analysis::assess(&run, &thresholds, cli::tool());
    every_figure_has_a_source(&assessment, &run, &thresholds);
    let name = file.file_stem().unwrap().to_string_lossy();
    recorded::compare("reports_kept", &name, &assessment);
    assessment
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns the places at which an assessment violates the schema; empty if it conforms.
fn faults(assessment: &Value) -> Vec<String> {
    faults::faults(&root().join("docs/schema/assessment-1.json"), assessment)
}

/// Returns the rules of the problems and symptoms found in the kept report of `scenario` of
/// `db-pool-bench`; information is left out.
fn found(scenario: &str) -> Vec<String> {
    let assessment = assess(&kept().join(format!("db-pool-bench.{scenario}-1.json")));
    let wrong = assessment.findings.iter();
    let wrong = wrong.filter(|finding| finding.kind != FindingKind::Information);
    wrong
        .map(|finding| finding.rule().name().to_owned())
        .collect()
}

#[test]
fn every_report_ever_written_can_be_judged() {
    let mut judged = 0;
    for entry in std::fs::read_dir(kept()).unwrap() {
        let file = entry.unwrap().path();
        let assessment = assess(&file);
        assert!(
            !assessment.verdict.headline.is_empty(),
            "{}",
            file.display()
        );
        assert!(
            assessment.all_evidence().next().is_some(),
            "{}: it rests on something",
            file.display()
        );
        assert_eq!(assessment.components.len(), 1, "{}", file.display());
        judged += 1;
    }
    assert!(judged >= 7, "{judged}");
}

#[test]
fn what_was_planted_in_each_is_named() {
    for (scenario, planted) in [
        // Planted: two requests that each take two connections, on a pool of two.
        ("exhaust", "nested_checkout"),
        // Planted: every hundredth arrival kept its connection.
        ("lifecycle", "leaked_connections"),
        // Planted: eight sessions update the single row of pgbench_branches.
        ("observe", "lock_waits"),
    ] {
        let found = found(scenario);
        assert!(
            found.iter().any(|rule| rule == planted),
            "{scenario}: {found:?}"
        );
    }
}

/// The largest pool tried was one of 4, and throughput still rose with it. The CPU was not
/// recorded, so it is an open question whether a larger pool would carry more.
#[test]
fn a_pool_that_all_wait_for_is_not_called_too_small_where_the_cpu_was_not_recorded() {
    let assessment = assess(&kept().join("db-pool-bench.sweep-1.json"));
    assert!(!found("sweep").contains(&"pool_too_small".to_owned()));
    let unknown = assessment
        .unknown
        .iter()
        .find(|u| u.rule == "pool_too_small");
    let unknown = unknown.expect("not known");
    assert!(
        unknown.question.contains("CPU was not recorded"),
        "{unknown:?}"
    );
    assert_eq!(
        assessment.components[0].limiting_factor.factor,
        "inconclusive"
    );
}

#[test]
fn what_is_said_of_every_report_and_what_was_said_is_valid_by_the_committed_schema() {
    let mut said = vec![];
    for entry in std::fs::read_dir(kept()).unwrap() {
        let file = entry.unwrap().path();
        said.push(serde_json::to_value(assess(&file)).unwrap());
    }
    let example = root().join("reports/examples/smoke/assessment.json");
    said.push(serde_json::from_str(&std::fs::read_to_string(example).unwrap()).unwrap());
    for assessment in said {
        let what = &assessment["verdict"]["headline"];
        assert_eq!(faults(&assessment), [""; 0], "{what}");
    }
}

#[test]
fn an_assessment_with_a_field_of_another_kind_is_refused_at_its_place() {
    let file = kept().join("db-pool-bench.sweep-1.json");
    let sound = serde_json::to_value(assess(&file)).unwrap();
    for (pointer, wrong) in [
        ("/verdict/headline", json!(7)),
        ("/findings", json!("none")),
        ("/findings/0/kind", json!("catastrophe")),
    ] {
        let mut assessment = sound.clone();
        *assessment.pointer_mut(pointer).unwrap() = wrong.clone();
        let faults = faults(&assessment);
        assert!(
            faults.iter().any(|fault| fault.starts_with(pointer)),
            "{pointer} = {wrong}: {faults:?}"
        );
    }
}
