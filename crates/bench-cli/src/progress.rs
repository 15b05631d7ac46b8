//! Progress on stderr: a progress bar on a terminal, plain lines in a pipe, nothing with `--quiet`.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::screen;

/// Shortest time between two lines of progress where stderr is no terminal; a new phase is shown
/// at once.
const LINES_APART: Duration = Duration::from_secs(1);

/// Display of a run's progress on stderr. Dropping it removes the bar.
#[derive(Debug)]
pub struct Progress {
    form: ProgressForm,
}

#[derive(Debug)]
enum ProgressForm {
    Quiet,
    Bar(ProgressBar),
    Lines { last: Option<Instant> },
}

impl Progress {
    /// Creates a display on stderr: a bar on a terminal, lines otherwise, nothing if `quiet`.
    pub fn new(quiet: bool) -> Self {
        let form = if quiet {
            ProgressForm::Quiet
        } else if live() {
            let bar = bar();
            screen::draw_above(&bar);
            ProgressForm::Bar(bar)
        } else {
            ProgressForm::Lines { last: None }
        };
        Self { form }
    }

    /// Shows that a phase of the run begins. `detail`, such as the name of the step, is shown only
    /// in plain lines, not beside a bar.
    pub fn phase(&mut self, name: &str, detail: &str) {
        match &mut self.form {
            ProgressForm::Quiet => {}
            ProgressForm::Bar(bar) => bar.set_prefix(screen::one_line(name)),
            ProgressForm::Lines { last } => {
                *last = None;
                let gap = if detail.is_empty() { "" } else { " " };
                screen::show(&screen::one_line(&format!("phase: {name}{gap}{detail}")));
            }
        }
    }

    /// Returns true if a call of [`tick`](Self::tick) would be shown now. A caller can ask this
    /// before it builds the message.
    pub fn is_due(&self) -> bool {
        match &self.form {
            ProgressForm::Quiet => false,
            ProgressForm::Bar(_) => true,
            ProgressForm::Lines { last } => last.is_none_or(|last| last.elapsed() >= LINES_APART),
        }
    }

    /// Shows that `done` of the run's `total` time has passed, with the remaining time and
    /// `message`. A plain line is shown at most once a second.
    pub fn tick(&mut self, done: Duration, total: Duration, message: &str) {
        if !self.is_due() {
            return;
        }
        match &mut self.form {
            ProgressForm::Quiet => {}
            ProgressForm::Bar(bar) => {
                bar.set_length(total.as_millis() as u64);
                bar.set_position(done.as_millis() as u64);
                let text = format!("{} left · {}", left(done, total), screen::one_line(message));
                let columns = usize::from(console_columns()).saturating_sub(BAR_COLUMNS);
                bar.set_message(fitting(&text, columns));
            }
            ProgressForm::Lines { last } => {
                *last = Some(Instant::now());
                let text = format!("{} left, {message}", left(done, total));
                screen::show(&screen::one_line(&text));
            }
        }
    }

    /// Shows a line of text on stderr, above the bar, that stays there; nothing if quiet.
    pub fn line(&mut self, text: &str) {
        if !matches!(self.form, ProgressForm::Quiet) {
            screen::show(text);
        }
    }

    /// Shows a warning on stderr that stays there, even if quiet. For warnings that concern the
    /// result of the run.
    pub fn warning(&self, text: &str) {
        screen::show(&format!("warning: {text}"));
    }

    /// Removes the bar for good, so that the result can be printed.
    pub fn finish(&mut self) {
        if let ProgressForm::Bar(bar) = &self.form {
            bar.finish_and_clear();
            screen::release_bar();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Returns true if stderr is a terminal that can move its cursor, that is, `TERM` is not `dumb`.
fn live() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr());
    // An invalid template falls back to the default style; a test verifies that the template is
    // valid.
    if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar
}

const TEMPLATE: &str = "{prefix:<8} {bar:16} {wide_msg}";
/// Number of columns of [`TEMPLATE`] that the phase and the bar take before the message.
const BAR_COLUMNS: usize = 26;

/// Returns the number of columns of the terminal on stderr, or a default if it is no terminal.
fn console_columns() -> u16 {
    console::Term::stderr().size().1
}

/// Shortens a message whose parts are separated by commas to at most `columns` characters. Drops
/// whole parts at its end, because a truncated figure would be read as another one; only the first
/// part is truncated, with an ellipsis.
fn fitting(message: &str, columns: usize) -> String {
    let mut kept = message;
    while kept.chars().count() > columns {
        let Some(at) = kept.rfind(", ") else {
            let part = kept.chars().take(columns.saturating_sub(1));
            return part.chain(['…']).collect();
        };
        kept = &kept[..at];
    }
    kept.to_owned()
}

fn left(done: Duration, total: Duration) -> String {
    let seconds = total.saturating_sub(done).as_secs_f64().ceil() as u64;
    if seconds >= 60 {
        format!("{}m {:02}s", seconds / 60, seconds % 60)
    } else {
        format!("{seconds}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bars_template_is_one() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }

    #[test]
    fn a_figure_that_does_not_fit_is_left_out_whole() {
        let message = "2s left · step 2/3 40 connections: 1.99 k/s, p99 3.98 ms";
        for (columns, wanted) in [
            (80, message),
            (56, message),
            (55, "2s left · step 2/3 40 connections: 1.99 k/s"),
            (20, "2s left · step 2/3 …"),
        ] {
            assert_eq!(fitting(message, columns), wanted, "{columns}");
        }
    }

    #[test]
    fn the_time_left_is_never_negative() {
        assert_eq!(left(Duration::from_secs(9), Duration::from_secs(5)), "0s");
        assert_eq!(left(Duration::ZERO, Duration::from_secs(125)), "2m 05s");
    }
}
