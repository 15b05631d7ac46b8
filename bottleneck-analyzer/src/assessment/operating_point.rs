//! Operating point of a component, with its figures.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EvidenceItem;

/// Setting at which a component should run, with the figures measured there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct OperatingPoint {
    /// Index into the report's `steps` of the step that stands for the operating point.
    pub step: usize,
    /// Setting of the step in words, as in `deadpool, pool size 8`.
    pub setting: String,
    /// Reason for choosing this setting, in words.
    pub reason: String,
    /// Smallest value of the swept parameter that the measurements do not distinguish from this
    /// setting; absent if the bench recommends no setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Largest value of the swept parameter that the measurements do not distinguish from this
    /// setting; absent if the bench recommends no setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// Successful requests per second in the step `step`. For a WebSocket server, echoes count as
    /// requests in all fields.
    pub throughput_per_s: f64,
    /// 95th percentile of the slowest operation's response times in the worst repeat, in
    /// nanoseconds; absent if no request was timed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ns: Option<u64>,
    /// 99th percentile of the slowest operation's response times in the worst repeat, in
    /// nanoseconds; absent if no request was timed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<u64>,
    /// Names of the percentiles (`p95`, `p99`) that are lower bounds, because they fall among
    /// unanswered requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at_least: Vec<String>,
    /// Longest time of a request in any repeat, in nanoseconds. An unanswered request counts with
    /// the time until it was given up. Absent if no request was timed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ns: Option<u64>,
    /// Failed and unanswered requests ÷ all requests, over all repeats; absent if no request was
    /// made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_ratio: Option<f64>,
    /// Ranges of the repeats' figures; absent if there is a single repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<RepeatSpread>,
    /// Interval of the timeline with the lowest throughput in any repeat; absent if the report has
    /// no timeline of the throughput.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst_interval: Option<WorstInterval>,
    /// Evidence that the figures rest on.
    pub evidence: Vec<EvidenceItem>,
}

impl OperatingPoint {
    /// Returns true if a warning spoils evidence whose JSON pointer ends in the key `figure`, as in
    /// `p99`; false if there is no such evidence.
    pub(crate) fn is_doubtful(&self, figure: &str) -> bool {
        let ends = |e: &&EvidenceItem| e.pointer.rsplit('/').next() == Some(figure);
        self.evidence.iter().filter(ends).any(|e| e.spoiled)
    }

    /// Returns true if percentile `which` (`p95` or `p99`) is a lower bound.
    pub(crate) fn is_at_least(&self, which: &str) -> bool {
        self.at_least.iter().any(|name| name == which)
    }
}

/// Ranges of the figures over several repeats of one setting, each as lowest and highest value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Spread")]
pub(crate) struct RepeatSpread {
    /// Number of repeats that the ranges cover.
    pub repeats: u64,
    /// Repeat whose throughput and times are shown, and why it is that one, as in `repeat 2, the median`;
    /// absent in assessments of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_repeat: Option<String>,
    /// Lowest and highest throughput of a repeat, in successful requests per second.
    pub throughput_per_s: [f64; 2],
    /// Lowest and highest 95th percentile of the slowest operation in a repeat, in nanoseconds;
    /// absent if no request was timed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ns: Option<[u64; 2]>,
    /// Lowest and highest 99th percentile of the slowest operation in a repeat, in nanoseconds;
    /// absent if no request was timed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<[u64; 2]>,
}

/// Interval of a report's timeline with the lowest throughput, within the measured part of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WorstInterval {
    /// Number of the repeat that the interval belongs to, counted from 0.
    pub repeat: u64,
    /// Start of the interval, in nanoseconds since the start of the step's measured part.
    pub at_ns: u64,
    /// Length of the interval in nanoseconds.
    pub length_ns: u64,
    /// Lowest sample of the throughput in the interval, in successful requests per second.
    pub throughput_per_s: f64,
    /// 99th percentile of the interval's response times, in nanoseconds; absent if there were no
    /// answers or the report has no timeline of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<f64>,
}
