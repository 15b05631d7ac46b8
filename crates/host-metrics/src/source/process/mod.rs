//! Processes: CPU time and memory of each, and on request more figures.
//!
//! `ProcessTable` reads one line of every process at each tick, and more expensive figures only of
//! the processes that are asked for. [`ProcessDirectory`] reads a single process.

#[cfg(target_os = "linux")]
mod detail;
#[cfg(target_os = "linux")]
mod detail_files;
mod directory;
#[cfg(target_os = "linux")]
mod hidden;
#[cfg(target_os = "linux")]
mod listing;
#[cfg(target_os = "linux")]
mod port;
#[cfg(target_os = "linux")]
mod read_notes;
#[cfg(target_os = "linux")]
mod run_detector;
mod schedule;
mod stat;
mod status;
#[cfg(target_os = "linux")]
mod table;
#[cfg(target_os = "linux")]
mod table_entry;
mod words;

use std::sync::Arc;

use super::{ReadSpan, Timed};

pub use directory::{ProcessDirectory, read_process};
#[cfg(target_os = "linux")]
pub use port::listeners;
pub use schedule::{ScheduleFile, ScheduleTimes};
pub use status::ProcessStatus;

/// Unique identity of a process: its number, and its start, because numbers are reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId {
    /// Process number.
    pub pid: u32,
    /// Start time, on a clock that only grows (ticks since boot on Linux).
    pub started: u64,
}

/// Counters and gauges of one process, with its threads and without its children.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessSample {
    /// Identity.
    pub id: ProcessId,
    /// Number of its parent; 0 if it has none or that is unknown.
    pub parent: u32,
    /// Name of the command, masked; at most 15 bytes of it on Linux.
    pub name: Arc<str>,
    /// CPU time, user and system, in nanoseconds (a multiple of the tick).
    pub cpu_ns: u64,
    /// CPU time of all children that have ended and were waited for, and of theirs.
    pub children_cpu_ns: Option<u64>,
    /// Resident memory.
    pub rss_bytes: u64,
    /// Threads.
    pub threads: Option<u64>,
    /// Page faults that needed no disk.
    pub minor_faults: Option<u64>,
    /// Page faults that waited for one.
    pub major_faults: Option<u64>,
    /// Time of the reading.
    pub span: ReadSpan,
}

/// Groups of figures of a process beside CPU time and memory, each read at every tick if true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by itself")]
pub struct ProcessFields {
    /// CPU time of children that have ended. Read anyway.
    pub children: bool,
    /// Page faults. Read anyway.
    pub faults: bool,
    /// Threads. Read anyway.
    pub threads: bool,
    /// Bytes read and written, of disks and in total.
    pub io: bool,
    /// Open file descriptors.
    pub descriptors: bool,
    /// Open file descriptors, only if the kernel keeps their number (since Linux 6.2) and they need not
    /// be counted one by one.
    pub descriptors_if_cheap: bool,
    /// Time waited for a CPU, and context switches, of every thread.
    pub scheduler: bool,
    /// Memory in swap.
    pub swap: bool,
    /// Memory in which each shared page is divided among its users. Expensive: the kernel walks all
    /// pages.
    pub pss: bool,
}

impl ProcessFields {
    /// Returns true if more files are to be read than the one that is read of every process.
    pub(crate) fn need_detail(self) -> bool {
        let descriptors = self.descriptors || self.descriptors_if_cheap;
        self.io || descriptors || self.scheduler || self.swap || self.pss
    }
}

/// Figures that are read on request. One that was not asked for, or could not be read, is absent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProcessDetail {
    /// Transfers.
    pub io: Option<Timed<ProcessIo>>,
    /// Time waited for a CPU, and context switches.
    pub scheduler: Option<Timed<SchedulerWait>>,
    /// Open file descriptors.
    pub descriptors: Option<u64>,
    /// Memory in swap.
    pub swap_bytes: Option<u64>,
    /// Memory in which each shared page is divided among its users.
    pub pss_bytes: Option<u64>,
    /// Figures that could not be read although the process exists.
    pub unread: ProcessFields,
}

/// Transfers since the process started; the kernel adds those of children that were waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProcessIo {
    /// Bytes read from disks.
    pub disk_read_bytes: u64,
    /// Bytes that were, or will be, written to disks.
    pub disk_written_bytes: u64,
    /// Bytes read by read(2) and similar calls from files, pipes and terminals; recv(2) does not count.
    pub read_bytes: u64,
    /// Bytes written by write(2) and similar calls; send(2) does not count.
    pub written_bytes: u64,
}

/// Counters of the scheduler over all threads, since they were first read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SchedulerWait {
    /// Time ready to run without a CPU.
    pub waited_ns: u64,
    /// Number of times that a thread was given a CPU: its context switches.
    pub switches: u64,
}

#[cfg(target_os = "linux")]
pub(in crate::source) use table::ProcessTable;
