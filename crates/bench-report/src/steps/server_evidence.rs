//! Evidence about the server during a step: counters and samples.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::{ColumnName, FigureFamily, FigureName, Place, TableName, reads};
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
        labels: [(ColumnName, String); L],
        figures: [(ColumnName, f64); F],
    ) -> Self {
        let finite = figures.into_iter().filter(|(_, value)| value.is_finite());
        Self {
            labels: labels
                .map(|(name, label)| (name.to_string(), redaction::text(&label)))
                .into(),
            figures: finite
                .map(|(name, value)| (name.to_string(), value))
                .collect(),
        }
    }

    /// Returns the figure in `column`; `None` if the row has no such figure.
    pub fn value(&self, column: ColumnName) -> Option<f64> {
        reads::note(Place::Table(column.table), column.as_str());
        self.figures.get(column.as_str()).copied()
    }

    /// Returns the label in `column`; `None` if the row has no such label.
    pub fn label(&self, column: ColumnName) -> Option<&str> {
        reads::note(Place::Table(column.table), column.as_str());
        self.labels.get(column.as_str()).map(String::as_str)
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
    pub fn figure(&mut self, name: FigureName, value: f64) {
        if value.is_finite() {
            self.figures.insert(name.to_string(), value);
        }
    }

    /// Adds the figure of `member` of a family, or replaces it. One that is not finite is left out.
    pub fn member(&mut self, family: FigureFamily, member: &str, value: f64) {
        if value.is_finite() {
            self.figures.insert(family.of(member), value);
        }
    }

    /// Returns the figure `name`; `None` if it was not measured.
    pub fn value(&self, name: FigureName) -> Option<f64> {
        reads::note(Place::Server, name.as_str());
        self.figures.get(name.as_str()).copied()
    }

    /// Returns the figure of `member` of a family; `None` if it was not measured.
    pub fn value_of(&self, family: FigureFamily, member: &str) -> Option<f64> {
        let name = family.of(member);
        reads::note(Place::Server, &name);
        self.figures.get(&name).copied()
    }

    /// Adds a table, or replaces it.
    pub fn table(&mut self, name: TableName, rows: Vec<EvidenceRow>) {
        self.tables.insert(name.to_string(), rows);
    }

    /// Returns the rows of a table; `None` if it was not read.
    pub fn rows(&self, name: TableName) -> Option<&[EvidenceRow]> {
        self.tables.get(name.as_str()).map(Vec::as_slice)
    }
}
