//! Straight line of a load curve, its integral and the inverse of the integral.

use serde::{Deserialize, Serialize};

/// Straight line of a load curve: from the value `from` to the value `to` in `seconds`, which is
/// above zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct StraightLine {
    pub(crate) seconds: f64,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

impl StraightLine {
    /// Returns the value `t` seconds after the start of the line. Extends the line for a `t`
    /// outside it.
    pub(crate) fn value(self, t: f64) -> f64 {
        self.from + (self.to - self.from) * t / self.seconds
    }

    /// Returns the time in which the value of the line is `bound` or more, as start and end in
    /// seconds since the line's start; `None` if the value stays below.
    pub(crate) fn time_above(self, bound: f64) -> Option<(f64, f64)> {
        let crossing = || (bound - self.from) / (self.to - self.from) * self.seconds;
        match (self.from >= bound, self.to >= bound) {
            (true, true) => Some((0.0, self.seconds)),
            (false, true) => Some((crossing(), self.seconds)),
            (true, false) => Some((0.0, crossing())),
            (false, false) => None,
        }
    }

    /// Returns the integral over the whole line, which is the number of arrivals if its values are
    /// rates.
    pub(crate) fn total(self) -> f64 {
        f64::midpoint(self.from, self.to) * self.seconds
    }

    /// Returns the integral over the first `t` seconds of the line.
    pub(crate) fn cumulative(self, t: f64) -> f64 {
        self.from * t + (self.to - self.from) * t * t / (2.0 * self.seconds)
    }

    /// Returns the time in seconds since the line's start at which the integral reaches `x`; the
    /// end of the line at the latest. The form t = 2x ÷ (from + √(from² + 2·slope·x)) avoids
    /// cancellation.
    pub(crate) fn inverse(self, x: f64) -> f64 {
        let slope = (self.to - self.from) / self.seconds;
        let root = (self.from * self.from + 2.0 * slope * x).max(0.0).sqrt();
        let denominator = self.from + root;
        if denominator > 0.0 {
            (2.0 * x / denominator).min(self.seconds)
        } else {
            0.0
        }
    }
}
