//! Curve of a load over the time of a step, in arrivals per second or users: pure arithmetic,
//! without a clock.
//!
//! Arrival number x is due at the instant at which the integral of the curve reaches x. Inverting
//! the integral gives exact pacing at any rate, and lets several workers share one curve.

use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;
use std::time::Duration;

use super::straight_line::StraightLine;

/// Number of straight lines that approximate one period of a sine wave.
const LINES_IN_A_PERIOD: f64 = 64.0;

/// Reason for which the curve of a load is invalid.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CurveError {
    /// A rate, given here, is below zero, infinite or not a number.
    #[error("a rate must be a number of arrivals per second, zero or more, not {0}")]
    Rate(f64),
    /// A length of time is zero, or no two points have different times.
    #[error("a rate curve must last longer than zero")]
    Empty,
    /// Points are not in the order of their times.
    #[error(
        "the points of a rate curve must have times that rise, but {later:?} follows {earlier:?}"
    )]
    Disorder {
        /// Time of the earlier point in the list, since the start of the curve.
        earlier: Duration,
        /// Time of the point that follows it, which is before it.
        later: Duration,
    },
    /// A sine wave would go below zero, because its amplitude exceeds its mean.
    #[error("a sine of amplitude {amplitude} around {mean} arrivals per second dips below zero")]
    Dips {
        /// Mean of the sine wave, in arrivals per second.
        mean: f64,
        /// Amplitude of the sine wave, its largest deviation from the mean, in arrivals per second.
        amplitude: f64,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum CurveShape {
    Lines(Vec<StraightLine>),
    Sine {
        mean: f64,
        amplitude: f64,
        period: f64,
        seconds: f64,
    },
}

/// Load over the time of a step: arrivals per second, or users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RateCurve {
    shape: CurveShape,
}

fn rate(value: f64) -> Result<f64, CurveError> {
    if value.is_finite() && value >= 0.0 {
        Ok(value)
    } else {
        Err(CurveError::Rate(value))
    }
}

fn seconds(length: Duration) -> Result<f64, CurveError> {
    if length.is_zero() {
        Err(CurveError::Empty)
    } else {
        Ok(length.as_secs_f64())
    }
}

impl RateCurve {
    fn of_lines(lines: Vec<StraightLine>) -> Result<Self, CurveError> {
        if lines.is_empty() {
            return Err(CurveError::Empty);
        }
        for line in &lines {
            rate(line.from)?;
            rate(line.to)?;
        }
        Ok(Self {
            shape: CurveShape::Lines(lines),
        })
    }

    /// Creates a curve of one constant rate for `length`.
    ///
    /// # Errors
    /// Fails if the rate is negative or not finite, or if the length is zero.
    pub(crate) fn constant(per_s: f64, length: Duration) -> Result<Self, CurveError> {
        Self::ramp(per_s, per_s, length)
    }

    /// Creates a straight line from one rate to another in the time `length`.
    ///
    /// # Errors
    /// Fails if a rate is negative or not finite, or if the length is zero.
    pub(crate) fn ramp(
        from_per_s: f64,
        to_per_s: f64,
        length: Duration,
    ) -> Result<Self, CurveError> {
        Self::of_lines(vec![StraightLine {
            seconds: seconds(length)?,
            from: from_per_s,
            to: to_per_s,
        }])
    }

    /// Creates stairs from pairs of a rate, in arrivals per second, and the time for which it
    /// applies.
    ///
    /// # Errors
    /// Fails if a rate is negative or not finite, if a length is zero, or if there are no stairs.
    pub(crate) fn steps(steps: &[(f64, Duration)]) -> Result<Self, CurveError> {
        let line = |&(per_s, length): &(f64, Duration)| {
            Ok(StraightLine {
                seconds: seconds(length)?,
                from: per_s,
                to: per_s,
            })
        };
        Self::of_lines(steps.iter().map(line).collect::<Result<_, CurveError>>()?)
    }

    /// Creates a base rate with one spike to the rate `height_per_s`, which begins after `before`
    /// and lasts `width`. The base rate applies again for `after`.
    ///
    /// # Errors
    /// Fails if a rate is negative or not finite, or if a length is zero.
    pub(crate) fn spike(
        base_per_s: f64,
        height_per_s: f64,
        before: Duration,
        width: Duration,
        after: Duration,
    ) -> Result<Self, CurveError> {
        Self::steps(&[
            (base_per_s, before),
            (height_per_s, width),
            (base_per_s, after),
        ])
    }

