//! Requirement that a gate judges: a figure of a run with its bound, as in `p99 < 5s`.
//!
//! Percentiles and errors are read as the benches read their objectives, so that `p99<50ms` means the same
//! in `--find-rate` and in a gate.

mod bound;
mod figure;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use bench_cli::{Objective, flags};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::figures;

pub(crate) use bound::GateBound;
pub(crate) use figure::GateFigure;

use figure::{NAMES, shown_percentile};

/// Figure with its bound, as in `p99 < 5s`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Requirement {
    /// Figure that is judged.
    pub(crate) figure: GateFigure,
    /// Values that pass.
    pub(crate) bound: GateBound,
}

impl Requirement {
    /// Returns the requirement in words: `p90 at most 500 ms`. `of` follows the figure's name, as
    /// in ` of read`; empty if nothing does.
    pub(crate) fn words(self, of: &str) -> String {
        let bound = shown(self.figure.unit(), self.bound.value);
        format!("{}{of} {} {bound}", self.figure.title(), self.bound.side())
    }
}

/// Formats the value of a bound. Bytes in round decimal units are shown in both kinds of units:
/// `477 MiB (500 MB)`.
fn shown(unit: &str, value: f64) -> String {
    let shown = figures::show(unit, value);
    let decimal = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")].into_iter();
    let mut decimal = decimal.filter(|(size, _)| unit == "bytes" && value % size == 0.0);
    match decimal.next() {
        Some((size, name)) => format!("{shown} ({:.0} {name})", value / size),
        None => shown,
    }
}

impl FromStr for Requirement {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (figure, comparison, bound) = split(text)?;
        let figure = figure_of(figure, bound)?;
        if comparison.is_least != figure.has_least() {
            return Err(format!(
                "{text:?} sets the {} that passes, which says nothing about this figure; write {}",
                if comparison.is_least { "least" } else { "most" },
                figure.example()
            ));
        }
        let value = value_of(figure, bound)?;
        let bound = GateBound {
            value,
            ..comparison
        };
        let never = bound.is_strict && figure.unit() == "ratio" && bound.is_least && value >= 1.0;
        if never {
            return Err(format!(
                "{text:?} can never be met, because no share is above 100 %; write {} >= 100%",
                figure.name()
            ));
        }
        Ok(Self { figure, bound })
    }
}

/// Splits the text of a requirement at its comparison, which is returned as a bound of 0.
fn split(text: &str) -> Result<(&str, GateBound, &str), String> {
    let comparisons = [
        ("<=", false, false),
        ("≤", false, false),
        (">=", true, false),
    ];
    let comparisons =
        comparisons
            .into_iter()
            .chain([("≥", true, false), ("<", false, true), (">", true, true)]);
    for (sign, is_least, is_strict) in comparisons {
        if let Some((figure, bound)) = text.split_once(sign) {
            let comparison = GateBound {
                value: 0.0,
                is_least,
                is_strict,
            };
            return Ok((figure.trim(), comparison, bound.trim()));
        }
    }
    Err(format!(
        "{text:?} has no bound; write a figure, <, <=, > or >=, and a value, such as p99 < 5s"
    ))
}

/// Returns the figure called `name`. A name that begins with `p` and a digit is a percentile.
fn figure_of(name: &str, bound: &str) -> Result<GateFigure, String> {
    let plain = name.replace('_', " ");
    let mut known = NAMES.into_iter();
    if let Some((_, figure)) = known.find(|(known, _)| *known == plain) {
        return Ok(figure);
    }
    let is_percentile =
        name.starts_with('p') && name[1..].starts_with(|c: char| c.is_ascii_digit());
    if is_percentile {
        return match format!("{name}<{bound}").parse::<Objective>()? {
            Objective::Latency { name, .. } => Ok(GateFigure::Percentile(name)),
            Objective::Errors { .. } => Ok(GateFigure::Errors),
        };
    }
    let names: Vec<&str> = NAMES.into_iter().map(|(name, _)| name).collect();
    Err(format!(
        "{name:?} is no figure that can be judged; there are p50, p75, p90, p95, p99, p99.9, p99.99, {}",
        names.join(", ")
    ))
}

/// Reads the bound of a figure, in the figure's unit.
fn value_of(figure: GateFigure, text: &str) -> Result<f64, String> {
    let nanoseconds = |text| flags::duration(text).map(|time| time.as_nanos() as f64);
    let write = |error: String| format!("{error} (as in {})", figure.example());
    match figure {
        GateFigure::Errors => match format!("errors<{text}").parse()? {
            Objective::Errors { below } => Ok(below),
            Objective::Latency { below, .. } => Ok(below.as_nanos() as f64),
        },
        GateFigure::Percentile(_) | GateFigure::Mean | GateFigure::Max | GateFigure::Recovery => {
            nanoseconds(text).map_err(write)
        }
        GateFigure::Throughput => flags::rate(text).map_err(write),
        GateFigure::MemoryGrowth => flags::size(text).map(|bytes| bytes as f64).map_err(write),
        _ => percent(text).map_err(write),
    }
}

