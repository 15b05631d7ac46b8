//! Tables and figures for people, without colours. A table wider than the terminal wraps its cells;
//! in a pipe each row is one line.

use bench_report::{CheckoutParts, QuantileEstimate, QuantileKind};
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table as Drawn, presets};

use crate::terminal_text::{columns as text_columns, fitted, printable, right};

/// Number of spaces between the columns of a table drawn by [`Table::with_names_above`].
const GAP: usize = 2;

/// Table whose first column is aligned to the left, all others to the right.
#[derive(Debug)]
pub struct Table {
    /// Header, followed by the rows.
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Creates a table without rows.
    pub fn new(header: &[&str]) -> Self {
        let mut table = Self { rows: Vec::new() };
        table.row(header);
        table
    }

    /// Adds a row; missing cells at its end are left blank.
    pub fn row<S: AsRef<str>>(&mut self, cells: &[S]) {
        let cells = cells.iter().map(|text| printable(text.as_ref()));
        self.rows.push(cells.collect());
    }

    /// Renders the table for a terminal of this many columns (`None` for no limit), without
    /// breaking the names in the first column. A name that does not fit beside its figures gets its
    /// own line above them.
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

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&lines_of(&self.drawn()))
    }
}

/// Returns the number of columns of the terminal on stdout; `None` if stdout is no terminal.
pub fn terminal_columns() -> Option<usize> {
    Drawn::new().width().map(usize::from)
}

/// Largest number of columns of a paragraph.
const COLUMNS: usize = 80;
/// Smallest number of columns of a paragraph; a narrower terminal breaks the lines itself.
const LEAST_COLUMNS: usize = 20;

/// Breaks `text` into lines of at most 80 columns, or fewer on a narrower terminal. Each line
/// begins with `indent` spaces. A word longer than a line stays whole.
pub fn paragraph(text: &str, indent: usize) -> String {
    let margin = " ".repeat(indent);
    let columns = terminal_columns().unwrap_or(COLUMNS);
    let options = textwrap::Options::new(columns.clamp(LEAST_COLUMNS, COLUMNS))
        .initial_indent(&margin)
        .subsequent_indent(&margin)
        .break_words(false);
    textwrap::fill(text, options) + "\n"
}

