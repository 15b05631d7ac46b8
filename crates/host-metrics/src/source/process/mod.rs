//! Processes: CPU time and memory of each, and expensive figures on request.
//!
//! `ProcessTable` reads one line of every process at each tick, and the expensive figures only of
//! processes for which they are requested. [`ProcessDirectory`] reads a single process.

#[cfg(target_os = "linux")]
mod allowed_cores;
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

pub use allowed_cores::AllowedCores;
pub use directory::{ProcessDirectory, read_process};
#[cfg(target_os = "linux")]
pub use port::listeners;
pub use schedule::{ScheduleFile, ScheduleTimes};
pub use status::ProcessStatus;

/// Unique identity of a process: its process id and its start, because ids are reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId {
    /// Process id (PID).
    pub pid: u32,
    /// Start time of the process: clock ticks since boot on Linux, seconds since 1970 on other
    /// systems.
    pub started: u64,
}

/// Counters and gauges of one process at one instant, of all its threads but not of its children.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessSample {
    /// Process id and start of the process.
    pub id: ProcessId,
    /// Process id of the parent; 0 if there is none or it is unknown.
    pub parent: u32,
    /// Name of the command, masked; at most 15 bytes on Linux, or 63 for a kernel thread.
    pub name: Arc<str>,
    /// CPU time since the process started, user and system, in nanoseconds; on Linux a multiple of
    /// the clock tick.
    pub cpu_ns: u64,
    /// CPU time of all children that have ended and were waited for, and of their descendants, in
    /// nanoseconds; `None` if the system does not report it.
    pub children_cpu_ns: Option<u64>,
    /// Resident memory in bytes, including pages shared with other processes.
    pub rss_bytes: u64,
    /// Number of threads; `None` on systems other than Linux.
    pub threads: Option<u64>,
    /// Number of page faults since the start that needed no disk; `None` on systems other than
    /// Linux.
    pub minor_faults: Option<u64>,
    /// Number of page faults since the start that waited for a disk; `None` on systems other than
    /// Linux.
    pub major_faults: Option<u64>,
    /// Times before and after the read on the monotonic clock.
    pub span: ReadSpan,
}

/// Groups of figures of a process besides its CPU time and memory. True selects a group for every
/// tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by itself")]
pub struct ProcessFields {
    /// True to report the CPU time of ended children. It is read in any case.
    pub children: bool,
    /// True to report page faults. They are read in any case.
    pub faults: bool,
    /// True to report the number of threads. It is read in any case.
    pub threads: bool,
    /// True to read the numbers of bytes read and written, on disks and by system calls.
    pub io: bool,
    /// True to read the number of open file descriptors.
    pub descriptors: bool,
    /// True to read the number of open file descriptors only if the kernel keeps it (since Linux
    /// 6.2), so that they need not be counted one by one.
    pub descriptors_if_cheap: bool,
    /// True to read the time that threads waited for a CPU, and the number of context switches.
    pub scheduler: bool,
    /// True to read the memory of the process in swap.
    pub swap: bool,
    /// True to read the proportional set size (PSS): memory in which each shared page is divided
    /// by the number of processes that share it. Expensive, because the kernel walks all pages.
    pub pss: bool,
}

impl ProcessFields {
    /// Returns true if any selected group needs files other than `stat`, which is read of every
    /// process.
    pub(crate) fn need_detail(self) -> bool {
        let descriptors = self.descriptors || self.descriptors_if_cheap;
        self.io || descriptors || self.scheduler || self.swap || self.pss
    }
}

/// Expensive figures of one process. A figure that was not requested, or could not be read, is
/// `None`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProcessDetail {
    /// Bytes read and written since the process started; `None` if not requested or not readable.
    pub io: Option<Timed<ProcessIo>>,
    /// Time that threads waited for a CPU, and context switches, since the first reading; `None`
    /// if not requested or not readable.
    pub scheduler: Option<Timed<SchedulerWait>>,
    /// Number of open file descriptors now; `None` if not requested or not readable.
    pub descriptors: Option<u64>,
    /// Memory of the process in swap now, in bytes; `None` if not requested or not readable.
    pub swap_bytes: Option<u64>,
    /// Proportional set size (PSS) in bytes: memory in which each shared page is divided by the
    /// number of processes that share it. `None` if not requested or not readable.
    pub pss_bytes: Option<u64>,
    /// Groups of figures that were requested and could not be read although the process exists.
    pub unread: ProcessFields,
}

/// Bytes read and written since the process started, including those of ended children that were
/// waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProcessIo {
    /// Number of bytes read from disks.
    pub disk_read_bytes: u64,
    /// Number of bytes that were written to disks, or to pages that the kernel writes to disk
    /// later.
    pub disk_written_bytes: u64,
    /// Number of bytes read by read(2) and similar calls from files, pipes and terminals; recv(2)
    /// does not count.
    pub read_bytes: u64,
    /// Number of bytes written by write(2) and similar calls; send(2) does not count.
    pub written_bytes: u64,
}

/// Counters of the scheduler, summed over all threads of a process, or of one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SchedulerWait {
    /// Time in which threads were ready to run but had no CPU, in nanoseconds.
    pub waited_ns: u64,
    /// Number of times that a thread got a CPU: context switches.
    pub switches: u64,
}

#[cfg(target_os = "linux")]
pub(in crate::source) use table::ProcessTable;
