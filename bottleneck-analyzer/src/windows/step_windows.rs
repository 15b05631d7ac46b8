//! Equal windows of the measured part of a step, and the series that are read over them.

use std::ops::Range;

use bench_report::{Series, Step};

use super::WindowedSeries;
use crate::bench_facts::BenchFacts;
use crate::machine_recording::MachineRecording;
use crate::series_reading::measured_intervals;
use crate::source_report::SourceReport;

/// Number of windows that a step is cut into. Successive intervals of a step resemble each other, so that
/// the windows, and not the intervals, count as independent samples. The test for a trend needs eight.
pub(crate) const WINDOWS: usize = 10;

/// Measured part of a step, cut into [`WINDOWS`] windows of equal length.
#[derive(Debug, Clone)]
pub(crate) struct StepWindows<'a> {
    /// Step whose measured part is cut into windows.
    pub(crate) step: &'a Step,
    /// Windows in order of time, each from its start to its end in nanoseconds on the monotonic clock.
    pub(crate) spans: Vec<Range<u64>>,
    source: &'a SourceReport,
    machine: Option<MachineRecording<'a>>,
}

impl<'a> StepWindows<'a> {
    /// Cuts the measured part of step `index` of a bench into windows. `machine` is the recording of the
    /// run; it is read only if its clock can be compared with the bench's. `None` if there is no such step
    /// or nothing was measured in it.
    pub(crate) fn of_step(
        bench: &BenchFacts<'a>,
        index: usize,
        machine: Option<MachineRecording<'a>>,
    ) -> Option<Self> {
        let step = bench.source.report.steps.get(index)?;
        let (from_ns, to_ns) = (step.window.measure_start_ns, step.window.measure_end_ns);
        let length_ns = to_ns.checked_sub(from_ns).filter(|ns| *ns > 0)?;
        let edge = |k: usize| from_ns + (length_ns as f64 * k as f64 / WINDOWS as f64) as u64;
        Some(Self {
            step,
            spans: (0..WINDOWS).map(|k| edge(k)..edge(k + 1)).collect(),
            source: bench.source,
            machine: machine.filter(|machine| machine.is_aligned_with(bench.source)),
        })
    }

    /// Cuts every completed repeat of the bench's operating point into windows, in the order of the report.
    pub(crate) fn of_repeats(
        bench: &BenchFacts<'a>,
        machine: Option<MachineRecording<'a>>,
    ) -> Vec<Self> {
        let repeats = bench.repeats.iter();
        repeats
            .filter_map(|index| Self::of_step(bench, *index, machine))
            .collect()
    }

    /// Returns the length of a window in seconds.
    pub(crate) fn window_s(&self) -> f64 {
        self.step.window.measured_s() / WINDOWS as f64
    }

    /// Reads the series `name` of the bench, which has no labels. `None` if the report has no such series,
    /// or if one of the windows was not recorded.
    pub(crate) fn of_bench(&self, name: &str) -> Option<WindowedSeries<'a>> {
        let all = self.source.report.series.iter().enumerate();
        let mut named = all.filter(|(_, s)| s.name == name && s.labels.is_empty());
        let (index, series) = named.next()?;
        let spans = measured_intervals(series, self.step.window);
        WindowedSeries::read(self.source, (index, series), &spans, &self.spans)
    }

    /// Reads every series `name` of the machine, of each process and device; those that do not cover all
    /// windows are left out. Empty without a recording on the clock of the bench.
    pub(crate) fn of_machine(&self, name: &str) -> Vec<WindowedSeries<'a>> {
        let Some(machine) = self.machine else {
            return Vec::new();
        };
        let all = machine.source.report.series.iter().enumerate();
        all.filter(|(_, s)| s.name == name && !s.labels.contains_key("core"))
            .filter_map(|(index, series): (usize, &'a Series)| {
                let spans: Vec<_> = series.spans().collect();
                WindowedSeries::read(machine.source, (index, series), &spans, &self.spans)
            })
            .collect()
    }
}
