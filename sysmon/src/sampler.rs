//! Sampling of the machine: reads it, derives figures, and follows processes.

use std::collections::{BTreeMap, BTreeSet};

use host_metrics::CommandLine;
use host_metrics::source::process::{ProcessDetail, ProcessFields, ProcessId};
use host_metrics::source::{Gaps, HostSource, SourceOptions};

use crate::derive::{self, Derivation};
use crate::figure::Figures;
use crate::follow::{Follower, ProcessLookup};
use crate::gpu::watch::GpuWatch;
use crate::masking::MASKING;
use crate::process_history::ProcessFollower;
use crate::settings::SamplingSettings;

/// Result of one sample of the machine.
#[derive(Debug)]
pub(crate) struct SampledFigures {
    /// End of the sample, in nanoseconds of the monotonic clock.
    pub(crate) at_ns: u64,
    /// Figures of the machine, of control groups and of the trees of followed processes.
    pub figures: Figures,
    /// True if processes are sampled and could be listed in this sample.
    pub(crate) listed: bool,
}

/// Sampler of the machine. It keeps the previous readings, from which rates are computed.
#[derive(Debug)]
pub(crate) struct MachineSampler {
    source: HostSource,
    derivation: Derivation,
    follower: Option<ProcessFollower>,
    gpus: Option<GpuWatch>,
    gaps: Gaps,
}

/// Reader of details about single processes for a [`Follower`]. It records what cannot be read in
/// `gaps`.
pub(crate) struct DetailReader<'a> {
    /// Readers of the machine's kernel files.
    pub(crate) source: &'a mut HostSource,
    /// Readings that failed, with the reasons; failures of this reader are added.
    pub(crate) gaps: &'a mut Gaps,
}

impl ProcessLookup for DetailReader<'_> {
    fn detail(&mut self, id: ProcessId, fields: ProcessFields) -> ProcessDetail {
        self.source.detail(id, fields, self.gaps)
    }

    fn command_line(&mut self, pid: u32) -> Option<CommandLine> {
        self.source.command_line(pid)
    }

    fn cgroup(&mut self, pid: u32) -> Option<String> {
        self.source.cgroup_of(pid)
    }

    fn listeners(&mut self, ports: &BTreeSet<u16>) -> BTreeMap<u16, BTreeSet<u32>> {
        self.source.listeners(ports)
    }
}

impl MachineSampler {
    /// Creates a sampler that has not sampled yet; rates begin with its second sample.
    pub(crate) fn new(settings: &SamplingSettings) -> Self {
        let mut gaps = Gaps::default();
        let SamplingSettings {
            units,
            cores,
            interval_ns,
            ..
        } = *settings;
        let follow = settings.follow.as_ref();
        let selection = SourceOptions {
            processes: follow.map(|_| MASKING),
            cgroups: settings.cgroups.clone(),
            file_systems: settings.file_systems,
            socket_states: settings.socket_states,
            slow_max_age_ns: settings.slow_max_age_ns,
        };
        Self {
            source: HostSource::new(&settings.roots, units, &selection, &mut gaps),
            derivation: Derivation::new(units, cores, interval_ns),
            follower: follow
                .map(|following| Follower::new(following, cores, units.tick_ns, interval_ns)),
            gpus: None,
            gaps,
        }
    }

    /// Reads the machine once and derives the figures for the time since the previous sample.
    /// Readings that fail are left out and added to the gaps.
    pub(crate) fn sample(&mut self) -> SampledFigures {
        let Self {
            source,
            derivation,
            follower,
            gpus,
            gaps,
        } = self;
        let mut sample = source.sample(gaps);
        let at_ns = sample.span.end_ns;
        let mut figures = derivation.figures(&mut sample);
        if let Some(read) = gpus.as_mut().and_then(|gpus| gpus.newest(at_ns, gaps)) {
            derive::gpu_figures(&read.value, &mut figures);
        }
        let mut listed = false;
        if let (Some(follower), Some(processes)) = (follower, &sample.processes) {
            let mut asked = DetailReader { source, gaps };
            follower.observe(at_ns, processes, &mut asked, &mut figures);
            source.follow_groups(follower.root_pids());
            listed = true;
        }
        SampledFigures {
            at_ns,
            figures,
            listed,
        }
    }

    /// Follows the process `pid` from the next sample on, even if it uses little CPU time and
    /// memory. Does nothing if processes are not sampled.
    pub(crate) fn pin(&mut self, pid: u32) {
        if let Some(follower) = &mut self.follower {
            follower.pin(pid);
        }
    }

    /// Sets which groups of figures are read of each process, from the next sample on. Does nothing
    /// if processes are not sampled.
    #[cfg(feature = "watch")]
    pub(crate) fn ask(&mut self, fields: ProcessFields) {
        if let Some(follower) = &mut self.follower {
            follower.set_fields(fields);
        }
    }

    /// Adds the figures that `gpus` reads to each later sample.
    pub(crate) fn watch_gpus(&mut self, gpus: GpuWatch) {
        self.gpus = Some(gpus);
    }

    /// Returns the reader of GPUs; `None` if none was set.
    pub(crate) fn gpus(&self) -> Option<&GpuWatch> {
        self.gpus.as_ref()
    }

    /// Returns the followed processes with their series; `None` if processes are not sampled.
    pub(crate) fn follower(&self) -> Option<&ProcessFollower> {
        self.follower.as_ref()
    }

    /// Returns mutable access to the followed processes, for example to limit their points; `None`
    /// if processes are not sampled.
    pub(crate) fn follower_mut(&mut self) -> Option<&mut ProcessFollower> {
        self.follower.as_mut()
    }

    /// Returns the kinds of readings that failed so far, with the reasons.
    pub(crate) fn gaps(&self) -> &Gaps {
        &self.gaps
    }

    /// Returns mutable access to the failed readings, so that other readers can add theirs.
    pub(crate) fn gaps_mut(&mut self) -> &mut Gaps {
        &mut self.gaps
    }
}
