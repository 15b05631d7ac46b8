//! Tests with planted faults: the analyzer names each fault, and a healthy run has no problem.

mod background_advice;
mod background_work;
mod beside;
mod causes;
mod circumstances;
#[path = "../../tests/common/mod.rs"]
mod common;
mod confused_pairs;
mod connection_limits;
mod core_limits;
mod correctness;
mod cost_bounds;
mod demand_bounds;
mod disk_owner;
mod doubt;
mod drift;
mod drift_bounds;
mod echoes;
mod ended_sessions;
mod errors;
mod example;
mod failure_times;
mod figures_walk;
mod file_systems;
mod foreign_files;
mod gates;
mod golden;
mod hangs;
mod healthy;
mod impossible_figures;
mod limit_bounds;
mod limits;
mod littles_law;
mod machine;
mod machine_bounds;
mod machine_limits;
mod machine_time;
mod many_reports;
mod mutated;
mod objectives;
mod objects;
mod owner_bounds;
mod page;
mod pool_limits;
mod postgres;
mod postgres_bounds;
mod postgres_count_bounds;
mod postgres_work_bounds;
mod proven_costs;
mod rate_search;
mod recorded;
mod redis;
mod redis_beside;
mod redis_bounds;
mod redis_clients;
mod redis_cost_bounds;
mod redis_count_bounds;
mod redis_keys;
mod redis_memory;
mod redis_repeat_bounds;
mod redis_server;
mod redis_transit;
mod repeat_differences;
mod repeats;
mod reports;
mod resources;
mod rolled_back;
mod row_keepers;
mod rule_bounds;
mod scalability;
mod server_counters;
mod slot_wal;
mod stall_bounds;
mod stalls;
mod stampedes;
mod statement_shares;
mod statement_work;
mod statements;
mod tail;
mod thresholds;
mod thresholds_file;
mod under_load;
mod unknowns;
mod verdict;
mod verdict_bounds;
mod wait_bounds;
mod wait_words;
mod websocket;
mod worked_example;

use std::collections::HashMap;
use std::path::Path;

use crate::assessment::{Assessment, ComponentKind, Finding, FindingKind, Gate, Promise};
use crate::{analysis, cli, run_reports::RunReports, thresholds::Thresholds};
use bench_report::{Report, store};
use common::{Plant, save};

/// Returns the run in `directory`, and its assessment by the shipped thresholds. Panics if a figure in a
/// sentence of a finding has no source, or if the conclusions are not the recorded ones.
fn judge(directory: &Path) -> (RunReports, Assessment) {
    let run = RunReports::load(&[directory.to_owned()]).unwrap();
    crate::figures::printed::forget();
    let thresholds = Thresholds::load(None).unwrap();
    let assessment = analysis::assess(&run, &thresholds, cli::tool());
    figures_walk::every_figure_has_a_source(&assessment, &run, &thresholds);
    recorded::is_as_recorded(&assessment);
    (run, assessment)
}

fn assess_at(directory: &Path) -> Assessment {
    let (_, assessment) = judge(directory);
    every_pointer_resolves(&assessment, directory);
    assessment
}

fn assess(plant: &Plant) -> Assessment {
    let home = tempfile::tempdir().unwrap();
    plant.write(home.path());
    assess_at(home.path())
}

/// Saves `reports` alone in a directory and returns their assessment. Panics if its evidence does
/// not match the reports.
fn assess_reports(reports: &[Report]) -> Assessment {
    let home = tempfile::tempdir().unwrap();
    for report in reports {
        save(home.path(), report);
    }
    assess_at(home.path())
}

/// Panics unless each piece of evidence points at a place in a report that has the value it shows.
fn every_pointer_resolves(assessment: &Assessment, directory: &Path) {
    let mut walked = 0;
    let mut reports: HashMap<&str, serde_json::Value> = HashMap::new();
    for evidence in assessment.all_evidence() {
        let report = reports
            .entry(&evidence.file)
            .or_insert_with(|| store::load_json(&directory.join(&evidence.file)).unwrap());
        assert_eq!(
            report.pointer(&evidence.pointer),
            Some(&evidence.value),
            "{} of {}",
            evidence.pointer,
            evidence.file
        );
        assert!(!evidence.shown.is_empty());
        walked += 1;
    }
    assert!(walked > 0);
}

/// Returns the rules of the problems and symptoms, in the order of the assessment; information is
/// left out.
fn named(assessment: &Assessment) -> Vec<&str> {
    let wrong = assessment
        .findings
        .iter()
        .filter(|f| f.kind != FindingKind::Information);
    wrong.map(|f| f.rule().name()).collect()
}

fn factor(assessment: &Assessment, component: ComponentKind) -> &str {
    let mut all = assessment.components.iter();
    let found = all.find(|c| c.component == component).unwrap();
    &found.limiting_factor.factor
}

/// Returns the first finding of `rule`, of any kind; `None` if there is none.
fn finding<'a>(assessment: &'a Assessment, rule: &str) -> Option<&'a Finding> {
    let mut all = assessment.findings.iter();
    all.find(|f| f.rule().name() == rule)
}

fn gate<'a>(assessment: &'a Assessment, name: &str) -> &'a Gate {
    let found = assessment.gates.iter().find(|g| g.name == name);
    found.unwrap_or_else(|| panic!("no gate {name}"))
}

/// Returns the promise about `component` whose indicator is `indicator`, as in `latency_p99`;
/// `None` if there is none.
fn promise<'a>(
    assessment: &'a Assessment,
    component: ComponentKind,
    indicator: &str,
) -> Option<&'a Promise> {
    let mut all = assessment.promises.iter();
    all.find(|o| o.component == component && o.indicator == indicator)
}

/// Returns true if `rule` has a finding. Panics if it has none and is not ruled out either.
#[track_caller]
fn is_told(assessment: &Assessment, rule: &str) -> bool {
    let is_told = finding(assessment, rule).is_some();
    assert_ne!(is_told, causes::ruled_out(assessment, rule), "{rule}");
    is_told
}

/// Returns the finding of `rule`. Panics if it has none.
#[track_caller]
fn told<'a>(assessment: &'a Assessment, rule: &str) -> &'a Finding {
    finding(assessment, rule).unwrap_or_else(|| panic!("{rule}: {:?}", assessment.findings))
}

fn is_unknown(assessment: &Assessment, rule: &str) -> bool {
    assessment.unknown.iter().any(|u| u.rule == rule)
}
