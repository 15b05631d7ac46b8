//! Check of what the figures of a report can be. A report may be damaged, edited by hand or made up,
//! and a conclusion from an impossible figure is worse than none.
//!
//! `figure_range` says by name and unit which values a figure can have; `walk` compares every number
//! of a report with it. `relations` checks what several figures of a step tell about one another,
//! and `series_check` the columns of each series.

mod figure_range;
mod relations;
mod series_check;
mod walk;

use serde_json::Value;

use crate::Report;

/// Largest number of faults that are told of one report; with more of them the report is unusable.
const MOST_FAULTS: usize = 100;

/// Part of a report that a fault makes unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultExtent {
    /// The whole report: counts, times or histograms of its steps cannot be right.
    Report,
    /// The series at the index.
    Series(usize),
    /// The named figure at the pointer, which others do not depend on.
    Figure,
}

/// Place in a report at which something stands that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// JSON pointer to the place, such as `/steps/3/operations/get/throughput_per_s`.
    pub pointer: String,
    /// Reason for which it cannot be, such as `is -5, and a rate is from 0 to 1e15`.
    pub reason: String,
    /// Part of the report that cannot be used.
    pub extent: FaultExtent,
}

impl Fault {
    fn of_report(pointer: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            reason: reason.into(),
            extent: FaultExtent::Report,
        }
    }
}

/// Returns what cannot be in a report, in the order of its parts; empty if everything can be. `json`
/// is the report's JSON without its series.
pub fn faults(report: &Report, json: &Value) -> Vec<Fault> {
    let mut found = walk::faults(json);
    found.extend(relations::faults(report));
    found.extend(series_check::faults(report));
    if found.len() > MOST_FAULTS {
        let (count, first) = (found.len(), found.swap_remove(0));
        let reason = format!("{} (the first of {count} faults)", first.reason);
        return vec![Fault::of_report(first.pointer, reason)];
    }
    found
}

/// Returns `key` as a part of a JSON pointer.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
