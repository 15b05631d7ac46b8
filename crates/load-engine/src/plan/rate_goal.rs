//! Goal that a target must keep for a rate to be called carried: `p99<50ms`, `errors<1%`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bench_report::WarningCode;
use bench_report::{Latency, Load, QuantileEstimate, QuantileKind, Step, StepEnd, Warning};

/// Share of the arrivals due that must be carried while they are due.
const CARRIED: f64 = 0.97;

/// Percentiles that a goal may name, as they are written and as a report names them.
const PERCENTILES: [(&str, &str, f64); 7] = [
    ("p50", "p50", 0.5),
    ("p75", "p75", 0.75),
    ("p90", "p90", 0.9),
    ("p95", "p95", 0.95),
    ("p99", "p99", 0.99),
    ("p99.9", "p999", 0.999),
    ("p99.99", "p9999", 0.9999),
];

/// Bound on one figure of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RateGoal {
    /// A percentile of response time, requests without an answer among them.
    Latency {
        /// Index among the percentiles of a report: p50, p75, p90, p95, p99, p99.9, p99.99.
        percentile: usize,
        /// Bound that it must stay below.
        below: Duration,
    },
    /// Failed and unanswered requests ÷ all.
    Errors {
        /// Bound that the ratio must stay below, 0..1.
        below: f64,
    },
}

/// Verdict on one step at a rate.
#[derive(Debug, Clone, PartialEq)]
pub enum RateVerdict {
    /// The rate was carried within the goal.
    Held,
    /// It was not; with the figure that shows it.
    Broke(String),
    /// The figures tell nothing of the target; with the reason.
    Doubtful(String),
}

/// Text that is no goal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no goal of a rate: write p99<50ms, p95<10ms, p99.9<1s or errors<1%")]
pub struct RateGoalError(String);

impl RateGoal {
    /// Judges a step that offered a rate, by its figures and by the generator's doubts about them.
    ///
    /// Lateness of the generator only adds to a response time: a figure below its bound holds
    /// although the generator doubts it, and one above tells nothing of the target then. Too few
    /// samples tell nothing either way.
    pub fn judge(&self, step: &Step, warnings: &[Warning]) -> RateVerdict {
        if !matches!(step.load, Load::Open { .. }) {
            return RateVerdict::Doubtful("the step offered no rate".to_owned());
        }
        match &step.end {
            StepEnd::Completed => {}
            StepEnd::Stopped { reason, .. } => {
                return self.unless_spoilt(step, warnings, reason.clone());
            }
            StepEnd::Interrupted => return RateVerdict::Doubtful("it was interrupted".to_owned()),
            StepEnd::Failed { reason } => return RateVerdict::Broke(reason.clone()),
        }
        if let Some(carried) = step.carried_ratio().filter(|carried| *carried < CARRIED) {
            let reason = format!("{:.0} % of the offered rate was carried", 100.0 * carried);
            return self.unless_spoilt(step, warnings, reason);
        }
        match self.broken_figure(step) {
            Ok(None) => self.held_unless_few(step, warnings),
            Ok(Some(figure)) => self.unless_spoilt(step, warnings, figure),
            Err(reason) => RateVerdict::Doubtful(reason),
        }
    }

    /// The figure that breaks the goal, as a sentence; an error where it is not known.
    fn broken_figure(&self, step: &Step) -> Result<Option<String>, String> {
        match self {
            Self::Latency { percentile, below } => {
                let (name, _, q) = PERCENTILES
                    .get(*percentile)
                    .copied()
                    .unwrap_or(PERCENTILES[4]);
                let latency = Latency::from_operations(step.operations.values())
                    .map_err(|error| error.to_string())?
                    .quantile(q)
                    .ok_or("nothing was answered")?;
                let is_below = u128::from(latency.ns) < below.as_nanos();
                match (is_below, latency.kind) {
                    (true, QuantileKind::AtLeast) => Err(format!(
                        "{name} was {}, which does not tell",
                        shown(latency)
                    )),
                    (true, _) => Ok(None),
                    (false, _) => Ok(Some(format!("{name} was {}", shown(latency)))),
                }
            }
            Self::Errors { below } => {
                let ratio = step.error_ratio().ok_or("nothing was asked")?;
                let sentence = || format!("{:.2} % of the requests failed", 100.0 * ratio);
                Ok((ratio >= *below).then(sentence))
            }
        }
    }

