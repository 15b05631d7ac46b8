//! Counters and samples of the server during a step.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::redaction;

/// Row of a table in the evidence.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceRow {
    /// Labels of the row, such as `statement = SELECT … WHERE id = $1`; they never contain users'
    /// data.
    pub labels: BTreeMap<String, String>,
    /// Figures by name; names contain the units.
    pub figures: BTreeMap<String, f64>,
}

impl EvidenceRow {
    /// Creates a row with these labels, in which secrets are masked. A figure that is not finite is
    /// left out.
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

/// Evidence of the server over a step: growth of its counters, and samples taken meanwhile.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ServerEvidence {
    /// Figures by name; names contain the units.
    #[serde(default)]
    pub figures: BTreeMap<String, f64>,
    /// Figures of named objects, by table: `statements`, `blocking` …
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, Vec<EvidenceRow>>,
    /// Evidence that could not be read, with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unavailable: BTreeMap<String, String>,
}

impl ServerEvidence {
    /// Creates evidence that only says that `what` could not be read, for this reason.
    pub fn unavailable(what: &str, reason: impl Into<String>) -> Self {
        let unavailable = BTreeMap::from([(what.to_owned(), reason.into())]);
        Self {
            unavailable,
            ..Self::default()
        }
    }

    /// Adds a figure. One that is not finite is left out.
    pub fn figure(&mut self, name: impl Into<String>, value: f64) {
        if value.is_finite() {
            self.figures.insert(name.into(), value);
        }
    }
}
