//! Sample of a control group.

use crate::source::Timed;
use crate::source::pressure::PressureSample;

/// Counters and limits of one group. A figure that its version or the kernel lacks is absent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CgroupSample {
    /// `own` for the group of this program, else its name.
    pub name: String,
    /// Inodes of its directories, which differ from those of an earlier group of the same name.
    pub identity: [u64; 4],
    /// CPU time.
    pub cpu: Option<Timed<CgroupCpu>>,
    /// Quota in cores; absent without one.
    pub quota_cores: Option<f64>,
    /// True if a quota on the way to the root could not be read, so that a tighter one may exist.
    pub quota_unread: bool,
    /// Throttling by the quota.
    pub throttling: Option<Timed<Throttling>>,
    /// Memory.
    pub memory: Option<Timed<CgroupMemory>>,
    /// Memory limit; absent without one.
    pub memory_limit_bytes: Option<u64>,
    /// True if a limit on the way to the root could not be read, so that a tighter one may exist.
    pub memory_limit_unread: bool,
    /// Events at the limit.
    pub memory_events: Option<Timed<MemoryEvents>>,
    /// Transfers to and from disks.
    pub io: Option<Timed<CgroupIo>>,
    /// Time stalled; only version 2 has it.
    pub pressure: PressureSample,
}

/// CPU time since the group was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CgroupCpu {
    /// CPU time of all its processes, those that have ended included.
    pub used_ns: u64,
}

/// Throttling of a group by its CPU quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Throttling {
    /// Periods in which a process of it was ready to run.
    pub periods: u64,
    /// Periods in which the quota was used up.
    pub throttled_periods: u64,
    /// Time throttled, added up over its CPUs.
    pub throttled_ns: u64,
}

/// Memory that a group holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CgroupMemory {
    /// All memory charged to it, cached files included.
    pub used_bytes: u64,
    /// Memory in use without inactive cached files, which the kernel reclaims first, in bytes.
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

/// Transfers since the group was created, over all disks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CgroupIo {
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub written_bytes: u64,
}
