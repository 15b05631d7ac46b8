//! Options of the search for a knee.

/// Bounds of what counts as worse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KneeOptions {
    /// The loss of throughput, as a ratio, below which one more of the parameter is not worth it.
    pub tolerance: f64,
    /// Share of settings as good as the best that may be taken for worse by chance.
    pub alpha: f64,
}

impl Default for KneeOptions {
    fn default() -> Self {
        Self {
            tolerance: 0.03,
            alpha: 0.05,
        }
    }
}
