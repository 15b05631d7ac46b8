//! Raw readings as the system provides them: counters and gauges, never rates.
//!
//! On Linux every figure is read directly from `/proc` and `/sys`, through files that stay open,
//! because opening is the expensive part. The kernel generates the content anew at each read from
//! offset 0. If a file is truncated or malformed, parsers leave out the affected figure and keep
//! the rest. The roots of `/proc` and `/sys` are parameters, so tests can use a made-up file tree.
//! On other systems readings come from the library sysinfo.
//!
//! A reading that failed is `None` in the [`HostSample`], with its reason in [`Gaps`].

pub mod cgroup;
pub mod cpu;
pub mod disk;
mod error;
mod gaps;
mod kept_file;
pub mod load;
pub mod memory;
pub mod network;
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
pub mod open_file_limit;
// On Linux its tests alone use it.
#[cfg(any(test, not(target_os = "linux")))]
#[cfg_attr(target_os = "linux", allow(dead_code))]
mod portable;
pub mod pressure;
pub mod process;
#[cfg(target_os = "linux")]
mod procfs;
mod roots;
mod sample;
pub mod sensor;
pub mod tcp;
mod text;
mod timed;

use std::collections::{BTreeMap, BTreeSet};

use process::{ProcessDetail, ProcessFields, ProcessId};

use crate::{CommandLine, Masking};

use kept_file::{KeptFile, SlowFile};
#[cfg(not(target_os = "linux"))]
use portable::PortableSource as PlatformSource;
#[cfg(target_os = "linux")]
use procfs::ProcSource as PlatformSource;

pub use error::SourceError;
pub use gaps::Gaps;
pub use roots::{KernelUnits, Roots};
pub use sample::HostSample;
pub use timed::{ReadSpan, Timed};

/// Options for readings that not every sample has.
#[derive(Debug, Clone, Default)]
pub struct SourceOptions {
    /// Masking of names and command lines, if all processes are to be read; absent if none are.
    pub processes: Option<Masking>,
    /// Control groups to read in addition to that of this program, as paths below the root of their
    /// hierarchy.
    pub cgroups: Vec<String>,
    /// True to count TCP sockets by state, which takes time in proportion to their number.
    pub socket_states: bool,
    /// Age in nanoseconds at which slowly changing readings are renewed: load averages, open files,
    /// sensors, limits of control groups.
    pub slow_max_age_ns: u64,
}

/// Reads this host, or a made-up tree in its place.
#[derive(Debug)]
pub struct HostSource(PlatformSource);

impl HostSource {
    /// Names the files to read. What this system does not have is noted in `gaps`: now, or at each
    /// sample. `roots` and `units` are used on Linux.
    pub fn new(
        roots: &Roots,
        units: KernelUnits,
        options: &SourceOptions,
        gaps: &mut Gaps,
    ) -> Self {
        Self(PlatformSource::new(roots, units, options, gaps))
    }

    /// Reads everything once. A reading that fails is absent, and recorded in `gaps`.
    pub fn sample(&mut self, gaps: &mut Gaps) -> HostSample {
        self.0.sample(gaps)
    }

    /// Reads the figures of a process that `fields` name beyond those of the sample. The process
    /// must be in the last sample. Reads nothing on systems other than Linux.
    pub fn detail(
        &mut self,
        id: ProcessId,
        fields: ProcessFields,
        gaps: &mut Gaps,
    ) -> ProcessDetail {
        if fields.need_detail() {
            self.0.detail(id, fields, gaps)
        } else {
            ProcessDetail::default()
        }
    }

    /// Also reads the control groups of these processes, from the next time on at which memberships
    /// are read.
    pub fn follow_groups(&mut self, processes: impl Iterator<Item = u32>) {
        self.0.follow_groups(processes);
    }

    /// Reads the command line of a process; `None` if it has none or processes are not read. They
    /// are read on Linux only.
    pub fn command_line(&self, pid: u32) -> Option<CommandLine> {
        self.0.command_line(pid)
    }

    /// Finds the processes that listen on each of these TCP ports; on Linux only.
    pub fn listeners(&self, ports: &BTreeSet<u16>) -> BTreeMap<u16, BTreeSet<u32>> {
        self.0.listeners(ports)
    }
}
