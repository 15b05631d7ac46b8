//! Check of what the figures of a report can be. A report may be damaged, edited by hand or made up,
//! and a conclusion from an impossible figure is worse than none.
//!
//! `figure_range` says by name and unit which values a figure can have; `walk` compares every number
//! of a report with it. `relations` checks what several figures of a step tell about one another,
//! and `series_check` the columns of each series.

mod fault;
mod figure_range;
mod relations;
mod series_check;
mod walk;

use serde_json::Value;

use crate::Report;

use fault::MOST_FAULTS;
pub use fault::{Fault, FaultExtent};

/// Returns what cannot be in a report, in the order of its parts; empty if everything can be. `json`
/// is the report's JSON without its series.
pub(crate) fn faults(report: &Report, json: &Value) -> Vec<Fault> {
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
