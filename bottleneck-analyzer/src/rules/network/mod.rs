//! Rules about the limits of the machine's network.

mod drops;
mod link;
mod refused;
mod tables;

use crate::assessment::{ComponentKind, FindingKind, Rule};
use crate::conclusions::Conclusions;
use crate::finding_draft::FindingDraft;
use crate::run_facts::RunFacts;
use crate::series_reading::SeriesReading;

/// Measurement that answers the open questions about the network.
const TO_FIND_OUT: &str = "sysmon record on the server's machine, on Linux";

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    if let Some(machine) = facts.machine {
        link::check(facts, machine, out);
        drops::check(facts, machine, out);
        refused::check(facts, machine, out);
        tables::check(machine, out);
    }
}

fn draft(rule: Rule, kind: FindingKind) -> FindingDraft {
    FindingDraft::new(rule, "machine", ComponentKind::Machine, kind)
}

/// Readings of two series of the machine over the same window, and their ratio.
struct RatioReading {
    part: SeriesReading,
    whole: SeriesReading,
    ratio: f64,
}

/// Reads the ratio of two series of the whole machine over each operating point and over the whole
/// recording, and returns the highest. `None` if one of them was not recorded, or if the second is zero.
fn highest_ratio(facts: &RunFacts<'_>, part: &str, whole: &str) -> Option<RatioReading> {
    let machine = facts.machine?;
    let windows = facts.machine_windows().into_iter();
    let ratios = windows.filter_map(|window| {
        let (part, whole) = (machine.read(part, window)?, machine.read(whole, window)?);
        (whole.mean > 0.0).then(|| RatioReading {
            part,
            whole,
            ratio: part.mean / whole.mean,
        })
    });
    ratios.max_by(|a, b| a.ratio.total_cmp(&b.ratio))
}
