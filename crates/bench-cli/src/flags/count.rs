//! Parser of a whole number as the value of a flag.

/// Largest count that a flag accepts.
const LARGEST: u64 = 1_000_000_000;

/// Parses a whole number of at least 1. Accepts the factors `k` (1,000) and `M` (1,000,000):
/// `10k`, `2M`.
///
/// # Errors
///
/// Returns a message if the text is not a whole number, or is zero, negative, or more than
/// 1,000,000,000.
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

/// Splits a number into the text before its suffix and the factor that the suffix stands for: `k`
/// or `K` is 1,000, `M` is 1,000,000, none is 1. Does not check that the text is a number.
pub(crate) fn scaled(text: &str) -> (&str, u64) {
    if let Some(digits) = text.strip_suffix(['k', 'K']) {
        (digits, 1_000)
    } else if let Some(digits) = text.strip_suffix('M') {
        (digits, 1_000_000)
    } else {
        (text, 1)
    }
}

/// Returns true if the text begins with a minus sign, either a hyphen or U+2212, and then a digit
/// or a point.
pub(crate) fn is_negative(text: &str) -> bool {
    text.strip_prefix(['-', '\u{2212}'])
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c == '.'))
}
