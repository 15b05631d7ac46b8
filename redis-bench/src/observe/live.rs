//! Live table of `observe`: a line for each interval, whose figures are also recorded as series of
//! the report.

use std::time::Duration;

use bench_cli::table;
use bench_report::clock::monotonic_ns;
use bench_report::names::{FigureName, load_series, redis};
use bench_report::{Series, ServerEvidence};

/// Number of lines of figures after which the header is printed again.
const HEADER_EVERY: usize = 20;
/// Width of the column with the time since the start, in characters.
const TIME: usize = 7;

/// Column of the table.
struct Column {
    header: &'static str,
    /// Width in characters; all columns together take 80 with the time.
    width: usize,
    figure: FigureName,
    /// Returns the text form of the figure.
    shown: fn(f64) -> String,
}

/// Columns of the table.
const COLUMNS: [Column; 8] = [
    Column {
        header: "clients",
        width: 8,
        figure: redis::CONNECTED_CLIENTS_MAX,
        shown: |clients| format!("{clients:.0}"),
    },
    Column {
        header: "commands",
        width: 10,
        figure: redis::COMMANDS_PER_S,
        shown: table::rate,
    },
    Column {
        header: "busy",
        width: 8,
        figure: redis::MAIN_THREAD_BUSY_RATIO,
        shown: table::ratio,
    },
    Column {
        header: "hits",
        width: 8,
        figure: redis::KEYSPACE_HIT_RATIO,
        shown: table::ratio,
    },
    Column {
        header: "evicted",
        width: 9,
        figure: redis::EVICTED_KEYS_PER_S,
        shown: rate_or_none,
    },
    Column {
        header: "expired",
        width: 9,
        figure: redis::EXPIRED_KEYS_PER_S,
        shown: rate_or_none,
    },
    Column {
        header: "sent",
        width: 11,
        figure: redis::NET_OUTPUT_BYTES_PER_S,
        shown: |bytes| format!("{}/s", table::bytes(bytes as u64)),
    },
    Column {
        header: "memory",
        width: 10,
        figure: redis::USED_MEMORY_BYTES,
        shown: |bytes| table::bytes(bytes as u64),
    },
];

/// Returns the text form of a rate that usually is 0.
fn rate_or_none(per_s: f64) -> String {
    if per_s == 0.0 {
        return "0".to_owned();
    }
    table::rate(per_s)
}

/// Table that is printed line by line while the server is watched, and the series of its figures.
#[derive(Debug)]
pub(super) struct LiveTable {
    lines: usize,
    series: Vec<Series>,
}

impl Default for LiveTable {
    fn default() -> Self {
        let series = COLUMNS.map(|column| Series::new(load_series::SERVER.of(column.figure)));
        Self {
            lines: 0,
            series: series.into(),
        }
    }
}

impl LiveTable {
    /// Adds the evidence of the interval that ends now, `since` after the start, to the series.
    /// Returns the lines to print: before every 20th line of figures the header, the figures, and
    /// one line each for `events` and for the reason why nothing is known.
    pub(super) fn add(
        &mut self,
        seen: &ServerEvidence,
        since: Duration,
        events: &[String],
    ) -> Vec<String> {
        let now_ns = monotonic_ns();
        let mut shown = Vec::new();
        if self.lines.is_multiple_of(HEADER_EVERY) {
            let names = COLUMNS.map(|c| format!("{:>w$}", c.header, w = c.width));
            shown.push(format!("{:TIME$}{}", "", names.concat()));
        }
        self.lines += 1;
        let mut line = format!("{:>w$.0} s", since.as_secs_f64(), w = TIME - 2);
        for (column, series) in COLUMNS.iter().zip(&mut self.series) {
            let value = seen.value(column.figure);
            series.push(now_ns, value);
            let text = value.map_or("–".to_owned(), column.shown);
            line.push_str(&format!("{text:>w$}", w = column.width));
        }
        shown.push(line);
        let reason = seen.unavailable.get("info");
        let told = events.iter().chain(reason);
        shown.extend(told.map(|told| format!("{:TIME$}  {told}", "")));
        shown
    }

    pub(super) fn into_series(self) -> Vec<Series> {
        self.series
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_seen_is_no_zero_and_columns_line_up() {
        let mut seen = ServerEvidence::default();
        seen.figure(redis::CONNECTED_CLIENTS_MAX, 52.0);
        seen.figure(redis::COMMANDS_PER_S, 123_456.0);
        seen.figure(redis::USED_MEMORY_BYTES, 1_023.0 * 1_048_576.0);
        let mut table = LiveTable::default();
        let events = ["a snapshot, seen once".to_owned()];
        let shown = table.add(&seen, Duration::from_secs(2), &events);
        assert_eq!(shown.len(), 3, "a header first");
        assert!(shown[0].ends_with("memory"));
        for line in &shown[..2] {
            assert_eq!(line.chars().count(), 80, "a terminal's width: {line}");
        }
        assert!(
            shown[1].starts_with("    2 s      52   123 k/s       –"),
            "{shown:?}"
        );
        assert_eq!(shown[2], "         a snapshot, seen once");
        let away = ServerEvidence::unavailable("info", "no answer");
        let shown = table.add(&away, Duration::from_secs(4), &[]);
        assert_eq!(shown.len(), 2);
        assert!(shown[1].ends_with("no answer"), "{shown:?}");
        let series = table.into_series();
        assert_eq!(series[1].mean, [Some(123_456.0), None]);
        assert_eq!(series[2].mean, [None, None]);
    }
}
