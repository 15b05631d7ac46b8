//! Tables and paragraphs of text output, without colours. A table wider than the terminal wraps
//! its cells; in a pipe each row is one line.

mod figure;

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table as Drawn, presets};

pub use figure::{
    bytes, checkout, counted, duration_ns, quantile, rate, ratio, three_digits, worst_interval,
};

use crate::terminal_text::{columns as text_columns, fitted, printable, right};

/// Number of spaces between the columns of a table rendered by [`Table::with_names_above`].
const GAP: usize = 2;

/// Table of text. The first column is aligned to the left, all others to the right. Its display
/// form fits the terminal on stdout.
#[derive(Debug)]
pub struct Table {
    /// Header, followed by the other rows, each with its cells as printable text.
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Creates a table without rows.
    pub fn new(header: &[&str]) -> Self {
        let mut table = Self { rows: Vec::new() };
        table.row(header);
        table
    }

    /// Adds a row; missing cells at its end are left blank. Characters without width become
    /// question marks.
    pub fn row<S: AsRef<str>>(&mut self, cells: &[S]) {
        let cells = cells.iter().map(|text| printable(text.as_ref()));
        self.rows.push(cells.collect());
    }

    /// Renders the table for a terminal of this many columns (`None` for no limit), without
    /// breaking the names in the first column. A name that does not fit beside the cells of its
    /// row gets its own line above them. Each line ends with a line break.
    pub fn with_names_above(&self, columns: Option<usize>) -> String {
        let count = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let wide = |i: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(i));
            cells.map(|cell| text_columns(cell)).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (1..count).map(wide).collect();
        let figures: usize = widths.iter().map(|wide| wide + GAP).sum();
        let room = columns.map_or(usize::MAX, |columns| columns.saturating_sub(figures));
        let names = wide(0).min(room);
        let mut text = String::new();
        for row in &self.rows {
            let Some((name, cells)) = row.split_first() else {
                continue;
            };
            let mut line = if text_columns(name) <= names {
                fitted(name, names)
            } else {
                text.push_str(&format!("{name}\n"));
                " ".repeat(names)
            };
            for (cell, wide) in cells.iter().zip(&widths) {
                line.push_str(&" ".repeat(GAP));
                line.push_str(&right(cell, *wide));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    fn drawn(&self) -> Drawn {
        let mut drawn = Drawn::new();
        drawn
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic);
        let mut rows = self.rows.iter().map(|row| {
            let cells = row.iter().enumerate();
            cells.map(|(i, text)| cell(i, text)).collect::<Vec<_>>()
        });
        if let Some(header) = rows.next() {
            drawn.set_header(header);
        }
        drawn.add_rows(rows);
        drawn
    }
}

fn cell(column: usize, text: &str) -> Cell {
    let side = if column == 0 {
        CellAlignment::Left
    } else {
        CellAlignment::Right
    };
    Cell::new(text).set_alignment(side)
}

fn lines_of(drawn: &Drawn) -> String {
    let lines: Vec<String> = drawn
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect();
    lines.concat()
}

/// Appends a table under `title` to `text`, with the `cells` of each of `rows`; nothing if there are no
/// rows.
pub fn section<'a, R: 'a>(
    text: &mut String,
    title: &str,
    header: &[&str],
    rows: impl IntoIterator<Item = &'a R>,
    cells: impl Fn(&R) -> Vec<String>,
) {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() {
        return;
    }
    let mut table = Table::new(header);
    rows.for_each(|row| table.row(&cells(row)));
    text.push_str(&format!("\n{title}\n{table}"));
}

/// Appends each of `items` as a paragraph under `title` to `text`; nothing if there are no items.
pub fn list(text: &mut String, title: &str, items: impl IntoIterator<Item = String>) {
    let mut items = items.into_iter().peekable();
    if items.peek().is_none() {
        return;
    }
    text.push_str(&format!("\n{title}\n"));
    items.for_each(|item| text.push_str(&paragraph(&item, 2)));
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&lines_of(&self.drawn()))
    }
}

