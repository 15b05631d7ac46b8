//! Facts of all reports of a run. They are joined once; rules read them and do not change them.

use bench_report::Window;

use crate::assessment::ComponentKind;
use crate::bench_facts::BenchFacts;
use crate::machine_recording::MachineRecording;
use crate::run_reports::RunReports;
use crate::series_reading::SeriesReading;
use crate::thresholds::Thresholds;

/// Facts of one run: its reports, joined, and the thresholds.
#[derive(Debug)]
pub(crate) struct RunFacts<'a> {
    /// Reports of the run, from which the facts were computed.
    pub(crate) run: &'a RunReports,
    /// Thresholds that rules and gates use.
    pub(crate) thresholds: &'a Thresholds,
    /// Facts of each bench of the run, in the order of the reports.
    pub(crate) benches: Vec<BenchFacts<'a>>,
    /// Recording of the machine; `None` if the run has none.
    pub(crate) machine: Option<MachineRecording<'a>>,
}

impl<'a> RunFacts<'a> {
    /// Joins the reports of a run into its facts; reports of unknown tools are left out.
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

    /// Returns the windows in which the machine is judged: each operating point, and the whole recording.
    /// Empty without a recording.
    pub(crate) fn machine_windows(&self) -> Vec<Window> {
        let steps = self.benches.iter().filter_map(BenchFacts::operating_step);
        let whole = self.machine.map(MachineRecording::whole);
        steps
            .map(|(_, step)| step.window)
            .filter(|_| whole.is_some())
            .chain(whole)
            .collect()
    }

    /// Reads the series `name` of the machine over each operating point and over the whole
    /// recording. Returns the reading with the highest mean, so that a short episode is not
    /// averaged away. `None` if the series was not recorded.
    pub(crate) fn highest_machine_reading(&self, name: &str) -> Option<SeriesReading> {
        let machine = self.machine?;
        let windows = self.machine_windows();
        windows
            .into_iter()
            .filter_map(|window| machine.read(name, window))
            .max_by(|a, b| a.mean.total_cmp(&b.mean))
    }

    /// Iterates over the benches that loaded `component`.
    pub(crate) fn benches_of(
        &self,
        component: ComponentKind,
    ) -> impl Iterator<Item = &BenchFacts<'a>> {
        let benches = self.benches.iter();
        benches.filter(move |b| b.component == component)
    }
}
