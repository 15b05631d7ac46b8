//! Checks of the stop rules during a run. They are suspended while the target is away.

use std::time::Duration;

use super::observer::Observer;
use super::rule_window::{BrokenRule, RuleWindow};
use crate::plan::step_plan::StepPlan;
use crate::record::interval::Interval;

/// Time for which a broken rule waits before it ends a run whose observer watches for absences of
/// the target, because an absence is noticed only a moment after the first failures.
const ABSENCE_NOTICED_AFTER: Duration = Duration::from_millis(150);

/// Checks of the stop rules of one run.
#[derive(Debug)]
pub(super) struct RuleChecks<'a> {
    plan: &'a StepPlan,
    excused_wait: Duration,
    window: RuleWindow,
    /// Broken rule that may be due to an absence of the target, with the instant, in nanoseconds on
    /// `CLOCK_MONOTONIC`, at which it ends the run unless an absence is noticed before; `None` if
    /// there is none.
    suspected: Option<(BrokenRule, u64)>,
    /// True if the target was away at any time since the last interval was checked.
    away: bool,
    absence_is_watched: bool,
}

impl<'a> RuleChecks<'a> {
    /// Creates the checks of a run that is measured from `now_ns` on, on `CLOCK_MONOTONIC`.
    /// `excused_wait` is the length of the waits that the run causes on purpose, which the rules
    /// allow.
    pub(super) fn new(plan: &'a StepPlan, excused_wait: Duration, now_ns: u64) -> Self {
        Self {
            plan,
            excused_wait,
            window: window(plan, excused_wait, now_ns),
            suspected: None,
            away: false,
            absence_is_watched: false,
        }
    }

    /// Notes the latencies of an interval of the warm-up, without checking rules.
    pub(super) fn note_latencies(&mut self, interval: &Interval) {
        self.window.note_latencies(interval);
    }

    /// Notes whether the target is away; `None` if that is unknown. If it is, discards a broken
    /// rule that has not ended the run yet.
    pub(super) fn note_absence(&mut self, absence: Option<bool>) {
        self.absence_is_watched = absence.is_some();
        if absence == Some(true) {
            self.away = true;
            self.suspected = None;
        }
    }

    /// Checks the interval that ends at `now_ns`. Returns a broken rule that ends the run at once;
    /// if the observer watches for absences, keeps it for `confirmed` instead. If the target was
    /// away, discards the interval and all data before it.
    pub(super) fn check(
        &mut self,
        now_ns: u64,
        interval: &Interval,
        observer: &mut dyn Observer,
    ) -> Option<BrokenRule> {
        if std::mem::take(&mut self.away) {
            self.window = window(self.plan, self.excused_wait, now_ns);
            return None;
        }
        if self.suspected.is_some() {
            return None;
        }
        let broken = self.window.check(now_ns, interval, &self.plan.stop_rules);
        let broken = broken.or_else(|| observer.broken_rule())?;
        if !self.absence_is_watched {
            return Some(broken);
        }
        let from_ns = now_ns + ABSENCE_NOTICED_AFTER.as_nanos() as u64;
        self.suspected = Some((broken, from_ns));
        None
    }

    /// Returns a broken rule, and forgets it, once 150 ms have passed without an absence of the
    /// target; `None` before that, and if no rule is broken. `now_ns` is on `CLOCK_MONOTONIC`.
    pub(super) fn confirmed(&mut self, now_ns: u64) -> Option<BrokenRule> {
        self.suspected
            .take_if(|(_, from_ns)| now_ns >= *from_ns)
            .map(|(broken, _)| broken)
    }
}

