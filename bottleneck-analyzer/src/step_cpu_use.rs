//! Use of the machine's CPU during a step: by the server, by the generator and by others.

use bench_report::Step;

use crate::assessment::EvidenceItem;
use crate::core_limit::CoreLimit;
use crate::machine_recording::MachineRecording;
use crate::series_reading::SeriesReading;
use crate::source_report::SourceReport;
use crate::target;

/// Smallest share of the machine's CPU time at which time taken by the hypervisor is shown.
const TOLD: f64 = 0.01;

/// CPU use of one step. Shares are of the whole machine, from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StepCpuUse {
    /// Number of processors of the machine.
    pub(crate) cores: f64,
    /// Limit on the processors that server and generator may use; `None` unless a quota or an affinity
    /// allows fewer than the machine has.
    pub(crate) limit: Option<CoreLimit>,
    /// Reading of the machine's busy share of the CPU over the measured part of the step, from 0 to
    /// 1.
    pub(crate) busy: SeriesReading,
    /// Reading of the share of the CPU time that the hypervisor gave to other guests; `None` if it
    /// was not recorded.
    pub(crate) stolen: Option<SeriesReading>,
    /// Share of the machine's CPU that the server used; `None` if neither the bench nor the
    /// recording measured it.
    pub(crate) server_ratio: Option<f64>,
    /// Share of the machine's CPU that the generator used.
    pub(crate) generator_ratio: f64,
    /// Evidence that the shares rest on.
    pub(crate) evidence: Vec<EvidenceItem>,
}

/// User of the largest share of the CPU during a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CpuOwner {
    /// The server under test.
    Server,
    /// The bench that makes the load.
    Generator,
    /// Programs that take no part in the run.
    Others,
}

impl StepCpuUse {
    /// Reads the CPU use during the measured part of step `index`; `None` if the machine was not
    /// recorded at that time.
    pub(crate) fn of_step(
        source: &SourceReport,
        index: usize,
        machine: Option<MachineRecording<'_>>,
    ) -> Option<Self> {
        let machine = machine?;
        let step = source.report.steps.get(index)?;
        let cores = machine.cores().filter(|n| *n > 0.0)?;
        let busy = machine.read("cpu.busy_ratio", step.window)?;
        let generator_ratio = step.generator.cpu_ns as f64 / capacity_ns(step, cores)?;
        let (server_ratio, server_evidence) = server(source, index, cores, machine);
        // Both CPU times are measured over slightly different spans, so they may add up to more than the
        // whole machine.
        let whole = (server_ratio.unwrap_or(0.0) + generator_ratio).max(1.0);
        let (server_ratio, generator_ratio) = (
            server_ratio.map(|ratio| ratio / whole),
            generator_ratio / whole,
        );
        let used = (
            server_ratio.map(|ratio| ratio * cores),
            generator_ratio * cores,
        );
        let limit = CoreLimit::of_step(source, index, machine, cores, used);
        let stolen = machine.read("cpu.steal_ratio", step.window);
        let mut evidence: Vec<EvidenceItem> = machine
            .typical_sample("CPU busy", busy)
            .into_iter()
            .collect();
        let told = stolen.filter(|stolen| stolen.mean >= TOLD);
        evidence.extend(told.and_then(|stolen| machine.typical_sample("CPU stolen", stolen)));
        evidence.extend(limit.iter().filter_map(|limit| limit.evidence.clone()));
        evidence.extend(server_evidence);
        evidence.extend(source.evidence(
            "CPU time of the generator",
            &format!("/steps/{index}/generator/cpu_ns"),
        ));
        Some(Self {
            cores,
            limit,
            busy,
            stolen,
            server_ratio,
            generator_ratio,
            evidence,
        })
    }

    /// Returns the busy share of the machine, from 0 to 1: the recorded one, or the known use of
    /// server and generator if that is larger.
    pub(crate) fn busy_ratio(&self) -> f64 {
        self.busy.mean.max(self.known_ratio())
    }

    /// Returns the share of the CPU time that the hypervisor did not give to other guests, from 0
    /// to 1; 1 if that was not recorded.
    pub(crate) fn left_ratio(&self) -> f64 {
        1.0 - self.stolen.map_or(0.0, |stolen| stolen.mean)
    }

    /// Returns the busy share of the CPU time that the hypervisor left to this machine, from 0 to
    /// 1.
    fn busy_of_left(&self) -> f64 {
        (self.busy_ratio() / self.left_ratio().max(f64::MIN_POSITIVE)).min(1.0)
    }

    /// Returns the number of cores, at least 1, that neither the hypervisor nor programs outside of the run
    /// used.
    pub(crate) fn usable_cores(&self) -> f64 {
        let left = self.left_ratio() - self.unexplained_ratio();
        (left * self.cores).round().max(1.0)
    }

    /// Returns the share of the machine, from 0 to 1, that server and generator are known to have
    /// used. An unknown use of the server counts as 0.
    pub(crate) fn known_ratio(&self) -> f64 {
        self.server_ratio.unwrap_or(0.0) + self.generator_ratio
    }

