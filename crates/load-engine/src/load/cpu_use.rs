//! CPU time that the load generator uses: of the whole process and of each load thread. For load
//! threads also the time in which they were ready to run but had no CPU.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bench_report::Generator;
use bench_report::clock::{monotonic_ns, process_cpu_ns};
use host_metrics::source::process::{ScheduleFile, ScheduleTimes};
use serde::{Deserialize, Serialize};

use crate::plan::worker_share::WorkerShare;

/// Threads that make a step's load, with their CPU times. The times of a thread that has ended are
/// kept, because the measured part may be read after its end.
///
/// Clones share one list.
#[derive(Debug, Clone, Default)]
pub(crate) struct LoadThreads(Arc<Mutex<Vec<LoadThread>>>);

/// Load thread that runs or has ended.
#[derive(Debug)]
enum LoadThread {
    /// Running thread, with the open file of its scheduler counters.
    Running(ScheduleFile),
    /// Ended thread, with its scheduler counters as they were at its end.
    Ended(ScheduleTimes),
}

thread_local! {
    /// Entries of the calling thread in all the lists of load threads that contain it.
    static ENTRIES: RefCell<Vec<ThreadEntry>> = const { RefCell::new(Vec::new()) };
}

/// Entry of a thread in a list of load threads. When the thread ends, the entry is dropped and
/// stores the thread's last counters in the list.
struct ThreadEntry {
    threads: Weak<Mutex<Vec<LoadThread>>>,
    index: usize,
}

impl Drop for ThreadEntry {
    fn drop(&mut self) {
        let Some(threads) = self.threads.upgrade() else {
            return;
        };
        let mut threads = threads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = threads.get_mut(self.index)
            && let Some(times) = thread.times()
        {
            *thread = LoadThread::Ended(times);
        }
    }
}

impl LoadThread {
    /// Reads the thread's scheduler counters; `None` if the kernel does not provide them.
    fn times(&self) -> Option<ScheduleTimes> {
        match self {
            Self::Running(file) => file.read().ok(),
            Self::Ended(times) => Some(*times),
        }
    }
}

impl LoadThreads {
    /// Adds the calling thread to the list. Does nothing if the kernel does not provide scheduler
    /// counters.
    pub(crate) fn enlist(&self) {
        let Ok(file) = ScheduleFile::of_this_thread() else {
            return;
        };
        let index = {
            let mut threads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            threads.push(LoadThread::Running(file));
            threads.len() - 1
        };
        let threads = Arc::downgrade(&self.0);
        ENTRIES.with_borrow_mut(|entries| entries.push(ThreadEntry { threads, index }));
    }

    /// Reads the times of each thread in the list; leaves out threads whose counters cannot be
    /// read.
    fn read_all(&self) -> Vec<ThreadTimes> {
        let threads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = |(id, thread): (usize, &LoadThread)| {
            let times = thread.times()?;
            Some(ThreadTimes {
                process: 0,
                id,
                cpu_ns: times.ran_ns,
                ready_ns: times.ready_ns,
            })
        };
        threads.iter().enumerate().filter_map(read).collect()
    }
}

/// Times of one load thread since it started, in nanoseconds: on a CPU, and ready to run without
/// one.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct ThreadTimes {
    /// Number of the worker process to which the thread belongs, from 0; 0 if there is only one
    /// process.
    process: u64,
    /// Position of the thread among the load threads of its process, from 0.
    id: usize,
    cpu_ns: u64,
    ready_ns: u64,
}

impl ThreadTimes {
    /// Returns the differences between these times and those of the same thread in `earlier`;
    /// `None` if the thread is not in `earlier`.
    fn since(&self, earlier: &[Self]) -> Option<Self> {
        let same = |thread: &&Self| (thread.process, thread.id) == (self.process, self.id);
        let before = earlier.iter().find(same)?;
        Some(Self {
            cpu_ns: self.cpu_ns.saturating_sub(before.cpu_ns),
            ready_ns: self.ready_ns.saturating_sub(before.ready_ns),
            ..*self
        })
    }
}