    fn unless_spoilt(&self, step: &Step, warnings: &[Warning], broken: String) -> RateVerdict {
        let is_own = |warning: &&Warning| {
            let own = matches!(
                warning.code,
                WarningCode::GeneratorSaturated
                    | WarningCode::GeneratorThreadSaturated
                    | WarningCode::GeneratorStalled
                    | WarningCode::PacingLag
                    | WarningCode::DisturbedMachine
            );
            own && self.spoils(step, warning)
        };
        match warnings.iter().find(is_own) {
            Some(warning) => RateVerdict::Doubtful(format!("{broken}, but {}", warning.message)),
            None => RateVerdict::Broke(broken),
        }
    }

    fn held_unless_few(&self, step: &Step, warnings: &[Warning]) -> RateVerdict {
        let few = warnings
            .iter()
            .find(|w| w.code == WarningCode::TooFewSamples && self.spoils(step, w));
        match few {
            Some(warning) => RateVerdict::Doubtful(warning.message.clone()),
            None => RateVerdict::Held,
        }
    }

    /// Returns true if `warning` spoils the figure that this goal is about, or the throughput that
    /// tells whether the rate was carried, for any operation of the step.
    fn spoils(&self, step: &Step, warning: &Warning) -> bool {
        let step_index = warning.step.unwrap_or_default();
        let mut names = step.operations.keys();
        names.any(|name| {
            let below = |figure: &str| {
                warning.spoils(&format!("/steps/{step_index}/operations/{name}/{figure}"))
            };
            match self {
                Self::Latency { percentile, .. } => {
                    let key = PERCENTILES.get(*percentile).map_or("p99", |p| p.1);
                    below(&format!("response/percentiles_ns/{key}")) || below("throughput_per_s")
                }
                Self::Errors { .. } => below("errors") || below("throughput_per_s"),
            }
        })
    }
}

fn shown(latency: QuantileEstimate) -> String {
    let bound = if latency.kind == QuantileKind::AtLeast {
        "at least "
    } else {
        ""
    };
    let micros = Duration::from_micros(latency.ns / 1_000);
    format!("{bound}{}", humantime::format_duration(micros))
}

impl fmt::Display for RateGoal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency { percentile, below } => {
                let name = PERCENTILES.get(*percentile).map_or("p99", |p| p.0);
                write!(f, "{name}<{}", humantime::format_duration(*below))
            }
            Self::Errors { below } => write!(f, "errors<{}%", below * 100.0),
        }
    }
}

impl FromStr for RateGoal {
    type Err = RateGoalError;

