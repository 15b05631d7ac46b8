//! Counters and samples of the server over a step.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::redaction;

/// One line of a table in the evidence.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceRow {
    /// Object that it is about, as in `statement = SELECT … WHERE id = $1`; never anybody's data.
    pub labels: BTreeMap<String, String>,
    /// Figures by name, units in the names.
    pub figures: BTreeMap<String, f64>,
}

impl EvidenceRow {
    /// A line about what `labels` name, secrets in them masked; a figure that is not finite was not
    /// measured.
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

/// Counters of the server over a step: deltas from before to after, and samples taken meanwhile.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ServerEvidence {
    /// Figures by name, units in the names.
    #[serde(default)]
    pub figures: BTreeMap<String, f64>,
    /// Figures that belong to something with a name, by table: `statements`, `blocking` …
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, Vec<EvidenceRow>>,
    /// Evidence that could not be read, with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unavailable: BTreeMap<String, String>,
}

impl ServerEvidence {
    /// Evidence of which nothing could be read.
    pub fn unavailable(what: &str, reason: impl Into<String>) -> Self {
        let unavailable = BTreeMap::from([(what.to_owned(), reason.into())]);
        Self {
            unavailable,
            ..Self::default()
        }
    }

    /// Adds a figure; one that is not finite was not measured and stays absent.
    pub fn figure(&mut self, name: impl Into<String>, value: f64) {
        if value.is_finite() {
            self.figures.insert(name.into(), value);
        }
    }
}
