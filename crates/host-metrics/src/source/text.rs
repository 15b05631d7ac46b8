//! Splitting the kernel's files into lines, words and pairs. The functions split at bytes, because
//! hundreds of lines are split at each tick and the methods of `str` search for characters.

use memchr::{memchr, memchr2};

/// Splits a file of `key value` lines into pairs, each value without spaces around it; leaves out
/// lines without a space or tab.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    lines(text).filter_map(|line| {
        let end = memchr2(b' ', b'\t', line.as_bytes())?;
        Some((&line[..end], line[end..].trim_ascii()))
    })
}

/// Returns the number after `key` and a space or tab at the beginning of a line; `None` if there is
/// no such line or no number.
pub(super) fn number(text: &str, key: &str) -> Option<u64> {
    let line = lines(text).find_map(|line| line.strip_prefix(key)?.strip_prefix([' ', '\t']))?;
    line.trim_ascii().parse().ok()
}

/// Splits a line at each single space; consecutive spaces give empty words.
pub(super) fn words(line: &str) -> impl Iterator<Item = &str> {
    split_at(line, b' ')
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    split_at(text, b'\n')
}

/// Splits a text at each `separator`, an ASCII byte, which is never part of another character.
/// Yields nothing for an empty text.
fn split_at(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text).filter(|text| !text.is_empty());
    std::iter::from_fn(move || {
        let text = rest?;
        let end = memchr(separator, text.as_bytes());
        rest = end.map(|end| &text[end + 1..]);
        Some(end.map_or(text, |end| &text[..end]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_are_told_apart_whatever_divides_them() {
        let text = "a 1\nempty\nb:\t 2 kB\n\nc  3";
        let found: Vec<_> = pairs(text).collect();
        assert_eq!(found, [("a", "1"), ("b:", "2 kB"), ("c", "3")]);
        assert_eq!((number(text, "a"), number(text, "c")), (Some(1), Some(3)));
        assert_eq!((number(text, "b"), number(text, "b:")), (None, None));
        assert_eq!((number(text, "empty"), number("", "a")), (None, None));
    }

    #[test]
    fn words_are_as_many_as_there_are_spaces_between() {
        let of = |line| words(line).collect::<Vec<_>>();
        assert_eq!(of("é ü  x"), ["é", "ü", "", "x"]);
        assert!(of("").is_empty());
    }
}
