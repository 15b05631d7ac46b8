//! Parser of a share of a whole as the value of a flag: `0.9` or `90%`.

/// Parses a share of a whole: a number from 0 to 1, or a percentage.
///
/// # Errors
/// Fails with a sentence that shows both forms.
pub fn share(text: &str) -> Result<f64, String> {
    let (digits, divisor) = match text.strip_suffix('%') {
        Some(digits) => (digits.trim_end(), 100.0),
        None => (text, 1.0),
    };
    let share = digits.parse::<f64>().ok().map(|share| share / divisor);
    share
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| {
            format!("{text:?} is no share; write a number from 0 to 1, or a percentage such as 90%")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_read_as_people_write_them() {
        for (text, wanted) in [("0", 0.0), ("0.5", 0.5), ("90%", 0.9), ("1", 1.0)] {
            assert!((share(text).unwrap() - wanted).abs() < 1e-12);
        }
        for text in ["", "-0.1", "1.1", "101%", "NaN", "half"] {
            assert!(share(text).is_err(), "{text}");
        }
    }
}
