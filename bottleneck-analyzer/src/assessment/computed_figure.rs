//! Figures that an assessment computes from evidence.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Figure in the title or the explanation of a finding that no single place of a report has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ComputedFigure {
    /// Name of the figure with its unit, as in `users at work`.
    pub what: String,
    /// Value, in the unit that `what` names.
    pub value: f64,
    /// Way in which it was computed, as in `throughput × mean time of a call, over all operations`.
    pub how: String,
}

impl ComputedFigure {
    /// Creates a figure called `what`, with its unit, that was computed as `how` says.
    pub(crate) fn new(what: impl Into<String>, value: f64, how: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            value,
            how: how.into(),
        }
    }
}
