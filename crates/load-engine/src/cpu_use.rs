//! CPU time of the generator: of the whole process, and of each load thread apart.

use std::sync::{Mutex, PoisonError};

use bench_report::Generator;
use bench_report::clock::{monotonic_ns, process_cpu_ns};

/// The threads that make a step's load.
#[derive(Debug, Default)]
pub struct LoadThreads(Mutex<Vec<u64>>);

impl LoadThreads {
    /// Adds the calling thread.
    pub fn enlist(&self) {
        if let Some(id) = own_id() {
            let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            ids.push(id);
        }
    }

    /// CPU time of each that can be read, in nanoseconds, by its id.
    fn cpu_ns(&self) -> Vec<(u64, u64)> {
        let ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ids.iter()
            .filter_map(|&id| Some((id, cpu_ns_of(id)?)))
            .collect()
    }
}

#[cfg(target_os = "linux")]
fn own_id() -> Option<u64> {
    u64::try_from(nix::unistd::gettid().as_raw()).ok()
}

#[cfg(not(target_os = "linux"))]
fn own_id() -> Option<u64> {
    None
}

/// The first field of `schedstat` is the time spent on a processor.
fn cpu_ns_of(thread: u64) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// CPU time used and the instant at which it was read.
#[derive(Debug, Clone)]
pub struct Reading {
    pub(crate) at_ns: u64,
    cpu_ns: u64,
    threads: Vec<(u64, u64)>,
}

/// CPU time used between two readings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CpuUse {
    cpu_ns: u64,
    busiest_thread_ratio: Option<f64>,
    wall_ns: u64,
}

impl Reading {
    /// Now, of this process and of `threads`.
    pub fn now(threads: &LoadThreads) -> Self {
        Self {
            at_ns: monotonic_ns(),
            cpu_ns: process_cpu_ns(),
            threads: threads.cpu_ns(),
        }
    }

    /// Use since `earlier`; of single threads those count that were read both times.
    pub fn since(&self, earlier: &Self) -> CpuUse {
        let wall_ns = self.at_ns.saturating_sub(earlier.at_ns).max(1);
        let used = self.threads.iter().filter_map(|(id, after)| {
            let (_, before) = earlier.threads.iter().find(|(same, _)| same == id)?;
            Some(after.saturating_sub(*before))
        });
        CpuUse {
            cpu_ns: self.cpu_ns.saturating_sub(earlier.cpu_ns),
            busiest_thread_ratio: used.max().map(|ns| ns as f64 / wall_ns as f64),
            wall_ns,
        }
    }
}

impl CpuUse {
    /// Converts it for the report, of `threads` threads that made `attempted` hits.
    pub fn generator(&self, threads: usize, attempted: u64) -> Generator {
        let threads = threads.max(1) as u64;
        let cpu_ns = self.cpu_ns as f64;
        Generator {
            threads,
            cpu_ns: self.cpu_ns,
            cpu_ratio: cpu_ns / self.wall_ns as f64 / threads as f64,
            busiest_thread_ratio: self.busiest_thread_ratio,
            cpu_per_operation_ns: (attempted > 0).then(|| cpu_ns / attempted as f64),
            ..Generator::default()
        }
    }
}
