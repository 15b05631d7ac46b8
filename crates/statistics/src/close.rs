//! Comparison of floating-point figures in tests.

/// Panics unless `found` and `expected` differ by at most `within`, an absolute difference.
pub(crate) fn close(found: f64, expected: f64, within: f64) {
    assert!(
        (found - expected).abs() <= within,
        "{found} is not {expected}"
    );
}
