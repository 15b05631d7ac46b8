//! Settings of a sampler and its recording.

use host_metrics::source::process::ProcessFields;
use host_metrics::source::{KernelUnits, Roots};

use crate::follow::{FollowOptions, ProcessTarget};
use crate::growth::GrowthThreshold;

/// Age, in nanoseconds, from which readings that change slowly are read again: about once a second,
/// with room for samples that come a little early.
const SLOW_MAX_AGE_NS: u64 = 900_000_000;

/// Settings that control what a recording samples, how often and from where.
#[derive(Debug, Clone)]
pub struct SamplingSettings {
    /// Directories from which the kernel's file systems are read, such as `/proc`.
    pub roots: Roots,
    /// Units of the kernel's counters on the sampled machine.
    pub units: KernelUnits,
    /// Time between samples, in nanoseconds.
    pub interval_ns: u64,
    /// Number of cores, which bounds the CPU use of a process; `None` if it is unknown.
    pub cores: Option<u64>,
    /// Processes that are recorded individually; `None` for none.
    pub(crate) follow: Option<FollowOptions>,
    /// Paths of the control groups to read in addition to the one that this program runs in, such
    /// as `system.slice/nginx.service`.
    pub cgroups: Vec<String>,
    /// True to read the space of file systems as well, on threads of its own.
    pub file_systems: bool,
    /// True to count TCP sockets by state as well, which is expensive with many connections.
    pub socket_states: bool,
    /// Time in nanoseconds for which readings that change slowly are reused, as in
    /// [`SourceOptions`](host_metrics::source::SourceOptions); `900_000_000` by default.
    pub slow_max_age_ns: u64,
    /// Smallest growth of memory over the recording that is reported.
    pub(crate) growth: GrowthThreshold,
}

impl SamplingSettings {
    /// Returns settings that sample this machine once a second, without processes and without
    /// control groups other than its own.
    pub fn host() -> Self {
        Self {
            roots: Roots::host(),
            units: KernelUnits::host(),
            interval_ns: 1_000_000_000,
            cores: None,
            follow: None,
            cgroups: Vec::new(),
            file_systems: false,
            socket_states: false,
            slow_max_age_ns: SLOW_MAX_AGE_NS,
            growth: GrowthThreshold::default(),
        }
    }

    /// Returns settings that sample this host once a second, and the processes `pids` with their
    /// descendants. `fields` are the figures to read of each process.
    pub fn following(pids: &[u32], fields: ProcessFields) -> Self {
        let targets = pids.iter().copied().map(ProcessTarget::of_pid).collect();
        Self {
            follow: Some(FollowOptions {
                targets,
                fields,
                ..FollowOptions::default()
            }),
            ..Self::host()
        }
    }
}
