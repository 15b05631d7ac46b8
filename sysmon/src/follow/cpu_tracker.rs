//! CPU time of every process during a recording or a live view.

use std::collections::BTreeMap;

use host_metrics::rate_window::{FigureValue, Period, RateWindow, tick_window_ns};
use host_metrics::source::process::{ProcessId, ProcessSample};

use super::selection::StartTracker;
use crate::figure::at_most;

/// Tracker of the CPU time that each live process has used during the recording or live view so
/// far. It keeps only a few numbers per process.
#[derive(Debug)]
pub(super) struct CpuTracker {
    cores: Option<f64>,
    tick_ns: u64,
    least_window_ns: u64,
    /// State of each process, sorted by process id as samples are, so that processes are found in
    /// sequence.
    processes: BTreeMap<ProcessId, TrackedCpu>,
    starts: StartTracker,
    last_ns: u64,
}

#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "each is a time in nanoseconds")]
struct TrackedCpu {
    /// Time of the last reading on the monotonic clock, and the largest error of that time, in
    /// nanoseconds.
    at_ns: u64,
    slack_ns: u64,
    /// Counter of CPU time at `at_ns`, in nanoseconds.
    cpu_ns: u64,
    used_ns: u64,
    /// End of the last sample that contained the process, in nanoseconds of the monotonic clock.
    seen_ns: u64,
}

impl CpuTracker {
    /// Creates a tracker without processes. The kernel counts CPU time in ticks of `tick_ns`
    /// nanoseconds; samples are taken every `interval_ns`. A process cannot use more than all
    /// `cores`: a figure that exceeds them by more than its error is absent. If `cores` is `None`, no
    /// figure is dropped.
    pub(super) fn new(cores: Option<f64>, tick_ns: u64, interval_ns: u64) -> Self {
        Self {
            cores,
            tick_ns,
            least_window_ns: tick_window_ns(interval_ns),
            processes: BTreeMap::new(),
            starts: StartTracker::default(),
            last_ns: 0,
        }
    }

    /// Adds the reading of one process in the sample that ended at `at_ns`, in nanoseconds of the
    /// monotonic clock. Returns the CPU time that the process has used during the recording so far,
    /// in nanoseconds, and the number of cores that it used on average since its previous reading.
    /// The latter is `None` if less than the shortest window has passed, or if it cannot be
    /// derived.
    pub(super) fn update(
        &mut self,
        at_ns: u64,
        sample: &ProcessSample,
    ) -> (u64, Option<FigureValue>) {
        let now_ns = sample.span.midpoint_ns();
        let is_new = self.starts.is_new(sample.id);
        let last_ns = self.last_ns;
        let tracked = self.processes.entry(sample.id);
        let tracked = tracked.or_insert_with(|| TrackedCpu {
            at_ns: if is_new { last_ns } else { now_ns },
            slack_ns: sample.span.slack_ns(),
            cpu_ns: if is_new { 0 } else { sample.cpu_ns },
            used_ns: 0,
            seen_ns: at_ns,
        });
        tracked.seen_ns = at_ns;
        let window = RateWindow {
            period: Period {
                from_ns: tracked.at_ns,
                to_ns: now_ns,
            },
            slack_ns: tracked.slack_ns + sample.span.slack_ns(),
        };
        if window.period.ns() < self.least_window_ns {
            return (tracked.used_ns, None);
        }
        let used_ns = sample.cpu_ns.checked_sub(tracked.cpu_ns);
        // User and system time are each rounded to a tick, and the time of running threads is added
        // at every tick.
        let running = sample.threads.unwrap_or(1);
        let running = self.cores.map_or(running, |most| running.min(most as u64));
        let cores = window.mean(Some(0), used_ns, (2 + running) * self.tick_ns);
        let cores = cores.and_then(|used| at_most(used, self.cores));
        if cores.is_some() {
            tracked.used_ns += used_ns.unwrap_or(0);
        }
        tracked.slack_ns = sample.span.slack_ns();
        (tracked.at_ns, tracked.cpu_ns) = (now_ns, sample.cpu_ns);
        (tracked.used_ns, cores)
    }

    /// Removes the processes that are not in `samples`, a complete sample that ended at `at_ns` and
    /// of which [`CpuTracker::update`] was called for each process.
    pub(super) fn retain(&mut self, at_ns: u64, samples: &[ProcessSample]) {
        if self.processes.len() > samples.len() {
            self.processes.retain(|_, tracked| tracked.seen_ns == at_ns);
        }
    }

    /// Ends the sample `samples`, which ended at `at_ns` in nanoseconds of the monotonic clock.
    pub(super) fn finish_tick(&mut self, at_ns: u64, samples: &[ProcessSample]) {
        self.starts.finish_sample(samples);
        self.last_ns = at_ns;
    }

    /// Returns true if the process was in the last sample.
    pub(super) fn is_live(&self, id: ProcessId) -> bool {
        self.processes.contains_key(&id)
    }

    /// Returns a copy of the detector of processes that started after the last sample.
    pub(super) fn starts(&self) -> StartTracker {
        self.starts
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.processes.len()
    }
}
