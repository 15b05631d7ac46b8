//! Measurements that were planned and are missing. A run has no verdict if a part of its manifest is missing
//! or if nothing was loaded, because the missing measurement might have failed.

use std::path::Path;

use bench_report::manifest::{Part, PartStatus};

use crate::assessment::ComponentKind;
use crate::bench_facts::BenchFacts;
use crate::run_facts::RunFacts;
use crate::run_reports::RunReports;
use crate::source_report::SourceReport;

/// Exit code of a bench that a guard (stop rule) ended.
const GUARD: i32 = 3;
/// Exit code of a tool that a signal interrupted.
const INTERRUPTED: i32 = 130;

/// Returns a sentence for each measurement that was planned and is missing; empty if the run is
/// complete.
pub(crate) fn missing(facts: &RunFacts<'_>) -> Vec<String> {
    let run = facts.run;
    let mut missing = Vec::new();
    for part in &run.parts {
        missing.extend(ending(part));
        missing.extend(report_of(part, run));
    }
    let lost = run
        .skipped
        .iter()
        .filter(|skipped| skipped.makes_incomplete);
    missing.extend(lost.map(|skipped| skipped.reason.clone()));
    missing.extend(run.machine().and_then(empty_recording));
    missing.extend(facts.benches.iter().filter_map(unmeasured));
    let watched =
        |bench: &BenchFacts<'_>| !bench.source.report.steps.is_empty() && !bench.made_load();
    let meant = run.parts.iter().any(|part| part.tool != "sysmon");
    if facts.benches.iter().all(watched) && !meant {
        missing.push(
            "no load was made: what was only watched, or measured at rest, shows neither what it \
             bears nor that it is ready"
                .to_owned(),
        );
    }
    missing
}

/// Describes how a part of the manifest ended, as in `redis-bench cache was interrupted (code
/// 130)`; `None` if it succeeded.
fn ending(part: &Part) -> Option<String> {
    let how = match &part.status {
        PartStatus::Done { exit_code: 0 } => return None,
        PartStatus::Planned => "was to be run and was never started".to_owned(),
        PartStatus::Running => {
            "is unfinished: it is still running, or was killed before it could say how it ended"
                .to_owned()
        }
        PartStatus::Done { exit_code: GUARD } => "was ended by a guard (code 3)".to_owned(),
        PartStatus::Done {
            exit_code: INTERRUPTED,
        } => "was interrupted (code 130)".to_owned(),
        PartStatus::Done { exit_code } => format!("ended with code {exit_code}"),
        PartStatus::Killed { signal } => format!("was killed by signal {signal}"),
        PartStatus::Failed => "failed before its result was whole".to_owned(),
        PartStatus::Skipped { reason } => format!("was not run: {reason}"),
    };
    Some(format!("{} {how}", part.name()))
}

/// Describes the report of a part if it is missing or belongs to another run. `None` if the report is there,
/// if it was skipped, which is told apart, or if the part was never started.
fn report_of(part: &Part, run: &RunReports) -> Option<String> {
    if matches!(
        part.status,
        PartStatus::Planned | PartStatus::Skipped { .. }
    ) {
        return None;
    }
    let name = part.name();
    let Some(source) = run.report_of(part) else {
        let is_of_part = |file: &str| Path::new(&part.report).file_name() == Some(file.as_ref());
        if run.skipped.iter().any(|skipped| is_of_part(&skipped.file)) {
            return None;
        }
        return Some(format!("{name} wrote no report ({})", part.report));
    };
    let found = &source.report.run_id;
    (*found != part.run_id).then(|| {
        format!(
            "{name} of run {} wrote no report: {} is of run {found}",
            part.run_id, source.file
        )
    })
}

fn unmeasured(bench: &BenchFacts<'_>) -> Option<String> {
    let file = &bench.source.file;
    if bench.source.report.steps.is_empty() {
        return Some(format!("{file} holds no step"));
    }
    let none = bench.choice.is_none() && bench.made_load();
    none.then(|| {
        format!("no setting in {file} was held to the end of its step with requests that succeeded")
    })
}

fn empty_recording(machine: &SourceReport) -> Option<String> {
    let empty =
        machine.component() == Some(ComponentKind::Machine) && machine.report.series.is_empty();
    empty.then(|| format!("{} holds no reading", machine.file))
}
