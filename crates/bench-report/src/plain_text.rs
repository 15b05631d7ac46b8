//! Text from outside, made safe to show. Names of processes, messages of servers and labels of
//! reports may contain characters that a terminal obeys, that turn the writing direction, or that
//! nobody sees.

use std::borrow::Cow;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// Returns true for a character that a reader does not see as such: control characters, format
/// characters (writing direction, width zero), separators of lines and paragraphs, characters
/// without a meaning of their own (private use, unassigned), and blank fillers.
pub(crate) fn is_hidden(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    let category = c.general_category();
    let is_unseen = matches!(
        category,
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
            | GeneralCategory::PrivateUse
            | GeneralCategory::Surrogate
            | GeneralCategory::Unassigned
    );
    is_unseen || is_filler(c)
}

/// Returns true for letters and marks that are drawn as nothing: Hangul fillers, inherent vowels of
/// Khmer, joiners of graphemes, and selectors of variants.
fn is_filler(c: char) -> bool {
    matches!(
        c,
        '\u{34f}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}'
            | '\u{e0100}'..='\u{e01ef}'
    )
}

/// Replaces each hidden character of `text` by `instead`, except those that `keeps` returns true
/// for, such as a line feed.
pub fn visible(text: &str, instead: char, keeps: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_replaced = |c: char| is_hidden(c) && !keeps(c);
    if !text.contains(is_replaced) {
        return Cow::Borrowed(text);
    }
    let shown = text
        .chars()
        .map(|c| if is_replaced(c) { instead } else { c });
    Cow::Owned(shown.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_does_not_see_is_replaced() {
        for c in [
            '\0',
            '\t',
            '\u{7}',
            '\u{1b}',
            '\u{7f}',
            '\u{85}',
            '\u{9b}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{180e}',
            '\u{200b}',
            '\u{200d}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{206f}',
            '\u{3164}',
            '\u{e000}',
            '\u{f8ff}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{fff9}',
            '\u{fffe}',
            '\u{e0041}',
            '\u{e0100}',
            '\u{f0000}',
            '\u{10ffff}',
        ] {
            assert_eq!(visible(&format!("a{c}b"), '?', |_| false), "a?b", "{c:?}");
        }
    }

    #[test]
    fn what_a_reader_sees_stays() {
        for text in [
            "SELECT count(*) FROM \"größe\" WHERE id = $1 -- 12 µs ≤ 5 %",
            "数据库服务器",
            "e\u{301}",
            "שלום مرحبا नमस्ते สวัสดี",
            "up 10\u{a0}% → “good” …",
            "🚀",
        ] {
            assert!(
                matches!(visible(text, '?', |_| false), Cow::Borrowed(_)),
                "{text}"
            );
        }
        assert_eq!(visible("a\nb\tc", ' ', |c| c == '\n'), "a\nb c");
    }
}
