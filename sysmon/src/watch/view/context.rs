//! Context for drawing each part of the overview: state, size, and the common form of its lines (a
//! label, a share, a bar, and the last minutes on the right).

use bench_cli::table::ratio;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::figure_text::figure;
use super::glyph::{self, BarPart};
use super::palette::Palette;
use crate::watch::history::Trend;
use crate::watch::latest::LatestFigures;
use crate::watch::model::Model;
use bench_cli::terminal_text::{columns, fitted, right};

/// Width of the label at the start of a line, in columns.
pub(super) const LABEL: usize = 9;
/// Width of a share such as `100.0 %`, in columns.
const SHARE: usize = 7;
/// Width of the words after a bar, such as `1.2 GiB of 16.0 GiB`, in columns.
const WORDS: usize = 21;
/// Smallest width of a sparkline, in columns.
pub(super) const LEAST_SPARK: usize = 4;
/// Shortest time that a sparkline in the overview shows, in nanoseconds: two minutes.
const SPARK_NS: u64 = 120_000_000_000;

/// Line of the overview with its rank, which decides what is left out if there is too little room;
/// see [`fit`].
#[derive(Debug)]
pub(super) struct OverviewLine {
    /// Text of the line with its styles.
    pub(super) line: Line<'static>,
    /// Rank of the line: lines with the highest rank are left out first, and those with rank 0
    /// never.
    pub(super) rank: u8,
    /// Name of the block that the line belongs to, such as `cpu`; lines of one block may be left
    /// out together.
    pub(super) block: &'static str,
}

/// State of the view and size of the terminal, from which the overview is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct DrawContext<'a> {
    /// State of the view.
    pub(super) model: &'a Model,
    /// Newest figures of the state that is shown.
    pub(super) machine: &'a LatestFigures,
    /// Styles of the terminal.
    pub(super) palette: Palette,
    /// Width of the terminal, in columns.
    pub(super) width: usize,
    /// Height of the terminal, in lines.
    pub(super) height: usize,
}

impl<'a> DrawContext<'a> {
    /// Creates the context for a terminal of this width in columns and height in lines.
    pub(super) fn new(model: &'a Model, palette: Palette, (width, height): (usize, usize)) -> Self {
        Self {
            model,
            machine: &model.shown().machine,
            palette,
            width,
            height,
        }
    }

    /// Draws a line with label, share in percent, bar, words, and a sparkline whose full height is
    /// 100 %. A missing share is shown as such. Without `words` the bar also takes their columns.
    pub(super) fn gauge(
        &self,
        label: &str,
        share: Option<f64>,
        parts: &[BarPart],
        words: &str,
        trace: &Trend,
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

    /// Draws the label at the start of a line, padded or cut to [`LABEL`] columns.
    pub(super) fn label(&self, text: &str) -> Span<'static> {
        Span::styled(fitted(text, LABEL), self.palette.label())
    }

    /// Draws a sparkline of the last two minutes or more, `width` columns wide. Its full height
    /// stands for `top`, or for the highest value shown if `top` is `None`.
    pub(super) fn spark(&self, trace: &Trend, width: usize, top: Option<f64>) -> Span<'static> {
        let history = &self.model.shown().history;
        let slots = SPARK_NS.div_ceil(history.slot_ns()) as usize;
        let seen = history.columns(trace, width, slots.div_ceil(width.max(1)));
        let peak = seen.iter().flatten().copied().fold(0.0, f64::max);
        let shape = glyph::spark(&seen, top.unwrap_or(peak));
        Span::styled(shape, self.palette.spark())
    }

    /// Draws a line of `first` and as many of the items as fit into the width after it, with two
    /// spaces between items.
    pub(super) fn items(&self, first: Span<'static>, items: Vec<Item>) -> Line<'static> {
        self.spaced(first, items, "  ")
    }

    /// Draws a line as [`items`](Self::items) does, but with `space` between items.
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

/// Part of a line that is either shown completely or left out if it does not fit.
pub(super) type Item = Vec<Span<'static>>;

/// Creates an item with a title and a figure, which `unit` formats; a missing figure is shown as
/// such.
pub(super) fn item(title: &str, value: Option<f64>, unit: fn(f64) -> String) -> Item {
    vec![Span::raw(format!("{title} {}", figure(value, unit)))]
}

/// Creates a line of the overview; `rank` decides when it is left out, as in [`OverviewLine`].
pub(super) fn row(block: &'static str, rank: u8, line: Line<'static>) -> OverviewLine {
    OverviewLine { line, rank, block }
}

/// Returns a bar with one solid part of length `ratio`, 0 to 1; empty if that is `None`.
pub(super) fn solid(ratio: Option<f64>, style: Style) -> [BarPart; 1] {
    [BarPart {
        ratio: ratio.unwrap_or(0.0),
        glyph: '█',
        style,
    }]
}

/// Removes lines, those with the highest rank first and of these the last, until at most `most` are
/// left. The lines of the same block with this rank or a higher one go together, so fewer may be
/// left. Lines with rank 0 always stay, so more may be left.
pub(super) fn fit(mut rows: Vec<OverviewLine>, most: usize) -> Vec<OverviewLine> {
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
        // Removes the lines of the same block with this rank or a higher one. A line that can be removed
        // alone has a rank above the rest of its block.
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
