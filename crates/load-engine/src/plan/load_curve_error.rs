//! Reasons why a written curve cannot be used, each with what to write instead.

use std::path::PathBuf;
use std::time::Duration;

use super::rate_curve::CurveError;

/// Reason why a written curve cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LoadCurveError {
    /// Text that has no form of a curve.
    #[error(
        "{0:?} is no load: write a number, ramp:10..200/5m, stairs:10,50,100/1m, spike:20,200/30s, \
         sine:100,50/1m (mean, amplitude / period) or file:curve.csv (lines of seconds,value)"
    )]
    Form(String),
    /// A value that is no number of zero or more.
    #[error("{value:?} is no value of a curve; write a number of zero or more, such as 200 or 10k")]
    Value {
        /// Value as it was written.
        value: String,
    },
    /// A time that is none, or longer than a year.
    #[error("{0:?} is no length of time; write 30s, 5m or 1h30m, a year at most")]
    Time(String),
    /// A curve that lasts longer than a year.
    #[error(
        "a curve of {} is longer than a year; its times count from the start of the step",
        humantime::format_duration(*.0)
    )]
    OverAYear(Duration),
    /// A file that cannot be read.
    #[error("cannot read the curve {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Words of the system.
        reason: String,
    },
    /// A line of a file that is no point.
    #[error(
        "{}, line {line}: {text:?} is no point; write seconds,value, as in 30,200", path.display()
    )]
    Point {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// Text of the line.
        text: String,
    },
    /// A line of a file whose time is before that of the line above it.
    #[error(
        "{}, line {line}: {seconds} s comes after {before} s, and points must have times that rise",
        path.display()
    )]
    Order {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// Time of the line, in seconds.
        seconds: f64,
        /// Time of the line above, in seconds.
        before: f64,
    },
    /// A file without two points in time.
    #[error(
        "{} holds no curve: it needs lines of seconds,value up to the end, as in 0,20 and 60,200",
        .0.display()
    )]
    NoTime(PathBuf),
    /// More stairs than results can be told apart for.
    #[error("{0} stairs are more than the 16 that results are told apart for; use file:curve.csv")]
    TooManyStairs(usize),
    /// A curve that takes longer than the step.
    #[error(
        "the curve takes {}, longer than the {} of --duration; lengthen one or shorten the other",
        humantime::format_duration(*.curve), humantime::format_duration(*.step)
    )]
    TooLong {
        /// Length of the curve.
        curve: Duration,
        /// Length of the step.
        step: Duration,
    },
    /// A spike that fills its step.
    #[error(
        "a spike of {} in the {} of --duration leaves no time before and after it; lengthen --duration",
        humantime::format_duration(*spike), humantime::format_duration(*step)
    )]
    NoRoom {
        /// Length of the spike.
        spike: Duration,
        /// Length of the step.
        step: Duration,
    },
    /// Waves too short for their step.
    #[error(
        "waves of {} in a step of {} are more than the 10,000 that one can hold; lengthen the wave",
        humantime::format_duration(*period), humantime::format_duration(*step)
    )]
    TooManyWaves {
        /// Length of one wave.
        period: Duration,
        /// Length of the step.
        step: Duration,
    },
    /// Arithmetic that makes no sense.
    #[error(transparent)]
    Curve(#[from] CurveError),
}
