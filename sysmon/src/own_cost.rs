//! CPU time and memory that the recording itself uses; every report contains them.

use host_metrics::source::process::ProcessDirectory;
use nix::sys::resource::{UsageWho, getrusage};
use nix::time::{ClockId, clock_gettime};

/// Counter of samples and of the CPU time that taking them used, without that of the rest of the
/// program.
#[derive(Debug, Default)]
pub(crate) struct OwnCost {
    samples: u64,
    sampling_cpu_ns: u64,
}

impl OwnCost {
    /// Runs `sample`, adds the CPU time that it took on this thread, and returns its result.
    pub(crate) fn of_sample<T>(&mut self, sample: impl FnOnce() -> T) -> T {
        let begin_ns = thread_cpu_ns();
        let out = sample();
        self.sampling_cpu_ns += thread_cpu_ns().saturating_sub(begin_ns);
        self.samples += 1;
        out
    }

    /// Returns the number of samples taken with [`of_sample`](Self::of_sample).
    pub(crate) fn samples(&self) -> u64 {
        self.samples
    }

    /// Returns the CPU time that taking all samples together used, in nanoseconds.
    #[cfg(feature = "export")]
    pub(crate) fn sampling_cpu_ns(&self) -> u64 {
        self.sampling_cpu_ns
    }

    /// Returns the mean CPU time of reading, deriving and recording one sample, in nanoseconds;
    /// `None` before the first sample.
    pub(crate) fn cpu_per_sample_ns(&self) -> Option<u64> {
        self.sampling_cpu_ns.checked_div(self.samples)
    }

    /// Returns the peak resident memory of this process in bytes; `None` if it cannot be read. It
    /// is read from `/proc` where that exists, because the figure of getrusage(2) starts from the
    /// peak of the parent process.
    pub(crate) fn rss_max_bytes() -> Option<u64> {
        let status = ProcessDirectory::own().status().ok();
        let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
        let usage = || getrusage(UsageWho::RUSAGE_SELF).ok();
        status
            .and_then(|status| status.rss_max_bytes)
            .or_else(|| usage().map(|usage| usage.max_rss() as u64 * unit))
    }
}

/// Returns the CPU time of all child processes that have been waited for, and of their own
/// waited-for children, in nanoseconds; `None` if it cannot be read. A command counts only after
/// the recorder has waited for it.
pub(crate) fn children_cpu_ns() -> Option<u64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).ok()?;
    let ns =
        |t: nix::sys::time::TimeVal| t.tv_sec() as u64 * 1_000_000_000 + t.tv_usec() as u64 * 1000;
    Some(ns(usage.user_time()) + ns(usage.system_time()))
}

fn thread_cpu_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(0, |t| {
        t.tv_sec() as u64 * 1_000_000_000 + t.tv_nsec() as u64
    })
}
