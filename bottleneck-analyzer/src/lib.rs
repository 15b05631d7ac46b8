//! Reads the reports of one run, says what limits each component, ranks what keeps it from its
//! objectives, and recommends what to promise.
//!
//! Order of the work: `RunReports` reads the reports of a run, `run_facts` joins them, each file of
//! `rules` turns facts into conclusions, and `analysis` collects these in an `Assessment`, which
//! `render` shows. No code here opens a socket, and every conclusion carries evidence that points
//! into a report.
//!
//! The types of the assessment import nothing of what computes them.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod analysis;
mod assessment;
mod bench_facts;
mod capacity_gain;
mod catalogue;
mod chosen_step;
mod cli;
mod completeness;
mod component;
mod conclusions;
mod core_limit;
mod cost;
#[cfg(test)]
mod coverage;
mod demand;
mod figures;
mod finding_draft;
mod gates;
mod json_pointer;
mod limiting_factor;
mod machine_recording;
mod merge;
mod operating_point;
mod outside_transfers;
mod own_time;
mod participants;
#[cfg(test)]
mod planted;
mod postgres;
mod promises;
mod queueing;
mod ranking;
mod rate_search;
mod redis;
mod render;
mod report_files;
mod requests;
mod requirement;
mod resource_owner;
mod resource_use;
mod rules;
mod run_error;
mod run_facts;
mod run_reports;
mod scalability;
mod series_reading;
mod source_report;
mod step_balance;
mod step_cpu_use;
mod sweep;
mod target;
mod thresholds;
mod time_model;
mod verdict;
mod windows;

use std::process::ExitCode;

use crate::cli::AnalyzerCli;

/// Parses the command line, runs the command that it names, and returns the exit code of the
/// program.
pub fn run() -> ExitCode {
    let cli: AnalyzerCli = bench_cli::parse();
    bench_cli::run("bottleneck-analyzer", || cli.run())
}

/// Returns the JSON schema of an assessment.
pub fn assessment_schema() -> schemars::Schema {
    schemars::schema_for!(assessment::Assessment)
}
