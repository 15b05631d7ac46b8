//! Curves that a load follows one after another during a step. Pure arithmetic, without a clock.

use std::time::Duration;

use super::rate_curve::RateCurve;
use super::straight_line::StraightLine;

/// Curves that a load follows one after another, from the start of the warm-up on. Values are
/// arrivals per second or numbers of users.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CurveSequence {
    parts: Vec<CurvePart>,
}

/// Curve of a sequence, or the beginning of a curve that another one replaces before its end.
#[derive(Debug, Clone, PartialEq)]
struct CurvePart {
    /// Time during which the load follows the curve, in seconds. The curve itself may be longer.
    seconds: f64,
    /// Integral of the curve over `seconds`: the number of arrivals, if the curve is a rate.
    total: f64,
    curve: RateCurve,
}

impl CurvePart {
    fn whole(curve: RateCurve) -> Self {
        Self {
            seconds: curve.seconds(),
            total: curve.total(),
            curve,
        }
    }

    /// Shortens the part to `seconds` if it is longer; a negative length counts as zero.
    fn cut(&mut self, seconds: f64) {
        if seconds < self.seconds {
            self.seconds = seconds.max(0.0);
            self.total = self.curve.cumulative(self.seconds);
        }
    }

    /// Returns the straight lines of the curve until the end of this part.
    fn lines(&self) -> Vec<StraightLine> {
        let mut left = self.seconds;
        let mut lines = Vec::new();
        for line in self.curve.lines() {
            if left <= 0.0 {
                break;
            }
            lines.push(if line.seconds > left {
                StraightLine {
                    seconds: left,
                    from: line.from,
                    to: line.value(left),
                }
            } else {
                line
            });
            left -= line.seconds;
        }
        lines
    }
}

impl CurveSequence {
    /// Creates the sequence that keeps the first value of `curve` for the time `held`, and then
    /// follows `curve`.
    pub(crate) fn after(held: Duration, curve: RateCurve) -> Self {
        let first = RateCurve::constant(curve.value(0.0), held).ok();
        let parts = first.into_iter().chain([curve]).map(CurvePart::whole);
        Self {
            parts: parts.collect(),
        }
    }

    /// Replaces the sequence from `at_s` on, in seconds since its start, by `curve`.
    pub(crate) fn change_at(&mut self, at_s: f64, curve: RateCurve) {
        let mut left = at_s;
        for part in &mut self.parts {
            part.cut(left);
            left -= part.seconds;
        }
        self.parts.retain(|part| part.seconds > 0.0);
        self.parts.push(CurvePart::whole(curve));
    }

    /// Returns the value `t` seconds after the start of the sequence; after its end, its last
    /// value.
    pub(crate) fn value(&self, t: f64) -> f64 {
        let mut left = t;
        for part in &self.parts {
            if left < part.seconds {
                return part.curve.value(left);
            }
            left -= part.seconds;
        }
        let last = self.parts.last();
        last.map_or(0.0, |part| part.curve.value(part.seconds))
    }

    /// Returns the integral over the first `t` seconds; over the whole sequence if it is shorter.
    pub(crate) fn cumulative(&self, t: f64) -> f64 {
        let (mut left, mut sum) = (t.max(0.0), 0.0);
        for part in &self.parts {
            if left < part.seconds {
                return sum + part.curve.cumulative(left);
            }
            sum += part.total;
            left -= part.seconds;
        }
        sum
    }

    /// Returns the mean value between `from_s` and `to_s`, in seconds since the start of the
    /// sequence. If `to_s` is not later, returns the value at that instant.
    pub(crate) fn mean(&self, from_s: f64, to_s: f64) -> f64 {
        if to_s > from_s {
            (self.cumulative(to_s) - self.cumulative(from_s)) / (to_s - from_s)
        } else {
            self.value(to_s)
        }
    }

