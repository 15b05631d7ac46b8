//! Counts, as flags are given them.

/// Largest count.
const LARGEST: u64 = 1_000_000_000;

/// Parses a count of at least one. Accepts factors: `10k`, `2M`.
///
/// # Errors
/// Returns a message if the text is not a count, or is zero, negative, or more than a thousand
/// million.
pub fn count(text: &str) -> Result<u64, String> {
    let form = "write a whole number of 1 or more, such as 8 or 10k";
    let text = text.trim();
    if is_negative(text) {
        return Err(format!("it must be 1 or more, not {text}; {form}"));
    }
    let (digits, factor) = scaled(text);
    let parsed = digits
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(factor));
    match parsed {
        Some(0) => Err(format!("it must be 1 or more, not 0; {form}")),
        Some(n) if n > LARGEST => Err(format!("{text} is more than 1000M; {form}")),
        Some(n) => Ok(n),
        None => Err(format!("{text:?} is not a count; {form}")),
    }
}

/// Splits a number into its digits and its factor: `10k` has the factor 1,000, `2M` the factor
/// 1,000,000.
pub(crate) fn scaled(text: &str) -> (&str, u64) {
    if let Some(digits) = text.strip_suffix(['k', 'K']) {
        (digits, 1_000)
    } else if let Some(digits) = text.strip_suffix('M') {
        (digits, 1_000_000)
    } else {
        (text, 1)
    }
}

/// Returns true for a number with a minus sign, be it a hyphen or the mathematical sign.
pub(crate) fn is_negative(text: &str) -> bool {
    text.strip_prefix(['-', '\u{2212}'])
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c == '.'))
}
