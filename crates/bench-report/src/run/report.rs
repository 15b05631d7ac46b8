//! Report of one run of a bench, or of one recording.

use std::collections::BTreeMap;
use std::time::SystemTime;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::ClockAnchor;
use crate::{Environment, Mark, Series, Step, Summary, Warning, json};

/// Schema id that this version writes into each report.
pub(crate) const SCHEMA: &str = "plimsoll.report/1";

/// Program that wrote a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// Name of the program.
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// Commit from which the program was built; absent if it was not set in the build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// Way in which a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The run did everything that was planned.
    Complete,
    /// A stop rule ended the run early.
    Stopped,
    /// A signal ended the run; the report has the measurements until then.
    Interrupted,
    /// An error ended the run; the report has the measurements until then.
    Failed,
    /// The run ended in a way that this version does not know. It is never written by a measuring
    /// program.
    #[serde(other)]
    Unknown,
}

/// Report of one run of a program, in schema 1: settings, measurements and warnings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Schema of the report; this version always writes `plimsoll.report/1`.
    pub schema: String,
    /// Program that wrote the report.
    pub tool: Tool,
    /// Id of the run; all reports of one run share it.
    pub run_id: String,
    /// Scenario of the program, such as `sweep`, `cache`, `limit` or `record`.
    pub scenario: String,
    /// Way in which the run ended.
    pub status: Status,
    /// Wall-clock time of the start of the run, RFC 3339 in UTC.
    pub started_at: String,
    /// Position of `started_at` on the host's monotonic clock.
    pub clock: ClockAnchor,
    /// Time from the start of the run to the last save of the report, in nanoseconds.
    pub duration_ns: u64,
    /// Machine on which the program ran.
    pub environment: Environment,
    /// All settings of the run, with secrets masked.
    pub config: BTreeMap<String, serde_json::Value>,
    /// Steps in the order in which they ran.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Figures of the run over time.
    #[serde(default)]
    pub series: Vec<Series>,
    /// Events during the run that the user named, in the order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
    /// Conclusions that the program draws from its own data.
    #[serde(default)]
    pub summary: Summary,
    /// Warnings about figures of the report that may be distorted or are missing.
    #[serde(default)]
    pub warnings: Vec<Warning>,
}

impl Report {
    /// Creates the empty report of a run that starts now on this host. Its status is `interrupted`
    /// until it is set, so that the report of a killed program says so.
    pub fn begin(tool: Tool, run_id: String, scenario: &str) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            tool,
            run_id,
            scenario: scenario.to_owned(),
            status: Status::Interrupted,
            started_at: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            clock: ClockAnchor::now(),
            duration_ns: 0,
            environment: Environment::capture(),
            config: BTreeMap::new(),
            steps: Vec::new(),
            series: Vec::new(),
            marks: Vec::new(),
            summary: Summary::default(),
            warnings: Vec::new(),
        }
    }

    /// Copies the report without its series, which may be most of its size.
    pub(crate) fn without_series(&self) -> Self {
        Self {
            schema: self.schema.clone(),
            tool: self.tool.clone(),
            run_id: self.run_id.clone(),
            scenario: self.scenario.clone(),
            status: self.status,
            started_at: self.started_at.clone(),
            clock: self.clock.clone(),
            duration_ns: self.duration_ns,
            environment: self.environment.clone(),
            config: self.config.clone(),
            steps: self.steps.clone(),
            series: Vec::new(),
            marks: self.marks.clone(),
            summary: self.summary.clone(),
            warnings: self.warnings.clone(),
        }
    }

    /// Returns the name of the report's file without the extension `.json`: program and scenario,
    /// such as `db-pool-bench.sweep`.
    pub fn file_stem(&self) -> String {
        format!("{}.{}", self.tool.name, self.scenario)
    }

    /// Returns the report as JSON in lines, as it is written to its file, without a line break at
    /// the end.
    ///
    /// # Errors
    ///
    /// Fails if a value has no JSON form.
    pub fn to_json(&self) -> serde_json::Result<String> {
        json::text(self)
    }
}

/// Creates a new, empty report of a sweep of `db-pool-bench`, for tests.
#[cfg(test)]
pub(crate) fn begun() -> Report {
    let tool = Tool {
        name: "db-pool-bench".into(),
        version: "0.1.0".into(),
        commit: None,
    };
    Report::begin(tool, crate::run_id::new_run_id(), "sweep")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_that_nobody_finished_reads_as_interrupted() {
        assert_eq!(begun().status, Status::Interrupted);
    }
}
