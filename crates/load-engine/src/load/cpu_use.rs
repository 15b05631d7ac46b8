//! CPU time of the generator: of the whole process, and of each load thread apart, with the time for
//! which a load thread was ready to run and had no CPU.

use std::sync::{Mutex, PoisonError};

use bench_report::Generator;
use bench_report::clock::{monotonic_ns, process_cpu_ns};
use host_metrics::source::process::ScheduleFile;

/// The threads that make a step's load, each by a file that stays open until it has ended.
#[derive(Debug, Default)]
pub struct LoadThreads(Mutex<Vec<Option<ScheduleFile>>>);

impl LoadThreads {
    /// Adds the calling thread.
    pub fn enlist(&self) {
        if let Ok(file) = ScheduleFile::of_this_thread() {
            let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            files.push(Some(file));
        }
    }

    /// Reads the times of each that has not ended.
    fn read_all(&self) -> Vec<ThreadTimes> {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut times = Vec::with_capacity(files.len());
        for (id, thread) in files.iter_mut().enumerate() {
            match thread.as_ref().map(ScheduleFile::read) {
                Some(Ok(read)) => times.push(ThreadTimes {
                    id,
                    cpu_ns: read.ran_ns,
                    ready_ns: read.ready_ns,
                }),
                Some(Err(_)) => *thread = None,
                None => {}
            }
        }
        times
    }
}

/// Times of one thread since it began, in nanoseconds.
#[derive(Debug, Clone, Copy)]
struct ThreadTimes {
    /// Index among the load threads.
    id: usize,
    cpu_ns: u64,
    ready_ns: u64,
}

impl ThreadTimes {
    /// Growth since the earlier reading of this thread.
    fn since(&self, earlier: &[Self]) -> Option<Self> {
        let before = earlier.iter().find(|thread| thread.id == self.id)?;
        Some(Self {
            id: self.id,
            cpu_ns: self.cpu_ns.saturating_sub(before.cpu_ns),
            ready_ns: self.ready_ns.saturating_sub(before.ready_ns),
        })
    }
}

/// CPU time used and the instant at which it was read.
#[derive(Debug, Clone)]
pub struct CpuReading {
    pub(crate) at_ns: u64,
    cpu_ns: u64,
    threads: Vec<ThreadTimes>,
}

/// CPU time used between two readings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CpuUse {
    cpu_ns: u64,
    busiest_thread_ratio: Option<f64>,
    ready_ns: Option<u64>,
    wall_ns: u64,
}

impl CpuReading {
    /// Reads the clock and the CPU times of this process and of `threads`.
    pub fn read(threads: &LoadThreads) -> Self {
        Self {
            at_ns: monotonic_ns(),
            cpu_ns: process_cpu_ns(),
            threads: threads.read_all(),
        }
    }

    /// Use since `earlier`; of single threads those count that were read both times.
    pub fn since(&self, earlier: &Self) -> CpuUse {
        let wall_ns = self.at_ns.saturating_sub(earlier.at_ns).max(1);
        let read_twice = self.threads.iter();
        let read_twice: Vec<ThreadTimes> = read_twice
            .filter_map(|thread| thread.since(&earlier.threads))
            .collect();
        let busiest = read_twice.iter().map(|thread| thread.cpu_ns).max();
        let ready = read_twice.iter().map(|thread| thread.ready_ns);
        CpuUse {
            cpu_ns: self.cpu_ns.saturating_sub(earlier.cpu_ns),
            busiest_thread_ratio: busiest.map(|ns| ns as f64 / wall_ns as f64),
            ready_ns: busiest.map(|_| ready.sum()),
            wall_ns,
        }
    }
}

impl CpuUse {
    /// Converts it for the report, of `threads` threads that made `attempted` requests.
    pub fn generator(&self, threads: usize, attempted: u64) -> Generator {
        let threads = threads.max(1) as u64;
        let cpu_ns = self.cpu_ns as f64;
        Generator {
            threads,
            cpu_ns: self.cpu_ns,
            cpu_ratio: cpu_ns / self.wall_ns as f64 / threads as f64,
            busiest_thread_ratio: self.busiest_thread_ratio,
            ready_ns: self.ready_ns,
            cpu_per_operation_ns: (attempted > 0).then(|| cpu_ns / attempted as f64),
            ..Generator::default()
        }
    }
}
