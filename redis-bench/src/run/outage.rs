//! Outage of a step whose server Sentinels name: how long no request succeeded, whoever made it.

use bench_report::names::steps;
use bench_report::{Operation, Step};

use crate::clients::{SuccessGap, SuccessGaps};

/// Adds the longest time without a success to a finished step in which requests failed, and whether it
/// lasted until the step's end.
pub(super) fn conclude(step: &mut Step, gaps: &SuccessGaps) {
    let failed: u64 = step.operations.values().map(Operation::failures).sum();
    let Some(SuccessGap { ns, is_open }) = gaps.longest(step.window.measure_end_ns) else {
        return;
    };
    if failed + step.censored() > 0 {
        step.figure(steps::OUTAGE_LONGEST_NS, ns as f64);
        step.figure(steps::OUTAGE_OPEN, f64::from(u8::from(is_open)));
    }
}
