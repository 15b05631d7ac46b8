//! Recovery from the spike of a load curve.

use bench_report::{Latency, Operation, QuantileKind, SpikeRecovery, Window};
use statistics::recovery::{FEWEST_BEFORE, Recovery, RecoveryWindows, recovery};

use super::answer_log::AnswerLog;
use super::heartbeat::TickGrid;
use crate::load::load_source::CollectedStep;
use crate::plan::step_plan::StepPlan;

/// Largest share of failed requests before a spike at which their latency can serve as the base.
const MOST_FAILED: f64 = 0.01;

/// Returns the recovery from the spike of `plan`; `log` has the answers after it. `None` if the
/// curve has no spike.
pub(super) fn spike_recovery(
    plan: &StepPlan,
    window: Window,
    collected: &CollectedStep,
    log: Option<&AnswerLog>,
) -> Option<SpikeRecovery> {
    let (before, _) = plan.curve.as_ref()?.spike()?;
    let mut found = SpikeRecovery::default();
    let Some(log) = log else {
        found.unknown = Some("the step ended before it began".to_owned());
        return Some(found);
    };
    let end_ns = window.measure_end_ns;
    found.measured_ns = end_ns.saturating_sub(log.disturbed_until_ns());
    found.resolution_ns = TickGrid::interval(plan.measure).as_nanos() as u64;
    let base = match collected.segments.get(before) {
        Some(segment) => base(segment.operations.values()),
        None => Err("nothing was measured before the spike".to_owned()),
    };
    found.base_p99_ns = base.as_ref().ok().copied();
    let processes = collected.processes.as_ref();
    if processes.is_some_and(|processes| processes.reason().is_some()) {
        found.unknown = Some("the load of a worker process is missing".to_owned());
    } else if found.measured_ns == 0 {
        found.unknown = Some("the step ended before the spike was over".to_owned());
    } else {
        match base {
            Ok(base_ns) => judge(&mut found, log, base_ns, end_ns),
            Err(reason) => found.unknown = Some(reason),
        }
    }
    Some(found)
}

/// Returns the 99th percentile in nanoseconds of the requests before a spike. The error is the
/// reason for which it is unknown.
fn base<'a>(operations: impl Iterator<Item = &'a Operation> + Clone) -> Result<u64, String> {
    let attempted: u64 = operations.clone().map(|o| o.attempted).sum();
    let failed: u64 = operations.clone().map(Operation::failures).sum();
    if attempted < FEWEST_BEFORE {
        return Err(format!(
            "too few requests before the spike, {attempted} of the {FEWEST_BEFORE} that a base needs"
        ));
    }
    if failed as f64 > MOST_FAILED * attempted as f64 {
        return Err(format!(
            "{failed} of {attempted} requests before the spike failed, which leaves no base"
        ));
    }
    let latency = Latency::from_operations(operations).map_err(|error| error.to_string())?;
    match latency.quantile(0.99) {
        Some(p99) if p99.kind != QuantileKind::AtLeast => Ok(p99.ns),
        _ => Err("the base falls among requests that were never answered".to_owned()),
    }
}