/// Returns the number of columns of the terminal on stdout; `None` if stdout is no terminal.
pub fn terminal_columns() -> Option<usize> {
    Drawn::new().width().map(usize::from)
}

/// Largest number of columns of a line in a paragraph.
const COLUMNS: usize = 80;
/// Smallest number of columns to which a paragraph is wrapped; a narrower terminal breaks the
/// lines itself.
const LEAST_COLUMNS: usize = 20;

/// Breaks `text` into lines of at most 80 columns, or fewer on a narrower terminal, but not below
/// 20. Each line begins with `indent` spaces and ends with a line break. A word longer than a line
/// stays whole.
pub fn paragraph(text: &str, indent: usize) -> String {
    let margin = " ".repeat(indent);
    let columns = terminal_columns().unwrap_or(COLUMNS);
    let options = textwrap::Options::new(columns.clamp(LEAST_COLUMNS, COLUMNS))
        .initial_indent(&margin)
        .subsequent_indent(&margin)
        .break_words(false);
    textwrap::fill(text, options) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_keeps_to_80_columns_and_loses_nothing() {
        let words = "a sentence – with 12.3 µs – of many words that says why it is so ".repeat(4);
        let text = paragraph(words.trim(), 2);
        assert!(text.lines().count() > 2 && text.ends_with('\n'));
        for line in text.lines() {
            assert!(
                line.starts_with("  ") && line.chars().count() <= 80,
                "{line}"
            );
        }
        let unwrapped: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(unwrapped, words.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn rows_line_up_and_lines_have_no_trailing_space() {
        let mut table = Table::new(&["size", "throughput"]);
        table.row(&["2", "84.7 k/s"]);
        table.row(&["16", "9.10 k/s"]);
        let text = table.to_string();
        let ends: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
        assert!(ends.windows(2).all(|w| w[0] == w[1]), "{text}");
        assert!(text.lines().all(|line| line == line.trim_end()));
    }

    #[test]
    fn a_wide_table_wraps_to_the_terminal_and_loses_nothing() {
        let words = "a sentence of many words that says why it is so, at some length";
        let mut table = Table::new(&["finding", "evidence", "impact"]);
        table.row(&[words, words, "12.3 ms"]);
        let mut drawn = table.drawn();
        drawn.set_width(80);
        let text = lines_of(&drawn);
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        for word in words.split(' ') {
            assert!(text.contains(word), "{word}: {text}");
        }
    }

    #[test]
    fn sections_and_lists_have_a_title_and_are_left_out_if_empty() {
        let mut text = String::new();
        let cells = |count: &u64| vec!["keys".to_owned(), count.to_string()];
        section(&mut text, "Counts", &["", "count"], &[7, 12], cells);
        list(&mut text, "Not seen", ["the slow log: NOPERM".to_owned()]);
        assert_eq!(
            text,
            "\nCounts\n       count\n keys      7\n keys     12\n\nNot seen\n  the slow log: NOPERM\n"
        );
        let before = text.clone();
        section(&mut text, "Counts", &["", "count"], &[], cells);
        list(&mut text, "Not seen", []);
        assert_eq!(text, before);
    }

    fn named() -> Table {
        let mut table = Table::new(&["series", "unit", "mean"]);
        table.row(&["cpu.busy", "%", "12.5"]);
        table.row(&["process.rss a\u{1b}[2J\nlong name (4711)", "MiB", "97.5"]);
        table
    }

    #[test]
    fn a_name_that_does_not_fit_stands_above_its_figures() {
        assert_eq!(
            named().with_names_above(Some(28)),
            "series            unit  mean\n\
             cpu.busy             %  12.5\n\
             process.rss a?[2J?long name (4711)\n\
             \u{20}                  MiB  97.5\n"
        );
        let narrow = named().with_names_above(Some(3));
        assert!(narrow.contains("12.5") && narrow.contains("97.5"));
    }

    #[test]
    fn in_a_pipe_a_row_is_a_line() {
        let text = named().with_names_above(None);
        assert_eq!(text.lines().count(), 3);
        let ends: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
        assert!(ends.windows(2).all(|w| w[0] == w[1]), "{text}");
    }
}
