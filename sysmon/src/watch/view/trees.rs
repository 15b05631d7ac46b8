//! Those that were asked for with `--follow`, each with its descendants as one.

use ratatui::text::{Line, Span};

use super::cpu::count;
use super::memory::size;
use super::sheet::{Row, Sheet, row};
use crate::watch::text::{figure, fitted, right};

/// A figure of a tree: its heading, width, series and unit.
type Column = (&'static str, usize, &'static str, fn(f64) -> String);

const COLUMNS: [Column; 6] = [
    ("processes", 11, "tree.processes", count),
    ("cores", 8, "tree.cpu_cores", |v| format!("{v:.2}")),
    ("memory", 11, "tree.rss_bytes", size),
    ("threads", 9, "tree.threads", count),
    ("descriptors", 13, "tree.descriptors", count),
    ("pss", 11, "tree.pss_bytes", size),
];

/// A head and a line for each.
pub(super) fn rows(sheet: &Sheet) -> Vec<Row> {
    let machine = sheet.machine;
    let targets: Vec<&str> = machine
        .all("tree.processes")
        .map(|(name, _)| name)
        .collect();
    if targets.is_empty() {
        return Vec::new();
    }
    let mut columns: Vec<&Column> = COLUMNS.iter().collect();
    // Threads and descriptors are told where they were asked for.
    columns.retain(|(.., series, _)| {
        !["tree.descriptors", "tree.pss_bytes", "tree.threads"].contains(series)
            || machine.all(series).next().is_some()
    });
    let name = 20;
    let most = (sheet.height / 8).max(1);
    let more = targets.len().saturating_sub(most);
    let title = if more > 0 {
        format!("Followed +{more}")
    } else {
        "Followed".to_owned()
    };
    let mut head = vec![Span::styled(fitted(&title, name), sheet.palette.label())];
    for (heading, width, ..) in &columns {
        let heading = right(heading, *width);
        head.push(Span::styled(heading, sheet.palette.heading()));
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
