//! Operating point of a component, with its figures.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EvidenceItem;

/// Setting at which a component should run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct OperatingPoint {
    /// Index into the report's `steps` of the step that stands for the operating point.
    pub step: usize,
    /// Setting in words, as in `deadpool, pool size 8`.
    pub setting: String,
    /// Reason for choosing this setting.
    pub reason: String,
    /// Smallest setting that the measurements do not distinguish from this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Largest setting that the measurements do not distinguish from this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// Successful requests per second. Requests of a WebSocket are its echoes, here and below.
    pub throughput_per_s: f64,
    /// 95th percentile of the slowest operation's response times in the worst repeat, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ns: Option<u64>,
    /// 99th percentile of the slowest operation's response times in the worst repeat, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<u64>,
    /// Percentiles (`p95`, `p99`) that are lower bounds, because they fall among unanswered requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at_least: Vec<String>,
    /// Longest time of a request in any repeat, answered or not, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ns: Option<u64>,
    /// Failed and unanswered requests ÷ all requests, over all repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_ratio: Option<f64>,
    /// Spread of the repeats; absent for a single one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<RepeatSpread>,
    /// Interval with the lowest throughput of all repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst_interval: Option<WorstInterval>,
    /// Evidence that the figures rest on.
    pub evidence: Vec<EvidenceItem>,
}

impl OperatingPoint {
    /// Returns true if a warning spoils the evidence whose JSON pointer ends in `figure`, as in `p99`.
    pub(crate) fn is_doubtful(&self, figure: &str) -> bool {
        let ends = |e: &&EvidenceItem| e.pointer.rsplit('/').next() == Some(figure);
        self.evidence.iter().filter(ends).any(|e| e.spoiled)
    }

    /// Returns true if percentile `which` (`p95` or `p99`) is a lower bound.
    pub(crate) fn is_at_least(&self, which: &str) -> bool {
        self.at_least.iter().any(|name| name == which)
    }
}

/// Lowest and highest figure of several repeats of one setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Spread")]
pub(crate) struct RepeatSpread {
    /// Number of repeats.
    pub repeats: u64,
    /// Range of the throughput.
    pub throughput_per_s: [f64; 2],
    /// Range of the slowest operation's 95th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ns: Option<[u64; 2]>,
    /// Range of the slowest operation's 99th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<[u64; 2]>,
}

/// Interval of a timeline, within the measured part of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WorstInterval {
    /// Repeat that the interval belongs to, counted from 0.
    pub repeat: u64,
    /// Start, in nanoseconds from the start of the measured part.
    pub at_ns: u64,
    /// Length in nanoseconds.
    pub length_ns: u64,
    /// Answers per second.
    pub throughput_per_s: f64,
    /// 99th percentile of the interval's response times, in nanoseconds; absent if there were no answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<f64>,
}
