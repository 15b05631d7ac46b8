//! Recording of the machine, read over the windows of steps.

use std::ops::Range;

use bench_report::{Series, Window};

use crate::assessment::{ComponentKind, EvidenceItem};
use crate::participants::takes_part;
use crate::series_reading::{SeriesReading, overlap};
use crate::source_report::SourceReport;

/// Name of the series of the share of the whole machine's CPU time that was not idle.
const BUSY: &str = "cpu.busy_ratio";

/// Program that takes no part in the run, with its CPU use.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OutsideProgram {
    /// Name of the program.
    pub(crate) name: String,
    /// Mean number of cores that all processes of the program together used over the window. A
    /// process that existed during a part of the window counts with that part.
    pub(crate) cores: f64,
    /// Number of its processes that were recorded.
    pub(crate) processes: u64,
    /// Control group of the program's busiest process; `None` for the root group, or if it was not
    /// recorded.
    pub(crate) group: Option<String>,
    /// CPU use of the program's busiest process over the window, in cores.
    pub(crate) reading: SeriesReading,
}

/// Recording of the machine by `sysmon`, read over the windows of steps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MachineRecording<'a> {
    /// Report of `sysmon` with the recorded series.
    pub(crate) source: &'a SourceReport,
}

impl<'a> MachineRecording<'a> {
    /// Returns true if the recording's clock can be compared with the clock of `source`: both were written
    /// since the same boot of one host.
    pub(crate) fn is_aligned_with(self, source: &SourceReport) -> bool {
        let (ours, theirs) = (&self.source.report.clock, &source.report.clock);
        ours.comparable_with(theirs)
    }

    /// Returns the number of processors of the machine; `None` if it was not recorded.
    pub(crate) fn cores(self) -> Option<f64> {
        self.source.report.environment.cores.map(|n| n as f64)
    }

    /// Reads the machine-wide series `name` over the measured part of `window`; `None` if there is
    /// no such series or most of that time was not recorded.
    pub(crate) fn read(self, name: &str, window: Window) -> Option<SeriesReading> {
        let all = self.source.report.series.iter().enumerate();
        all.filter(|(_, s)| s.name == name && s.labels.is_empty())
            .find_map(|(i, s)| SeriesReading::over(i, s, &measured(window)))
            .filter(|reading| reading.covers_enough_of(&measured(window)))
    }

    /// Reads the series called `name` that has the highest mean over the measured part of `window`,
    /// such as the series of the busiest disk. Series of single cores are left out. `None` if most
    /// of that time was not recorded.
    pub(crate) fn busiest_of(
        self,
        name: &str,
        window: Window,
    ) -> Option<(&'a Series, SeriesReading)> {
        let all = self.source.report.series.iter().enumerate();
        all.filter(|(_, s)| s.name == name && !s.labels.contains_key("core"))
            .filter_map(|(i, s)| SeriesReading::over(i, s, &measured(window)).map(|r| (s, r)))
            .filter(|(_, reading)| reading.covers_enough_of(&measured(window)))
            .max_by(|a, b| a.1.mean.total_cmp(&b.1.mean))
    }

    /// Reads every series called `name` over the measured part of `window`, also those that cover
    /// only some of it. Series without a sample there are left out.
    pub(crate) fn all(self, name: &str, window: Window) -> Vec<(&'a Series, SeriesReading)> {
        let all = self.source.report.series.iter().enumerate();
        all.filter(|(_, s)| s.name == name)
            .filter_map(|(i, s)| {
                let mut spans: Vec<_> = s.spans().collect();
                if let [(_, span, _)] = spans.as_mut_slice() {
                    // A single point does not say which interval it covers; the recording's other series do.
                    span.start = span.end.saturating_sub(self.tick_ns(span.end)?);
                }
                SeriesReading::from_spans(i, s, &spans, &measured(window)).map(|r| (s, r))
            })
            .collect()
    }

    /// Reads every series called `name` that covers enough of the measured part of `window` to stand for all of
    /// it.
    pub(crate) fn covering(self, name: &str, window: Window) -> Vec<(&'a Series, SeriesReading)> {
        let mut all = self.all(name, window);
        all.retain(|(_, reading)| reading.covers_enough_of(&measured(window)));
        all
    }

    /// Returns the number of cores that the run may use, with its evidence. `None` unless a CPU
    /// quota or an affinity of the recorder allows fewer than the machine has.
    pub(crate) fn allowed_cores(self) -> Option<(f64, Option<EvidenceItem>)> {
        let environment = &self.source.report.environment;
        let quota = environment.cgroup.as_ref().and_then(|g| g.cpu_quota_cores);
        let available = environment.cores_available.map(|n| n as f64);
        // `cores_available` is the quota rounded down, unless an affinity allows fewer cores than the quota.
        let (allowed, pointer) = match (quota, available) {
            (Some(quota), available) if available.is_none_or(|n| n >= quota.floor()) => {
                (quota, "/environment/cgroup/cpu_quota_cores")
            }
            (_, available) => (available?, "/environment/cores_available"),
        };
        let evidence = self.source.evidence("cores that the run may use", pointer);
        (allowed > 0.0 && allowed < self.cores()?).then_some((allowed, evidence))
    }

