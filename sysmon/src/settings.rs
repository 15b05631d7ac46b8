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
    /// Roots of the kernel's file trees.
    pub roots: Roots,
    /// Units of the kernel's counters.
    pub units: KernelUnits,
    /// Time between samples in nanoseconds.
    pub interval_ns: u64,
    /// Number of cores; no process may seem to use more than all of them.
    pub cores: Option<u64>,
    /// Processes that are recorded individually; absent for none.
    pub(crate) follow: Option<FollowOptions>,
    /// Control groups to read besides our own.
    pub cgroups: Vec<String>,
    /// True to count TCP sockets by state.
    pub socket_states: bool,
    /// Time for which readings that change slowly stand, as
    /// [`SourceOptions`](host_metrics::source::SourceOptions) has it.
    pub slow_max_age_ns: u64,
    /// Least growth that is reported.
    pub(crate) growth: GrowthThreshold,
}

impl SamplingSettings {
    /// Settings for this machine once a second, without processes.
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

    /// Returns those of this host, and of these processes with their descendants, of which `fields`
    /// are read.
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
