//! Straight line of a curve, its integral and the inverse function of the integral.

use serde::{Deserialize, Serialize};

/// Straight line of a curve: from the value `from` to the value `to` in `seconds`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct StraightLine {
    pub(crate) seconds: f64,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

impl StraightLine {
    /// Returns the value `t` seconds after the line's start.
    pub(crate) fn value(self, t: f64) -> f64 {
        self.from + (self.to - self.from) * t / self.seconds
    }

    /// Returns the time within the line in which its value is `bound` or more, `start..end` in
    /// seconds; `None` where the value stays below.
    pub(crate) fn time_above(self, bound: f64) -> Option<(f64, f64)> {
        let crossing = || (bound - self.from) / (self.to - self.from) * self.seconds;
        match (self.from >= bound, self.to >= bound) {
            (true, true) => Some((0.0, self.seconds)),
            (false, true) => Some((crossing(), self.seconds)),
            (true, false) => Some((0.0, crossing())),
            (false, false) => None,
        }
    }

    /// Returns the integral over the whole line.
    pub(crate) fn total(self) -> f64 {
        f64::midpoint(self.from, self.to) * self.seconds
    }

    /// Returns the integral over the first `t` seconds.
    pub(crate) fn cumulative(self, t: f64) -> f64 {
        self.from * t + (self.to - self.from) * t * t / (2.0 * self.seconds)
    }

    /// Solves `cumulative(t) = x` for t within the line. The form t = 2x ÷ (from + √(from² +
    /// 2·slope·x)) avoids cancellation.
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
