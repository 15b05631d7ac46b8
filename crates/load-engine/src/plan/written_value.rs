//! Values of a load, as users write them.

use super::load_curve_error::LoadCurveError;

/// Parses a finite number of at least zero. Accepts a factor of 1,000 or 1,000,000 (`10k`, `2M`)
/// and the unit of a rate (`500/s`). Fails for any other text.
pub(super) fn written_value(text: &str) -> Result<f64, LoadCurveError> {
    let digits = text.trim();
    let digits = digits.strip_suffix("/s").unwrap_or(digits);
    let (digits, factor) = match digits.char_indices().last() {
        Some((at, 'k' | 'K')) => (&digits[..at], 1e3),
        Some((at, 'M')) => (&digits[..at], 1e6),
        _ => (digits, 1.0),
    };
    let parsed = digits.parse::<f64>().map(|number| number * factor);
    parsed
        .ok()
        .filter(|number| number.is_finite() && *number >= 0.0)
        .ok_or_else(|| LoadCurveError::Value {
            value: text.trim().to_owned(),
        })
}
