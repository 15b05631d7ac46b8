//! Reasons for which a written load curve cannot be used. Each message states what to write
//! instead.

use std::path::PathBuf;
use std::time::Duration;

use super::rate_curve::CurveError;

/// Reason for which a load curve that a user wrote cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LoadCurveError {
    /// The text, given here, is neither a number nor one of the curve's forms.
    #[error(
        "{0:?} is no load: write a number, ramp:10..200/5m, stairs:10,50,100/1m, spike:20,200/30s, \
         sine:100,50/1m (mean, amplitude / period) or file:curve.csv (lines of seconds,value)"
    )]
    Form(String),
    /// A value of the curve is not a finite number of at least zero.
    #[error("{value:?} is no value of a curve; write a number of zero or more, such as 200 or 10k")]
    Value {
        /// Value in the text of the user.
        value: String,
    },
    /// The text, given here, is not a length of time, or is zero or longer than a year.
    #[error("{0:?} is no length of time; write 30s, 5m or 1h30m, a year at most")]
    Time(String),
    /// The curve lasts longer than a year; its length is given here.
    #[error(
        "a curve of {} is longer than a year; its times count from the start of the step",
        humantime::format_duration(*.0)
    )]
    OverAYear(Duration),
    /// The file of the curve cannot be read.
    #[error("cannot read the curve {}: {reason}", path.display())]
    File {
        /// Path of the file of the curve.
        path: PathBuf,
        /// Error message of the operating system.
        reason: String,
    },
    /// A line of the file is not `seconds,value`.
    #[error(
        "{}, line {line}: {text:?} is no point; write seconds,value, as in 30,200", path.display()
    )]
    Point {
        /// Path of the file of the curve.
        path: PathBuf,
        /// Number of the malformed line, from 1.
        line: usize,
        /// Text of the malformed line.
        text: String,
    },
    /// A line of the file has an earlier time than the point before it.
    #[error(
        "{}, line {line}: {seconds} s comes after {before} s, and points must have times that rise",
        path.display()
    )]
    Order {
        /// Path of the file of the curve.
        path: PathBuf,
        /// Number of the line with the earlier time, from 1.
        line: usize,
        /// Time on the line, in seconds.
        seconds: f64,
        /// Time of the point before it, in seconds.
        before: f64,
    },
    /// The file, whose path is given here, has no time above zero.
    #[error(
        "{} holds no curve: it needs lines of seconds,value up to the end, as in 0,20 and 60,200",
        .0.display()
    )]
    NoTime(PathBuf),
    /// The curve has more stairs than the 16 segments that a curve can have; their number is given
    /// here.
    #[error("{0} stairs are more than the 16 that results are told apart for; use file:curve.csv")]
    TooManyStairs(usize),
    /// The curve takes longer than the step's measured part.
    #[error(
        "the curve takes {}, longer than the {} of --duration; lengthen one or shorten the other",
        humantime::format_duration(*.curve), humantime::format_duration(*.step)
    )]
    TooLong {
        /// Length of the curve.
        curve: Duration,
        /// Length of the measured part.
        step: Duration,
    },
    /// The spike is as long as the step's measured part, or longer.
    #[error(
        "a spike of {} in the {} of --duration leaves no time before and after it; lengthen --duration",
        humantime::format_duration(*spike), humantime::format_duration(*step)
    )]
    NoRoom {
        /// Length of the spike.
        spike: Duration,
        /// Length of the measured part.
        step: Duration,
    },
    /// The wave would have more than 10,000 periods in the measured part.
    #[error(
        "waves of {} in a step of {} are more than the 10,000 that one can hold; lengthen the wave",
        humantime::format_duration(*period), humantime::format_duration(*step)
    )]
    TooManyWaves {
        /// Length of one period of the wave.
        period: Duration,
        /// Length of the measured part.
        step: Duration,
    },
    /// The values or lengths make no valid curve, for this reason.
    #[error(transparent)]
    Curve(#[from] CurveError),
}
