//! Mean and extremes of readings.

/// Mean and extremes of what was read.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spread {
    weight: f64,
    sum: f64,
    lowest: f64,
    highest: f64,
}

impl Spread {
    /// Takes in one reading.
    pub fn add(&mut self, value: f64) {
        self.add_weighted(value, 1.0);
    }

    /// Takes in a reading that counts for so much of the mean.
    pub fn add_weighted(&mut self, value: f64, weight: f64) {
        (self.lowest, self.highest) = if self.weight > 0.0 {
            (self.lowest.min(value), self.highest.max(value))
        } else {
            (value, value)
        };
        self.weight += weight;
        self.sum += value * weight;
    }

    /// Arithmetic mean, of rates over the time that they cover; `None` when nothing was read.
    pub fn mean(&self) -> Option<f64> {
        // Weighing rounds: without this the mean of one reading could lie beside it.
        let mean = self.sum / self.weight;
        self.read(mean.max(self.lowest).min(self.highest))
    }

    /// Lowest reading.
    pub fn min(&self) -> Option<f64> {
        self.read(self.lowest)
    }

    /// Highest reading.
    pub fn max(&self) -> Option<f64> {
        self.read(self.highest)
    }

    fn read(&self, value: f64) -> Option<f64> {
        (self.weight > 0.0).then_some(value)
    }
}
