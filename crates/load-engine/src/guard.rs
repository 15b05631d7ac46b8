//! Rules that end a step early, to protect the target or because its limit is found.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::interval::Interval;

/// Finished hits below which an interval says too little to stop for.
const FEWEST: u64 = 20;
/// How often the rules are asked; four times at least in a short step.
const ASKED_EVERY: Duration = Duration::from_secs(1);

/// A bound that a step must keep, looked at each second, and once enough hits have finished.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StopRule {
    /// Failures ÷ finished hits.
    ErrorRatio {
        /// Highest that is allowed, 0..1.
        above: f64,
    },
    /// 99th percentile of response time (call time in a closed loop).
    LatencyP99 {
        /// Highest that is allowed.
        above: Duration,
    },
}

/// What finished since the rules were last asked.
#[derive(Debug)]
pub struct Watch {
    pending: Interval,
    began_ns: u64,
    asked_every_ns: u64,
}

impl Watch {
    /// From `now_ns` on, over a measured part of this length.
    pub fn new(now_ns: u64, measured: Duration) -> Self {
        Self {
            pending: Interval::new(),
            began_ns: now_ns,
            asked_every_ns: (measured / 4).min(ASKED_EVERY).as_nanos() as u64,
        }
    }

    /// Adds an interval; what of the rules is broken, where it is time to ask and enough has
    /// finished to tell.
    pub fn look(&mut self, now_ns: u64, interval: &Interval, rules: &[StopRule]) -> Option<Broken> {
        self.pending.add(interval);
        let due = now_ns.saturating_sub(self.began_ns) >= self.asked_every_ns;
        if !due || self.pending.succeeded() + self.pending.failed < FEWEST {
            return None;
        }
        let seen = std::mem::replace(&mut self.pending, Interval::new());
        self.began_ns = now_ns;
        rules.iter().find_map(|rule| rule.broken_by(&seen))
    }
}

/// A rule was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The rule as the user would write it.
    pub rule: String,
    /// What was seen.
    pub reason: String,
}

impl StopRule {
    /// What `interval` breaks of this rule, if it holds enough to tell.
    pub fn broken_by(&self, interval: &Interval) -> Option<Broken> {
        let finished = interval.succeeded() + interval.failed;
        if finished < FEWEST {
            return None;
        }
        let reason = match *self {
            Self::ErrorRatio { above } => {
                let ratio = interval.failed as f64 / finished as f64;
                (ratio > above).then(|| {
                    format!(
                        "{} of {finished} hits failed ({:.1} %)",
                        interval.failed,
                        ratio * 100.0
                    )
                })
            }
            Self::LatencyP99 { above } => {
                let p99 = Duration::from_nanos(interval.latency.value_at_quantile(0.99));
                (p99 > above).then(|| format!("p99 was {:.1} ms", p99.as_secs_f64() * 1e3))
            }
        };
        reason.map(|reason| Broken {
            rule: self.to_string(),
            reason,
        })
    }
}

impl fmt::Display for StopRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ErrorRatio { above } => write!(f, "errors>{}%", above * 100.0),
            Self::LatencyP99 { above } => write!(f, "p99>{}", humantime::format_duration(*above)),
        }
    }
}

impl FromStr for StopRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("{text:?} is no stop rule; write errors>10% or p99>500ms");
        let (figure, bound) = text.split_once('>').ok_or_else(form)?;
        match (figure.trim(), bound.trim()) {
            ("errors", bound) => {
                let percent = bound.strip_suffix('%').and_then(|b| b.trim().parse().ok());
                let percent = percent
                    .filter(|p: &f64| (0.0..100.0).contains(p))
                    .ok_or_else(form)?;
                Ok(Self::ErrorRatio {
                    above: percent / 100.0,
                })
            }
            ("p99", bound) => {
                let above = humantime::parse_duration(bound).map_err(|_| form())?;
                Ok(Self::LatencyP99 { above })
            }
            _ => Err(form()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Failure, Marks, Outcome, Recorder, Within};

    fn interval(succeeded: u64, failed: u64, took_ns: u64) -> Interval {
        let recorder = Recorder::new(&["get"], 1);
        let marks = Marks {
            started_ns: 1,
            done_ns: 1 + took_ns,
            ..Marks::default()
        };
        for _ in 0..succeeded {
            recorder.record(&marks, &Outcome::success(0), Within::WHOLLY);
        }
        for _ in 0..failed {
            let failure = Failure::new("refused", "refused");
            recorder.record(&marks, &Outcome::failed(0, failure), Within::WHOLLY);
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
        let mut watch = Watch::new(0, Duration::from_mins(1));
        let mut look = |at: u64, succeeded, failed| {
            let interval = interval(succeeded, failed, 5);
            watch.look(at * second, &interval, &rules).is_some()
        };
        assert!(!look(1, 0, 8) && !look(2, 0, 8), "too few to tell");
        assert!(look(3, 0, 8));
        assert!(!look(4, 100, 5), "what was told is not told again");
        let mut watch = Watch::new(0, Duration::from_mins(1));
        let soon = watch.look(second / 10, &interval(0, 100, 5), &rules);
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