fn window(plan: &StepPlan, excused_wait: Duration, now_ns: u64) -> RuleWindow {
    // If the last answer ends the load, the length is unknown, and the rules are checked whenever
    // there are enough requests.
    RuleWindow::new(now_ns, plan.measured_time().unwrap_or_default())
        .with_drain(plan.drain)
        .with_excused_wait(excused_wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::load_plan::LoadPlan;
    use crate::plan::think_time::ThinkTime;
    use crate::record::failure::Failure;
    use crate::record::operation_table::OperationId;
    use crate::record::outcome::Outcome;
    use crate::record::recorder::Recorder;
    use crate::record::timestamps::Timestamps;
    use crate::record::within::Within;

    const SECOND: u64 = 1_000_000_000;
    const MS: u64 = 1_000_000;

    /// Plan of a run that stops above 10 % of errors or a p99 above 500 ms.
    fn plan() -> StepPlan {
        let load = LoadPlan::Closed {
            users: 4,
            think_time: ThinkTime::NONE,
        };
        let mut plan = StepPlan::new("run", load, Duration::from_mins(1));
        plan.stop_rules = ["errors>10%", "p99>500ms"]
            .map(|r| r.parse().unwrap())
            .into();
        plan
    }

    fn is_planned(kind: &str) -> bool {
        kind == "timeout.wait"
    }

    fn record(recorder: &Recorder, begin_ns: u64, took_ns: u64, failure: Option<&'static str>) {
        recorder.begin(begin_ns);
        let timestamps = Timestamps {
            started_ns: begin_ns,
            done_ns: begin_ns + took_ns,
            ..Timestamps::default()
        };
        let outcome = Outcome {
            failure: failure.map(|kind| Box::new(Failure::new(kind, kind))),
            ..Outcome::success(OperationId::FIRST)
        };
        recorder.record(&timestamps, &outcome, Within::WHOLLY);
    }

    #[test]
    fn failures_that_were_planned_break_no_rule_and_others_do() {
        for (kind, breaks) in [("timeout.wait", false), ("refused", true)] {
            let plan = plan();
            let recorder = Recorder::new(&["get"], 1).with_excused(Some(is_planned));
            let mut checks = RuleChecks::new(&plan, Duration::ZERO, 0);
            for n in 0..100 {
                record(&recorder, n * MS, MS, Some(kind).filter(|_| n % 2 == 0));
            }
            let interval = recorder.take_interval_at(SECOND);
            assert_eq!(interval.failed, 50, "all failures are shown");
            let broken = checks.check(SECOND, &interval, &mut ());
            assert_eq!(broken.is_some(), breaks, "{kind}: {broken:?}");
            let told = recorder.collect(1.0).0["get"].errors[kind];
            assert_eq!(told, 50, "all failures are told");
        }
    }

    #[test]
    fn failures_beside_the_load_count_for_rules_alone() {
        let plan = plan();
        let recorder = Recorder::new(&["get"], 1).with_excused(Some(is_planned));
        let mut checks = RuleChecks::new(&plan, Duration::ZERO, 0);
        (0..50).for_each(|n| record(&recorder, n * MS, MS, None));
        for kind in ["timeout.wait", "refused"] {
            (0..25).for_each(|_| recorder.note_failure(&Failure::new(kind, kind)));
        }
        let interval = recorder.take_interval_at(SECOND);
        assert_eq!((interval.failed, interval.judged_failures()), (0, 25));
        assert!(checks.check(SECOND, &interval, &mut ()).is_some());
        assert_eq!(recorder.collect(1.0).0["get"].attempted, 50);
    }

    #[test]
    fn who_waits_as_planned_is_not_overdue_and_who_hangs_is() {
        let plan = plan();
        let recorder = Recorder::new(&["get"], 1).with_excused(Some(is_planned));
        let mut checks = RuleChecks::new(&plan, Duration::from_millis(500), 0);
        // Four requests hang from second 5 on. Twelve wait for 500 ms each and fail.
        (0..4).for_each(|_| recorder.begin(5 * SECOND));
        let broken_ms = (0..20).find_map(|half: u64| {
            let begin_ns = half * 500 * MS;
            let at_ns = begin_ns + 499 * MS;
            if half < 10 {
                (0..50).for_each(|n| record(&recorder, begin_ns + n * MS, MS, None));
            }
            (0..12).for_each(|_| recorder.begin(begin_ns));
            let interval = recorder.take_interval_at(at_ns);
            let broken = checks.check(at_ns, &interval, &mut ());
            for _ in 0..12 {
                let timestamps = Timestamps {
                    started_ns: begin_ns,
                    done_ns: begin_ns + 500 * MS,
                    ..Timestamps::default()
                };
                let planned = Failure::new("timeout.wait", "no connection was free");
                let outcome = Outcome::failed(OperationId::FIRST, planned);
                recorder.record(&timestamps, &outcome, Within::WHOLLY);
            }
            broken.map(|_| at_ns / MS)
        });
        let broken_ms = broken_ms.unwrap();
        assert!((6_000..8_000).contains(&broken_ms), "after {broken_ms} ms");
    }

    #[test]
    fn rules_rest_and_forget_while_the_target_is_away() {
        let plan = plan();
        let recorder = Recorder::new(&["get"], 1);
        let mut checks = RuleChecks::new(&plan, Duration::ZERO, 0);
        let mut second = |at_s: u64, failing: bool, absences: &[bool]| {
            let kind = failing.then_some("refused");
            (0..50).for_each(|n| record(&recorder, at_s * SECOND + n, MS, kind));
            let now_ns = (at_s + 1) * SECOND;
            checks.note_absence(Some(absences[0]));
            let interval = recorder.take_interval_at(now_ns);
            assert_eq!(
                checks.check(now_ns, &interval, &mut ()),
                None,
                "at {at_s} s"
            );
            checks.note_absence(Some(absences[1]));
            assert_eq!(
                checks.confirmed(now_ns + 100 * MS),
                None,
                "too early to tell"
            );
            checks.confirmed(now_ns + 150 * MS).is_some()
        };
        assert!(!second(1, false, &[false, false]));
        assert!(
            !second(2, true, &[false, true]),
            "the absence is noticed a moment later"
        );
        assert!(!second(3, true, &[true, true]));
        assert!(!second(4, true, &[true, false]), "it came back meanwhile");
        assert!(!second(5, false, &[false, false]));
        assert!(second(6, true, &[false, false]), "it is there, and fails");
    }
}
