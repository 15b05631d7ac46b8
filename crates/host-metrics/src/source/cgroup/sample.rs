//! Sample of a control group.

use crate::source::Timed;
use crate::source::pressure::PressureSample;

/// Counters and limits of one group. Figures that its version or the kernel lacks are absent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CgroupSample {
    /// Name of the group; `own` for the group of this program.
    pub name: String,
    /// Inode numbers of the group's directories, which differ from those of an earlier group with
    /// the same name.
    pub identity: [u64; 4],
    /// CPU time.
    pub cpu: Option<Timed<CgroupCpu>>,
    /// CPU quota in cores; absent without one.
    pub quota_cores: Option<f64>,
    /// True if the quota of the group or a parent could not be read, so that a lower one may apply.
    pub quota_unread: bool,
    /// Throttling by the CPU quota.
    pub throttling: Option<Timed<Throttling>>,
    /// Memory.
    pub memory: Option<Timed<CgroupMemory>>,
    /// Memory limit in bytes; absent without one.
    pub memory_limit_bytes: Option<u64>,
    /// True if the limit of the group or a parent could not be read, so that a lower one may apply.
    pub memory_limit_unread: bool,
    /// Events at the memory limit.
    pub memory_events: Option<Timed<MemoryEvents>>,
    /// Bytes read from and written to disks.
    pub io: Option<Timed<CgroupIo>>,
    /// Time in which tasks waited for a resource; only version 2 has it.
    pub pressure: PressureSample,
}

/// CPU time since the group was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CgroupCpu {
    /// CPU time of all processes of the group, including ended ones, in nanoseconds.
    pub used_ns: u64,
}

/// Throttling of a group by its CPU quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Throttling {
    /// Number of periods in which a process of the group was ready to run.
    pub periods: u64,
    /// Number of periods in which the quota was used up.
    pub throttled_periods: u64,
    /// Time throttled in nanoseconds, summed over CPUs.
    pub throttled_ns: u64,
}

/// Memory of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CgroupMemory {
    /// All memory charged to the group in bytes, including cached files.
    pub used_bytes: u64,
    /// Memory without inactive cached files, which the kernel reclaims first, in bytes.
    pub working_set_bytes: Option<u64>,
}

/// Events at the memory limit of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryEvents {
    /// Number of times that memory had to be reclaimed at the limit.
    pub limit_hits: Option<u64>,
    /// Number of processes killed.
    pub oom_kills: Option<u64>,
}

/// Bytes read and written since the group was created, over all disks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CgroupIo {
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub written_bytes: u64,
}
