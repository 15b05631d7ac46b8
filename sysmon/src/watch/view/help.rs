//! Help of the live view: keys, meaning of the shapes, and figures that could not be read.

use std::borrow::Cow;

use ratatui::text::{Line, Span};

use super::palette::Palette;
use crate::watch::keys;
use crate::watch::model::Model;
use bench_cli::terminal_text::{fitted, printable};

/// Width of the column with the names of keys, in columns of the terminal.
const KEY: usize = 24;

const SHAPES: [(&str, &str); 6] = [
    (
        "█ ░ ▓ ▒",
        "CPU busy: user, nice, system, other (interrupts, guest)",
    ),
    ("w s", "not busy: waiting for I/O, stolen by the hypervisor"),
    ("▁▃█", "the last 2 minutes or more, each column its peak"),
    ("CORES", "CPU time of a process: 1.00 is one core"),
    ("Pressure", "share of time in which some task had to wait"),
    ("–", "absent: it could not be read"),
];

/// Returns the lines of the help; reasons for absent figures are wrapped to `width` columns.
pub(super) fn lines(model: &Model, palette: Palette, width: usize) -> Vec<Line<'static>> {
    let pair = |key: &str, means: &str| {
        Line::from(vec![
            Span::styled(fitted(key, KEY), palette.heading()),
            Span::raw(means.to_owned()),
        ])
    };
    let mut lines: Vec<Line> = keys::HELP.iter().map(|(k, m)| pair(k, m)).collect();
    lines.push(Line::raw(""));
    lines.extend(SHAPES.iter().map(|(shape, means)| pair(shape, means)));
    let absent = &model.shown().absent;
    if !absent.is_empty() {
        lines.push(Line::styled("Absent here", palette.label()));
    }
    for (what, why) in absent {
        let text = printable(&format!("{what}: {why}"));
        lines.extend(wrapped(&text, width).into_iter().map(Line::raw));
    }
    lines
}

/// Wraps `text` into lines of at most `width` columns, between words if possible; all but the first
/// are indented.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let options = textwrap::Options::new(width).subsequent_indent("  ");
    let lines = textwrap::wrap(text, options);
    lines.into_iter().map(Cow::into_owned).collect()
}
