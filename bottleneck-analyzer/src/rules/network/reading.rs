//! Readings of the machine's network that several rules compare, and the draft of their findings.

use crate::assessment::{ComponentKind, FindingKind, Rule};
use crate::finding_draft::FindingDraft;
use crate::run_facts::RunFacts;
use crate::series_reading::SeriesReading;

/// Measurement that answers the open questions about the network.
pub(super) const TO_FIND_OUT: &str = "sysmon record on the server's machine, on Linux";

/// Creates a finding about the machine.
pub(super) fn draft(rule: Rule, kind: FindingKind) -> FindingDraft {
    FindingDraft::new(rule, "machine", ComponentKind::Machine, kind)
}

/// Readings of two series of the machine over the same window, and their ratio.
pub(super) struct RatioReading {
    pub(super) part: SeriesReading,
    pub(super) whole: SeriesReading,
    pub(super) ratio: f64,
}

/// Reads the ratio of two series of the whole machine over each operating point and over the whole
/// recording, and returns the highest. `None` if one of them was not recorded, or if the second is zero.
pub(super) fn highest_ratio(facts: &RunFacts<'_>, part: &str, whole: &str) -> Option<RatioReading> {
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
