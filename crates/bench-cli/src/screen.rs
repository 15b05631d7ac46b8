//! Only place from which this program writes to stderr. It masks secrets and replaces control
//! characters, because messages of servers and values of flags come from outside. Lines appear
//! above a progress bar. While a full-screen view uses the terminal, lines are held back.

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bench_report::{plain_text, redaction};
use indicatif::ProgressBar;

/// Largest number of texts held back while a full-screen view is open; beyond it the oldest are
/// dropped.
const MOST_HELD: usize = 200;

static SINK: Mutex<Sink> = Mutex::new(Sink::Direct);

/// Way in which lines for stderr are written.
enum Sink {
    Direct,
    /// Lines are written above this progress bar, which is then drawn again.
    AboveBar(ProgressBar),
    /// Lines are held back until the full-screen view is closed.
    Held(VecDeque<String>),
}

/// Shows text and a line break on stderr, with secrets masked and control characters replaced,
/// above a progress bar. While a full-screen view is open, the text is held back. An error in
/// writing is ignored.
pub fn show(text: &str) {
    let lines = shown(text) + "\n";
    let mut sink = sink();
    match &mut *sink {
        Sink::Direct => write(&lines),
        Sink::AboveBar(bar) => {
            let bar = bar.clone();
            drop(sink);
            bar.suspend(|| write(&lines));
        }
        Sink::Held(held) => {
            if held.len() == MOST_HELD {
                held.pop_front();
            }
            held.push_back(lines);
        }
    }
}

/// Writes lines above the progress bar `bar` until [`release_bar`] is called; no effect while
/// lines are held back.
pub(crate) fn draw_above(bar: &ProgressBar) {
    let mut sink = sink();
    if !matches!(*sink, Sink::Held(_)) {
        *sink = Sink::AboveBar(bar.clone());
    }
}

/// Writes lines to stderr directly again, after a progress bar was removed.
pub(crate) fn release_bar() {
    let mut sink = sink();
    if matches!(*sink, Sink::AboveBar(_)) {
        *sink = Sink::Direct;
    }
}

/// Guard that holds back all lines for stderr while a program draws on the whole terminal.
/// Dropping it writes the lines held back, at most the last 200 texts.
#[derive(Debug)]
#[must_use]
pub struct HeldLines(());

/// Holds back lines for stderr, such as log messages, which would damage a full-screen view, until
/// the guard is dropped.
pub fn hold_lines() -> HeldLines {
    *sink() = Sink::Held(VecDeque::new());
    HeldLines(())
}

impl Drop for HeldLines {
    fn drop(&mut self) {
        if let Sink::Held(held) = std::mem::replace(&mut *sink(), Sink::Direct) {
            for lines in &held {
                write(lines);
            }
        }
    }
}

fn sink() -> MutexGuard<'static, Sink> {
    SINK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes `lines` to stderr in one call, so that lines of processes that share a terminal do not
/// mix. An error is ignored.
fn write(lines: &str) {
    let _ = std::io::stderr().write_all(lines.as_bytes());
}

/// Masks secrets, and replaces each control character other than a line feed, and each other
/// character that a reader does not see, by a space.
pub(crate) fn shown(text: &str) -> String {
    plain_text::visible(&redaction::text(text), ' ', |c| c == '\n').into_owned()
}

/// Masks secrets, and replaces each control character, line feeds included, by a space.
pub(crate) fn one_line(text: &str) -> String {
    shown(text).replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_not_shown() {
        assert_eq!(shown("a\u{1b}[2Jb\rc\u{9b}d\te"), "a [2Jb c d e");
        assert_eq!(
            shown("\u{202e}gpj.exe, a\u{200b}b\u{feff}"),
            " gpj.exe, a b "
        );
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
