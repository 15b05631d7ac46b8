//! What is seen of a level from beat to beat: figures over time, and how late our own beat was.

use std::time::Duration;

use bench_report::Series;
use bench_report::clock::{monotonic_ns, process_cpu_ns};
use load_engine::Recorder;

/// Between two points of a series.
const INTERVAL_NS: u64 = 200_000_000;

/// CPU time used and the instant at which it was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) at_ns: u64,
    pub(crate) cpu_ns: u64,
}

impl Reading {
    pub(crate) fn now() -> Self {
        Self {
            at_ns: monotonic_ns(),
            cpu_ns: process_cpu_ns(),
        }
    }
}

/// Figures over the time of one level.
#[derive(Debug)]
pub(crate) struct Trail {
    last_ns: u64,
    worst_stall_ns: u64,
    /// When the warm-up was over, where there was one.
    measuring: Option<Reading>,
    open: Series,
    throughput: Series,
    errors: Series,
    p99: Series,
}

impl Trail {
    pub(crate) fn new() -> Self {
        Self {
            last_ns: monotonic_ns(),
            worst_stall_ns: 0,
            measuring: None,
            open: Series::new("open_connections"),
            throughput: Series::new("throughput_per_s"),
            errors: Series::new("errors_per_s"),
            p99: Series::new("latency.p99_ns"),
        }
    }

    /// Notes how late a beat came, and adds a point when one is due; whether one was.
    pub(crate) fn beat(&mut self, late: Duration, open: u64, echoes: &Recorder) -> bool {
        self.worst_stall_ns = self.worst_stall_ns.max(late.as_nanos() as u64);
        let due = monotonic_ns() >= self.last_ns + INTERVAL_NS;
        if due {
            self.point(open, echoes);
        }
        due
    }

    /// The warm-up is over.
    pub(crate) fn measuring_begins(&mut self) {
        self.measuring = Some(Reading::now());
    }

    /// The reading at the end of the warm-up; `None` where there was none.
    pub(crate) fn measuring_began(&self) -> Option<Reading> {
        self.measuring
    }

    /// Adds a point now.
    pub(crate) fn point(&mut self, open: u64, echoes: &Recorder) {
        let now_ns = monotonic_ns();
        let seconds = now_ns.saturating_sub(self.last_ns) as f64 / 1e9;
        self.last_ns = now_ns;
        let interval = echoes.take_interval();
        let any = interval.succeeded() > 0;
        let p99 = any.then(|| interval.latency.value_at_quantile(0.99) as f64);
        self.open.push(now_ns, Some(open as f64));
        self.throughput
            .push(now_ns, Some(interval.succeeded() as f64 / seconds));
        self.errors
            .push(now_ns, Some(interval.failed as f64 / seconds));
        self.p99.push(now_ns, p99);
    }

    pub(crate) fn worst_stall_ns(&self) -> u64 {
        self.worst_stall_ns
    }

    pub(crate) fn into_series(self) -> Vec<Series> {
        vec![self.open, self.throughput, self.errors, self.p99]
    }
}
