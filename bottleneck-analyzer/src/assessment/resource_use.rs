//! Use of the resources at an operating point, by the USE method: utilisation, saturation, errors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EvidenceItem, ResourceKind};

/// Use of one resource at an operating point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ResourceUse {
    /// Resource whose use is shown.
    pub resource: ResourceKind,
    /// Name or size of the resource, as in `vda` or `8 connections`; absent if there is only one of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thing: Option<String>,
    /// Share of the resource that was in use.
    pub utilisation: UseCell,
    /// Work that waited for the resource.
    pub saturation: UseCell,
    /// Errors of the resource.
    pub errors: UseCell,
}

/// Utilisation, saturation or errors of a resource: a figure, or the reason why there is none.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct UseCell {
    /// Value in `unit`; absent if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Unit of the value: `ratio`, `count`, `per_s` or `ns`; absent without a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Value in words, as in `91 % busy`, or the reason why it is not known.
    pub shown: String,
    /// Evidence that the value rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<EvidenceItem>,
}

impl UseCell {
    /// Creates a cell with this value in `unit`, shown as `shown`.
    pub(crate) fn known(
        value: f64,
        unit: &str,
        shown: impl Into<String>,
        evidence: impl IntoIterator<Item = EvidenceItem>,
    ) -> Self {
        Self {
            value: Some(value),
            unit: Some(unit.to_owned()),
            shown: shown.into(),
            evidence: evidence.into_iter().collect(),
        }
    }

    /// Creates a cell without a value, for the reason `why`.
    pub(crate) fn unknown(why: impl Into<String>) -> Self {
        Self {
            shown: why.into(),
            ..Self::default()
        }
    }

    /// Returns true if the cell has a value.
    pub(crate) fn is_known(&self) -> bool {
        self.value.is_some()
    }
}

impl ResourceUse {
    /// Returns the three cells in their order: utilisation, saturation, errors.
    pub(crate) fn cells(&self) -> [&UseCell; 3] {
        [&self.utilisation, &self.saturation, &self.errors]
    }

    /// Returns the resource with its name or size, as in `disk vda`.
    pub(crate) fn title(&self) -> String {
        match &self.thing {
            Some(thing) => format!("{} {thing}", self.resource.title()),
            None => self.resource.title().to_owned(),
        }
    }
}