/// Reads a percentage above 0 % up to 100 % as a fraction of 1.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').and_then(|n| n.trim().parse().ok());
    let number = number.filter(|n: &f64| *n > 0.0 && *n <= 100.0);
    number
        .map(|n| n / 100.0)
        .ok_or_else(|| format!("{text:?} is no share above 0 % and up to 100 %"))
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match (self.bound.is_least, self.bound.is_strict) {
            (false, false) => "<=",
            (false, true) => "<",
            (true, false) => ">=",
            (true, true) => ">",
        };
        let value = self.bound.value;
        let value = match self.figure.unit() {
            "ns" => {
                let time = std::time::Duration::from_nanos(value as u64);
                humantime::format_duration(time).to_string()
            }
            "per_s" => format!("{value}/s"),
            "bytes" => format!("{value:.0}"),
            _ => format!("{}%", without_binary_error(value * 100.0)),
        };
        let name = match self.figure {
            GateFigure::Percentile(name) => shown_percentile(name),
            other => other.name().to_owned(),
        };
        write!(f, "{name} {sign} {value}")
    }
}

/// Formats a number without the error of its binary form: `0.5` for 0.005 × 100.
fn without_binary_error(value: f64) -> String {
    format!("{}", (value * 1e9).round() / 1e9)
}

impl Serialize for Requirement {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Requirement {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Requirement {
    fn schema_name() -> Cow<'static, str> {
        "Requirement".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "Figure with its bound, as in `p99 < 5s`."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_figure_is_read_in_its_unit_and_written_as_it_is_read() {
        for (text, unit, value) in [
            ("p99 < 5s", "ns", 5e9),
            ("p99.9 < 50ms", "ns", 5e7),
            ("mean <= 10ms", "ns", 1e7),
            ("max < 1m", "ns", 6e10),
            ("errors < 0.5%", "ratio", 0.005),
            ("success > 95%", "ratio", 0.95),
            ("throughput > 500/s", "per_s", 500.0),
            ("carried >= 80%", "ratio", 0.8),
            ("hit ratio > 80%", "ratio", 0.8),
            ("pool use < 90%", "ratio", 0.9),
            ("memory growth < 500000000", "bytes", 5e8),
            ("recovery < 30s", "ns", 3e10),
        ] {
            let requirement: Requirement = text.parse().unwrap();
            assert_eq!(requirement.figure.unit(), unit, "{text}");
            assert!(
                (requirement.bound.value / value - 1.0).abs() < 1e-12,
                "{text}"
            );
            assert_eq!(requirement.to_string(), text);
        }
        let sized: Requirement = "memory_growth<500MB".parse().unwrap();
        assert!((sized.bound.value - 5e8).abs() < 1.0);
        assert_eq!(sized.words(""), "growth of memory below 477 MiB (500 MB)");
        let spaced: Requirement = " p99  <  5 s ".parse().unwrap();
        assert_eq!(spaced.to_string(), "p99 < 5s");
    }

    #[test]
    fn the_bound_itself_passes_only_where_it_may() {
        let holds = |text: &str, value| text.parse::<Requirement>().unwrap().bound.holds(value);
        assert!(!holds("p99 < 5s", 5e9) && holds("p99 <= 5s", 5e9));
        assert!(!holds("success > 95%", 0.95) && holds("success >= 95%", 0.95));
    }

    #[test]
    fn what_cannot_be_judged_or_met_is_refused_with_what_to_write() {
        for (text, told) in [
            ("p100 < 5s", "p99.99"),
            ("p98 < 5s", "p99.99"),
            ("p99 > 5s", "p99 < 5s"),
            ("p99 < 0s", "p99<20ms"),
            ("p99 < -5s", "p99<20ms"),
            ("p99 < nan", "p99<20ms"),
            ("p99", "p99 < 5s"),
            ("mean < 5", "mean < 100ms"),
            ("errors < 101%", "errors<1%"),
            ("errors < 0%", "errors<1%"),
            ("success > 100%", "success >= 100%"),
            ("success > 0%", "success > 95%"),
            ("success < 95%", "success > 95%"),
            ("carried > inf%", "carried >= 80%"),
            ("throughput > 0/s", "throughput > 500/s"),
            ("memory growth < 0MB", "memory growth < 500MB"),
            ("speed > 9000", "throughput"),
        ] {
            let error = text.parse::<Requirement>().expect_err(text);
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
