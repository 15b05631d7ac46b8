//! A line for each interval while it is watched, and the same figures as series.

use std::time::Duration;

use bench_report::clock::monotonic_ns;
use bench_report::{Series, ServerEvidence};

/// Lines after which the header is shown again.
const HEADER_EVERY: usize = 20;
/// Column, figure, and width.
const COLUMNS: [(&str, &str); 8] = [
    ("used", "connections.used_max"),
    ("cpu", "sessions.cpu_mean"),
    ("lock", "sessions.lock_mean"),
    ("latch", "sessions.lwlock_mean"),
    ("io", "sessions.io_mean"),
    ("client", "sessions.client_mean"),
    ("in txn", "sessions.idle_in_transaction_mean"),
    ("idle", "sessions.idle_mean"),
];
const WIDTH: usize = 8;

/// The lines so far.
#[derive(Debug)]
pub(super) struct Table {
    lines: usize,
    series: Vec<Series>,
}

impl Default for Table {
    fn default() -> Self {
        let series = COLUMNS.map(|(_, figure)| Series::new(&format!("server.{figure}")));
        Self {
            lines: 0,
            series: series.into(),
        }
    }
}

impl Table {
    /// Adds what was seen in the interval that ends `since` the start; returns what to show.
    pub(super) fn add(&mut self, seen: &ServerEvidence, since: Duration) -> Vec<String> {
        let now_ns = monotonic_ns();
        let mut shown = Vec::new();
        if self.lines.is_multiple_of(HEADER_EVERY) {
            let names = COLUMNS.map(|(name, _)| format!("{name:>WIDTH$}"));
            shown.push(format!("{:>WIDTH$}{}  longest wait", "", names.concat()));
        }
        self.lines += 1;
        let mut line = format!("{:>w$.0} s", since.as_secs_f64(), w = WIDTH - 2);
        for ((_, figure), series) in COLUMNS.iter().zip(&mut self.series) {
            let value = seen.figures.get(*figure).copied();
            series.push(now_ns, value);
            let digits = usize::from(*figure != "connections.used_max");
            let text = value.map_or("–".to_owned(), |value| format!("{value:.digits$}"));
            line.push_str(&format!("{text:>WIDTH$}"));
        }
        if let Some(wait) = longest_wait(seen) {
            line.push_str(&format!("  {wait}"));
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

/// The wait event with most sessions in it. One for the client's next request is no wait.
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
        seen.figure("connections.used_max", 12.0);
        seen.figure("sessions.cpu_mean", 1.25);
        seen.figure("waits.Lock.tuple_mean", 3.0);
        seen.figure("waits.Client.ClientRead_mean", 9.0);
        let mut table = Table::default();
        let shown = table.add(&seen, Duration::from_secs(2));
        assert_eq!(shown.len(), 2, "a header first");
        assert!(shown[1].ends_with("–  Lock.tuple"), "{shown:?}");
        assert_eq!(shown[0].find("cpu").unwrap() + 3, 3 * WIDTH);
        assert_eq!(&shown[1][..3 * WIDTH], "     2 s      12     1.2");
        assert_eq!(table.add(&seen, Duration::from_secs(4)).len(), 1);
        let series = table.into_series();
        assert_eq!(series[2].mean, [None, None]);
    }
}
