//! Lists of words, each written as one text with blanks between the words.

/// Iterates over the words of `list`, in order.
pub(super) fn words(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.split_ascii_whitespace()
}

/// Returns true if `word` is in the list.
pub(super) fn contains(list: &'static str, word: &str) -> bool {
    words(list).any(|known| known == word)
}
