//! What most of the kernel's files are made of.

/// The lines of a file of `key value` lines, each in two; a line without a value is left out.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| {
        let (key, value) = line.split_once([' ', '\t'])?;
        Some((key, value.trim()))
    })
}

/// The number on the line of `key` in a file of `key value` lines.
pub(super) fn number(text: &str, key: &str) -> Option<u64> {
    let (_, value) = pairs(text).find(|(found, _)| *found == key)?;
    value.parse().ok()
}
