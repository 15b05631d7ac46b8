//! Recovery of latency after the spike of a load curve.

use bench_report::{Latency, Operation, QuantileKind, SpikeRecovery, Window};
use statistics::recovery::{FEWEST_BEFORE, Recovery, RecoveryWindows, recovery};

use super::answer_log::AnswerLog;
use super::heartbeat::TickGrid;
use super::step_load::StepLoad;
use crate::load::load_source::CollectedStep;

/// Largest share of failed requests before a spike, 0 to 1, at which their latency can serve as the
/// base.
const MOST_FAILED: f64 = 0.01;
/// Windows over which the return to the base is judged: at least 200 requests and 1 s each, three
/// in a row.
const WINDOWS: RecoveryWindows = RecoveryWindows {
    requests: 200,
    shortest_ns: 1_000_000_000,
    in_a_row: 3,
};

/// Returns the recovery from the spike of `load`, judged from the answers in `log` up to the end of
/// the step, or to the first change of the load made while the step ran. Gives the reason if it is
/// unknown. `None` if the load's curve has no spike.
pub(super) fn spike_recovery(
    load: &StepLoad<'_>,
    window: Window,
    collected: &CollectedStep,
    log: Option<&AnswerLog>,
) -> Option<SpikeRecovery> {
    let plan = load.plan;
    let (before, _) = plan.curve.as_ref()?.spike()?;
    let mut found = SpikeRecovery::default();
    let Some(log) = log else {
        found.unknown = Some("the step ended before it began".to_owned());
        return Some(found);
    };
    found.resolution_ns = TickGrid::interval(plan.measure).as_nanos() as u64;
    let disturbed_until_ns = log.disturbed_until_ns();
    let changed_ns = load.first_change_ns();
    if changed_ns.is_some_and(|changed_ns| changed_ns < disturbed_until_ns) {
        found.unknown = Some("the load was changed before the spike was over".to_owned());
        return Some(found);
    }
    // Requests of the last interval before a change may have been answered under the new load.
    let until_ns = changed_ns.map(|changed_ns| changed_ns.saturating_sub(found.resolution_ns));
    let end_ns = until_ns.unwrap_or(window.measure_end_ns);
    found.measured_ns = end_ns.saturating_sub(disturbed_until_ns);
    let base = match collected.segments.get(before) {
        Some(segment) => base(segment.operations.values()),
        None => Err("nothing was measured before the spike".to_owned()),
    };
    found.base_p99_ns = base.as_ref().ok().copied();
    let processes = collected.processes.as_ref();
    if processes.is_some_and(|processes| processes.reason().is_some()) {
        found.unknown = Some("the load of a worker process is missing".to_owned());
    } else if found.measured_ns == 0 {
        let reason = match changed_ns {
            Some(_) => "the load was changed just after the spike",
            None => "the step ended before the spike was over",
        };
        found.unknown = Some(reason.to_owned());
    } else {
        let until = match changed_ns {
            Some(_) => "the change of the load",
            None => "the end of the step",
        };
        match base {
            Ok(base_ns) => judge(&mut found, log, base_ns, (until, end_ns)),
            Err(reason) => found.unknown = Some(reason),
        }
    }
    Some(found)
}

/// Returns the 99th percentile of latency, in nanoseconds, of the requests before a spike. Fails
/// with a reason if they are too few or too many failed.
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

/// Judges from `log` whether latency returned to `base_ns` before `end_ns`, in nanoseconds on
/// `CLOCK_MONOTONIC`, and sets the answer or the reason of its absence in `found`. `until` names
/// the event at `end_ns` for messages.
fn judge(found: &mut SpikeRecovery, log: &AnswerLog, base_ns: u64, (until, end_ns): (&str, u64)) {
    let stretches = log.stretches(base_ns, end_ns, found.resolution_ns);
    let until_ns = log.disturbed_until_ns();
    match recovery(&stretches, until_ns, &WINDOWS) {
        Recovery::After { after_ns, relapses } => {
            (found.after_ns, found.relapses) = (Some(after_ns), relapses);
        }
        Recovery::NotBack => {}
        Recovery::Unconfirmed { after_ns } => {
            found.unknown = Some(format!(
                "p99 was back {:.1} s after the spike, too close to {until} to tell whether for good",
                after_ns as f64 / 1e9
            ));
        }
        Recovery::TooFew => {
            let requests: u64 = stretches.iter().map(|stretch| stretch.requests).sum();
            found.unknown = Some(format!(
                "too few requests after the spike, {requests} in {:.1} s; it takes {} windows of {} \
                 requests and 1 s",
                found.measured_ns as f64 / 1e9,
                WINDOWS.in_a_row,
                WINDOWS.requests,
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
    use crate::plan::load_change::LoadChange;
    use crate::plan::load_curve::LoadCurve;
    use crate::plan::load_plan::LoadPlan;
    use crate::plan::step_plan::StepPlan;
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

    /// Log of answers in intervals of 800 ms until `end_s`, in seconds. `takes_ns` maps the instant
    /// of a request to its duration, both in nanoseconds.
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
        changed(end_s, before, log, None)
    }

    /// Judges the recovery as `found` does. If `change_s` is given, the load is changed at that
    /// second of the step.
    fn changed(
        end_s: u64,
        before: Operation,
        log: Option<&AnswerLog>,
        at_s: Option<u64>,
    ) -> SpikeRecovery {
        let plan = plan();
        let changes = at_s.map(|at_s| LoadChange {
            at_ns: at_s * S,
            fitted: LoadCurve::Constant(700.0)
                .over(Duration::from_secs(32 - at_s))
                .unwrap(),
        });
        let load = StepLoad::new(&plan, 0, changes.into_iter().collect());
        spike_recovery(&load, window(end_s), &collected(before), log).unwrap()
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
        let steady = StepLoad::new(&steady, 0, Vec::new());
        assert_eq!(
            spike_recovery(&steady, window(3), &collected, Some(&log)),
            None
        );
    }

    #[test]
    fn a_spike_that_a_change_took_the_place_of_is_not_judged() {
        let quick = log(32, |_| 2 * MS);
        for (change_s, wanted) in [
            (4, "the load was changed before the spike was over"),
            (11, "the load was changed before the spike was over"),
            (12, "the load was changed just after the spike"),
        ] {
            let found = changed(32, operation(5_000, 0), Some(&quick), Some(change_s));
            assert_eq!(reason(&found), wanted, "at {change_s} s");
        }
    }

    #[test]
    fn recovery_is_judged_until_the_load_is_changed() {
        // Answers slow down to 40 ms again at second 20, when the load is changed.
        let slow_later = log(32, |at_ns| if at_ns < 20 * S { 2 * MS } else { 40 * MS });
        let before = || operation(5_000, 0);
        let found = changed(32, before(), Some(&slow_later), Some(20));
        assert_eq!((found.after_ns, found.relapses), (Some(0), 0), "{found:?}");
        assert_eq!(found.measured_ns, 7_200 * MS, "less one interval");
        // Latency returns to the base three seconds before the change, which is too late to tell
        // whether it stays there.
        let late = log(32, |at_ns| if at_ns < 17 * S { 40 * MS } else { 2 * MS });
        let late = changed(32, before(), Some(&late), Some(20));
        assert!(reason(&late).contains("close to the change"), "{late:?}");
    }
}
