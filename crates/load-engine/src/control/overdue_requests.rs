//! Requests in flight that have waited longer than a stop rule allows.

use crate::record::cohort_counts::InFlightAges;

/// Numbers of requests that waited longer than one stop rule allows.
#[derive(Debug, Default)]
pub(crate) struct OverdueRequests {
    /// Number of requests that became overdue since the rule was last judged. Each request counts
    /// once, when it becomes overdue.
    pub(crate) count: u64,
    /// Number of all requests in flight that are overdue, if no request finished for a second; else
    /// 0.
    pub(crate) stalled: u64,
    /// Age in nanoseconds at which a request becomes overdue, as at the last update.
    pub(crate) overdue_after_ns: u64,
    /// Latest beginning of the requests that are already counted, in nanoseconds on
    /// `CLOCK_MONOTONIC`.
    counted_until_ns: u64,
    /// Instant after which requests must become overdue to be counted, in nanoseconds on
    /// `CLOCK_MONOTONIC`.
    watched_from_ns: u64,
}

impl OverdueRequests {
    /// Creates the count of requests that become overdue after `now_ns`, in nanoseconds on
    /// `CLOCK_MONOTONIC`.
    pub(crate) fn since(now_ns: u64) -> Self {
        Self {
            watched_from_ns: now_ns,
            ..Self::default()
        }
    }

