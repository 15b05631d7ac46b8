//! Judgement whether a step breaks its stop rules, which protect the target and end a step whose
//! limit is found.

use std::time::Duration;

use super::overdue_requests::OverdueRequests;
use crate::plan::stop_rule::StopRule;
use crate::record::interval::Interval;

/// Smallest number of finished and overdue requests together on which a rule may be judged.
const FEWEST: u64 = 20;
/// Longest time between two checks of the rules. A step of less than 4 s has four checks.
const ASKED_EVERY: Duration = Duration::from_secs(1);

/// Data on which the stop rules of a step are judged: the requests that finished since the last
/// check, and the requests that are overdue.
#[derive(Debug)]
pub(crate) struct RuleWindow {
    pending: Interval,
    began_ns: u64,
    asked_every_ns: u64,
    /// Length of the step's drain in nanoseconds; `None` if only failed requests count as errors,
    /// and overdue ones do not.
    drain_ns: Option<u64>,
    /// Length of the waits that the run causes on purpose, in nanoseconds. The rules add it to the
    /// time that a request may wait.
    excused_ns: u64,
    /// Duration of the longest successful request so far, in nanoseconds.
    longest_ns: u64,
    /// End of the last interval in which a request finished, in nanoseconds on `CLOCK_MONOTONIC`.
    finished_ns: u64,
    /// Overdue requests of each stop rule, in the order of the rules.
    overdue: Vec<OverdueRequests>,
}

impl RuleWindow {
    /// Creates the data of a step from `now_ns` on, in nanoseconds on `CLOCK_MONOTONIC`. Its
    /// measured part has the length `measured`; zero makes a check after every interval.
    pub(crate) fn new(now_ns: u64, measured: Duration) -> Self {
        Self {
            pending: Interval::new(),
            began_ns: now_ns,
            asked_every_ns: (measured / 4).min(ASKED_EVERY).as_nanos() as u64,
            drain_ns: None,
            excused_ns: 0,
            longest_ns: 0,
            finished_ns: now_ns,
            overdue: Vec::new(),
        }
    }

    /// Sets the length of the drain, after which unanswered requests are cut off. A request that
    /// waits longer counts as an error. Without this setting, only failed requests do.
    #[must_use]
    pub(crate) fn with_drain(mut self, drain: Duration) -> Self {
        self.drain_ns = Some(drain.as_nanos() as u64);
        self
    }

    /// Allows requests to wait longer than the rules state, by `wait`, for waits that the run
    /// causes on purpose.
    #[must_use]
    pub(crate) fn with_excused_wait(mut self, wait: Duration) -> Self {
        self.excused_ns = wait.as_nanos() as u64;
        self
    }

    /// Notes the longest latency of an interval of the warm-up, without judging it. The longest
    /// latency decides how soon a request without an answer counts as an error.
    pub(crate) fn note_latencies(&mut self, interval: &Interval) {
        self.longest_ns = self.longest_ns.max(interval.longest_ns);
    }

    /// Adds the interval that ends at `now_ns`. Returns the first of `rules` that is broken, if a
    /// check is due and enough requests have finished or are overdue; else `None`.
    pub(crate) fn check(
        &mut self,
        now_ns: u64,
        interval: &Interval,
        rules: &[StopRule],
    ) -> Option<BrokenRule> {
        self.pending.add(interval);
        self.note_latencies(interval);
        if interval.judged() > 0 {
            self.finished_ns = now_ns;
        }
        let stalled = now_ns.saturating_sub(self.finished_ns) >= ASKED_EVERY.as_nanos() as u64;
        let began_ns = self.began_ns;
        self.overdue
            .resize_with(rules.len(), || OverdueRequests::since(began_ns));
        let ages: Vec<Option<u64>> = rules
            .iter()
            .map(|rule| self.overdue_after_ns(*rule))
            .collect();
        for (overdue, overdue_after_ns) in self.overdue.iter_mut().zip(ages) {
            if let Some(overdue_after_ns) = overdue_after_ns {
                overdue.update(now_ns, overdue_after_ns, stalled, &interval.in_flight);
            }
        }
        if now_ns.saturating_sub(self.began_ns) < self.asked_every_ns {
            return None;
        }
        let mut judged = rules.iter().zip(&self.overdue);
        let broken = judged.find_map(|(rule, overdue)| rule.judge(&self.pending, overdue));
        if broken.is_some() || self.pending.judged() >= FEWEST {
            self.pending = Interval::new();
            self.began_ns = now_ns;
            self.overdue
                .iter_mut()
                .for_each(|overdue| overdue.count = 0);
        }
        broken
    }

    /// Returns the age in nanoseconds at which a request is overdue for `rule`; `None` if only
    /// finished requests count. For a latency that is its bound. For the ratio of errors it is the
    /// length of the drain, or more if answers take long or none has arrived yet, because such a
    /// request may still succeed.
    fn overdue_after_ns(&self, rule: StopRule) -> Option<u64> {
        let allowed_ns = match rule {
            StopRule::LatencyP99 { above } => Some(above.as_nanos() as u64),
            StopRule::ErrorRatio { .. } => self.drain_ns.map(|drain_ns| match self.longest_ns {
                0 => 2 * drain_ns,
                longest_ns => drain_ns.max(2 * longest_ns),
            }),
        };
        allowed_ns.map(|allowed_ns| allowed_ns + self.excused_ns)
    }
}