/// Formats a number with three significant digits: `1.23`, `12.3`, `123`. Numbers below 0.005 other
/// than zero become `<0.01`.
pub fn three_digits(value: f64) -> String {
    match value.abs() {
        v if v > 0.0 && v < 0.005 => "<0.01".to_owned(),
        v if v < 9.995 => format!("{value:.2}"),
        v if v < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// Text for a figure that is not finite.
const NO_FIGURE: &str = "n/a";

/// Formats a duration: `850 ns`, `12.3 µs`, `1.23 ms`, `4.50 s`, `2.5 min`, `3.0 h`.
pub fn duration_ns(ns: u64) -> String {
    match ns as f64 {
        v if v < 1e3 => format!("{ns} ns"),
        v if v < 999_500.0 => format!("{} µs", three_digits(v / 1e3)),
        v if v < 999.5e6 => format!("{} ms", three_digits(v / 1e6)),
        v if v < 119.5e9 => format!("{} s", three_digits(v / 1e9)),
        v if v < 7_197e9 => format!("{:.1} min", v / 60e9),
        v => format!("{:.1} h", v / 3_600e9),
    }
}

/// Formats a quantile of latency: `1.23 ms`, or `≥ 9.80 s` if it falls among requests that were
/// never answered. A dash if nothing was measured.
pub fn quantile(estimate: Option<QuantileEstimate>) -> String {
    match estimate {
        None => "–".to_owned(),
        Some(found) if found.kind == QuantileKind::AtLeast => {
            format!("≥\u{a0}{}", duration_ns(found.ns))
        }
        Some(found) => duration_ns(found.ns),
    }
}

/// Formats the highest 99th percentile of an interval. It is marked as a lower bound if requests
/// were `unanswered`, because these were included with their age only.
pub fn worst_interval(ns: Option<f64>, unanswered: u64) -> String {
    quantile(ns.map(|ns| QuantileEstimate {
        ns: ns as u64,
        kind: match unanswered {
            0 => QuantileKind::Exact,
            _ => QuantileKind::AtLeast,
        },
    }))
}

/// Smallest share of a checkout's time at which a part is listed.
const PART_TOLD: f64 = 0.005;

/// Formats the mean time of a checkout and its parts, the largest first: `0.20 ms: 0.19 ms check,
/// 0.01 ms wait`.
pub fn checkout(checkout: &CheckoutParts) -> String {
    let whole = checkout.mean_ns();
    let mut parts = [
        ("wait", checkout.wait_mean_ns),
        ("check", checkout.check_mean_ns),
        ("connecting", checkout.connect_mean_ns),
    ];
    parts.sort_by(|a, b| b.1.total_cmp(&a.1));
    let told: Vec<String> = parts
        .iter()
        .filter(|(_, ns)| *ns > 0.0 && *ns >= PART_TOLD * whole)
        .map(|(name, ns)| format!("{} {name}", duration_ns(ns.round() as u64)))
        .collect();
    format!("{}: {}", duration_ns(whole.round() as u64), told.join(", "))
}

/// Formats a rate: `850/s`, `12.3 k/s`, `1.23 M/s`.
pub fn rate(per_s: f64) -> String {
    match per_s.abs() {
        v if !v.is_finite() => NO_FIGURE.to_owned(),
        v if v < 999.5 => format!("{}/s", three_digits(per_s)),
        v if v < 999_500.0 => format!("{} k/s", three_digits(per_s / 1e3)),
        _ => format!("{} M/s", three_digits(per_s / 1e6)),
    }
}

/// Formats a size in bytes: `512 B`, `6.80 MiB`.
pub fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    for unit in ["KiB", "MiB", "GiB"] {
        value /= 1024.0;
        if value < 1023.5 {
            return format!("{} {unit}", three_digits(value));
        }
    }
    format!("{} TiB", three_digits(value / 1024.0))
}

/// Formats a share as a percentage: `97.5 %`. A share that would be rounded to 0 % or 100 % becomes
/// `<0.1 %` or `>99.9 %`.
pub fn ratio(ratio: f64) -> String {
    match ratio {
        r if !r.is_finite() => NO_FIGURE.to_owned(),
        r if r > 0.0 && r < 0.0005 => "<0.1 %".to_owned(),
        r if (0.9995..1.0).contains(&r) => ">99.9 %".to_owned(),
        r => format!("{:.1} %", r * 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkout_is_told_by_its_parts_and_several_steps_by_their_checkouts() {
        let checked = CheckoutParts {
            count: 300,
            wait_mean_ns: 500.0,
            check_mean_ns: 199_500.0,
            ..CheckoutParts::default()
        };
        assert_eq!(checkout(&checked), "200 µs: 200 µs check");
        let queued = CheckoutParts {
            count: 100,
            waited: 90,
            opened: 4,
            wait_mean_ns: 800_500.0,
            check_mean_ns: 199_500.0,
            connect_mean_ns: 80_000.0,
        };
        let both = CheckoutParts::merged([&checked, &queued]).unwrap();
        assert_eq!((both.count, both.waited, both.opened), (400, 90, 4));
        let told = checkout(&both);
        assert_eq!(
            told,
            "420 µs: 200 µs wait, 200 µs check, 20.0 µs connecting"
        );
        assert!(CheckoutParts::merged([]).is_none());
    }

    #[test]
    fn figures_have_three_digits_and_a_unit() {
        for (ns, shown) in [
            (0, "0 ns"),
            (850, "850 ns"),
            (12_345, "12.3 µs"),
            (999_999, "1.00 ms"),
            (1_234_000, "1.23 ms"),
            (999_600_000, "1.00 s"),
            (4_500_000_000, "4.50 s"),
            (119_600_000_000, "2.0 min"),
            (150_000_000_000, "2.5 min"),
            (7_200_000_000_000, "2.0 h"),
        ] {
            assert_eq!(duration_ns(ns), shown);
        }
        for (per_s, shown) in [
            (0.0, "0.00/s"),
            (0.001, "<0.01/s"),
            (9.996, "10.0/s"),
            (999.7, "1.00 k/s"),
            (84_700.0, "84.7 k/s"),
            (1_230_000.0, "1.23 M/s"),
            (f64::NAN, "n/a"),
            (f64::INFINITY, "n/a"),
        ] {
            assert_eq!(rate(per_s), shown);
        }
        for (size, shown) in [
            (1_023, "1023 B"),
            (1_024, "1.00 KiB"),
            (1_048_500, "1.00 MiB"),
            (7_130_316, "6.80 MiB"),
            (u64::MAX, "16777216 TiB"),
        ] {
            assert_eq!(bytes(size), shown);
        }
    }

    #[test]
    fn a_lower_bound_is_told_from_what_was_measured() {
        let estimate = |kind| {
            Some(QuantileEstimate {
                ns: 9_800_000_000,
                kind,
            })
        };
        assert_eq!(quantile(estimate(QuantileKind::AtLeast)), "≥\u{a0}9.80 s");
        assert_eq!(quantile(estimate(QuantileKind::Estimate)), "9.80 s");
        assert_eq!(quantile(None), "–");
    }

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
    fn a_few_are_not_none_and_nearly_all_are_not_all() {
        for (share, shown) in [
            (0.0, "0.0 %"),
            (0.000_1, "<0.1 %"),
            (0.975, "97.5 %"),
            (0.999_9, ">99.9 %"),
            (1.0, "100.0 %"),
            (f64::NAN, "n/a"),
        ] {
            assert_eq!(ratio(share), shown);
        }
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
