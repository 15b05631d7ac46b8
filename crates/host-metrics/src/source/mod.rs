//! Raw readings, as the system gives them: counters and gauges, never a rate.
//!
//! On Linux every figure is read directly from `/proc`, through file handles that stay open:
//! opening is what makes sampling dear. The files are regenerated on each read at offset 0. The
//! parsers are our own, because they must give up one figure where a file is cut short or odd
//! and keep the rest. The roots of `/proc` and `/sys` are parameters, so that tests run on a
//! made-up tree. Elsewhere sysinfo serves what it can.
//!
//! What could not be read is `None` in the [`HostSample`], with its reason in [`Gaps`].

pub mod cgroup;
pub mod cpu;
pub mod disk;
mod gaps;
pub mod gpu;
mod kept_file;
pub mod kernel_limits;
pub mod load;
pub mod memory;
pub mod network;
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
pub mod open_file_limit;
#[cfg(any(test, not(target_os = "linux")))]
pub mod portable;
pub mod pressure;
pub mod process;
#[cfg(target_os = "linux")]
mod procfs;
pub mod sensor;
pub mod tcp;
mod text;

use std::path::{Path, PathBuf};

use crate::Masking;
use crate::clock::monotonic_ns;

pub use gaps::Gaps;
pub use kept_file::{KeptFile, SlowFile};
#[cfg(not(target_os = "linux"))]
pub use portable::PortableSource as HostSource;
#[cfg(target_os = "linux")]
pub use procfs::ProcSource as HostSource;

use cgroup::CgroupSample;
use cpu::CpuSample;
use disk::DiskSample;
use load::{HandleSample, LoadSample};
use memory::{MemorySample, PagingSample};
use network::NetworkSample;
use pressure::PressureSample;
use process::ProcessSample;
use sensor::SensorSample;
use tcp::{ListenSample, SocketSample, SocketStateSample, TcpSample};

/// What is read beyond what every sample has.
#[derive(Debug, Clone, Default)]
pub struct SourceOptions {
    /// Reads every process, and masks secrets in what it says of itself by this.
    pub processes: Option<Masking>,
    /// Control groups besides our own, as paths below the root of their hierarchy.
    pub cgroups: Vec<String>,
    /// Count TCP sockets by state, which takes the longer the more of them there are.
    pub socket_states: bool,
    /// How long what changes slowly stands before it is read again, in nanoseconds: load averages,
    /// open files, sensors, limits of control groups.
    pub slow_stands_ns: u64,
}

/// Once a second, whether samples come a little early or late.
pub const SLOW_STANDS_NS: u64 = 900_000_000;

/// Where the kernel's trees are mounted.
#[derive(Debug, Clone)]
pub struct Roots {
    /// `/proc`, or what stands for it.
    pub proc: PathBuf,
    /// `/sys`, or what stands for it.
    pub sys: PathBuf,
}

impl Roots {
    /// This machine's own.
    pub fn host() -> Self {
        Self::under(Path::new("/"))
    }

    /// `proc` and `sys` below a directory.
    pub fn under(root: &Path) -> Self {
        Self {
            proc: root.join("proc"),
            sys: root.join("sys"),
        }
    }
}

/// What the kernel counts in.
#[derive(Debug, Clone, Copy)]
pub struct KernelUnits {
    /// Length of a clock tick, in which CPU time is counted; 10 ms on common systems.
    pub tick_ns: u64,
    /// Size of a memory page.
    pub page_bytes: u64,
}

impl KernelUnits {
    /// This machine's own; the common ones where it does not tell.
    pub fn host() -> Self {
        use nix::unistd::{SysconfVar, sysconf};
        let ask = |variable| sysconf(variable).ok().flatten().filter(|v| *v > 0);
        let ticks_per_s = ask(SysconfVar::CLK_TCK).unwrap_or(100);
        Self {
            tick_ns: 1_000_000_000 / ticks_per_s as u64,
            page_bytes: ask(SysconfVar::PAGE_SIZE).unwrap_or(4096) as u64,
        }
    }
}

/// When a read began and ended on the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadSpan {
    /// Just before the read.
    pub begin_ns: u64,
    /// Just after it.
    pub end_ns: u64,
}

impl ReadSpan {
    /// The best guess at the instant the kernel took the figures.
    pub fn midpoint_ns(&self) -> u64 {
        u64::midpoint(self.begin_ns, self.end_ns)
    }

    /// How far from the midpoint that instant may have been.
    pub fn slack_ns(&self) -> u64 {
        self.end_ns.saturating_sub(self.begin_ns).div_ceil(2)
    }
}

/// A value with the time of its read.
#[derive(Debug, Clone, PartialEq)]
pub struct Timed<T> {
    /// Time of the reading.
    pub span: ReadSpan,
    /// The reading.
    pub value: T,
}

impl<T> Timed<T> {
    /// Notes the time around `read`.
    ///
    /// # Errors
    /// Whatever `read` fails with.
    pub fn around<E>(read: impl FnOnce() -> Result<T, E>) -> Result<Self, E> {
        let begin_ns = monotonic_ns();
        let value = read()?;
        let end_ns = monotonic_ns();
        Ok(Self {
            span: ReadSpan { begin_ns, end_ns },
            value,
        })
    }

    /// The same time with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Timed<U> {
        Timed {
            span: self.span,
            value: change(self.value),
        }
    }
}

/// Why a reading is absent.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file cannot be opened or read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// The file at fault.
        path: PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
    /// The file does not say what it should.
    #[error("{path} has no readable {wanted}", path = path.display())]
    Malformed {
        /// The file at fault.
        path: PathBuf,
        /// What was looked for in it.
        wanted: &'static str,
    },
    /// The library that serves this system gives no figure.
    #[error("this system does not tell: {0}")]
    Unserved(String),
}

/// Everything read at one tick.
#[derive(Debug, Clone, Default)]
pub struct HostSample {
    /// From the first read to the last.
    pub span: ReadSpan,
    /// CPU time by state and the run queue.
    pub cpu: Option<Timed<CpuSample>>,
    /// Load averages.
    pub load: Option<Timed<LoadSample>>,
    /// Open files.
    pub handles: Option<Timed<HandleSample>>,
    /// Memory and swap in use.
    pub memory: Option<Timed<MemorySample>>,
    /// What became of pages.
    pub paging: Option<Timed<PagingSample>>,
    /// Transfers of each disk.
    pub disks: Option<Timed<DiskSample>>,
    /// Traffic of each interface.
    pub network: Option<Timed<NetworkSample>>,
    /// Retransmissions.
    pub tcp: Option<Timed<TcpSample>>,
    /// Connections turned away.
    pub listen: Option<Timed<ListenSample>>,
    /// TCP sockets there are.
    pub sockets: Option<Timed<SocketSample>>,
    /// The same by state; absent when not asked for.
    pub socket_states: Option<Timed<SocketStateSample>>,
    /// Temperatures and clocks; nothing where there are no sensors.
    pub sensors: SensorSample,
    /// Control groups: our own first, where we are in one.
    pub cgroups: Vec<CgroupSample>,
    /// Time stalled for want of CPU, memory and I/O.
    pub pressure: PressureSample,
    /// Every process that could be read; absent when none was asked for or none could be listed.
    pub processes: Option<Vec<ProcessSample>>,
}
