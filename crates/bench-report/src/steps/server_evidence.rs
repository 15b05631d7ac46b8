//! Evidence about the server during a step: counters and samples.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::redaction;

/// Row of a table in the evidence about the server.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceRow {
    /// Labels of the row, such as `statement = SELECT … WHERE id = $1`; they never contain users'
    /// data.
    pub labels: BTreeMap<String, String>,
    /// Figures of the row by name; each name contains the unit.
    pub figures: BTreeMap<String, f64>,
}

impl EvidenceRow {
    /// Creates a row with these labels, in which secrets are masked, and these figures. A figure
    /// that is not finite is left out.
    pub fn new<const L: usize, const F: usize>(
        labels: [(&str, String); L],
        figures: [(&str, f64); F],
    ) -> Self {
        let finite = figures.into_iter().filter(|(_, value)| value.is_finite());
        Self {
            labels: labels
                .map(|(name, label)| (name.to_owned(), redaction::text(&label)))
                .into(),
            figures: finite
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        }
    }
}

/// Evidence about the server over the measured part of a step: growth of its counters, and samples
/// taken during that time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ServerEvidence {
    /// Figures of the server by name; each name contains the unit.
    #[serde(default)]
    pub figures: BTreeMap<String, f64>,
    /// Tables by name, such as `statements` and `blocking`, with a row of figures for each object.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, Vec<EvidenceRow>>,
    /// Evidence that could not be read, by name, with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unavailable: BTreeMap<String, String>,
}

impl ServerEvidence {
    /// Creates evidence with no figures that only says that `what` could not be read, for this
    /// reason.
    pub fn unavailable(what: &str, reason: impl Into<String>) -> Self {
        let unavailable = BTreeMap::from([(what.to_owned(), reason.into())]);
        Self {
            unavailable,
            ..Self::default()
        }
    }

    /// Adds a figure, or replaces the one with this name. One that is not finite is left out.
    pub fn figure(&mut self, name: impl Into<String>, value: f64) {
        if value.is_finite() {
            self.figures.insert(name.into(), value);
        }
    }
}