    /// Creates a sine wave around a mean rate for `length`, which begins at the mean and rises.
    ///
    /// # Errors
    /// Fails if a rate is negative or not finite, if a length is zero, or if the amplitude exceeds
    /// the mean, so that rates would be negative.
    pub(crate) fn sine(
        mean_per_s: f64,
        amplitude_per_s: f64,
        period: Duration,
        length: Duration,
    ) -> Result<Self, CurveError> {
        let (mean, amplitude) = (rate(mean_per_s)?, rate(amplitude_per_s)?);
        if amplitude > mean {
            return Err(CurveError::Dips { mean, amplitude });
        }
        let (period, seconds) = (seconds(period)?, seconds(length)?);
        Ok(Self {
            shape: CurveShape::Sine {
                mean,
                amplitude,
                period,
                seconds,
            },
        })
    }

    /// Creates straight lines between points, each a time since the start and a rate. Two points
    /// with the same time make a jump. The curve begins at the first point, whatever its time.
    ///
    /// # Errors
    /// Fails if a rate is negative or not finite, if a point has an earlier time than the one
    /// before it, or if no two points have different times.
    pub(crate) fn points(points: &[(Duration, f64)]) -> Result<Self, CurveError> {
        let mut lines = Vec::new();
        for pair in points.windows(2) {
            let [(earlier, from), (later, to)] = pair else {
                continue;
            };
            if later < earlier {
                return Err(CurveError::Disorder {
                    earlier: *earlier,
                    later: *later,
                });
            }
            if later == earlier {
                // Two points with the same time: the rate jumps, which takes no line.
                continue;
            }
            lines.push(StraightLine {
                seconds: later.saturating_sub(*earlier).as_secs_f64(),
                from: *from,
                to: *to,
            });
        }
        Self::of_lines(lines)
    }