    /// Returns the instant at which the integral reaches `x`, which is when arrival number `x` is
    /// due, in seconds since the start of the sequence. `None` if the sequence ends before. Inverse
    /// of [`CurveSequence::cumulative`].
    pub(crate) fn inverse(&self, x: f64) -> Option<f64> {
        let (mut left, mut begin_s) = (x, 0.0);
        for part in &self.parts {
            if left < part.total {
                return Some(begin_s + part.curve.inverse(left)?);
            }
            left -= part.total;
            begin_s += part.seconds;
        }
        None
    }

    /// Returns the straight lines of all curves, in order. A wave is approximated by 64 lines per
    /// period.
    pub(crate) fn lines(&self) -> Vec<StraightLine> {
        self.parts.iter().flat_map(CurvePart::lines).collect()
    }

    /// Returns the highest value of all curves.
    pub(crate) fn peak(&self) -> f64 {
        let lines = self.lines();
        let ends = lines.iter().flat_map(|line| [line.from, line.to]);
        ends.fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(f64) -> Duration = Duration::from_secs_f64;

    /// Sequence of 10 per second for 2 s and the first 2 s of a ramp from 10 to 50 over 4 s; from
    /// second 4 on, `rest` replaces the second half of the ramp.
    fn changed(rest: RateCurve) -> CurveSequence {
        let ramp = RateCurve::ramp(10.0, 50.0, S(4.0)).unwrap();
        let mut sequence = CurveSequence::after(S(2.0), ramp);
        sequence.change_at(4.0, rest);
        sequence
    }

    #[test]
    fn a_change_keeps_what_was_and_replaces_what_was_to_come() {
        let planned = CurveSequence::after(S(2.0), RateCurve::ramp(10.0, 50.0, S(4.0)).unwrap());
        let sequence = changed(RateCurve::constant(100.0, S(2.0)).unwrap());
        for t in [0.0, 1.9, 2.0, 3.0, 3.99] {
            assert_eq!(sequence.value(t), planned.value(t), "at {t}");
            assert_eq!(sequence.cumulative(t), planned.cumulative(t), "until {t}");
        }
        assert_eq!([4.0, 5.0, 9.0].map(|t| sequence.value(t)), [100.0; 3]);
        // 20 in the first 2 s, 40 in the first half of the ramp, then 100 per second.
        assert_eq!(
            [4.0, 5.0, 6.0].map(|t| sequence.cumulative(t)),
            [60.0, 160.0, 260.0]
        );
        assert_eq!(
            [59.0, 60.0, 61.0, 259.0, 260.0].map(|x| sequence.inverse(x).is_some()),
            [true, true, true, true, false]
        );
        assert_eq!(sequence.inverse(61.0), Some(4.01));
        assert_eq!((sequence.mean(3.0, 5.0), sequence.peak()), (62.5, 100.0));
        let lines = sequence.lines();
        assert_eq!(lines.len(), 3);
        assert_eq!((lines[1].seconds, lines[1].to), (2.0, 30.0));
    }

    #[test]
    fn each_further_change_takes_the_place_of_the_one_before() {
        let mut sequence = changed(RateCurve::sine(20.0, 20.0, S(1.0), S(2.0)).unwrap());
        sequence.change_at(4.5, RateCurve::constant(0.0, S(1.5)).unwrap());
        assert!(
            (sequence.peak() - 40.0).abs() < 0.1,
            "the wave's first half"
        );
        assert_eq!([4.6, 6.0].map(|t| sequence.value(t)), [0.0, 0.0]);
        let whole = sequence.cumulative(6.0);
        assert_eq!(sequence.inverse(whole + 0.1), None);
        assert!(sequence.inverse(whole - 0.1).unwrap() < 4.5);
        // A change at second 4 replaces both earlier changes.
        sequence.change_at(4.0, RateCurve::constant(7.0, S(2.0)).unwrap());
        assert_eq!(sequence.cumulative(6.0), 60.0 + 14.0);
    }
}
