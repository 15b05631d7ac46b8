//! Load that changes during a step, as users write it: `ramp:10..200/5m`, `spike:20,200/30s`.
//!
//! Some forms of a written curve ([`LoadCurve`]) have no length of their own. [`LoadCurve::over`]
//! fits any form to the length of a step, and returns a [`FittedCurve`]: the arithmetic curve and
//! its named segments.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::curve_file::read_points;
use super::curve_segments::{self, MOST_SEGMENTS, NamedSegment};
use super::load_curve_error::LoadCurveError;
use super::rate_curve::RateCurve;
use super::written_time::{LONGEST, written_time};
use super::written_value::written_value;

/// Length of a step with a spike if no duration is given, as a multiple of the spike's length: one
/// before the spike, the spike, and two after it.
const SPIKES_IN_A_STEP: u32 = 4;
/// Length of a step with a wave if no duration is given, in periods of the wave.
const PERIODS_IN_A_STEP: u32 = 2;
/// Largest number of periods of a wave in one step. Each period takes memory: 64 straight lines and
/// two spans of segments.
const MOST_WAVES: u128 = 10_000;

/// Load over time, as users write it. Values are arrivals per second in an open loop, or numbers of
/// users in a closed loop.
#[derive(Debug, Clone, PartialEq)]
pub enum LoadCurve {
    /// One value for the whole step.
    Constant(f64),
    /// Straight line from one value to another.
    Ramp {
        /// First value of the ramp.
        from: f64,
        /// Last value of the ramp, which is below the first if the ramp falls.
        to: f64,
        /// Time from the first value of the ramp to the last one.
        length: Duration,
    },
    /// Constant values, one after another, each for the same time.
    Stairs {
        /// Value of each stair, in order.
        values: Vec<f64>,
        /// Time that each single stair takes.
        each: Duration,
    },
    /// Base value with one spike. Of the step's time beside the spike, a third lies before it and
    /// two thirds after it.
    Spike {
        /// Value of the load before and after the spike.
        base: f64,
        /// Value of the load during the spike.
        peak: f64,
        /// Length of time of the spike.
        length: Duration,
    },
    /// Sine wave around its mean. It begins at the mean and rises.
    Sine {
        /// Mean value of the wave.
        mean: f64,
        /// Height of a peak above the mean, which is also the depth of a trough below it.
        amplitude: f64,
        /// Time from one peak to the next.
        period: Duration,
    },
    /// Straight lines between points that a file lists.
    Points {
        /// File from which the points were read.
        path: PathBuf,
        /// Points of the curve: time since its start, and value; times never fall.
        points: Vec<(Duration, f64)>,
    },
}

/// Curve of a load that was fitted to the length of a measured part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedCurve {
    /// Curve in the notation of users, for reports.
    pub(crate) written: String,
    /// Load at each instant of the measured part.
    pub(crate) curve: RateCurve,
    /// Segments with results of their own, which cover the measured part; empty for a constant
    /// load.
    pub(crate) segments: Vec<NamedSegment>,
}

impl FittedCurve {
    /// Creates a curve of straight lines between points of (time since the start, value), without
    /// named segments. `written` represents it in reports.
    ///
    /// # Errors
    /// Fails if a value is negative or not finite, if times fall, or if no two points have
    /// different times.
    pub fn through(written: String, points: &[(Duration, f64)]) -> Result<Self, LoadCurveError> {
        Ok(Self {
            written,
            curve: RateCurve::points(points)?,
            segments: Vec::new(),
        })
    }

    /// Returns the positions in `segments` of the segment before the spike and of the spike; `None`
    /// for a curve without a spike.
    pub(crate) fn spike(&self) -> Option<(usize, usize)> {
        let named = |name: &str| self.segments.iter().position(|s| s.name == name);
        Some((
            named(curve_segments::BEFORE_SPIKE)?,
            named(curve_segments::SPIKE)?,
        ))
    }
}

impl LoadCurve {
    /// Returns the value of a constant load; `None` for a load of any other form.
    pub fn constant(&self) -> Option<f64> {
        match self {
            Self::Constant(value) => Some(*value),
            _ => None,
        }
    }

