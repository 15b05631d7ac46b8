//! The one way to stderr, and what may be shown at all: no secret, and nothing that a terminal
//! would obey. Messages of servers and values of flags come from outside.

use std::io::Write as _;

use bench_report::redaction;

/// Shows a line, or several; nobody may be reading any more, and that is no failure.
pub(crate) fn show(text: &str) {
    // In one piece, so that lines of processes that share a terminal do not mix.
    let _ = std::io::stderr().write_all((shown(text) + "\n").as_bytes());
}

/// Secrets masked, control characters but the line's end replaced by a space.
pub(crate) fn shown(text: &str) -> String {
    redaction::text(text).replace(|c: char| c.is_control() && c != '\n', " ")
}

/// Returns the text as it may be shown, on a single line.
pub(crate) fn one_line(text: &str) -> String {
    shown(text).replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_not_shown() {
        assert_eq!(shown("a\u{1b}[2Jb\rc\u{9b}d\te"), "a [2Jb c d e");
        assert_eq!(shown("two\nlines"), "two\nlines");
        assert_eq!(one_line("two\nlines"), "two lines");
    }

    #[test]
    fn a_control_character_does_not_save_half_a_secret() {
        assert_eq!(
            shown("postgres://app:hun\u{1b}ter2@db/shop"),
            "postgres://app:***@db/shop"
        );
    }
}
