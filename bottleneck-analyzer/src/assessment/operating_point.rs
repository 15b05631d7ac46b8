//! Setting at which a component should run, with its figures.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EvidenceItem;

/// Setting at which a component should run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperatingPoint {
    /// Index into the report's `steps`.
    pub step: usize,
    /// The setting in words, as in `deadpool, pool_size 8`.
    pub setting: String,
    /// Reason for this choice.
    pub reason: String,
    /// Lowest setting that the measurements do not rule out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Highest setting that the measurements do not rule out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// Requests that succeeded per second; of a WebSocket its echoes, as for the figures below.
    pub throughput_per_s: f64,
    /// 95th percentile of the slowest operation, in the worst repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ns: Option<u64>,
    /// 99th percentile of the slowest operation, in the worst repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<u64>,
    /// Those of `p95` and `p99` that fall among requests that were never answered: lower bounds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at_least: Vec<String>,
    /// The longest that a request took in any repeat, or had waited when it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ns: Option<u64>,
    /// Requests that failed or never came back ÷ requests, over all repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_ratio: Option<f64>,
    /// Spread of the repeats; absent for a single one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<RepeatSpread>,
    /// The interval of all repeats in which the least was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst_interval: Option<WorstInterval>,
    /// Evidence that it rests on.
    pub evidence: Vec<EvidenceItem>,
}

impl OperatingPoint {
    /// Returns true if a warning spoils evidence whose pointer ends in `figure`, as in `p99`.
    pub(crate) fn is_doubtful(&self, figure: &str) -> bool {
        let ends = |e: &&EvidenceItem| e.pointer.rsplit('/').next() == Some(figure);
        self.evidence.iter().filter(ends).any(|e| e.spoiled)
    }

    /// Returns true if `p95` or `p99` is a lower bound.
    pub(crate) fn is_at_least(&self, which: &str) -> bool {
        self.at_least.iter().any(|name| name == which)
    }
}

/// The lowest and the highest of several repeats of one setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Spread")]
pub struct RepeatSpread {
    /// Number of repeats.
    pub repeats: u64,
    /// Of the throughput.
    pub throughput_per_s: [f64; 2],
    /// Of the slowest operation's 95th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ns: Option<[u64; 2]>,
    /// Of its 99th.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<[u64; 2]>,
}

/// An interval of a measured part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorstInterval {
    /// The repeat that it lies in, 0 for the first.
    pub repeat: u64,
    /// Its begin, from the begin of the measured part.
    pub at_ns: u64,
    /// Its length.
    pub length_ns: u64,
    /// Answers in it.
    pub throughput_per_s: f64,
    /// 99th percentile of what was answered in it; absent where nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<f64>,
}
