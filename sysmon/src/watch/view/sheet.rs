//! What every part of the overview is drawn with: the model, the room there is, and the common
//! shape of its lines (a label, a share, a bar, and the last minutes on the right).

use bench_cli::table::ratio;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::glyph::{self, Part};
use super::palette::Palette;
use crate::watch::history::Trace;
use crate::watch::machine::Machine;
use crate::watch::model::Model;
use crate::watch::text::{columns, figure, fitted, right};

/// Columns of what a line is about.
pub(super) const LABEL: usize = 9;
/// Columns of a share, as in `100.0 %`.
const SHARE: usize = 7;
/// Columns of the words behind a bar.
const WORDS: usize = 21;
/// A narrower sparkline says nothing.
pub(super) const LEAST_SPARK: usize = 4;
/// Sparklines show at least so much.
const SPARK_NS: u64 = 120_000_000_000;

/// A line of the overview, and how soon it makes room where there is too little: the highest
/// rank goes first, with all of its block that has the same rank or a higher one.
#[derive(Debug)]
pub(super) struct Row {
    /// What it shows.
    pub(super) line: Line<'static>,
    /// 0 stays whatever happens.
    pub(super) rank: u8,
    /// What it belongs together with.
    pub(super) block: &'static str,
}

/// Where the overview is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sheet<'a> {
    /// What is shown.
    pub(super) model: &'a Model,
    /// Its figures.
    pub(super) machine: &'a Machine,
    /// Its colours.
    pub(super) palette: Palette,
    /// Columns of the terminal.
    pub(super) width: usize,
    /// Lines of the terminal.
    pub(super) height: usize,
}

impl<'a> Sheet<'a> {
    /// A sheet as large as the terminal.
    pub(super) fn new(model: &'a Model, palette: Palette, (width, height): (usize, usize)) -> Self {
        Self {
            model,
            machine: &model.shown().machine,
            palette,
            width,
            height,
        }
    }

    /// `label share bar words spark`; without `words` the bar has their room too.
    pub(super) fn gauge(
        &self,
        label: &str,
        share: Option<f64>,
        parts: &[Part],
        words: &str,
        trace: &Trace,
    ) -> Line<'static> {
        let spark = self.width.saturating_sub(56).clamp(12, 120);
        let middle = self.width.saturating_sub(LABEL + SHARE + spark + 2);
        let bar = if words.is_empty() {
            middle
        } else {
            middle.saturating_sub(WORDS + 1)
        };
        let mut spans = vec![
            self.label(label),
            Span::styled(
                right(&figure(share, ratio), SHARE),
                self.palette.share(share),
            ),
            Span::raw(" "),
        ];
        spans.extend(glyph::bar(bar, parts, self.palette.quiet()));
        if !words.is_empty() {
            spans.push(Span::raw(" "));
            spans.push(Span::raw(fitted(words, WORDS)));
        }
        spans.push(Span::raw(" "));
        spans.push(self.spark(trace, spark, Some(1.0)));
        Line::from(spans)
    }

    /// What the line is about.
    pub(super) fn label(&self, text: &str) -> Span<'static> {
        Span::styled(fitted(text, LABEL), self.palette.label())
    }

    /// The last two minutes or more, under `top` or under their own peak.
    pub(super) fn spark(&self, trace: &Trace, width: usize, top: Option<f64>) -> Span<'static> {
        let history = &self.model.shown().history;
        let slots = SPARK_NS.div_ceil(history.slot_ns()) as usize;
        let seen = history.columns(trace, width, slots.div_ceil(width.max(1)));
        let peak = seen.iter().flatten().copied().fold(0.0, f64::max);
        let shape = glyph::spark(&seen, top.unwrap_or(peak));
        Span::styled(shape, self.palette.spark())
    }

    /// `first` and as many items behind it as fit, which are the first ones.
    pub(super) fn items(&self, first: Span<'static>, items: Vec<Item>) -> Line<'static> {
        self.spaced(first, items, "  ")
    }

    /// The same with this between them.
    pub(super) fn spaced(
        &self,
        first: Span<'static>,
        items: Vec<Item>,
        space: &'static str,
    ) -> Line<'static> {
        let mut filled = columns(&first.content);
        let mut spans = vec![first];
        for (i, item) in items.into_iter().enumerate() {
            let gap = if i == 0 { "" } else { space };
            let takes: usize = item.iter().map(|span| columns(&span.content)).sum();
            if filled + gap.len() + takes > self.width {
                break;
            }
            filled += gap.len() + takes;
            spans.push(Span::raw(gap));
            spans.extend(item);
        }
        Line::from(spans)
    }
}

/// What is left out of a line as a whole.
pub(super) type Item = Vec<Span<'static>>;

/// `title figure`.
pub(super) fn item(title: &str, value: Option<f64>, unit: fn(f64) -> String) -> Item {
    vec![Span::raw(format!("{title} {}", figure(value, unit)))]
}

/// A line of the overview.
pub(super) fn row(block: &'static str, rank: u8, line: Line<'static>) -> Row {
    Row { line, rank, block }
}

/// One part, solid.
pub(super) fn solid(ratio: Option<f64>, style: Style) -> [Part; 1] {
    [Part {
        ratio: ratio.unwrap_or(0.0),
        glyph: '█',
        style,
    }]
}

/// Lets go of rows until there are at most `most`, as their ranks say.
pub(super) fn fit(mut rows: Vec<Row>, most: usize) -> Vec<Row> {
    while rows.len() > most {
        let last = rows
            .iter()
            .enumerate()
            .max_by_key(|(i, row)| (row.rank, *i));
        let Some((rank, block)) = last.map(|(_, row)| (row.rank, row.block)) else {
            break;
        };
        if rank == 0 {
            break;
        }
        // A row that may go alone goes alone: only what stands or falls together is dropped.
        rows.retain(|row| row.block != block || row.rank < rank);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_make_room_by_rank_and_a_head_does_not_stay_without_its_body() {
        let rows = || {
            vec![
                row("title", 0, Line::raw("title")),
                row("cpu", 0, Line::raw("cpu")),
                row("cpu", 3, Line::raw("load")),
                row("disk", 2, Line::raw("disk head")),
                row("disk", 2, Line::raw("disk one")),
                row("disk", 5, Line::raw("disk two")),
            ]
        };
        let kept = |most| {
            let rows = fit(rows(), most);
            let text = rows.iter().map(|row| row.line.to_string());
            text.collect::<Vec<_>>().join(", ")
        };
        assert_eq!(kept(6), "title, cpu, load, disk head, disk one, disk two");
        assert_eq!(kept(5), "title, cpu, load, disk head, disk one");
        assert_eq!(kept(4), "title, cpu, disk head, disk one");
        assert_eq!(kept(3), "title, cpu");
        assert_eq!(kept(0), "title, cpu");
    }
}
