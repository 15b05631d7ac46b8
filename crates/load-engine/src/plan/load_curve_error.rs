//! Reasons for which a written curve cannot be used. Each message says what to write instead.

use std::path::PathBuf;
use std::time::Duration;

use super::rate_curve::CurveError;

/// Reason for which a written curve cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LoadCurveError {
    /// The text is neither a number nor one of the curve's forms.
    #[error(
        "{0:?} is no load: write a number, ramp:10..200/5m, stairs:10,50,100/1m, spike:20,200/30s, \
         sine:100,50/1m (mean, amplitude / period) or file:curve.csv (lines of seconds,value)"
    )]
    Form(String),
    /// A value is not a number of at least zero.
    #[error("{value:?} is no value of a curve; write a number of zero or more, such as 200 or 10k")]
    Value {
        /// Value as it was written.
        value: String,
    },
    /// A text is not a length of time, or is a time longer than a year.
    #[error("{0:?} is no length of time; write 30s, 5m or 1h30m, a year at most")]
    Time(String),
    /// The curve lasts longer than a year.
    #[error(
        "a curve of {} is longer than a year; its times count from the start of the step",
        humantime::format_duration(*.0)
    )]
    OverAYear(Duration),
    /// A file cannot be read.
    #[error("cannot read the curve {}: {reason}", path.display())]
    File {
        /// Path of the file.
        path: PathBuf,
        /// Error message of the operating system.
        reason: String,
    },
    /// A line of a file is not `seconds,value`.
    #[error(
        "{}, line {line}: {text:?} is no point; write seconds,value, as in 30,200", path.display()
    )]
    Point {
        /// Path of the file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// Text of the line.
        text: String,
    },
    /// A line of a file has an earlier time than the line above it.
    #[error(
        "{}, line {line}: {seconds} s comes after {before} s, and points must have times that rise",
        path.display()
    )]
    Order {
        /// Path of the file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// Time of the line, in seconds.
        seconds: f64,
        /// Time of the line above, in seconds.
        before: f64,
    },
    /// A file has fewer than two points with different times.
    #[error(
        "{} holds no curve: it needs lines of seconds,value up to the end, as in 0,20 and 60,200",
        .0.display()
    )]
    NoTime(PathBuf),
    /// The curve has more stairs, whose number this is, than a step can have segments.
    #[error("{0} stairs are more than the 16 that results are told apart for; use file:curve.csv")]
    TooManyStairs(usize),
    /// The curve takes longer than the step.
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
    /// A spike is as long as its step, or longer.
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
    /// The step would have more waves than it may, because they are too short.
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
    /// The values or lengths make no valid curve.
    #[error(transparent)]
    Curve(#[from] CurveError),
}
