//! Bounds of gates.

/// Bound of a gate: the largest or the smallest value that passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct GateBound {
    /// Value of the bound, in the unit of the figure.
    pub(crate) value: f64,
    /// True if values below the bound fail, false if values above it fail.
    pub(crate) is_least: bool,
    /// True if the bound itself fails, too.
    pub(crate) is_strict: bool,
}

impl GateBound {
    /// Returns the bound that passes up to `value`.
    pub(crate) fn at_most(value: f64) -> Self {
        Self {
            value,
            is_least: false,
            is_strict: false,
        }
    }

    /// Returns the bound that passes from `value` on.
    pub(crate) fn at_least(value: f64) -> Self {
        Self {
            is_least: true,
            ..Self::at_most(value)
        }
    }

    /// Returns true if `value` is within the bound.
    pub(crate) fn holds(self, value: f64) -> bool {
        match (self.is_least, self.is_strict) {
            (false, false) => value <= self.value,
            (false, true) => value < self.value,
            (true, false) => value >= self.value,
            (true, true) => value > self.value,
        }
    }

    /// Returns a key that is the larger, the worse `value` is for this bound.
    pub(crate) fn badness(self, value: f64) -> f64 {
        if self.is_least { -value } else { value }
    }

    /// Returns the side of the bound in words, as in `at most`.
    pub(crate) fn side(self) -> &'static str {
        match (self.is_least, self.is_strict) {
            (false, false) => "at most",
            (false, true) => "below",
            (true, false) => "at least",
            (true, true) => "above",
        }
    }
}
