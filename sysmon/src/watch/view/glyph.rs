//! Figures drawn with characters: bars of several parts, and sparklines.

use ratatui::style::Style;
use ratatui::text::Span;

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Character of the empty part of a bar.
const TROUGH: char = '·';

/// Part of a bar: its length, character and style.
#[derive(Debug, Clone, Copy)]
pub(super) struct BarPart {
    /// Length of the part, as a share of the whole bar from 0 to 1.
    pub(super) ratio: f64,
    /// Character of the part, which distinguishes it without colours.
    pub(super) glyph: char,
    /// Style in which the part is drawn.
    pub(super) style: Style,
}

/// Returns the block character whose height is `value` ÷ `top`, rounded up to eighths: at least one
/// eighth, also if `top` is not positive, and at most the full height.
pub(super) fn level(value: f64, top: f64) -> char {
    if top <= 0.0 {
        return LEVELS[0];
    }
    let eighths = (value / top * 8.0).ceil() as usize;
    LEVELS[eighths.clamp(1, 8) - 1]
}

/// Returns a sparkline with a character for each column, whose full height stands for `top`; a
/// space where nothing was read.
pub(super) fn spark(columns: &[Option<f64>], top: f64) -> String {
    let shape = |column: &Option<f64>| column.map_or(' ', |value| level(value, top));
    columns.iter().map(shape).collect()
}

/// Draws parts one after another over `width` columns, and the rest of the bar in the style
/// `trough`. Each part ends at the rounded sum of the shares so far, so that the widths add up;
/// what exceeds the bar is cut off.
pub(super) fn bar(width: usize, parts: &[BarPart], trough: Style) -> Vec<Span<'static>> {
    let (mut spans, mut sum, mut drawn) = (Vec::new(), 0.0, 0);
    for part in parts {
        sum += part.ratio.max(0.0);
        let end = ((sum * width as f64).round() as usize).min(width);
        if end > drawn {
            let shape = part.glyph.to_string().repeat(end - drawn);
            spans.push(Span::styled(shape, part.style));
            drawn = end;
        }
    }
    let rest = TROUGH.to_string().repeat(width - drawn);
    spans.push(Span::styled(rest, trough));
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(width: usize, parts: &[(f64, char)]) -> String {
        let style = Style::new();
        let part = |&(ratio, glyph)| BarPart {
            ratio,
            glyph,
            style,
        };
        let parts: Vec<BarPart> = parts.iter().map(part).collect();
        let spans = bar(width, &parts, style);
        spans.iter().map(|span| span.content.as_ref()).collect()
    }

    #[test]
    fn parts_of_a_bar_add_up() {
        for (parts, shown) in [
            (&[(0.5, '#')][..], "#####·····"),
            (&[(0.25, 'a'), (0.25, 'b'), (0.5, 'c')], "aaabbccccc"),
            (&[(0.04, 'a'), (0.04, 'b'), (0.04, 'c')], "b·········"),
            (&[(2.0, 'a'), (1.0, 'b')], "aaaaaaaaaa"),
            (&[(-1.0, 'a'), (f64::NAN, 'b')], "··········"),
            (&[], "··········"),
        ] {
            assert_eq!(text(10, parts), shown);
        }
        assert_eq!(text(0, &[(0.5, '#')]), "");
    }

    #[test]
    fn a_line_over_time_has_gaps_where_nothing_was_read() {
        let columns = [Some(0.0), Some(0.5), None, Some(1.0), Some(3.0)];
        assert_eq!(spark(&columns, 1.0), "▁▄ ██");
        assert_eq!(spark(&columns, 0.0), "▁▁ ▁▁");
        assert_eq!(level(f64::NAN, 1.0), '▁');
    }
}
