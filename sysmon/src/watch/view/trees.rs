//! Table of the followed targets in the live view: a line for each, with the sums over its
//! processes and their descendants.

use bench_cli::terminal_text::{fitted, right};
use ratatui::text::{Line, Span};

use super::context::{DrawContext, OverviewLine, row};
use super::cpu::count;
use super::figure_text::figure;
use super::memory::size;
use crate::metric::process;

/// Column of the table of targets: heading, width in columns of the terminal, series and format.
type TreeColumn = (&'static str, usize, &'static str, fn(f64) -> String);

const COLUMNS: [TreeColumn; 6] = [
    ("processes", 11, process::TREE_PROCESSES.name(), count),
    ("cores", 8, process::TREE_CPU_CORES.name(), |v| {
        format!("{v:.2}")
    }),
    ("memory", 11, process::TREE_RSS.name(), size),
    ("threads", 9, process::TREE_THREADS.name(), count),
    ("descriptors", 13, process::TREE_DESCRIPTORS.name(), count),
    ("pss", 11, process::TREE_PSS.name(), size),
];

/// Returns a heading and a line for each followed target, as far as there is room; nothing if none
/// is followed.
pub(super) fn rows(cx: &DrawContext) -> Vec<OverviewLine> {
    let machine = cx.machine;
    let targets: Vec<&str> = machine
        .all(process::TREE_PROCESSES.name())
        .map(|(name, _)| name)
        .collect();
    if targets.is_empty() {
        return Vec::new();
    }
    let mut columns: Vec<&TreeColumn> = COLUMNS.iter().collect();
    // Columns of threads, descriptors and PSS are shown only if they were requested.
    columns.retain(|(.., series, _)| {
        ![
            process::TREE_DESCRIPTORS.name(),
            process::TREE_PSS.name(),
            process::TREE_THREADS.name(),
        ]
        .contains(series)
            || machine.all(series).next().is_some()
    });
    let name = 20;
    let most = (cx.height / 8).max(1);
    let more = targets.len().saturating_sub(most);
    let title = if more > 0 {
        format!("Followed +{more}")
    } else {
        "Followed".to_owned()
    };
    let mut head = vec![Span::styled(fitted(&title, name), cx.palette.label())];
    for (heading, width, ..) in &columns {
        let heading = right(heading, *width);
        head.push(Span::styled(heading, cx.palette.heading()));
    }
    let mut rows = vec![row("trees", 1, Line::from(head))];
    for target in targets.into_iter().take(most) {
        let mut spans = vec![Span::raw(fitted(target, name))];
        for (_, width, series, unit) in &columns {
            let text = figure(machine.of(series, target), unit);
            spans.push(Span::raw(right(&text, *width)));
        }
        let rank = if rows.len() == 1 { 1 } else { 5 };
        rows.push(row("trees", rank, Line::from(spans)));
    }
    rows
}
