//! Processes: what each has used so far, and, where it is asked for, the rest of what the kernel
//! tells of it.
//!
//! [`table`] reads one line of every process at each tick. What costs more is read apart, of the
//! processes that matter only ([`detail`]).

#[cfg(target_os = "linux")]
pub mod detail;
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
pub mod table;
#[cfg(target_os = "linux")]
mod table_entry;
mod words;

use std::sync::Arc;

use super::{ReadSpan, Timed};

pub use directory::{ProcessDirectory, own_open_files, read_process};
#[cfg(target_os = "linux")]
pub use port::listeners;
pub use schedule::{ScheduleFile, ScheduleTimes};
pub use status::ProcessStatus;

/// A process beyond doubt: its number, and when it started, because numbers are given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId {
    /// The number.
    pub pid: u32,
    /// Start, on a clock that grows (ticks since boot on Linux).
    pub started: u64,
}

/// What one process has used so far, its threads included and its children not.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessSample {
    /// Its process.
    pub id: ProcessId,
    /// The number of its parent; 0 where there is none or it is not told.
    pub parent: u32,
    /// The command's name, at most 15 bytes of it on Linux.
    pub name: Arc<str>,
    /// CPU time, user and system, in nanoseconds (a multiple of the tick).
    pub cpu_ns: u64,
    /// The same of all children that have ended and were waited for, and of theirs.
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

/// Groups of figures of a process, beyond its CPU time and memory. Each costs what it costs to
/// read at every tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by itself")]
pub struct ProcessFields {
    /// CPU time of children that have ended. Costs nothing to read.
    pub children: bool,
    /// Page faults. Cost nothing to read.
    pub faults: bool,
    /// Threads. Cost nothing to read.
    pub threads: bool,
    /// Bytes read and written, on disks and in all.
    pub io: bool,
    /// Open file descriptors.
    pub descriptors: bool,
    /// The same where the kernel keeps their number, since Linux 6.2; elsewhere they are counted
    /// one by one, which only `descriptors` asks for.
    pub descriptors_if_cheap: bool,
    /// Time waited for a CPU, and how often one was taken up: of every thread.
    pub scheduler: bool,
    /// Memory in swap.
    pub swap: bool,
    /// Memory with what is shared divided among those who share it. Dear: the kernel walks all
    /// pages.
    pub pss: bool,
}

impl ProcessFields {
    /// True if more is to be read than the line that every process has.
    pub fn need_detail(self) -> bool {
        let descriptors = self.descriptors || self.descriptors_if_cheap;
        self.io || descriptors || self.scheduler || self.swap || self.pss
    }
}

/// What is read apart. What was not asked for, or cannot be read, is absent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProcessDetail {
    /// Transfers.
    pub io: Option<Timed<ProcessIo>>,
    /// What the scheduler made it wait.
    pub scheduler: Option<Timed<SchedulerWait>>,
    /// Open file descriptors.
    pub descriptors: Option<u64>,
    /// Memory in swap.
    pub swap_bytes: Option<u64>,
    /// Its share of the memory it maps.
    pub pss_bytes: Option<u64>,
    /// What of it could not be read though the process is there.
    pub unread: ProcessFields,
}

/// Transfers since the process began; the kernel adds those of children that were waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProcessIo {
    /// Bytes that came from a disk.
    pub disk_read_bytes: u64,
    /// Bytes that went, or will go, to one.
    pub disk_written_bytes: u64,
    /// Bytes read by read(2) and its like from files, pipes and terminals; recv(2) does not
    /// count.
    pub read_bytes: u64,
    /// Bytes written by write(2) and its like; send(2) does not count.
    pub written_bytes: u64,
}

/// Page faults since the process began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FaultCounters {
    /// Faults without a disk.
    pub minor: Option<u64>,
    /// Faults that waited for a disk.
    pub major: Option<u64>,
}

impl FaultCounters {
    /// Takes the counters out of a sample.
    pub fn of(sample: &ProcessSample) -> Self {
        Self {
            minor: sample.minor_faults,
            major: sample.major_faults,
        }
    }
}

/// What the scheduler counted of all threads, since they were first looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SchedulerWait {
    /// Time ready to run and without a CPU.
    pub waited_ns: u64,
    /// How often a thread was given a CPU: its context switches.
    pub switches: u64,
}

#[cfg(target_os = "linux")]
pub use table::ProcessTable;
