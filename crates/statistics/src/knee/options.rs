//! Options of the search for a knee.

/// Thresholds of the search for a knee.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KneeOptions {
    /// Loss of throughput, as a share, that is negligible.
    pub tolerance: f64,
    /// Probability with which a setting as good as the best may be taken for worse by chance.
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
