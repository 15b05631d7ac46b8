//! Start of a step on the monotonic clock: as soon as possible, or at an instant that several hosts
//! have agreed on.

use bench_report::clock::monotonic_ns;

use crate::plan::step_plan::StepPlan;
use crate::plan::wall_time::WallTime;

/// Advice at the end of the error of a worker that is late.
const REMEDY: &str = "give a later --start-at, or every worker a longer --prepare-time";

/// Returns the instant at which a load that is ready now starts, in nanoseconds on
/// `CLOCK_MONOTONIC`: `head_start_ns` from now, or at the start that the plan gives. The wall clock
/// is read here, after the preparation, so that a correction of the clock during the preparation is
/// taken into account.
///
/// # Errors
/// Returns a message if the planned start is less than `head_start_ns` away or has passed.
pub(super) fn of(plan: &StepPlan, head_start_ns: u64) -> Result<u64, String> {
    let (now_ns, now) = (monotonic_ns(), WallTime::now());
    let Some(starts_at) = plan.starts_at else {
        return Ok(now_ns + head_start_ns);
    };
    let start_ns = starts_at.on_monotonic_clock(now_ns, now);
    let in_time = start_ns.filter(|start_ns| *start_ns >= now_ns + head_start_ns);
    in_time.ok_or_else(|| {
        let late_s = now.since(starts_at).as_secs_f64();
        format!(
            "worker {} was ready {late_s:.3} s after {starts_at}, when the step began on all \
             workers; {REMEDY}",
            plan.process
        )
    })
}

/// Returns the reason for which a load that has opened nothing yet is late; `None` before the
/// planned start, or if the plan gives none.
pub(super) fn passed(plan: &StepPlan) -> Option<String> {
    let (starts_at, now) = (plan.starts_at?, WallTime::now());
    (now >= starts_at).then(|| {
        let late_s = now.since(starts_at).as_secs_f64();
        format!(
            "worker {} came to this step {late_s:.3} s after {starts_at}, when it began on all workers; \
             {REMEDY}",
            plan.process
        )
    })
}

/// Returns a message if the planned start has passed while sessions still open, with `opened` of
/// `wanted` open. `None` before that start, and if the plan gives none.
pub(super) fn missed(plan: &StepPlan, (opened, wanted): (usize, usize)) -> Option<String> {
    let starts_at = plan.starts_at?;
    (WallTime::now() >= starts_at).then(|| {
        format!(
            "worker {} had {opened} of {wanted} sessions open at {starts_at}, when the step began on \
             all workers; {REMEDY}",
            plan.process
        )
    })
}
