//! Figures of a report that a conclusion rests on, and warnings that make them doubtful.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ComponentKind;

/// One scalar of one report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Evidence")]
pub struct EvidenceItem {
    /// Its name, for people.
    pub label: String,
    /// The report, by its file name.
    pub file: String,
    /// JSON pointer (RFC 6901) into that report.
    pub pointer: String,
    /// Value that stands there.
    pub value: serde_json::Value,
    /// Value as people read it.
    pub shown: String,
    /// True if a warning of that report makes the figure doubtful.
    pub spoiled: bool,
}

/// A warning of a report and what it made unusable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spoiled {
    /// The report.
    pub file: String,
    /// Component that it concerns.
    pub component: ComponentKind,
    /// The warning's code.
    pub code: String,
    /// The warning's sentence.
    pub message: String,
    /// The step it is about, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Pointers to the figures that are not to be relied on.
    pub spoils: Vec<String>,
    /// True if a figure that the assessment shows is among them.
    pub touches_a_conclusion: bool,
    /// The shown figures among them, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<String>,
}

impl Spoiled {
    /// Returns true if people must be told: a shown figure is in doubt, or it is no doubt about a
    /// figure, such as something that was left behind.
    pub fn is_shown(&self) -> bool {
        self.touches_a_conclusion || self.spoils.is_empty()
    }

    /// `PostgreSQL [deadpool, pool of 8]: p99 of read: the generator's heartbeat came late`.
    pub fn sentence(&self) -> String {
        let place = self.step.as_deref();
        let place = place.map_or(String::new(), |step| format!(" [{step}]"));
        let figures = match self.figures.as_slice() {
            [] => String::new(),
            figures => format!("{}: ", figures.join(", ")),
        };
        let component = self.component.title();
        format!("{component}{place}: {figures}{}", self.message)
    }
}