    /// Returns the used share, from 0 to 1, of the CPU that server and generator may use: of the
    /// machine, less the time taken by the hypervisor, or of their quota. With a quota, returns
    /// `None` if the server's use is not known. It also returns `None` if their use is above the
    /// quota, because then the quota is not that of the server.
    pub(crate) fn used_ratio(&self) -> Option<f64> {
        match &self.limit {
            Some(limit) => Some(self.used_of_limit(limit)?.max(self.busy_of_left())),
            None => Some(self.busy_of_left()),
        }
    }

    fn used_of_limit(&self, limit: &CoreLimit) -> Option<f64> {
        let server_cores = self.server_ratio.map(|ratio| ratio * self.cores);
        limit.used_ratio(server_cores, self.generator_ratio * self.cores)
    }

    /// Returns the quota or affinity that is the tighter limit: at least as large a share of it is used as
    /// the share of the machine's CPU that is busy. `None` if the machine's CPU is the tighter one.
    pub(crate) fn binding_limit(&self) -> Option<&CoreLimit> {
        let limit = self.limit.as_ref()?;
        let used = self.used_of_limit(limit)?;
        (used >= self.busy_of_left()).then_some(limit)
    }

    /// Returns the name of the resource that is used up first: `CPU quota` or `machine's CPU`.
    pub(crate) fn resource(&self) -> &'static str {
        self.binding_limit()
            .map_or("machine's CPU", CoreLimit::resource)
    }

    /// Returns the share of the machine that programs other than server and generator used; `None`
    /// if the server's share is not known.
    pub(crate) fn others_ratio(&self) -> Option<f64> {
        self.server_ratio?;
        Some(self.unexplained_ratio())
    }

    /// Returns the busy share less the known share of server and generator, from 0 to 1. It is an
    /// upper bound for all other programs, because an unknown use of the server is part of it.
    pub(crate) fn unexplained_ratio(&self) -> f64 {
        self.busy_ratio() - self.known_ratio()
    }

    /// Returns the user of the largest share. `None` if the server's share is not known and the generator did
    /// not use more than half of the busy share.
    pub(crate) fn owner(&self) -> Option<CpuOwner> {
        let Some(server) = self.server_ratio else {
            let most = self.generator_ratio > 0.5 * self.busy_ratio();
            return most.then_some(CpuOwner::Generator);
        };
        // Other programs on the machine use nothing of the quota.
        let others = self
            .others_ratio()
            .filter(|_| self.binding_limit().is_none());
        let others = others.unwrap_or(0.0);
        Some(if others > server && others > self.generator_ratio {
            CpuOwner::Others
        } else if self.generator_ratio > server {
            CpuOwner::Generator
        } else {
            CpuOwner::Server
        })
    }

    /// Describes the CPU use: `busy 98 % of 2 cores: 58 % by the server, 37 % by the generator, 3 %
    /// by others`.
    pub(crate) fn sentence(&self) -> String {
        let share = crate::figures::share;
        let mut text = format!("busy {} of {} cores", share(self.busy_ratio()), self.cores);
        if let Some(stolen) = self.stolen.filter(|stolen| stolen.mean >= TOLD) {
            text += &format!(", {} taken by the hypervisor", share(stolen.mean));
        }
        text += ": ";
        if let Some(limit) = &self.limit {
            let used = self.used_ratio().map_or("use not known".to_owned(), share);
            text = format!("{used} of {}, machine {text}", limit.words());
        }
        if let Some(server) = self.server_ratio {
            text += &format!("{} by the server, ", share(server));
        }
        text += &format!("{} by the generator", share(self.generator_ratio));
        if let Some(others) = self.others_ratio() {
            text += &format!(", {} by others", share(others));
        }
        text
    }
}

/// Returns the CPU time that all processors together have in the measured part of a step, in nanoseconds;
/// `None` if nothing was measured.
fn capacity_ns(step: &Step, cores: f64) -> Option<f64> {
    let capacity = step.window.measured_s() * 1e9 * cores;
    (capacity > 0.0).then_some(capacity)
}

/// Returns the server's share of the machine, from 0 to 1, with its evidence: as counted by the
/// bench, or as recorded for the processes with a known server's name. The share is `None` if
/// neither measured it.
fn server(
    source: &SourceReport,
    index: usize,
    cores: f64,
    machine: MachineRecording<'_>,
) -> (Option<f64>, Option<EvidenceItem>) {
    let step = &source.report.steps[index];
    let figure = |name: &str| step.server.as_ref()?.figures.get(name).copied();
    let capacity = capacity_ns(step, cores);
    let told = |name: &str, scale: f64| {
        let ratio = figure(name)? * scale / capacity?;
        let pointer = format!("/steps/{index}/server/figures/{name}");
        Some((ratio, source.evidence("CPU time of the server", &pointer)))
    };
    let recorded = || {
        let component = source.component()?;
        Some(machine.cores_of_server(component, step.window)? / cores)
    };
    if let Some((ratio, evidence)) = told("server.cpu_ns", 1.0) {
        return (Some(ratio), evidence);
    }
    // Redis reports its main thread's CPU time wherever it runs, so that time counts only if the server is on
    // this machine. Its other threads and child processes are known from the recording only.
    let main_thread = told("cpu_main_thread_s", 1e9).filter(|_| target::is_local(source));
    match (main_thread, recorded()) {
        (Some((told, evidence)), all) => (Some(all.map_or(told, |all| all.max(told))), evidence),
        (None, all) => (all, None),
    }
}
