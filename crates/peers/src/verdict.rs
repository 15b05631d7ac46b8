//! Verdicts on figures that have an expected bound.

use serde::{Deserialize, Serialize};

/// Result of comparing a figure with its expected bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BoundVerdict {
    /// The figure is at its expected bound or better.
    AsExpected,
    /// The figure is worse than its expected bound.
    FallsShort,
}

impl BoundVerdict {
    /// Returns [`BoundVerdict::AsExpected`] if `good`, which says that a figure is at its bound or
    /// better, else [`BoundVerdict::FallsShort`].
    pub(crate) fn from_good(good: bool) -> Self {
        if good {
            Self::AsExpected
        } else {
            Self::FallsShort
        }
    }
}
