//! Reading of a control group's counters and limits.

use crate::source::Timed;
use crate::source::pressure::PressureSample;

/// Counters and limits of one control group. Figures that its interface version or the kernel
/// lacks are `None`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CgroupSample {
    /// Name of the group in the hierarchy; `own` for the group of this program.
    pub name: String,
    /// Inode numbers of the group's directories, which differ from those of an earlier group with
    /// the same name.
    pub identity: [u64; 4],
    /// CPU time that the group has used; `None` if it could not be read.
    pub cpu: Option<Timed<CgroupCpu>>,
    /// Lowest CPU quota of the group and its parents, in cores; `None` without one.
    pub quota_cores: Option<f64>,
    /// True if the quota of the group or a parent could not be read, so that a lower quota than
    /// `quota_cores` may apply.
    pub quota_unread: bool,
    /// Throttling counters of the CPU quota; `None` without a quota or if they could not be read.
    pub throttling: Option<Timed<Throttling>>,
    /// Memory that the group uses; `None` if it could not be read.
    pub memory: Option<Timed<CgroupMemory>>,
    /// Lowest memory limit of the group and its parents, in bytes; `None` without one.
    pub memory_limit_bytes: Option<u64>,
    /// True if the memory limit of the group or a parent could not be read, so that a lower one
    /// may apply.
    pub memory_limit_unread: bool,
    /// Counters of events at the memory limit; `None` if they could not be read.
    pub memory_events: Option<Timed<MemoryEvents>>,
    /// Number of processes and threads of the group and its limit; `None` if the group does not
    /// count them.
    pub pids: Option<Timed<CgroupPids>>,
    /// Bytes that the group has read from and written to disks; `None` if they could not be read.
    pub io: Option<Timed<CgroupIo>>,
    /// Time in which tasks of the group waited for a resource; only version 2 has it.
    pub pressure: PressureSample,
}

/// CPU time of a control group since the group was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CgroupCpu {
    /// CPU time of all processes of the group, including ended ones, in nanoseconds.
    pub used_ns: u64,
}

/// Throttling of a control group by its CPU quota, since the group was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Throttling {
    /// Number of periods of the quota in which a process of the group was ready to run.
    pub periods: u64,
    /// Number of periods of the quota in which it was used up, so that processes had to wait.
    pub throttled_periods: u64,
    /// Time in which processes were throttled, in nanoseconds, summed over CPUs.
    pub throttled_ns: u64,
}

/// Memory that a control group uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CgroupMemory {
    /// All memory charged to the group in bytes, including cached files.
    pub used_bytes: u64,
    /// Memory charged to the group without inactive cached files, which the kernel reclaims first,
    /// in bytes. `None` if the size of those files is unknown.
    pub working_set_bytes: Option<u64>,
}

/// Counters of events at the memory limit of a control group, since the group was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryEvents {
    /// Number of times that memory had to be reclaimed because the limit was reached; `None` in
    /// version 1.
    pub limit_hits: Option<u64>,
    /// Number of times that processes were slowed down because the group used more than its
    /// `memory.high`; `None` in version 1.
    pub high_hits: Option<u64>,
    /// Number of processes of the group that the kernel killed for lack of memory; `None` if the
    /// kernel does not count them.
    pub oom_kills: Option<u64>,
}

/// Bytes that a control group has read and written since it was created, summed over all disks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CgroupIo {
    /// Bytes read from disks.
    pub read_bytes: u64,
    /// Bytes written to disks.
    pub written_bytes: u64,
}

/// Number of processes and threads of a control group, its children included.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CgroupPids {
    /// Number of processes and threads now.
    pub current: u64,
    /// Lowest limit of the group and its parents; `None` without one.
    pub limit: Option<u64>,
    /// Largest share of a limit that is in use, of the group and its parents, each by its own
    /// number; `None` without a limit.
    pub used_ratio: Option<f64>,
    /// Number of forks that the limit of the group or of a parent refused since the group was
    /// created; `None` if the kernel does not count them.
    pub refused: Option<u64>,
}