/// Fills in `found` what the log shows about the recovery to the base.
fn judge(found: &mut SpikeRecovery, log: &AnswerLog, base_ns: u64, end_ns: u64) {
    let stretches = log.stretches(base_ns, end_ns, found.resolution_ns);
    let until_ns = log.disturbed_until_ns();
    match recovery(&stretches, until_ns, &RecoveryWindows::OF_STRETCHES) {
        Recovery::After { after_ns, relapses } => {
            (found.after_ns, found.relapses) = (Some(after_ns), relapses);
        }
        Recovery::NotBack => {}
        Recovery::Unconfirmed { after_ns } => {
            found.unknown = Some(format!(
                "p99 was back {:.1} s after the spike, too close to the end of the step to tell \
                 whether for good",
                after_ns as f64 / 1e9
            ));
        }
        Recovery::TooFew => {
            let requests: u64 = stretches.iter().map(|stretch| stretch.requests).sum();
            let windows = RecoveryWindows::OF_STRETCHES;
            found.unknown = Some(format!(
                "too few requests after the spike, {requests} in {:.1} s; it takes {} windows of {} \
                 requests and 1 s",
                found.measured_ns as f64 / 1e9,
                windows.in_a_row,
                windows.requests,
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bench_report::{Pacing, clock::monotonic_ns};

    use super::*;
    use crate::load::load_source::RawStep;
    use crate::plan::load_curve::LoadCurve;
    use crate::plan::load_plan::LoadPlan;
    use crate::record::interval::Interval;
    use crate::record::operation_table::OperationId;
    use crate::record::outcome::Outcome;
    use crate::record::recorder::Recorder;
    use crate::record::timestamps::Timestamps;
    use crate::record::within::Within;

    const S: u64 = 1_000_000_000;
    const MS: u64 = 1_000_000;

    /// Plan of 32 s at 500 requests per second, with a spike from second 10 to second 12.
    fn plan() -> StepPlan {
        let load = LoadPlan::Open {
            rate_per_s: 500.0,
            pacing: Pacing::Constant,
            in_flight_cap: 100,
        };
        let measure = Duration::from_secs(32);
        let curve: LoadCurve = "spike:500,5000/2s".parse().unwrap();
        StepPlan::new("", load, measure).following(curve.over(measure).unwrap())
    }

    fn window(end_s: u64) -> Window {
        Window {
            start_ns: 0,
            measure_start_ns: 0,
            measure_end_ns: end_s * S,
            end_ns: (end_s + 1) * S,
        }
    }

    fn operation(requests: u64, unanswered: u64) -> Operation {
        let recorder = Recorder::new(&["get"], 1);
        let outcome = Outcome::success(OperationId::FIRST);
        let of = |took_ns| Timestamps {
            due_ns: 1,
            released_ns: 1,
            started_ns: 1,
            done_ns: 1 + took_ns,
            ..Timestamps::default()
        };
        for n in 0..requests - unanswered {
            recorder.record(&of(2 * MS + n % 100), &outcome, Within::WHOLLY);
        }
        let first = crate::plan::segments::SegmentIndex::FIRST;
        (0..unanswered).for_each(|_| recorder.record_censored(&of(0), first, 3 * S));
        recorder.collect(10.0).0.remove("get").unwrap()
    }

    fn collected(before: Operation) -> CollectedStep {
        let raw = RawStep {
            operations: [("get".to_owned(), before)].into(),
            ..RawStep::default()
        };
        CollectedStep {
            segments: vec![raw, RawStep::default(), RawStep::default()],
            ..CollectedStep::default()
        }
    }

    /// Log of answers every 800 ms until `end_s`. `takes_ns` gives their duration from the instant
    /// of the request.
    fn log(end_s: u64, takes_ns: impl Fn(u64) -> u64) -> AnswerLog {
        let mut log = AnswerLog::new(12 * S);
        for end_ns in (1..)
            .map(|k| k * 800 * MS)
            .take_while(|at| *at <= end_s * S)
        {
            let mut interval = Interval::new();
            for k in 0..400 {
                let answered_ns = end_ns - 800 * MS + k * 2 * MS;
                interval.record(takes_ns(answered_ns));
            }
            log.push(end_ns, &interval);
        }
        log
    }

    fn found(end_s: u64, before: Operation, log: Option<&AnswerLog>) -> SpikeRecovery {
        spike_recovery(&plan(), window(end_s), &collected(before), log).unwrap()
    }

    fn reason(found: &SpikeRecovery) -> &str {
        assert_eq!(found.after_ns, None);
        found.unknown.as_deref().unwrap()
    }

    #[test]
    fn a_planted_slow_spell_is_the_time_until_recovery() {
        // Answers take 40 ms until second 17, which is 5 s after the spike.
        let slow = log(32, |at_ns| if at_ns < 17 * S { 40 * MS } else { 2 * MS });
        let found = found(32, operation(5_000, 0), Some(&slow));
        assert_eq!((found.unknown.as_deref(), found.relapses), (None, 0));
        assert_eq!((found.measured_ns, found.resolution_ns), (20 * S, 800 * MS));
        let off_ns = found.after_ns.unwrap().abs_diff(5 * S);
        assert!(off_ns <= found.resolution_ns, "{found:?}");
        let base_ns = found.base_p99_ns.unwrap();
        assert!(base_ns.abs_diff(2 * MS) < MS / 100, "{base_ns}");
    }

    #[test]
    fn who_stays_slow_is_not_back_and_who_is_back_at_the_end_is_unknown() {
        let before = || operation(5_000, 0);
        let never = found(32, before(), Some(&log(32, |_| 3 * MS)));
        assert_eq!((never.after_ns, never.unknown), (None, None));
        let late = log(32, |at_ns| if at_ns < 29 * S { 40 * MS } else { 2 * MS });
        let late = found(32, before(), Some(&late));
        assert!(reason(&late).contains("too close to the end"), "{late:?}");
    }

    #[test]
    fn a_step_that_was_cut_or_measured_too_little_tells_why_nobody_knows() {
        let before = || operation(5_000, 0);
        let quick = log(32, |_| 2 * MS);
        for (found, wanted) in [
            (
                found(11, before(), Some(&quick)),
                "before the spike was over",
            ),
            (found(32, before(), None), "ended before it began"),
            (
                found(32, operation(612, 0), Some(&quick)),
                "612 of the 1000",
            ),
            (
                found(32, operation(5_000, 60), Some(&quick)),
                "never answered",
            ),
            (
                found(14, before(), Some(&log(14, |_| 2 * MS))),
                "too few requests after",
            ),
        ] {
            assert!(reason(&found).contains(wanted), "{wanted}: {found:?}");
        }
        // A few requests that were never answered do not change the base.
        let few = found(32, operation(5_000, 20), Some(&quick));
        assert_eq!((few.after_ns, few.unknown), (Some(0), None));
    }

    #[test]
    fn a_curve_without_a_spike_has_no_recovery() {
        let steady = StepPlan::new("", plan().load, Duration::from_secs(3));
        let now_ns = monotonic_ns();
        let log = AnswerLog::new(now_ns);
        let collected = CollectedStep::default();
        assert_eq!(
            spike_recovery(&steady, window(3), &collected, Some(&log)),
            None
        );
    }
}
