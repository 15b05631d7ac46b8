//! Settings of sampling.

use host_metrics::source::process::ProcessFields;
use host_metrics::source::{KernelUnits, Roots};

use crate::follow::{FollowOptions, ProcessTarget};
use crate::growth::GrowthThreshold;

/// Age, in nanoseconds, at which readings that change slowly are read again: about once a second, with
/// room for samples that come a little early.
const SLOW_MAX_AGE_NS: u64 = 900_000_000;

/// Settings of a recording.
#[derive(Debug, Clone)]
pub struct SamplingSettings {
    /// Root directories of the kernel's file systems, such as `/proc`.
    pub roots: Roots,
    /// Units of the kernel's counters.
    pub units: KernelUnits,
    /// Time between samples in nanoseconds.
    pub interval_ns: u64,
    /// Number of cores, which bounds the CPU use of a process.
    pub cores: Option<u64>,
    /// Processes that are recorded individually; absent for none.
    pub(crate) follow: Option<FollowOptions>,
    /// Control groups to read in addition to that of this program.
    pub cgroups: Vec<String>,
    /// True to count TCP sockets by state.
    pub socket_states: bool,
    /// Time in nanoseconds for which readings that change slowly are reused, as in
    /// [`SourceOptions`](host_metrics::source::SourceOptions).
    pub slow_max_age_ns: u64,
    /// Smallest growth that is reported.
    pub(crate) growth: GrowthThreshold,
}

impl SamplingSettings {
    /// Returns settings that sample this machine once a second, without processes.
    pub fn host() -> Self {
        Self {
            roots: Roots::host(),
            units: KernelUnits::host(),
            interval_ns: 1_000_000_000,
            cores: None,
            follow: None,
            cgroups: Vec::new(),
            socket_states: false,
            slow_max_age_ns: SLOW_MAX_AGE_NS,
            growth: GrowthThreshold::default(),
        }
    }

    /// Returns settings that record this host, and these processes with their descendants. `fields` are the
    /// figures to read of each process.
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