/// Stop rule that a step broke, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenRule {
    /// Rule in the notation of the user, such as `errors>10%`.
    pub rule: String,
    /// Observation that breaks the rule, such as `p99 was 612.0 ms`.
    pub reason: String,
}

impl StopRule {
    /// Returns this rule and the observation if the finished requests of `interval` break it;
    /// `None` if they do not, or are fewer than 20.
    #[cfg(test)]
    pub(crate) fn broken_by(&self, interval: &Interval) -> Option<BrokenRule> {
        self.judge(interval, &OverdueRequests::default())
    }

    fn judge(&self, interval: &Interval, overdue: &OverdueRequests) -> Option<BrokenRule> {
        let unanswered = overdue.count.max(overdue.stalled);
        let enough = interval.judged() + unanswered >= FEWEST || overdue.stalled > 0;
        let reason = match *self {
            _ if !enough => None,
            Self::ErrorRatio { above } => errors_above(above, interval, unanswered, overdue),
            Self::LatencyP99 { above } => p99_above(above, interval, unanswered),
        };
        reason.map(|reason| BrokenRule {
            rule: self.to_string(),
            reason,
        })
    }
}

fn errors_above(
    above: f64,
    interval: &Interval,
    unanswered: u64,
    overdue: &OverdueRequests,
) -> Option<String> {
    let (failed, all) = (
        interval.judged_failures() + unanswered,
        interval.judged() + unanswered,
    );
    let ratio = failed as f64 / all as f64;
    let how = match unanswered {
        0 => String::new(),
        waiting => format!(
            ", {waiting} of them unanswered for {:.1} s",
            overdue.overdue_after_ns as f64 / 1e9
        ),
    };
    (ratio > above).then(|| {
        format!(
            "{failed} of {all} requests failed ({:.1} %){how}",
            ratio * 100.0
        )
    })
}

/// Returns the observation if over 1 % of requests took longer than `above`; else `None`. Counts
/// each request once: when it becomes overdue, or if it finished too late.
fn p99_above(above: Duration, interval: &Interval, unanswered: u64) -> Option<String> {
    let on_time = interval.latency.count_between(0, above.as_nanos() as u64);
    let answered_late = interval.succeeded() - on_time;
    let late = answered_late.max(unanswered);
    if late as f64 <= 0.01 * (late + on_time) as f64 {
        return None;
    }
    if answered_late >= unanswered {
        let p99 = Duration::from_nanos(interval.quantile(0.99).unwrap_or(0));
        return Some(format!("p99 was {:.1} ms", p99.as_secs_f64() * 1e3));
    }
    Some(format!(
        "{unanswered} of {} requests have waited for longer than {} without an answer",
        late + on_time,
        humantime::format_duration(above)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::failure::Failure;
    use crate::record::operation_table::OperationId;
    use crate::record::outcome::Outcome;
    use crate::record::recorder::Recorder;
    use crate::record::timestamps::Timestamps;
    use crate::record::within::Within;

    fn interval(succeeded: u64, failed: u64, took_ns: u64) -> Interval {
        let recorder = Recorder::new(&["get"], 1);
        let timestamps = Timestamps {
            started_ns: 1,
            done_ns: 1 + took_ns,
            ..Timestamps::default()
        };
        for _ in 0..succeeded {
            recorder.record(
                &timestamps,
                &Outcome::success(OperationId::FIRST),
                Within::WHOLLY,
            );
        }
        for _ in 0..failed {
            let failure = Failure::new("refused", "refused");
            recorder.record(
                &timestamps,
                &Outcome::failed(OperationId::FIRST, failure),
                Within::WHOLLY,
            );
        }
        recorder.take_interval()
    }

    #[test]
    fn rules_read_as_they_are_written() {
        for text in ["errors>10%", "errors>0.5%", "p99>500ms", "p99>2s"] {
            assert_eq!(text.parse::<StopRule>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "errors",
            "errors>x",
            "errors>-1%",
            "errors>100%",
            "p98>1s",
            "p99>fast",
        ] {
            assert!(text.parse::<StopRule>().is_err(), "{text}");
        }
    }

    #[test]
    fn few_hits_a_second_are_gathered_until_they_tell() {
        let rules = ["errors>10%".parse().unwrap()];
        let second = 1_000_000_000;
        let mut window = RuleWindow::new(0, Duration::from_mins(1));
        let mut look = |at: u64, succeeded, failed| {
            let interval = interval(succeeded, failed, 5);
            window.check(at * second, &interval, &rules).is_some()
        };
        assert!(!look(1, 0, 8) && !look(2, 0, 8), "too few to tell");
        assert!(look(3, 0, 8));
        assert!(!look(4, 100, 5), "what was told is not told again");
        let mut window = RuleWindow::new(0, Duration::from_mins(1));
        let soon = window.check(second / 10, &interval(0, 100, 5), &rules);
        assert!(soon.is_none(), "a tenth of a second is no verdict");
    }

    #[test]
    fn a_rule_stops_for_what_it_names_and_for_nothing_else() {
        let errors: StopRule = "errors>10%".parse().unwrap();
        assert!(errors.broken_by(&interval(80, 20, 5)).is_some());
        assert!(errors.broken_by(&interval(95, 5, 5)).is_none());
        assert!(
            errors.broken_by(&interval(1, 9, 5)).is_none(),
            "too few to tell"
        );
        let latency: StopRule = "p99>1ms".parse().unwrap();
        assert!(latency.broken_by(&interval(100, 0, 2_000_000)).is_some());
        assert!(latency.broken_by(&interval(100, 0, 500_000)).is_none());
    }
}
