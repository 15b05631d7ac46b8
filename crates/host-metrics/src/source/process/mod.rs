//! Processes: CPU time and memory of each, and further figures on request.
//!
//! `ProcessTable` reads one line of every process at each tick, and more expensive figures only of
//! processes for which they are requested. [`ProcessDirectory`] reads a single process.

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

/// Unique identity of a process: its process id and its start, because ids are reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId {
    /// Process id.
    pub pid: u32,
    /// Start time, on a clock that only grows (ticks since boot on Linux).
    pub started: u64,
}

/// Counters and gauges of one process, including its threads but not its children.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessSample {
    /// Identity.
    pub id: ProcessId,
    /// Process id of the parent; 0 if there is none or it is unknown.
    pub parent: u32,
    /// Name of the command, masked; at most 15 bytes on Linux.
    pub name: Arc<str>,
    /// CPU time, user and system, in nanoseconds (a multiple of the tick).
    pub cpu_ns: u64,
    /// CPU time of all ended children that were waited for, and of their descendants, in
    /// nanoseconds.
    pub children_cpu_ns: Option<u64>,
    /// Resident memory in bytes.
    pub rss_bytes: u64,
    /// Number of threads.
    pub threads: Option<u64>,
    /// Number of page faults that needed no disk.
    pub minor_faults: Option<u64>,
    /// Number of page faults that waited for a disk.
    pub major_faults: Option<u64>,
    /// Time at which the process was read.
    pub span: ReadSpan,
}

/// Groups of figures of a process besides CPU time and memory. Those that are true are read at
/// every tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by itself")]
pub struct ProcessFields {
    /// CPU time of ended children; read in any case.
    pub children: bool,
    /// Page faults; read in any case.
    pub faults: bool,
    /// Threads; read in any case.
    pub threads: bool,
    /// Bytes read and written, from and to disks and in total.
    pub io: bool,
    /// Open file descriptors.
    pub descriptors: bool,
    /// Open file descriptors, but only if the kernel keeps their number (since Linux 6.2), so that
    /// they need not be counted one by one.
    pub descriptors_if_cheap: bool,
    /// Time that threads waited for a CPU, and context switches.
    pub scheduler: bool,
    /// Memory in swap.
    pub swap: bool,
    /// Memory in which each shared page is divided among the processes that share it. Expensive:
    /// the kernel walks all pages.
    pub pss: bool,
}

impl ProcessFields {
    /// Returns true if any figure needs more files than the one that is read of every process.
    pub(crate) fn need_detail(self) -> bool {
        let descriptors = self.descriptors || self.descriptors_if_cheap;
        self.io || descriptors || self.scheduler || self.swap || self.pss
    }
}

/// Figures that are read on request. A figure that was not requested, or could not be read, is
/// absent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProcessDetail {
    /// Bytes read and written.
    pub io: Option<Timed<ProcessIo>>,
    /// Time that threads waited for a CPU, and context switches.
    pub scheduler: Option<Timed<SchedulerWait>>,
    /// Number of open file descriptors.
    pub descriptors: Option<u64>,
    /// Memory in swap, in bytes.
    pub swap_bytes: Option<u64>,
    /// Memory in bytes, in which each shared page is divided among the processes that share it.
    pub pss_bytes: Option<u64>,
    /// Figures that could not be read although the process exists.
    pub unread: ProcessFields,
}

/// Bytes read and written since the process started; the kernel adds those of children that were
/// waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProcessIo {
    /// Bytes read from disks.
    pub disk_read_bytes: u64,
    /// Bytes that were written to disks, or will be.
    pub disk_written_bytes: u64,
    /// Bytes read by read(2) and similar calls from files, pipes and terminals; recv(2) does not count.
    pub read_bytes: u64,
    /// Bytes written by write(2) and similar calls; send(2) does not count.
    pub written_bytes: u64,
}

/// Counters of the scheduler over all threads, since they were first read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SchedulerWait {
    /// Time ready to run without a CPU, in nanoseconds.
    pub waited_ns: u64,
    /// Number of times that a thread got a CPU: its context switches.
    pub switches: u64,
}

#[cfg(target_os = "linux")]
pub(in crate::source) use table::ProcessTable;
