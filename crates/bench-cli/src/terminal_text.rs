//! Width of text on a terminal, and its shortening. Names of processes and interfaces may contain
//! escape sequences, or characters without width that shift the rest of a line.

use bench_report::plain_text;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Replaces each character that a reader does not see, and each without width, such as a combining
/// accent, by a question mark.
pub fn printable(text: &str) -> String {
    let has_width = |c: char| c.width().is_some_and(|columns| columns > 0);
    plain_text::visible(text, '?', |_| false)
        .chars()
        .map(|c| if has_width(c) { c } else { '?' })
        .collect()
}

/// Returns the number of terminal columns that `text` takes; a wide character, such as a Chinese
/// one, takes two.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// Makes `text` printable and, if it takes more than `most` columns, shortens it to at most `most`
/// columns, an ellipsis at its end included.
pub fn shortened(text: &str, most: usize) -> String {
    // Every character left takes at least one column once it is printable, so the rest can never be
    // shown.
    let text = printable(&text.chars().take(most + 1).collect::<String>());
    if columns(&text) <= most {
        return text;
    }
    let mut short = String::new();
    let mut left = most.saturating_sub(1);
    for c in text.chars() {
        let takes = c.width().unwrap_or(0);
        if takes > left {
            break;
        }
        left -= takes;
        short.push(c);
    }
    if most > 0 {
        short.push('…');
    }
    short
}

/// Shortens `text`, or pads it with spaces at its end, to exactly this number of columns.
pub fn fitted(text: &str, exactly: usize) -> String {
    let mut text = shortened(text, exactly);
    let short = exactly.saturating_sub(columns(&text));
    text.extend(std::iter::repeat_n(' ', short));
    text
}

/// Shortens `text`, or pads it with spaces at its beginning, to exactly this number of columns.
pub fn right(text: &str, exactly: usize) -> String {
    let text = shortened(text, exactly);
    let short = exactly.saturating_sub(columns(&text));
    " ".repeat(short) + &text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_would_obey_is_left() {
        for (hostile, shown) in [
            ("a\u{1b}[2Jb", "a?[2Jb"),
            ("a\nb\tc\rd", "a?b?c?d"),
            ("\u{9b}31m", "?31m"),
            ("\u{202e}gpj.exe", "?gpj.exe"),
            ("e\u{301}", "e?"),
            ("a\u{200d}b\u{feff}", "a?b?"),
            ("\0", "?"),
            ("a\u{e000}\u{3164}b", "a??b"),
            ("数据库", "数据库"),
        ] {
            assert_eq!(printable(hostile), shown, "{hostile:?}");
        }
    }

    #[test]
    fn whatever_the_text_it_takes_the_columns_it_was_given() {
        let long = "x".repeat(100_000);
        for text in [
            "",
            "a",
            "postgres",
            "数据库服务器",
            "数a据",
            "\u{1b}[31mred",
            &long,
        ] {
            for width in 0..20 {
                assert_eq!(columns(&fitted(text, width)), width, "{text:.10} {width}");
                assert_eq!(columns(&right(text, width)), width, "{text:.10} {width}");
            }
        }
        assert_eq!(fitted("postgres", 6), "postg…");
        assert_eq!(fitted("数据库服务器", 6), "数据… ");
        assert_eq!(right("12", 4), "  12");
    }
}
