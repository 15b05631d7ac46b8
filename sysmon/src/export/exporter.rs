//! Sampling of the machine for export, and the page of metrics made from each sample.

use std::time::{Duration, SystemTime};

use bench_report::Tool;
use bench_report::clock::{monotonic_ns, process_cpu_ns};
use host_metrics::source::{Gaps, HostSource, SourceOptions, Timed};

use super::exposition::{Families, Page};
use super::monotonic::MonotonicTimes;
use super::page_store::PageStore;
use super::processes::ProcessExporter;
use super::{cgroups, host};
use crate::gpu::GpuSample;
use crate::gpu::watch::GpuWatch;
use crate::masking::MASKING;
use crate::own_cost::OwnCost;
use crate::sampler::DetailReader;
use crate::settings::SamplingSettings;
use crate::tick_schedule::TickSchedule;

/// Age, in nanoseconds, up to which readings of a GPU are exported while the driver has no newer
/// ones.
const GPU_FIGURES_LAST_NS: u64 = 5_000_000_000;

/// Sampler of the machine at a fixed interval, which does not depend on how often pages are
/// requested.
#[derive(Debug)]
pub(crate) struct Exporter {
    source: HostSource,
    gaps: Gaps,
    monotonic: MonotonicTimes,
    processes: Option<ProcessExporter>,
    gpus: Option<GpuWatch>,
    gpus_read: Option<Timed<Vec<GpuSample>>>,
    cost: OwnCost,
    cadence: TickSchedule,
    tool: Tool,
}

impl Exporter {
    /// Creates an exporter of everything that the settings select; it takes no sample yet. `tool`
    /// describes this program in the metric `sysmon_build_info`.
    pub(crate) fn new(settings: &SamplingSettings, tool: Tool) -> Self {
        let mut gaps = Gaps::default();
        let selection = SourceOptions {
            processes: settings.follow.as_ref().map(|_| MASKING),
            cgroups: settings.cgroups.clone(),
            file_systems: settings.file_systems,
            socket_states: settings.socket_states,
            slow_max_age_ns: settings.slow_max_age_ns,
        };
        let (tick_ns, interval_ns) = (settings.units.tick_ns, settings.interval_ns);
        let processes = settings.follow.as_ref();
        Self {
            source: HostSource::new(&settings.roots, settings.units, &selection, &mut gaps),
            gaps,
            monotonic: MonotonicTimes::default(),
            processes: processes
                .map(|following| ProcessExporter::new(following, tick_ns, interval_ns)),
            gpus: None,
            gpus_read: None,
            cost: OwnCost::default(),
            cadence: TickSchedule::new(monotonic_ns(), interval_ns),
            tool,
        }
    }

    /// Adds the figures that `gpus` reads to each page from now on.
    pub(crate) fn watch_gpus(&mut self, gpus: GpuWatch) {
        self.gpus = Some(gpus);
    }

    /// Returns the time until the next sample is due; zero if it is overdue.
    pub(crate) fn due_in(&self) -> Duration {
        Duration::from_nanos(self.cadence.due_ns().saturating_sub(monotonic_ns()))
    }

    /// Returns the record of the readings that failed so far, with the reasons.
    pub(crate) fn gaps(&self) -> &Gaps {
        &self.gaps
    }

    /// Takes a sample without changing the schedule, and returns its page; called for the first
    /// page. `traffic` has the counts of requested pages.
    pub(crate) fn first_page(&mut self, traffic: &PageStore) -> Page {
        let mut families = Families::default();
        self.read(&mut families);
        self.own(traffic, &mut families);
        Page::new(families)
    }

    /// Takes the sample that is due, schedules the next one, and returns the page. `traffic` has
    /// the counts of requested pages.
    pub(crate) fn page(&mut self, traffic: &PageStore) -> Page {
        self.cadence.sampled(monotonic_ns());
        self.first_page(traffic)
    }

    fn read(&mut self, out: &mut Families) {
        let Self {
            source,
            gaps,
            monotonic,
            processes,
            gpus,
            gpus_read,
            cost,
            ..
        } = self;
        cost.of_sample(|| {
            let sample = source.sample(gaps);
            let at_ns = sample.span.end_ns;
            host::families(&sample, monotonic, out);
            cgroups::families(&sample.cgroups, out);
            if let Some(newer) = gpus.as_mut().and_then(|gpus| gpus.newest(at_ns, gaps)) {
                *gpus_read = Some(newer);
            }
            if let Some(read) = gpus_read
                && at_ns.saturating_sub(read.span.end_ns) < GPU_FIGURES_LAST_NS
            {
                host::gpus(&read.value, out);
            }
            if let (Some(processes), Some(samples)) = (processes, &sample.processes) {
                let mut asked = DetailReader { source, gaps };
                processes.families(at_ns, samples, &mut asked, out);
                source.follow_groups(processes.root_pids());
            }
        });
    }

    /// Adds metrics about the exporter itself to `out`; `traffic` has the counts of requested and
    /// encoded pages.
    fn own(&self, traffic: &PageStore, out: &mut Families) {
        let commit = self.tool.commit.as_deref().unwrap_or_default();
        let labels = [("version", self.tool.version.as_str()), ("commit", commit)];
        let told = if commit.is_empty() { 1 } else { 2 };
        out.info(
            "sysmon_build",
            "Version of the program that serves this page.",
            &labels[..told],
        );
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let (name, help) = (
            "sysmon_sample_timestamp_seconds",
            "Time at which this page was sampled, in seconds since 1970.",
        );
        out.gauge(name, help, &[], now.ok().map(|now| now.as_secs_f64()));
        let (name, help) = ("sysmon_samples", "Samples taken.");
        out.counter(name, help, &[], Some(self.cost.samples()));
        let (name, help) = (
            "sysmon_missed_samples",
            "Samples that were due and not taken.",
        );
        out.counter(name, help, &[], Some(self.cadence.missed()));
        let (name, help) = (
            "sysmon_sampling_cpu_seconds",
            "CPU time of sampling, which does not depend on the requests.",
        );
        out.seconds(name, help, &[], Some(self.cost.sampling_cpu_ns()));
        let (name, help) = ("sysmon_scrapes", "Requests for the page.");
        out.counter(name, help, &[], Some(traffic.scrapes()));
        let (name, help) = (
            "sysmon_pages_written",
            "Pages encoded: at most one for each sample and format.",
        );
        out.counter(name, help, &[], Some(traffic.written()));
        let (name, help) = ("process_cpu_seconds", "CPU time of this program.");
        out.seconds(name, help, &[], Some(process_cpu_ns()));
    }
}