    /// Returns the highest value that the curve reaches, in arrivals per second or users.
    pub fn peak(&self) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Ramp { from, to, .. } => from.max(*to),
            Self::Stairs { values, .. } => values.iter().copied().fold(0.0, f64::max),
            Self::Spike { base, peak, .. } => base.max(*peak),
            Self::Sine {
                mean, amplitude, ..
            } => mean + amplitude,
            Self::Points { points, .. } => points.iter().map(|(_, v)| *v).fold(0.0, f64::max),
        }
    }

    /// Returns the length of the curve as it was written. For a spike or a wave, which fit any
    /// length, returns a default: four lengths of the spike, or two periods. `None` for a constant.
    pub fn length(&self) -> Option<Duration> {
        match self {
            Self::Constant(_) => None,
            Self::Ramp { length, .. } => Some(*length),
            Self::Stairs { values, each } => Some(each.saturating_mul(values.len() as u32)),
            Self::Spike { length, .. } => Some(length.saturating_mul(SPIKES_IN_A_STEP)),
            Self::Sine { period, .. } => Some(period.saturating_mul(PERIODS_IN_A_STEP)),
            Self::Points { points, .. } => points.last().map(|(at, _)| *at),
        }
    }

    /// Fits the curve to a measured part of `length`. A ramp, stairs or a file that ends earlier
    /// keeps its last value for the rest, which becomes a segment named `held`.
    ///
    /// # Errors
    /// Fails if the curve is longer than `length`, if a spike leaves no time beside it, if a wave
    /// has more than 10,000 periods, or if the values make no valid curve.
    pub fn over(&self, length: Duration) -> Result<FittedCurve, LoadCurveError> {
        let own = match self {
            Self::Ramp { .. } | Self::Stairs { .. } | Self::Points { .. } => self.length(),
            Self::Constant(_) | Self::Spike { .. } | Self::Sine { .. } => None,
        };
        if let Self::Spike { length: spike, .. } = self
            && *spike >= length
        {
            return Err(LoadCurveError::NoRoom {
                spike: *spike,
                step: length,
            });
        }
        if let Some(own) = own.filter(|own| *own > length) {
            return Err(LoadCurveError::TooLong {
                curve: own,
                step: length,
            });
        }
        if let Self::Sine { period, .. } = self
            && period.as_nanos().saturating_mul(MOST_WAVES) < length.as_nanos()
        {
            return Err(LoadCurveError::TooManyWaves {
                period: *period,
                step: length,
            });
        }
        let (curve, segments) = match self {
            Self::Constant(value) => (RateCurve::constant(*value, length)?, Vec::new()),
            Self::Ramp {
                from,
                to,
                length: ramp,
            } => curve_segments::ramp(*from, *to, *ramp, length)?,
            Self::Stairs { values, each } => curve_segments::stairs(values, *each, length)?,
            Self::Spike {
                base,
                peak,
                length: spike,
            } => curve_segments::spike(*base, *peak, *spike, length)?,
            Self::Sine {
                mean,
                amplitude,
                period,
            } => {
                let curve = RateCurve::sine(*mean, *amplitude, *period, length)?;
                (curve, curve_segments::wave_halves(*period, length))
            }
            Self::Points { points, .. } => curve_segments::points(points, length)?,
        };
        Ok(FittedCurve {
            written: self.to_string(),
            curve,
            segments,
        })
    }
}

impl From<f64> for LoadCurve {
    fn from(value: f64) -> Self {
        Self::Constant(value)
    }
}

impl fmt::Display for LoadCurve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |time: &Duration| humantime::format_duration(*time);
        match self {
            Self::Constant(value) => write!(f, "{value}"),
            Self::Ramp { from, to, length } => write!(f, "ramp:{from}..{to}/{}", time(length)),
            Self::Stairs { values, each } => {
                let values: Vec<String> = values.iter().map(f64::to_string).collect();
                write!(f, "stairs:{}/{}", values.join(","), time(each))
            }
            Self::Spike { base, peak, length } => write!(f, "spike:{base},{peak}/{}", time(length)),
            Self::Sine {
                mean,
                amplitude,
                period,
            } => write!(f, "sine:{mean},{amplitude}/{}", time(period)),
            Self::Points { path, .. } => write!(f, "file:{}", path.display()),
        }
    }
}

impl FromStr for LoadCurve {
    type Err = LoadCurveError;

    fn from_str(text: &str) -> Result<Self, LoadCurveError> {
        let text = text.trim();
        let form = || LoadCurveError::Form(text.to_owned());
        let Some((kind, rest)) = text.split_once(':') else {
            return written_value(text).map(Self::Constant).map_err(|_| form());
        };
        if kind == "file" {
            let path = PathBuf::from(rest);
            let points = read_points(&path)?;
            return Self::Points { path, points }.checked();
        }
        let (values, length) = rest.rsplit_once('/').ok_or_else(form)?;
        let length = time(length)?;
        let separator = if kind == "ramp" { ".." } else { "," };
        let values: Vec<f64> = values
            .split(separator)
            .map(written_value)
            .collect::<Result<_, _>>()?;
        let curve = match (kind, values.as_slice()) {
            ("ramp", [from, to]) => Self::Ramp {
                from: *from,
                to: *to,
                length,
            },
            ("stairs", [_, ..]) => Self::Stairs {
                values,
                each: length,
            },
            ("spike", [base, peak]) => Self::Spike {
                base: *base,
                peak: *peak,
                length,
            },
            ("sine", [mean, amplitude]) => Self::Sine {
                mean: *mean,
                amplitude: *amplitude,
                period: length,
            },
            _ => return Err(form()),
        };
        curve.checked()
    }
}

impl LoadCurve {
    /// Returns the curve if a step can use it. Fails for more than 16 stairs, a length above a
    /// year, and values that are invalid.
    fn checked(self) -> Result<Self, LoadCurveError> {
        if let Self::Stairs { values, .. } = &self
            && values.len() > MOST_SEGMENTS
        {
            return Err(LoadCurveError::TooManyStairs(values.len()));
        }
        if let Some(length) = self.length() {
            if length > LONGEST {
                return Err(LoadCurveError::OverAYear(length));
            }
            self.over(length)?;
        }
        Ok(self)
    }
}

fn time(text: &str) -> Result<Duration, LoadCurveError> {
    written_time(text)
        .filter(|time| !time.is_zero())
        .ok_or_else(|| LoadCurveError::Time(text.trim().to_owned()))
}
