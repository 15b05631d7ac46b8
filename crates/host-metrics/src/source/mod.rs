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
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
pub mod filesystem;
mod gaps;
mod kept_file;
pub mod limits;
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

/// Options of a [`HostSource`]: readings that not every recording needs.
#[derive(Debug, Clone, Default)]
pub struct SourceOptions {
    /// Masking of process names and command lines if all processes are to be read; `None` to read
    /// no processes.
    pub processes: Option<Masking>,
    /// Control groups to read besides that of this program, as paths below the root of their
    /// hierarchy.
    pub cgroups: Vec<String>,
    /// True to read the space of file systems, on threads of its own.
    pub file_systems: bool,
    /// True to count TCP sockets by state. That takes time in proportion to the number of sockets.
    pub socket_states: bool,
    /// Age in nanoseconds at which a slowly changing reading is renewed: load averages, number of
    /// open files, sensors, limits of control groups.
    pub slow_max_age_ns: u64,
}

/// Reader of the figures of this host, or of a made-up file tree in tests.
#[derive(Debug)]
pub struct HostSource(PlatformSource);

impl HostSource {
    /// Creates a source, without taking a sample. Figures that this system does not have are
    /// recorded in `gaps`, here or at each sample. `roots` and `units` have an effect on Linux
    /// only.
    pub fn new(
        roots: &Roots,
        units: KernelUnits,
        options: &SourceOptions,
        gaps: &mut Gaps,
    ) -> Self {
        Self(PlatformSource::new(roots, units, options, gaps))
    }

    /// Reads all figures once. A figure whose read fails is `None` or left out, and its reason is
    /// recorded in `gaps`.
    pub fn sample(&mut self, gaps: &mut Gaps) -> HostSample {
        self.0.sample(gaps)
    }

    /// Reads the expensive figures of one process that `fields` selects. All are absent if the
    /// process `id` is not in the last sample, or on systems other than Linux.
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

    /// Adds the control groups of the processes with these ids to the samples, in place of those of
    /// an earlier call. They appear once group memberships are read again, which happens at
    /// intervals of `slow_max_age_ns`.
    pub fn follow_groups(&mut self, processes: impl Iterator<Item = u32>) {
        self.0.follow_groups(processes);
    }

    /// Reads the masked command line of process `pid`. `None` if it has none, cannot be read, if
    /// the options exclude processes, or on systems other than Linux.
    pub fn command_line(&self, pid: u32) -> Option<CommandLine> {
        self.0.command_line(pid)
    }

    /// Reads the name of the control group of process `pid`, as a path below the root of its
    /// hierarchy. `None` for the root group, if it cannot be read, or on systems other than Linux.
    pub fn cgroup_of(&self, pid: u32) -> Option<String> {
        self.0.cgroup_of(pid)
    }

    /// Finds the ids of the processes that listen on each of these TCP ports. A port without a
    /// visible listener is left out; the map is empty on systems other than Linux.
    pub fn listeners(&self, ports: &BTreeSet<u16>) -> BTreeMap<u16, BTreeSet<u32>> {
        self.0.listeners(ports)
    }
}
