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

/// Readings of two series over the same window: what was lost, and what passed.
#[derive(Debug, Clone, Copy)]
pub(super) struct LossReading {
    pub(super) lost: SeriesReading,
    pub(super) passed: SeriesReading,
    /// Lost ÷ all, which is lost and passed together, from 0 to 1.
    pub(super) ratio: f64,
}

impl LossReading {
    /// Computes the share that was lost. What passed is counted without what was lost: packets that a CPU took
    /// from its queue (`processed`), datagrams that a program received (`InDatagrams`), segments sent for the
    /// first time (`OutSegs`). Some drivers count dropped packets as received, too; then the share is a little
    /// too small.
    pub(super) fn new(lost: SeriesReading, passed: SeriesReading) -> Self {
        let all = lost.mean + passed.mean;
        Self {
            lost,
            passed,
            ratio: lost.mean / all.max(f64::MIN_POSITIVE),
        }
    }

    /// Returns true if the share `ratio` (0 to 1) or more was lost, and `per_s` or more in a second.
    pub(super) fn reaches(&self, ratio: f64, per_s: f64) -> bool {
        self.ratio >= ratio && self.lost.mean >= per_s
    }
}

/// Reads two series of the whole machine, of what was `lost` and of what `passed`, over each operating point
/// and over the whole load. Returns the reading with the highest share lost, of those with `least_per_s` or
/// more lost in a second if there are any: a share of hardly any packets says nothing. `None` if one of the
/// series was not recorded.
pub(super) fn highest_loss(
    facts: &RunFacts<'_>,
    (lost, passed): (&str, &str),
    least_per_s: f64,
) -> Option<LossReading> {
    let machine = facts.machine?;
    let windows = facts.machine_windows().into_iter();
    let readings = windows.filter_map(|window| {
        let (lost, passed) = (machine.read(lost, window)?, machine.read(passed, window)?);
        Some(LossReading::new(lost, passed))
    });
    let counts = |one: &LossReading| one.lost.mean >= least_per_s;
    readings.max_by(|a, b| {
        let by_ratio = a.ratio.total_cmp(&b.ratio);
        counts(a).cmp(&counts(b)).then(by_ratio)
    })
}