    /// Returns the length of the curve in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        match &self.shape {
            CurveShape::Lines(lines) => lines.iter().map(|p| p.seconds).sum(),
            CurveShape::Sine { seconds, .. } => *seconds,
        }
    }

    /// Returns the value `t` seconds after the start of the curve. Before the start this is the
    /// first value, after the end the last one.
    pub(crate) fn value(&self, t: f64) -> f64 {
        match &self.shape {
            CurveShape::Lines(lines) => {
                let mut left = t.max(0.0);
                for line in lines {
                    if left < line.seconds {
                        return line.value(left);
                    }
                    left -= line.seconds;
                }
                lines.last().map_or(0.0, |line| line.to)
            }
            CurveShape::Sine {
                mean,
                amplitude,
                period,
                seconds,
            } => mean + amplitude * (TAU * t.clamp(0.0, *seconds) / period).sin(),
        }
    }

    /// Returns the curve as successive straight lines. A sine wave is approximated by 64 lines per
    /// period.
    pub(crate) fn lines(&self) -> Vec<StraightLine> {
        match &self.shape {
            CurveShape::Lines(lines) => lines.clone(),
            CurveShape::Sine {
                period, seconds, ..
            } => {
                let count = (LINES_IN_A_PERIOD * seconds / period).ceil().max(1.0);
                let length = seconds / count;
                let line = |k: u64| StraightLine {
                    seconds: length,
                    from: self.value(k as f64 * length),
                    to: self.value((k + 1) as f64 * length),
                };
                (0..count as u64).map(line).collect()
            }
        }
    }

    /// Returns the number of arrivals that are due in the first `t` seconds: the integral of the
    /// rate. After the end of the curve it stays constant.
    pub(crate) fn cumulative(&self, t: f64) -> f64 {
        match &self.shape {
            CurveShape::Lines(lines) => {
                let (mut left, mut sum) = (t, 0.0);
                for line in lines {
                    if left < line.seconds {
                        return sum + line.cumulative(left.max(0.0));
                    }
                    sum += line.total();
                    left -= line.seconds;
                }
                sum
            }
            CurveShape::Sine {
                mean,
                amplitude,
                period,
                seconds,
            } => {
                let t = t.clamp(0.0, *seconds);
                mean * t + amplitude * period / TAU * (1.0 - (TAU * t / period).cos())
            }
        }
    }

    /// Returns the number of arrivals over the whole curve, which need not be a whole number.
    pub(crate) fn total(&self) -> f64 {
        self.cumulative(self.seconds())
    }

    /// Returns the highest value of the curve; that of a sine wave is approximate.
    pub(crate) fn peak(&self) -> f64 {
        let ends = self
            .lines()
            .into_iter()
            .flat_map(|line| [line.from, line.to]);
        ends.fold(0.0, f64::max)
    }

    /// Returns the mean value over the whole curve: arrivals per second, or users.
    pub(crate) fn mean(&self) -> f64 {
        self.total() / self.seconds()
    }

    /// Returns the instant at which arrival number `x`, from 0, is due, in seconds since the start
    /// of the curve; `None` if the curve has fewer arrivals or `x` is negative. Inverse of
    /// [`RateCurve::cumulative`].
    pub(crate) fn inverse(&self, x: f64) -> Option<f64> {
        if !(0.0..self.total()).contains(&x) {
            return None;
        }
        match &self.shape {
            CurveShape::Lines(lines) => {
                let (mut left, mut begin) = (x, 0.0);
                for line in lines {
                    let total = line.total();
                    if left < total {
                        return Some(begin + line.inverse(left));
                    }
                    left -= total;
                    begin += line.seconds;
                }
                None
            }
            CurveShape::Sine { seconds, .. } => Some(self.bisect(x, *seconds)),
        }
    }

    fn bisect(&self, x: f64, end: f64) -> f64 {
        let (mut low, mut high) = (0.0, end);
        // 60 halvings narrow an hour down to less than a femtosecond.
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if self.cumulative(middle) < x {
                low = middle;
            } else {
                high = middle;
            }
        }
        f64::midpoint(low, high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: fn(f64) -> Duration = Duration::from_secs_f64;

    #[test]
    fn arrivals_fall_where_the_table_says() {
        let constant = RateCurve::constant(1000.0, S(10.0)).unwrap();
        let ramp = RateCurve::ramp(0.0, 100.0, S(10.0)).unwrap();
        let steps = RateCurve::steps(&[(10.0, S(1.0)), (0.0, S(2.0)), (20.0, S(1.0))]).unwrap();
        let spike = RateCurve::spike(1.0, 100.0, S(5.0), S(1.0), S(5.0)).unwrap();
        let sine = RateCurve::sine(10.0, 10.0, S(4.0), S(8.0)).unwrap();
        for (curve, x, due) in [
            (&constant, 0.0, Some(0.0)),
            (&constant, 2500.0, Some(2.5)),
            (&constant, 10_000.0, None),
            (&ramp, 0.0, Some(0.0)),
            (&ramp, 125.0, Some(5.0)),
            (&ramp, 500.0, None),
            (&steps, 10.0, Some(3.0)),
            (&steps, 20.0, Some(3.5)),
            (&spike, 55.0, Some(5.5)),
            (&sine, 40.0, Some(4.0)),
        ] {
            match (curve.inverse(x), due) {
                (Some(found), Some(due)) => assert!((found - due).abs() < 1e-9, "{x}: {found}"),
                (found, due) => assert_eq!(found, due, "arrival {x} of {curve:?}"),
            }
        }
        assert!((sine.total() - 80.0).abs() < 1e-9);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(RateCurve::constant(f64::NAN, S(1.0)).is_err());
        assert!(RateCurve::constant(-1.0, S(1.0)).is_err());
        assert_eq!(
            RateCurve::constant(1.0, Duration::ZERO),
            Err(CurveError::Empty)
        );
        assert!(RateCurve::sine(1.0, 2.0, S(1.0), S(1.0)).is_err());
        assert!(RateCurve::points(&[(S(1.0), 1.0), (S(1.0), 2.0)]).is_err());
        assert_eq!(RateCurve::points(&[(S(1.0), 1.0)]), Err(CurveError::Empty));
    }

    proptest! {
        #[test]
        fn the_inverse_undoes_the_integral(
            rates in prop::collection::vec(0.0f64..10_000.0, 2..6),
            share in 0.0f64..1.0,
        ) {
            let points: Vec<_> = rates.iter().enumerate().map(|(i, r)| (S(i as f64), *r)).collect();
            let curve = RateCurve::points(&points).unwrap();
            let x = curve.total() * share;
            if let Some(t) = curve.inverse(x) {
                prop_assert!((curve.cumulative(t) - x).abs() <= 1e-6 * curve.total().max(1.0));
            }
        }
    }
}
