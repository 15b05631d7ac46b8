//! Only way to write to stderr. It masks secrets and replaces control characters, because messages
//! of servers and values of flags come from outside. Lines appear above a progress bar. While a
//! full-screen view uses the terminal, lines are held back.

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bench_report::redaction;
use indicatif::ProgressBar;

/// Largest number of texts held back while a full-screen view is open; older ones are dropped.
const MOST_HELD: usize = 200;

static SINK: Mutex<Sink> = Mutex::new(Sink::Direct);

/// Destination of lines for stderr.
enum Sink {
    Direct,
    /// Lines are written above this bar, which is then drawn again.
    AboveBar(ProgressBar),
    /// Lines are held back until the full-screen view is closed.
    Held(VecDeque<String>),
}

/// Shows text on stderr, with secrets masked and control characters replaced, above a progress bar.
/// A closed pipe is no error.
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

/// Shows lines above `bar` until [`release_bar`] is called.
pub(crate) fn draw_above(bar: &ProgressBar) {
    let mut sink = sink();
    if !matches!(*sink, Sink::Held(_)) {
        *sink = Sink::AboveBar(bar.clone());
    }
}

/// Writes lines directly again, after a bar was removed.
pub(crate) fn release_bar() {
    let mut sink = sink();
    if matches!(*sink, Sink::AboveBar(_)) {
        *sink = Sink::Direct;
    }
}

/// Guard that holds back all lines, for programs that draw on the whole terminal. Dropping it shows
/// the lines.
#[derive(Debug)]
#[must_use]
pub struct HeldLines(());

/// Holds back lines such as log messages, which would damage a full-screen view.
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
/// mix.
fn write(lines: &str) {
    let _ = std::io::stderr().write_all(lines.as_bytes());
}

/// Masks secrets, and replaces control characters other than line ends by a space.
pub(crate) fn shown(text: &str) -> String {
    redaction::text(text).replace(|c: char| c.is_control() && c != '\n', " ")
}

/// Masks secrets, and replaces all control characters and line ends by a space.
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
