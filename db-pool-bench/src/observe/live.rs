//! Live table of `observe`: a line for each interval, whose figures are also recorded as series of
//! the report.

use std::time::Duration;

use bench_cli::terminal_text::shortened;
use bench_report::clock::monotonic_ns;
use bench_report::names::{FigureName, load_series, postgres};
use bench_report::{Series, ServerEvidence};

/// Number of lines of figures after which the header is printed again.
const HEADER_EVERY: usize = 20;
/// Columns of the table: header, width in characters, and name of the figure in the server's
/// evidence.
const COLUMNS: [(&str, usize, FigureName); 8] = [
    ("used", 6, postgres::CONNECTIONS_USED_MAX),
    ("cpu", 6, postgres::SESSIONS_CPU_MEAN),
    ("lock", 6, postgres::SESSIONS_LOCK_MEAN),
    ("latch", 7, postgres::SESSIONS_LWLOCK_MEAN),
    ("io", 5, postgres::SESSIONS_IO_MEAN),
    ("client", 8, postgres::SESSIONS_CLIENT_MEAN),
    ("in txn", 8, postgres::SESSIONS_IDLE_IN_TRANSACTION_MEAN),
    ("idle", 6, postgres::SESSIONS_IDLE_MEAN),
];
/// Width of the column with the time since the start, in characters.
const TIME: usize = 7;
/// Width that the other columns leave in 80 columns for the name of a wait event, in characters.
const WAIT: usize = 19;

/// Table that is printed line by line while the server is observed, and the series of its figures.
#[derive(Debug)]
pub(super) struct LiveTable {
    lines: usize,
    series: Vec<Series>,
}

impl Default for LiveTable {
    fn default() -> Self {
        let series = COLUMNS.map(|(_, _, figure)| Series::new(load_series::SERVER.of(figure)));
        Self {
            lines: 0,
            series: series.into(),
        }
    }
}

impl LiveTable {
    /// Adds the evidence of the interval that ends now, `since` after the start, to the series.
    /// Returns the lines to print: the figures, and before every 20th line the header.
    pub(super) fn add(&mut self, seen: &ServerEvidence, since: Duration) -> Vec<String> {
        let now_ns = monotonic_ns();
        let mut shown = Vec::new();
        if self.lines.is_multiple_of(HEADER_EVERY) {
            let names = COLUMNS.map(|(name, width, _)| format!("{name:>width$}"));
            shown.push(format!("{:TIME$}{}  longest wait", "", names.concat()));
        }
        self.lines += 1;
        let mut line = format!("{:>w$.0} s", since.as_secs_f64(), w = TIME - 2);
        for ((_, width, figure), series) in COLUMNS.iter().zip(&mut self.series) {
            let value = seen.value(*figure);
            series.push(now_ns, value);
            let digits = usize::from(*figure != postgres::CONNECTIONS_USED_MAX);
            let text = value.map_or("–".to_owned(), |value| format!("{value:.digits$}"));
            line.push_str(&format!("{text:>width$}"));
        }
        if let Some(wait) = longest_wait(seen) {
            line.push_str(&format!("  {}", shortened(wait, WAIT)));
        } else if let Some(reason) = seen.unavailable.get("sessions") {
            line.push_str(&format!("  {reason}"));
        }
        shown.push(line);
        shown
    }

    pub(super) fn into_series(self) -> Vec<Series> {
        self.series
    }
}

/// Returns the name of the wait event with the highest mean number of waiting sessions; `None` if
/// no session waits. Sessions that wait for the next request of their client do not count.
fn longest_wait(seen: &ServerEvidence) -> Option<&str> {
    let events = seen.figures.iter().filter_map(|(name, mean)| {
        let event = name.strip_prefix("waits.")?.strip_suffix("_mean")?;
        (event != "Client.ClientRead").then_some((event, mean))
    });
    events
        .max_by(|a, b| a.1.total_cmp(b.1))
        .map(|(event, _)| event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_seen_is_no_zero_and_columns_line_up() {
        let mut seen = ServerEvidence::default();
        seen.figure(postgres::CONNECTIONS_USED_MAX, 12.0);
        seen.figure(postgres::SESSIONS_CPU_MEAN, 1.25);
        seen.figures
            .insert("waits.LWLock.SubtransSLRUBuffer_mean".to_owned(), 3.0);
        seen.figures
            .insert("waits.Client.ClientRead_mean".to_owned(), 9.0);
        let mut table = LiveTable::default();
        let shown = table.add(&seen, Duration::from_secs(2));
        assert_eq!(shown.len(), 2, "a header first");
        assert!(shown[1].ends_with("–  LWLock.SubtransSLR…"), "{shown:?}");
        assert_eq!(shown[1].chars().count(), 80, "a terminal's width");
        let cpu = shown[0].find("cpu").unwrap() + 3;
        assert_eq!(&shown[1][..cpu], "    2 s    12   1.2");
        assert_eq!(table.add(&seen, Duration::from_secs(4)).len(), 1);
        let series = table.into_series();
        assert_eq!(series[2].mean, [None, None]);
    }
}
