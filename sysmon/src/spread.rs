//! Mean and extremes of readings.

/// Weighted mean, lowest and highest value of the readings so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Spread {
    weight: f64,
    sum: f64,
    lowest: f64,
    highest: f64,
}

impl Spread {
    /// Adds a reading with weight 1 in the mean.
    pub(crate) fn add(&mut self, value: f64) {
        self.add_weighted(value, 1.0);
    }

    /// Adds a reading with the positive weight `weight` in the mean.
    pub(crate) fn add_weighted(&mut self, value: f64, weight: f64) {
        (self.lowest, self.highest) = if self.weight > 0.0 {
            (self.lowest.min(value), self.highest.max(value))
        } else {
            (value, value)
        };
        self.weight += weight;
        self.sum += value * weight;
    }

    /// Returns the weighted mean; `None` before the first reading.
    pub(crate) fn mean(&self) -> Option<f64> {
        // Rounding of the weights could make the mean of one reading differ from the reading.
        let mean = self.sum / self.weight;
        self.read(mean.max(self.lowest).min(self.highest))
    }

    /// Returns the lowest reading; `None` before the first.
    pub(crate) fn min(&self) -> Option<f64> {
        self.read(self.lowest)
    }

    /// Returns the highest reading; `None` before the first.
    pub(crate) fn max(&self) -> Option<f64> {
        self.read(self.highest)
    }

    fn read(&self, value: f64) -> Option<f64> {
        (self.weight > 0.0).then_some(value)
    }
}