    fn from_str(text: &str) -> Result<Self, RateGoalError> {
        let error = || RateGoalError(text.trim().to_owned());
        let (figure, bound) = text.split_once('<').ok_or_else(error)?;
        let (figure, bound) = (figure.trim(), bound.trim());
        if figure == "errors" {
            let percent = bound.strip_suffix('%').and_then(|b| b.trim().parse().ok());
            let percent = percent.filter(|p: &f64| *p > 0.0 && *p <= 100.0);
            let below = percent.ok_or_else(error)? / 100.0;
            return Ok(Self::Errors { below });
        }
        let percentile = PERCENTILES.iter().position(|(name, ..)| *name == figure);
        let below = humantime::parse_duration(bound).map_err(|_| error())?;
        if below.is_zero() {
            return Err(error());
        }
        Ok(Self::Latency {
            percentile: percentile.ok_or_else(error)?,
            below,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bench_report::histogram::recording;
    use bench_report::{Generator, Histogram, Operation, Pacing, Window};
    use std::collections::BTreeMap;

    /// Ten seconds of an open loop. Of 10,000 arrivals `share` are answered, 98 in 100 of them in a
    /// millisecond and the others in `slow`; the rest is cut off, or failed.
    fn step(share: f64, slow: Duration, cut_off: u64) -> Step {
        let answered = (10_000.0 * share) as u64;
        let mut response = recording();
        let slow_ones = answered / 50;
        response.record_n(1_000_000, answered - slow_ones).unwrap();
        response
            .record_n(slow.as_nanos() as u64, slow_ones)
            .unwrap();
        let mut unfinished = recording();
        unfinished.record_n(5_000_000_000, cut_off).unwrap();
        let operation = Operation {
            attempted: 10_000,
            succeeded: answered,
            censored: cut_off,
            throughput_per_s: answered as f64 / 10.0,
            response: Histogram::from_recording(&response),
            unfinished: Histogram::from_recording(&unfinished),
            pacing_lag: Histogram::from_recording(&response),
            ..Operation::default()
        };
        Step {
            load: Load::Open {
                rate_per_s: 1_000.0,
                pacing: Pacing::Constant,
                in_flight_cap: 100,
                delayed_at_cap: 0,
            },
            window: Window {
                start_ns: 0,
                measure_start_ns: 0,
                measure_end_ns: 10_000_000_000,
                end_ns: 10_000_000_000,
            },
            operations: [("get".to_owned(), operation)].into(),
            name: "planted".to_owned(),
            parameters: BTreeMap::new(),
            repeat: 0,
            parts: BTreeMap::new(),
            failures: Vec::new(),
            pool: None,
            server: None,
            generator: Generator::default(),
            curve: None,
            segments: Vec::new(),
            sessions: None,
            figures: BTreeMap::new(),
            end: StepEnd::Completed,
        }
    }

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn goal(text: &str) -> RateGoal {
        text.parse().unwrap()
    }

    #[test]
    fn goals_read_as_they_are_written() {
        for text in [
            "p99<50ms",
            "p99.9<1s",
            "p50<200us",
            "errors<1%",
            "errors<0.5%",
        ] {
            assert_eq!(goal(text).to_string(), text);
        }
        for text in [
            "",
            "p99",
            "p99>50ms",
            "p98<1s",
            "p99<fast",
            "p99<0s",
            "errors<0%",
            "errors<1",
        ] {
            assert!(text.parse::<RateGoal>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_rate_holds_where_its_figure_is_below_the_bound() {
        assert_eq!(
            goal("p99<50ms").judge(&step(1.0, MS(40), 0), &[]),
            RateVerdict::Held
        );
        let RateVerdict::Broke(reason) = goal("p99<50ms").judge(&step(1.0, MS(60), 0), &[]) else {
            panic!("60 ms held");
        };
        assert!(
            reason.starts_with("p99 was 6") || reason.starts_with("p99 was 59"),
            "{reason}"
        );
        assert_eq!(
            goal("p95<50ms").judge(&step(1.0, MS(60), 0), &[]),
            RateVerdict::Held
        );
    }

    #[test]
    fn requests_without_an_answer_break_a_goal_that_the_answered_ones_keep() {
        // 200 of 10,000 wait for 5 s in vain; those that were answered took a millisecond.
        let hung = step(0.98, MS(1), 200);
        let RateVerdict::Broke(reason) = goal("p99<50ms").judge(&hung, &[]) else {
            panic!("a hang held");
        };
        assert!(
            reason.contains("at least 4s") || reason.contains("at least 5s"),
            "{reason}"
        );
    }

    #[test]
    fn a_rate_that_is_not_carried_breaks_every_goal() {
        for text in ["p99<50ms", "errors<50%"] {
            let verdict = goal(text).judge(&step(0.9, MS(1), 0), &[]);
            assert_eq!(
                verdict,
                RateVerdict::Broke("90 % of the offered rate was carried".to_owned())
            );
        }
    }

    #[test]
    fn failures_count_among_all() {
        let failing = step(0.99, MS(1), 0);
        assert_eq!(goal("errors<2%").judge(&failing, &[]), RateVerdict::Held);
        assert_eq!(
            goal("errors<1%").judge(&failing, &[]),
            RateVerdict::Broke("1.00 % of the requests failed".to_owned())
        );
    }

    #[test]
    fn the_generator_s_lateness_is_not_charged_to_the_target() {
        let lag = Warning::new(WarningCode::PacingLag, "arrivals were released late")
            .about_step(0, &["operations/*/response"]);
        let late = goal("p99<50ms").judge(&step(1.0, MS(60), 0), std::slice::from_ref(&lag));
        let RateVerdict::Doubtful(reason) = late else {
            panic!("{late:?}");
        };
        assert!(reason.contains("released late"), "{reason}");
        assert_eq!(
            goal("p99<50ms").judge(&step(1.0, MS(40), 0), &[lag]),
            RateVerdict::Held,
            "lateness can only have made it slower"
        );
    }

    #[test]
    fn too_few_samples_tell_nothing() {
        let few = Warning::new(
            WarningCode::TooFewSamples,
            "200 samples are too few for p99",
        )
        .about_step(0, &["operations/*/response/percentiles_ns/p99"]);
        let verdict = goal("p99<50ms").judge(&step(1.0, MS(40), 0), std::slice::from_ref(&few));
        assert!(matches!(verdict, RateVerdict::Doubtful(_)), "{verdict:?}");
        assert_eq!(
            goal("p95<50ms").judge(&step(1.0, MS(40), 0), &[few]),
            RateVerdict::Held
        );
    }
}
