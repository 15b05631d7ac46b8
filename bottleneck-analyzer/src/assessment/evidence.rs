//! Figures of a report that a conclusion rests on, and warnings that make them doubtful.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ComponentKind;

/// One scalar of one report, with its place in the report and its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Evidence")]
pub(crate) struct EvidenceItem {
    /// Name of the figure as shown to people.
    pub label: String,
    /// File name of the report that contains the figure.
    pub file: String,
    /// JSON pointer (RFC 6901) to the figure inside the report.
    pub pointer: String,
    /// Value that the report has at `pointer`.
    pub value: serde_json::Value,
    /// Text of the value with its unit, as shown to people.
    pub shown: String,
    /// True if a warning of the report makes this figure doubtful.
    pub spoiled: bool,
}

/// Warning of a report, with the figures that it makes doubtful.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Spoiled {
    /// File name of the report that contains the warning.
    pub file: String,
    /// Component that the report is about.
    pub component: ComponentKind,
    /// Code of the warning in snake case, as in `pacing_lag`.
    pub code: String,
    /// Message of the warning. Ends in the name of the warning's worst step if `step` names another
    /// one.
    pub message: String,
    /// Name of one step that the warning is about; absent if the warning is about no particular
    /// step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// JSON pointers of the figures that the warning makes unreliable, with everything below them.
    /// A `*` stands for any one key.
    pub spoils: Vec<String>,
    /// True if the assessment shows a figure that the warning makes doubtful.
    pub touches_a_conclusion: bool,
    /// Names of the figures that the assessment shows and that the warning makes doubtful.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<String>,
}

impl Spoiled {
    /// Returns true if people must see the warning: it makes a shown figure doubtful, or it is about
    /// something else than figures, such as a table that was not removed.
    pub(crate) fn is_shown(&self) -> bool {
        self.touches_a_conclusion || self.spoils.is_empty()
    }

    /// Returns the warning as a sentence for people: `PostgreSQL [deadpool, pool of 8]: p99 of read: the
    /// generator's heartbeat came late`.
    pub(crate) fn sentence(&self) -> String {
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
