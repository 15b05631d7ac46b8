//! Objectives: bounds on latency or errors that a setting must keep, such as `p99<20ms` or
//! `errors<1%`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bench_report::Latency;
use bench_report::histogram::Percentiles;

/// Bound on the latency or the errors of a step, such as `p99<20ms` or `errors<1%`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Objective {
    /// Upper bound on a percentile of response time, which counts from the instant a request was
    /// due. In a closed loop it is the percentile of call time.
    Latency {
        /// Name of the percentile, such as `p99`.
        name: &'static str,
        /// Quantile of the percentile, as a fraction from 0 to 1: 0.99 for `p99`.
        quantile: f64,
        /// Time that the percentile must stay below.
        below: Duration,
    },
    /// Upper bound on failed requests as a share of all finished requests.
    Errors {
        /// Share that the failures must stay below, as a fraction from 0 to 1.
        below: f64,
    },
}

impl Objective {
    /// Returns true if these figures keep the objective; `error_ratio` is the share of failures,
    /// 0..1. Returns false if the figure is unknown: no request succeeded, none finished, or the
    /// percentile falls among requests that were never answered.
    pub fn is_kept(&self, latency: Option<&Latency>, error_ratio: Option<f64>) -> bool {
        match *self {
            Self::Latency {
                quantile, below, ..
            } => {
                let measured = latency.and_then(|latency| latency.quantile(quantile));
                measured.is_some_and(|measured| measured.is_below(below.as_nanos()))
            }
            Self::Errors { below } => error_ratio.is_some_and(|ratio| ratio < below),
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency { name, below, .. } => {
                write!(f, "{name}<{}", humantime::format_duration(*below))
            }
            Self::Errors { below } => write!(f, "errors<{}%", below * 100.0),
        }
    }
}

impl FromStr for Objective {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || {
            format!(
                "{text:?} is no objective; write p99<20ms, p95<1s or errors<1% (p50, p75, p90, p95, \
                 p99, p99.9 and p99.99 can be asked for)"
            )
        };
        let (figure, bound) = text.split_once('<').ok_or_else(form)?;
        let (figure, bound) = (figure.trim(), bound.trim());
        if figure == "errors" {
            let percent = bound.strip_suffix('%').and_then(|b| b.trim().parse().ok());
            let percent = percent.filter(|p: &f64| *p > 0.0 && *p <= 100.0);
            let below = percent.ok_or_else(form)? / 100.0;
            return Ok(Self::Errors { below });
        }
        let plain = figure.replace('.', "");
        let mut known = Percentiles::LEVELS.into_iter();
        let known = known.find(|(name, _)| *name == plain);
        let (name, quantile) = known.ok_or_else(form)?;
        let below = crate::flags::duration(bound).map_err(|_| form())?;
        Ok(Self::Latency {
            name,
            quantile,
            below,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_read_as_they_are_written() {
        for text in ["p99<20ms", "p50<1s", "p999<2m", "errors<1%", "errors<0.5%"] {
            assert_eq!(text.parse::<Objective>().unwrap().to_string(), text);
        }
        assert_eq!("p99.9<2m".parse(), "p999<2m".parse::<Objective>());
        for text in [
            "",
            "p99",
            "p98<1s",
            "p99>1s",
            "errors<x",
            "errors<0%",
            "p99<0s",
            "p99<fast",
        ] {
            let said = text.parse::<Objective>().expect_err(text);
            assert!(said.contains("write"), "{said}");
        }
    }

    /// Returns the latency of requests, given as pairs of a duration in nanoseconds and a number
    /// of requests. `unanswered` are requests that had waited for that time without an answer.
    fn latency(answered: &[(u64, u64)], unanswered: &[(u64, u64)]) -> Latency {
        let histogram = |of: &[(u64, u64)]| {
            let mut recording = bench_report::histogram::recording();
            for (ns, count) in of {
                recording.saturating_record_n(*ns, *count);
            }
            bench_report::Histogram::from_recording(&recording)
        };
        let operation = bench_report::Operation {
            call: histogram(answered),
            unfinished: histogram(unanswered),
            ..bench_report::Operation::default()
        };
        Latency::from_operations([&operation]).unwrap()
    }

    #[test]
    fn a_percentile_among_requests_that_were_never_answered_is_not_kept() {
        let hanging = latency(&[(1_000_000, 97)], &[(5_000_000, 3)]);
        let kept = |text: &str| {
            text.parse::<Objective>()
                .unwrap()
                .is_kept(Some(&hanging), None)
        };
        assert!(kept("p95<2ms"));
        assert!(!kept("p99<2ms"), "it is 5 ms or more");
        assert!(!kept("p99<1m"), "how much more nobody knows");
    }

    #[test]
    fn what_was_never_measured_keeps_nothing() {
        let latency = latency(&[(10_000_000, 1)], &[]);
        let kept = |text: &str, latency, errors| {
            text.parse::<Objective>().unwrap().is_kept(latency, errors)
        };
        assert!(kept("p99<20ms", Some(&latency), None));
        assert!(!kept("p99<5ms", Some(&latency), None));
        assert!(!kept("p99<5ms", None, Some(0.0)));
        assert!(kept("errors<1%", None, Some(0.0)));
        assert!(!kept("errors<1%", None, Some(0.01)));
        assert!(!kept("errors<1%", None, None));
    }
}
