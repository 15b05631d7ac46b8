//! Comparison of figures in tests.

/// Fails unless both figures differ by no more than `within`.
pub(crate) fn close(found: f64, expected: f64, within: f64) {
    assert!(
        (found - expected).abs() <= within,
        "{found} is not {expected}"
    );
}
