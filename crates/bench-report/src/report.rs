//! The whole of what one bench invocation, or one recording, has to say.

use std::collections::BTreeMap;
use std::time::SystemTime;

use rand::RngExt as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::ClockAnchor;
use crate::{Environment, Mark, Series, Step, Summary, Warning};

/// The schema that this version writes.
pub(crate) const SCHEMA: &str = "plimsoll.report/1";

/// Program that wrote the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// Name of the binary.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The commit it was built from; absent in a build outside a checkout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// End of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Everything planned was done.
    Complete,
    /// A guard or stop rule ended it before its plan was done.
    Stopped,
    /// A signal ended it; what was measured until then is here.
    Interrupted,
    /// It could not go on; what was measured until then is here.
    Failed,
}

/// A report of schema 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Always `plimsoll.report/1` in what this version writes.
    pub schema: String,
    /// Program that wrote it.
    pub tool: Tool,
    /// Names the run; reports of one run share it.
    pub run_id: String,
    /// One way to load one component: `sweep`, `cache`, `limit`, `record` …
    pub scenario: String,
    /// End of the run.
    pub status: Status,
    /// Wall clock at the start, RFC 3339 in UTC.
    pub started_at: String,
    /// Position of `started_at` on the host's monotonic clock.
    pub clock: ClockAnchor,
    /// From start to last save.
    pub duration_ns: u64,
    /// The machine it ran on.
    pub environment: Environment,
    /// Every setting that was in force, secrets redacted.
    pub config: BTreeMap<String, serde_json::Value>,
    /// Steps in the order in which they ran.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Figures over time.
    #[serde(default)]
    pub series: Vec<Series>,
    /// Events during the run that somebody outside named, in order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
    /// Conclusions of the tool about its own data.
    #[serde(default)]
    pub summary: Summary,
    /// Doubts about some of the figures.
    #[serde(default)]
    pub warnings: Vec<Warning>,
}

impl Report {
    /// An empty report of a run that starts now on this host.
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

    /// Copies the report without its series, which may be most of it.
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

    /// `db-pool-bench.sweep` and the like: the name a run's file has, without its extension.
    pub fn file_stem(&self) -> String {
        format!("{}.{}", self.tool.name, self.scenario)
    }
}

/// The environment variable by which a suite names the run to the tools that it starts.
pub const RUN_ID_ENV: &str = "PLIMSOLL_RUN_ID";

/// The name of what this process makes on a server for the run `run_id`. A starter may have started
/// several of its kind at once, which share the run and must not share a schema or keys.
pub fn own_name(run_id: &str) -> String {
    match std::env::var_os(RUN_ID_ENV) {
        Some(_) => format!("{run_id}-{}", std::process::id()),
        None => run_id.to_owned(),
    }
}

/// The run that this process belongs to: the suite's that started it, else one of its own.
pub fn run_id() -> String {
    let plain = |id: &String| {
        (1..=40).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    std::env::var(RUN_ID_ENV)
        .ok()
        .filter(plain)
        .unwrap_or_else(new_run_id)
}

/// A name for a run that starts now: UTC time and four random hex digits, as in
/// `20260314-091500-7f3a`. Fit for a directory, a schema and a key prefix (with `-` as `_`).
pub fn new_run_id() -> String {
    let stamp = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let digits: String = stamp.chars().filter(char::is_ascii_digit).collect();
    let (date, time) = digits.split_at(digits.len().min(8));
    let salt: u16 = rand::rng().random();
    format!("{date}-{time}-{salt:04x}")
}

/// A report that has just begun, for tests.
#[cfg(test)]
pub(crate) fn begun() -> Report {
    let tool = Tool {
        name: "db-pool-bench".into(),
        version: "0.1.0".into(),
        commit: None,
    };
    Report::begin(tool, new_run_id(), "sweep")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_is_a_plain_name() {
        let id = new_run_id();
        assert_eq!(id.len(), "20260314-091500-7f3a".len());
        assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
        assert_ne!(id, new_run_id());
    }

    #[test]
    fn a_report_that_nobody_finished_reads_as_interrupted() {
        assert_eq!(begun().status, Status::Interrupted);
    }
}
