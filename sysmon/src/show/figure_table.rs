//! Table of figures with long names, fitted to a terminal.
//!
//! The shared table would wrap names of series; here a name that does not fit beside its figures
//! stands on a line of its own above them. In a pipe a row keeps to one line.

/// Space between columns.
const GAP: usize = 2;

/// Table whose first column is names, the second units and the others figures.
#[derive(Debug, Default)]
pub(super) struct FigureTable {
    rows: Vec<(String, Vec<String>)>,
}

impl FigureTable {
    /// Creates a table with these headings.
    pub(super) fn new(heading: &str, columns: &[&str]) -> Self {
        let mut sheet = Self::default();
        sheet.row(heading, columns);
        sheet
    }

    /// Adds a row; missing cells at its end are blank.
    pub(super) fn row(&mut self, name: &str, cells: &[impl AsRef<str>]) {
        let cells = cells.iter().map(|cell| cell.as_ref().to_owned());
        self.rows.push((plain(name), cells.collect()));
    }

    /// Renders lines that are no wider than `columns`, if names allow it.
    pub(super) fn render(&self, columns: Option<usize>) -> String {
        let count = self.rows.iter().map(|(_, cells)| cells.len()).max();
        let wide = |i: usize| {
            let cells = self.rows.iter().filter_map(|(_, cells)| cells.get(i));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..count.unwrap_or(0)).map(wide).collect();
        let figures: usize = widths.iter().map(|wide| wide + GAP).sum();
        let longest = self.rows.iter().map(|(name, _)| name.chars().count()).max();
        let room = columns.map_or(usize::MAX, |columns| columns.saturating_sub(figures));
        let names = longest.unwrap_or(0).min(room);
        let mut text = String::new();
        for (name, cells) in &self.rows {
            let fits = name.chars().count() <= names;
            if !fits {
                text.push_str(&format!("{name}\n"));
            }
            let mut line = format!("{:<names$}", if fits { name } else { "" });
            for (cell, wide) in cells.iter().zip(&widths) {
                line.push_str(&format!("{:GAP$}{cell:>wide$}", ""));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Replaces control characters in a name.
fn plain(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> FigureTable {
        let mut sheet = FigureTable::new("series", &["unit", "mean"]);
        sheet.row("cpu.busy", &["%", "12.5"]);
        sheet.row("process.rss a\u{1b}[2J\nlong name (4711)", &["MiB", "97.5"]);
        sheet
    }

    #[test]
    fn a_name_that_does_not_fit_stands_above_its_figures() {
        assert_eq!(
            sheet().render(Some(28)),
            "series            unit  mean\n\
             cpu.busy             %  12.5\n\
             process.rss a?[2J?long name (4711)\n\
             \u{20}                  MiB  97.5\n"
        );
        let narrow = sheet().render(Some(3));
        assert!(narrow.contains("12.5") && narrow.contains("97.5"));
    }

    #[test]
    fn in_a_pipe_a_row_is_a_line() {
        let text = sheet().render(None);
        assert_eq!(text.lines().count(), 3);
        let ends: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
        assert!(ends.windows(2).all(|w| w[0] == w[1]), "{text}");
    }
}
