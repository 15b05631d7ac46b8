//! Options of the search for a knee.

/// Thresholds with which [`find`](crate::knee::find) searches for a knee.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KneeOptions {
    /// Loss of throughput that is negligible, as a share of the best throughput from 0 to below 1;
    /// 0.03 by default.
    pub tolerance: f64,
    /// Level α of the tests, strictly between 0 and 1: the probability with which a setting as good
    /// as the best is taken for worse by chance. 0.05 by default.
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