    /// Counts the requests in flight that have newly become older than `overdue_after_ns` at
    /// `now_ns`, on `CLOCK_MONOTONIC`. `stalled` is true if no request finished for a second.
    pub(crate) fn update(
        &mut self,
        now_ns: u64,
        overdue_after_ns: u64,
        stalled: bool,
        in_flight: &InFlightAges,
    ) {
        let from_ns = self.watched_from_ns.saturating_sub(overdue_after_ns);
        let from_ns = from_ns.max(self.counted_until_ns);
        let until_ns = now_ns.saturating_sub(overdue_after_ns);
        if until_ns > from_ns {
            self.count += in_flight.begun_within(from_ns + 1, until_ns);
            self.counted_until_ns = until_ns;
        }
        self.stalled = if stalled {
            in_flight.older_than(overdue_after_ns)
        } else {
            0
        };
        self.overdue_after_ns = overdue_after_ns;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::control::rule_window::BrokenRule;
    use crate::control::rule_window::RuleWindow;
    use crate::plan::stop_rule::StopRule;
    use crate::record::operation_table::OperationId;
    use crate::record::outcome::Outcome;
    use crate::record::recorder::Recorder;
    use crate::record::timestamps::Timestamps;
    use crate::record::within::Within;

    const SECOND: u64 = 1_000_000_000;
    const MS: u64 = 1_000_000;

    /// Step on a simulated clock, whose stop rule is checked once a second.
    struct Step {
        recorder: Recorder,
        window: RuleWindow,
        rules: Vec<StopRule>,
        now_ns: u64,
    }

    impl Step {
        fn new(rule: &str) -> Self {
            Self {
                recorder: Recorder::new(&["get"], 1),
                window: RuleWindow::new(100 * SECOND, Duration::from_mins(1))
                    .with_drain(Duration::from_secs(5)),
                rules: vec![rule.parse().unwrap()],
                now_ns: 100 * SECOND,
            }
        }

        /// Begins a request at `begin_ns` on the simulated clock. It finishes after `took_ns`, or
        /// never if that is `None`.
        fn request(&self, begin_ns: u64, took_ns: Option<u64>) {
            self.recorder.begin(begin_ns);
            if let Some(took_ns) = took_ns {
                let timestamps = Timestamps {
                    started_ns: begin_ns,
                    done_ns: begin_ns + took_ns,
                    ..Timestamps::default()
                };
                self.recorder.record(
                    &timestamps,
                    &Outcome::success(OperationId::FIRST),
                    Within::WHOLLY,
                );
            }
        }

        /// Simulates the next second with a request every `gap_ns`, each of which takes `took_ns`,
        /// or forever if that is `None`. Returns the broken rule; `None` if it holds.
        fn second(&mut self, gap_ns: u64, took_ns: Option<u64>) -> Option<BrokenRule> {
            let end_ns = self.now_ns + SECOND;
            while self.now_ns < end_ns {
                self.request(self.now_ns, took_ns);
                self.now_ns += gap_ns;
            }
            self.look()
        }

        fn look(&mut self) -> Option<BrokenRule> {
            let interval = self.recorder.take_interval_at(self.now_ns);
            self.window.check(self.now_ns, &interval, &self.rules)
        }

        /// Calls `second` until the rule breaks, and returns the number of calls; 30 at most.
        fn seconds_until_broken(&mut self, mut second: impl FnMut(&mut Self)) -> u64 {
            for seconds in 1..30 {
                second(self);
                if self.look().is_some() {
                    return seconds;
                }
            }
            30
        }
    }

    #[test]
    fn a_target_that_hangs_breaks_a_rule_within_its_bound_and_two_seconds() {
        // Arrivals that continue at about 300 per second, or at 3.
        for gap_ns in [3 * MS, 300 * MS] {
            for (rule, within_s) in [("p99>500ms", 2), ("p99>3s", 5), ("errors>10%", 7)] {
                let mut step = Step::new(rule);
                for _ in 0..5 {
                    assert_eq!(step.second(gap_ns, Some(MS)), None, "{rule}");
                }
                let seconds = step.seconds_until_broken(|step| {
                    let end_ns = step.now_ns + SECOND;
                    while step.now_ns < end_ns {
                        step.request(step.now_ns, None);
                        step.now_ns += gap_ns;
                    }
                });
                assert!(seconds <= within_s, "{rule} at {gap_ns} after {seconds} s");
            }
        }
        // Four users, each of whom waits for an answer that never comes.
        for (rule, within_s) in [("p99>500ms", 2), ("p99>3s", 5), ("errors>10%", 7)] {
            let mut step = Step::new(rule);
            assert_eq!(step.second(MS, Some(MS)), None, "{rule}");
            (0..4).for_each(|_| step.request(step.now_ns, None));
            let seconds = step.seconds_until_broken(|step| step.now_ns += SECOND);
            assert!(seconds <= within_s, "{rule} after {seconds} s");
        }
    }

    #[test]
    fn a_target_that_answered_at_once_in_the_warm_up_is_not_waited_for_twice_as_long_as_the_drain()
    {
        for (warmed_up, between_s) in [(true, 5..=7), (false, 10..=12)] {
            let mut step = Step::new("errors>10%");
            if warmed_up {
                (0..50).for_each(|_| step.request(step.now_ns, Some(MS)));
                let warm_up = step.recorder.take_interval_at(step.now_ns);
                step.window.note_latencies(&warm_up);
            }
            (0..4).for_each(|_| step.request(step.now_ns, None));
            let seconds = step.seconds_until_broken(|step| step.now_ns += SECOND);
            assert!(between_s.contains(&seconds), "{warmed_up}: {seconds} s");
        }
    }

    #[test]
    fn a_few_that_hang_among_many_that_are_answered_break_nothing() {
        for rule in ["p99>500ms", "errors>10%"] {
            let mut step = Step::new(rule);
            (0..5).for_each(|_| step.request(step.now_ns, None));
            for second in 0..90 {
                assert_eq!(step.second(MS, Some(MS)), None, "{rule} in {second}");
            }
        }
    }

    #[test]
    fn hits_that_take_long_and_succeed_are_no_errors() {
        let mut step = Step::new("errors>10%");
        // Fifty users whose answers take eight seconds each; the drain takes five.
        for round in 0..4 {
            let begin_ns = step.now_ns;
            (0..50).for_each(|_| step.recorder.begin(begin_ns));
            for _ in 0..8 {
                step.now_ns += SECOND;
                assert_eq!(step.look(), None, "in round {round}");
            }
            let timestamps = Timestamps {
                started_ns: begin_ns,
                done_ns: step.now_ns,
                ..Timestamps::default()
            };
            for _ in 0..50 {
                step.recorder.record(
                    &timestamps,
                    &Outcome::success(OperationId::FIRST),
                    Within::WHOLLY,
                );
            }
        }
    }

    #[test]
    fn what_hung_is_told_once_and_what_is_answered_late_is_told_as_late() {
        let mut step = Step::new("p99>500ms");
        step.second(MS, Some(MS));
        let broken = step.second(10 * MS, None);
        let reason = broken.map(|broken| broken.reason).unwrap_or_default();
        assert!(
            reason.contains("have waited for longer than 500ms"),
            "{reason}"
        );
        assert!(
            step.second(MS, Some(MS)).is_some(),
            "the other half of them"
        );
        assert_eq!(step.second(MS, Some(MS)), None);
        let reason = step.second(MS, Some(2 * SECOND)).unwrap().reason;
        assert!(reason.starts_with("p99 was"), "{reason}");
    }
}
