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

    /// Returns the windows in which the machine is judged: each operating point, and the whole load. Only
    /// benches on the clock of the recording count. Empty without a recording of their load.
    pub(crate) fn machine_windows(&self) -> Vec<Window> {
        self.operating_windows()
            .into_iter()
            .chain(self.load_window())
            .collect()
    }

    /// Returns the windows of the operating points of the benches on the clock of the recording.
    pub(crate) fn operating_windows(&self) -> Vec<Window> {
        let steps = self
            .recorded_benches()
            .filter_map(BenchFacts::operating_step);
        steps.map(|(_, step)| step.window).collect()
    }

    /// Returns the window from the start of the first step to the end of the last one, over all benches on the
    /// clock of the recording; the whole recording if no bench has a step. `None` without a recording, or if
    /// no step is on its clock.
    pub(crate) fn load_window(&self) -> Option<Window> {
        let machine = self.machine?;
        let mut benches = self.benches.iter();
        if benches.all(|bench| bench.source.report.steps.is_empty()) {
            return Some(machine.whole());
        }
        let steps = self
            .recorded_benches()
            .flat_map(|bench| &bench.source.report.steps);
        let windows: Vec<Window> = steps.map(|step| step.window).collect();
        let earliest = |at: fn(&Window) -> u64| windows.iter().map(at).min();
        let latest = |at: fn(&Window) -> u64| windows.iter().map(at).max();
        Some(Window {
            start_ns: earliest(|w| w.start_ns)?,
            measure_start_ns: earliest(|w| w.measure_start_ns)?,
            measure_end_ns: latest(|w| w.measure_end_ns)?,
            end_ns: latest(|w| w.end_ns)?,
        })
    }

    /// Returns true if every bench is on the clock of the recording, so that it tells what the machine did
    /// under their load; false without a recording.
    pub(crate) fn is_all_recorded(&self) -> bool {
        self.machine.is_some() && self.recorded_benches().count() == self.benches.len()
    }

    /// Reads the series `name` of the machine over each operating point and over the whole load. Returns the
    /// reading with the highest mean, so that a short episode is not averaged away. `None` if the series was
    /// not recorded then.
    pub(crate) fn highest_machine_reading(&self, name: &str) -> Option<SeriesReading> {
        let machine = self.machine?;
        let windows = self.machine_windows();
        windows
            .into_iter()
            .filter_map(|window| machine.read(name, window))
            .max_by(|a, b| a.mean.total_cmp(&b.mean))
    }

    /// Iterates over the benches on the clock of the recording of the machine; none without a recording.
    fn recorded_benches(&self) -> impl Iterator<Item = &BenchFacts<'a>> {
        let machine = self.machine;
        let is_aligned = move |bench: &&BenchFacts<'a>| {
            machine.is_some_and(|machine| machine.is_aligned_with(bench.source))
        };
        self.benches.iter().filter(is_aligned)
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
