//! Facts of all reports of a run, joined: every rule reads them and no rule changes them.

use crate::assessment::ComponentKind;
use crate::bench_facts::BenchFacts;
use crate::machine_recording::MachineRecording;
use crate::run_reports::RunReports;
use crate::series_reading::SeriesReading;
use crate::thresholds::Thresholds;

/// One run, joined.
#[derive(Debug)]
pub(crate) struct RunFacts<'a> {
    /// Reports that were read.
    pub(crate) run: &'a RunReports,
    /// Thresholds.
    pub(crate) thresholds: &'a Thresholds,
    /// Each bench's report.
    pub(crate) benches: Vec<BenchFacts<'a>>,
    /// The recording of the machine.
    pub(crate) machine: Option<MachineRecording<'a>>,
}

impl<'a> RunFacts<'a> {
    /// Joins the reports of a run.
    pub(crate) fn gather(run: &'a RunReports, thresholds: &'a Thresholds) -> Self {
        let machine = run.machine().map(|source| MachineRecording { source });
        let benches = run.benches();
        let benches =
            benches.filter_map(|source| BenchFacts::new(source, run, machine, thresholds));
        Self {
            run,
            thresholds,
            benches: benches.collect(),
            machine,
        }
    }

    /// A series of the machine where its mean was highest: over one of the operating points, or
    /// over the whole recording. What went on for a step only is not lost in a long recording.
    pub(crate) fn machine_at_worst(&self, name: &str) -> Option<SeriesReading> {
        let machine = self.machine?;
        let steps = self.benches.iter().filter_map(BenchFacts::operating);
        let windows = steps.map(|(_, step)| step.window);
        let windows = windows.chain([machine.whole()]);
        windows
            .filter_map(|window| machine.read(name, window))
            .max_by(|a, b| a.mean.total_cmp(&b.mean))
    }

    /// The benches of one component.
    pub(crate) fn of(&self, component: ComponentKind) -> impl Iterator<Item = &BenchFacts<'a>> {
        let benches = self.benches.iter();
        benches.filter(move |b| b.component == component)
    }
}
