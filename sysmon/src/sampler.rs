//! One look at the machine: read, derive, and see to the processes that matter.

use std::collections::{BTreeMap, BTreeSet};

use host_metrics::CommandLine;
use host_metrics::derive::{self, Derivation};
use host_metrics::figure::Figures;
use host_metrics::follow::{Details, Follower};
use host_metrics::source::gpu::watch::GpuWatch;
use host_metrics::source::process::{Detail, Fields, ProcessId};
use host_metrics::source::{Gaps, HostSource, Selection};

use crate::masking::MASKING;
use crate::process_history::ProcessFollower;
use crate::recording::Settings;

/// Findings of one look.
#[derive(Debug)]
pub struct Tick {
    /// End, on the monotonic clock.
    pub at_ns: u64,
    /// Figures of the machine, of control groups and of the trees that are followed.
    pub figures: Figures,
    /// True if processes were looked at and could be listed.
    pub listed: bool,
}

/// Looks at the machine whenever it is told to, and keeps what the next look needs.
#[derive(Debug)]
pub struct Sampler {
    source: HostSource,
    derivation: Derivation,
    follower: Option<ProcessFollower>,
    gpus: Option<GpuWatch>,
    gaps: Gaps,
}

/// A source that answers, and notes what it cannot.
pub(crate) struct Asked<'a> {
    /// What answers.
    pub(crate) source: &'a mut HostSource,
    /// Where it notes what it cannot.
    pub(crate) gaps: &'a mut Gaps,
}

impl Details for Asked<'_> {
    fn detail(&mut self, id: ProcessId, fields: Fields) -> Detail {
        self.source.detail(id, fields, self.gaps)
    }

    fn command_line(&mut self, pid: u32) -> Option<CommandLine> {
        self.source.command_line(pid)
    }

    fn listeners(&mut self, ports: &BTreeSet<u16>) -> BTreeMap<u16, BTreeSet<u32>> {
        self.source.listeners(ports)
    }
}

impl Sampler {
    /// A sampler that has not looked yet: rates start from its first look.
    pub fn new(settings: &Settings) -> Self {
        let mut gaps = Gaps::default();
        let Settings {
            units,
            cores,
            interval_ns,
            ..
        } = *settings;
        let follow = settings.follow.as_ref();
        let selection = Selection {
            processes: follow.map(|_| MASKING),
            cgroups: settings.cgroups.clone(),
            socket_states: settings.socket_states,
            slow_stands_ns: settings.slow_stands_ns,
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

    /// Looks at everything once.
    pub fn sample(&mut self) -> Tick {
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
            let mut asked = Asked { source, gaps };
            follower.take(at_ns, processes, &mut asked, &mut figures);
            source.follow_groups(follower.heads());
            listed = true;
        }
        Tick {
            at_ns,
            figures,
            listed,
        }
    }

    /// Follows this process, whatever it uses.
    pub fn pin(&mut self, pid: u32) {
        if let Some(follower) = &mut self.follower {
            follower.pin(pid);
        }
    }

    /// Reads more of the processes from here on.
    pub fn ask(&mut self, fields: Fields) {
        if let Some(follower) = &mut self.follower {
            follower.ask(fields);
        }
    }

    /// Takes in what `gpus` reads from here on.
    pub fn watch_gpus(&mut self, gpus: GpuWatch) {
        self.gpus = Some(gpus);
    }

    /// The GPUs; absent when none were asked for.
    pub fn gpus(&self) -> Option<&GpuWatch> {
        self.gpus.as_ref()
    }

    /// The processes; absent when none was asked for.
    pub fn follower(&self) -> Option<&ProcessFollower> {
        self.follower.as_ref()
    }

    /// The same, to tell it how much to keep.
    pub fn follower_mut(&mut self) -> Option<&mut ProcessFollower> {
        self.follower.as_mut()
    }

    /// Readings that failed so far, with the reason.
    pub fn gaps(&self) -> &Gaps {
        &self.gaps
    }

    /// The same, for what others find.
    pub fn gaps_mut(&mut self) -> &mut Gaps {
        &mut self.gaps
    }
}