/// CPU times of the load generator so far, with the instant of the reading on `CLOCK_MONOTONIC`.
/// All are in nanoseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CpuReading {
    pub(crate) at_ns: u64,
    cpu_ns: u64,
    threads: Vec<ThreadTimes>,
    /// CPU time of the parent process in nanoseconds; `None` if there are no worker processes.
    parent_cpu_ns: Option<u64>,
}

/// CPU time that the load generator used between two readings, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct CpuUse {
    cpu_ns: u64,
    busiest_thread_ratio: Option<f64>,
    ready_ns: Option<u64>,
    wall_ns: u64,
    parent_cpu_ns: Option<u64>,
}

impl CpuReading {
    /// Reads the clock, the CPU time of this process, and the times of the load threads `threads`.
    pub(crate) fn read(threads: &LoadThreads) -> Self {
        Self {
            at_ns: monotonic_ns(),
            cpu_ns: process_cpu_ns(),
            threads: threads.read_all(),
            parent_cpu_ns: None,
        }
    }

    /// Creates the reading of several worker processes: the sum of the last reading of each, at the
    /// present instant. The CPU time of this process, their parent, is kept separately.
    pub(crate) fn of_processes<'a>(
        readings: impl Iterator<Item = (WorkerShare, &'a Self)>,
    ) -> Self {
        let mut whole = Self {
            at_ns: monotonic_ns(),
            cpu_ns: 0,
            threads: Vec::new(),
            parent_cpu_ns: Some(process_cpu_ns()),
        };
        for (worker, reading) in readings {
            let process = worker.index;
            whole.cpu_ns += reading.cpu_ns;
            let threads = reading.threads.iter();
            let threads = threads.map(|thread| ThreadTimes { process, ..*thread });
            whole.threads.extend(threads);
        }
        whole
    }

    /// Returns the CPU time used from the reading `earlier` to this one. Of the threads, only those
    /// in both readings count.
    pub(crate) fn since(&self, earlier: &Self) -> CpuUse {
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
            parent_cpu_ns: self
                .parent_cpu_ns
                .zip(earlier.parent_cpu_ns)
                .map(|(now, before)| now.saturating_sub(before)),
        }
    }
}

impl CpuUse {
    /// Converts the use to the report's form, for a load of `threads` threads (at least 1) that
    /// made `attempted` requests. The CPU time per request is `None` if there were none.
    pub(crate) fn generator(&self, threads: usize, attempted: u64) -> Generator {
        let threads = threads.max(1) as u64;
        let cpu_ns = self.cpu_ns as f64;
        Generator {
            threads,
            cpu_ns: self.cpu_ns,
            cpu_ratio: cpu_ns / self.wall_ns as f64 / threads as f64,
            busiest_thread_ratio: self.busiest_thread_ratio,
            ready_ns: self.ready_ns,
            cpu_per_operation_ns: (attempted > 0).then(|| cpu_ns / attempted as f64),
            parent_cpu_ns: self.parent_cpu_ns,
            ..Generator::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn a_thread_that_has_ended_counts_with_the_time_that_it_used() {
        let threads = Arc::new(LoadThreads::default());
        let (enlisted, has_enlisted) = std::sync::mpsc::channel();
        let (go, may_go) = std::sync::mpsc::channel::<()>();
        let own = Arc::clone(&threads);
        let thread = std::thread::spawn(move || {
            own.enlist();
            enlisted.send(()).unwrap();
            may_go.recv().unwrap();
            let mut x = 1_u64;
            for _ in 0..1_000_000 {
                x = black_box(x.wrapping_mul(31).wrapping_add(1));
            }
        });
        has_enlisted.recv().unwrap();
        let before = CpuReading::read(&threads);
        go.send(()).unwrap();
        thread.join().unwrap();
        let used = CpuReading::read(&threads).since(&before);
        if cfg!(target_os = "linux") && !before.threads.is_empty() {
            assert!(used.busiest_thread_ratio.is_some_and(|ratio| ratio > 0.0));
        }
    }
}
