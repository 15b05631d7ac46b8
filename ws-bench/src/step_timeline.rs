//! Timeline of a step: series of its figures, the worst delay of the generator's own heartbeat, and
//! the CPU use at both ends of the measured part.

use std::time::Duration;

use bench_report::clock::monotonic_ns;
use bench_report::{Series, Window};
use load_engine::{CpuReading, IntervalQuantile, Recorder};

use crate::evidence::ProcessUsage;

/// Time between two points of a series.
const INTERVAL_NS: u64 = 200_000_000;

/// CPU time and memory used until one instant, by the generator and by the server.
#[derive(Debug, Clone)]
pub(crate) struct UsageSnapshot {
    pub(crate) own: CpuReading,
    /// `None` where the server cannot be seen.
    pub(crate) server: Option<ProcessUsage>,
}

/// Timeline of one step.
#[derive(Debug)]
pub(crate) struct StepTimeline {
    last_ns: u64,
    worst_stall_ns: u64,
    /// Readings at the beginning and the end of the measured part.
    began: Option<UsageSnapshot>,
    ended: Option<UsageSnapshot>,
    open: Series,
    throughput: Series,
    errors: Series,
    p99: Series,
    latency: IntervalQuantile,
}

impl StepTimeline {
    pub(crate) fn new() -> Self {
        Self {
            last_ns: monotonic_ns(),
            worst_stall_ns: 0,
            began: None,
            ended: None,
            open: Series::new("open_connections"),
            throughput: Series::new("throughput_per_s"),
            errors: Series::new("errors_per_s"),
            p99: Series::new("latency.p99_ns"),
            latency: IntervalQuantile::new(0.99),
        }
    }

    /// Notes by how much a heartbeat was `late`, and adds a point if one is due. Returns true if one
    /// was.
    pub(crate) fn heartbeat(&mut self, late: Duration, open: u64, echoes: &Recorder) -> bool {
        self.worst_stall_ns = self.worst_stall_ns.max(late.as_nanos() as u64);
        let due = monotonic_ns() >= self.last_ns + INTERVAL_NS;
        if due {
            self.push_point(open, echoes);
        }
        due
    }

    /// Sets the reading at the beginning of the measured part.
    pub(crate) fn set_measuring_start(&mut self, usage: UsageSnapshot) {
        self.began = Some(usage);
    }

    /// Reads the use at the first heartbeat after each end of the measured part. Returns true if
    /// that part began now.
    pub(crate) fn read_at_window_ends(
        &mut self,
        window: Window,
        read: impl FnOnce() -> UsageSnapshot,
    ) -> bool {
        let now_ns = monotonic_ns();
        if self.began.is_none() && now_ns >= window.measure_start_ns {
            self.began = Some(read());
            return true;
        }
        if self.ended.is_none() && now_ns >= window.measure_end_ns {
            self.ended = Some(read());
        }
        false
    }

    /// Readings at both ends of the measured part; `None` for an end that was not reached.
    pub(crate) fn window_usage(&self) -> (Option<UsageSnapshot>, Option<UsageSnapshot>) {
        (self.began.clone(), self.ended.clone())
    }

    /// Adds a point that ends now.
    pub(crate) fn push_point(&mut self, open: u64, echoes: &Recorder) {
        let now_ns = monotonic_ns();
        let seconds = now_ns.saturating_sub(self.last_ns) as f64 / 1e9;
        self.last_ns = now_ns;
        let interval = echoes.take_interval();
        let p99 = self.latency.next(&interval).map(|ns| ns as f64);
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