    /// Returns the mean number of cores that servers of `component` used over the measured part of
    /// `window`. Servers are recognized by the names of their processes. `None` if no such process
    /// was recorded.
    pub(crate) fn cores_of_server(self, component: ComponentKind, window: Window) -> Option<f64> {
        let processes = self.processes(window);
        let serving = processes.iter().filter(|(s, _)| {
            let name = s.labels.get("name").map_or("", String::as_str);
            component.definition().servers.contains(&name)
        });
        let recorded_ns = self.recorded_ns(window);
        let used: Vec<f64> = serving.map(|(_, r)| r.cores_over(recorded_ns)).collect();
        (!used.is_empty()).then(|| used.iter().sum())
    }

    /// Returns the number of processes called `name` that were recorded in the measured part of
    /// `window`.
    pub(crate) fn processes_called(self, name: &str, window: Window) -> usize {
        let all = self.processes(window);
        let called = |s: &Series| s.labels.get("name").is_some_and(|n| n == name);
        all.iter().filter(|(s, _)| called(s)).count()
    }

    /// Returns the mean number of cores that programs of the run used over the measured part of
    /// `window`. `server` is the name of the server's process, if known.
    pub(crate) fn cores_of_participants(self, window: Window, server: Option<&str>) -> f64 {
        let recorded_ns = self.recorded_ns(window);
        let processes = self.processes(window).into_iter();
        let taking_part = processes.filter(|(series, _)| {
            let name = series.labels.get("name");
            name.is_some_and(|name| takes_part(name) || server == Some(name))
        });
        taking_part.map(|(_, r)| r.cores_over(recorded_ns)).sum()
    }

    /// Returns the programs that take no part in the run and ran in the measured part of `window`,
    /// the busiest first. `server` is the name of the server's process, if known.
    pub(crate) fn outsiders(self, window: Window, server: Option<&str>) -> Vec<OutsideProgram> {
        let recorded_ns = self.recorded_ns(window);
        let mut found: Vec<OutsideProgram> = self
            .processes(window)
            .into_iter()
            .filter_map(|(series, reading)| {
                let name = series.labels.get("name")?;
                let part = takes_part(name) || server == Some(name);
                (!part).then(|| OutsideProgram {
                    name: name.clone(),
                    cores: reading.cores_over(recorded_ns),
                    processes: 1,
                    group: series.labels.get("cgroup").cloned(),
                    reading,
                })
            })
            .collect();
        // The first process of a name is the busiest one, and its reading represents the program.
        found.sort_by(|a, b| b.cores.total_cmp(&a.cores));
        let mut by_name: Vec<OutsideProgram> = Vec::new();
        for one in found {
            match by_name.iter_mut().find(|s| s.name == one.name) {
                Some(program) => {
                    program.cores += one.cores;
                    program.processes += 1;
                }
                None => by_name.push(one),
            }
        }
        by_name.sort_by(|a, b| b.cores.total_cmp(&a.cores));
        by_name
    }

    /// Returns the sample that is nearest to the mean of `reading` as evidence. The label begins
    /// with `what` and contains the mean. `None` if the report has no such sample.
    pub(crate) fn typical_sample(self, what: &str, reading: SeriesReading) -> Option<EvidenceItem> {
        let name = &self.source.report.series.get(reading.series)?.name;
        let label = format!(
            "{what}: mean of {} samples {}, the nearest of them",
            reading.samples,
            crate::figures::show(name, reading.mean)
        );
        let pointer = format!("/series/{}/mean/{}", reading.series, reading.typical);
        self.source.evidence(label, &pointer)
    }

    /// Returns the highest sample of `reading` as evidence, labelled `what`; `None` if the report
    /// has no such sample.
    pub(crate) fn peak_sample(self, what: &str, reading: SeriesReading) -> Option<EvidenceItem> {
        let pointer = format!("/series/{}/max/{}", reading.series, reading.peak);
        self.source
            .evidence(format!("{what}: highest sample"), &pointer)
    }

    /// Returns the window from the start of the recording to its last sample, all of it measured.
    pub(crate) fn whole(self) -> Window {
        let start_ns = self.source.report.clock.monotonic_ns;
        let last = self
            .source
            .report
            .series
            .iter()
            .filter_map(|s| s.at_ns.last());
        let end_ns = last.max().copied().unwrap_or(start_ns);
        Window {
            start_ns,
            measure_start_ns: start_ns,
            measure_end_ns: end_ns,
            end_ns,
        }
    }

    fn processes(self, window: Window) -> Vec<(&'a Series, SeriesReading)> {
        self.all("process.cpu_cores", window)
    }

    /// Returns the length of the sampling interval that contains the instant `at_ns`, in
    /// nanoseconds; `None` if no interval contains it.
    fn tick_ns(self, at_ns: u64) -> Option<u64> {
        let mut ticks = self.series(BUSY)?.spans();
        let (_, tick, _) = ticks.find(|(_, tick, _)| at_ns <= tick.end)?;
        Some(tick.end - tick.start)
    }

    fn series(self, name: &str) -> Option<&'a Series> {
        let mut all = self.source.report.series.iter();
        all.find(|s| s.name == name && s.labels.is_empty())
    }

    /// Returns for how many nanoseconds of the measured part of `window` there are recorded
    /// samples; the whole length of that part if there are none.
    fn recorded_ns(self, window: Window) -> u64 {
        let window = measured(window);
        let whole = window.end.saturating_sub(window.start);
        let spans = self.series(BUSY).into_iter().flat_map(Series::spans);
        let recorded: u64 = spans.map(|(_, span, _)| overlap(&span, &window)).sum();
        if recorded > 0 { recorded } else { whole }
    }
}

fn measured(window: Window) -> Range<u64> {
    window.measure_start_ns..window.measure_end_ns.max(window.measure_start_ns)
}
