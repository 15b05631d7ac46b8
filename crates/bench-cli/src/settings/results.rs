//! Results of one setting: all its repeats together.

use std::collections::BTreeMap;

use bench_report::histogram::{Recording, recording};
use bench_report::names::{FigureName, steps};
use bench_report::{Histogram, Latency, Load, Operation, Step, StepEnd};

use crate::Objective;

/// Highest share of failed requests, of those attempted, at which a setting may be recommended.
const ERRORS_TOLERATED: f64 = 0.01;

/// Share of the arrival rate from which on the rate counts as carried: at least this share of the
/// arrivals was answered successfully.
const CARRIED: f64 = 0.99;

/// Steps of one setting of a scenario, with the client `C` that was tested, such as a driver.
#[derive(Debug)]
pub struct SettingResults<'a, C> {
    /// Client with which the requests of this setting were made.
    pub client: C,
    /// Name of the setting as reports show it.
    pub name: String,
    /// Value of the varied parameter, such as a number of connections or users.
    pub value: u64,
    /// Completed repeats in ascending order, each with the number of the repeat from 0, its index
    /// in the report's steps, and the step.
    pub held: Vec<(u64, usize, &'a Step)>,
    /// Steps of this setting that a stop rule, a signal or a failure ended early.
    pub broken: Vec<&'a Step>,
}

impl<'a, C> SettingResults<'a, C> {
    /// Collects those of `steps`, all steps of the report, for which `is_of` returns true: the
    /// steps of `client` at the setting `name`, whose varied parameter is `value`.
    pub fn new(
        client: C,
        name: String,
        value: u64,
        steps: &'a [Step],
        is_of: impl Fn(&Step) -> bool,
    ) -> Self {
        let mine = steps.iter().enumerate().filter(|(_, step)| is_of(step));
        let (held, broken): (Vec<_>, Vec<_>) =
            mine.partition(|(_, step)| step.end == StepEnd::Completed);
        let mut held: Vec<_> = held
            .into_iter()
            .map(|(index, step)| (step.repeat, index, step))
            .collect();
        held.sort_unstable_by_key(|(repeat, ..)| *repeat);
        Self {
            client,
            name,
            value,
            held,
            broken: broken.into_iter().map(|(_, step)| step).collect(),
        }
    }

    /// Returns true if the setting may be recommended: no stop rule or failure ended a step, and in
    /// every completed repeat there were successful requests, at most 1 % of the
    /// requests failed, the rate was carried and the objectives were kept. True without a completed
    /// repeat if no step was stopped or failed.
    pub fn is_admissible(&self, objectives: &[Objective]) -> bool {
        let stopped =
            |step: &&Step| matches!(step.end, StepEnd::Stopped { .. } | StepEnd::Failed { .. });
        let fine = |step: &Step| {
            step.throughput_per_s() > 0.0
                && carries_its_rate(step) != Some(false)
                && step
                    .error_ratio()
                    .is_some_and(|ratio| ratio <= ERRORS_TOLERATED)
        };
        !self.broken.iter().any(stopped)
            && self
                .held
                .iter()
                .all(|(_, _, step)| fine(step) && keeps(step, objectives))
    }

    /// Returns true if any step was an open loop, with arrivals at a fixed rate.
    pub fn is_open_loop(&self) -> bool {
        let mut steps = self.all_steps();
        steps.any(|step| matches!(step.load, Load::Open { .. }))
    }

    /// Returns the mean throughput over the completed repeats, in requests per second; `None` if
    /// there are none.
    pub fn throughput_per_s(&self) -> Option<f64> {
        let each: Vec<f64> = self
            .held
            .iter()
            .map(|(_, _, step)| step.throughput_per_s())
            .collect();
        statistics::mean(&each)
    }

    /// Returns the number of failures of each kind over all steps, including those that ended
    /// early.
    pub fn errors(&self) -> BTreeMap<&'a str, u64> {
        errors_by_kind(self.all_steps())
    }

    /// Returns the number of retries over all steps, including those that ended early.
    pub fn retries(&self) -> u64 {
        let operations = self.all_steps().flat_map(|step| step.operations.values());
        operations.map(|operation| operation.retries).sum()
    }

    /// Iterates over all steps of the setting, first the completed ones, then those that ended
    /// early.
    pub fn all_steps(&self) -> impl Iterator<Item = &'a Step> {
        self.held
            .iter()
            .map(|(_, _, step)| *step)
            .chain(self.broken.iter().copied())
    }

    /// Returns the latency over all operations and completed repeats, unanswered requests included.
    /// `None` if a histogram is damaged.
    pub fn latency(&self) -> Option<Latency> {
        let held = self.held.iter();
        Latency::from_operations(held.flat_map(|(_, _, step)| step.operations.values())).ok()
    }

    /// Returns the highest 99th percentile of the response time of any single interval in any
    /// completed repeat, in nanoseconds; `None` if none was recorded.
    pub fn worst_interval_ns(&self) -> Option<f64> {
        let held = self.held.iter();
        let each = held.filter_map(|(_, _, step)| step.value(steps::WORST_INTERVAL_P99_NS));
        each.max_by(f64::total_cmp)
    }

    /// Returns the number of requests that were never answered over all steps, including those that
    /// ended early.
    pub fn unanswered(&self) -> u64 {
        self.all_steps().map(Step::censored).sum()
    }

    /// Merges the histograms of one phase, which `phase` selects, over all operations and completed
    /// repeats; `None` if the phase was not recorded.
    pub fn phase(&self, phase: impl Fn(&Operation) -> Option<&Histogram>) -> Option<Recording> {
        let operations = self
            .held
            .iter()
            .flat_map(|(_, _, step)| step.operations.values());
        merge_recordings(operations.filter_map(phase))
    }

    /// Returns the mean length of one phase in each completed repeat, in nanoseconds, in order;
    /// repeats in which the phase was not recorded are left out.
    pub fn phase_means(&self, phase: impl Fn(&Operation) -> Option<&Histogram>) -> Vec<f64> {
        let mean = |step: &Step| {
            let parts = step.operations.values().filter_map(&phase);
            let (count, sum) = parts.fold((0.0, 0.0), |(count, sum), part| {
                let n = part.count as f64;
                (count + n, sum + n * part.mean_ns)
            });
            (count > 0.0).then(|| sum / count)
        };
        let held = self.held.iter();
        held.filter_map(|(_, _, step)| mean(step)).collect()
    }

    /// Returns the mean of a figure of the server's evidence over the completed repeats that have
    /// it; `None` if none has.
    pub fn server(&self, figure: FigureName) -> Option<f64> {
        let read = |(_, _, step): &(u64, usize, &Step)| step.server.as_ref()?.value(figure);
        statistics::mean(&self.held.iter().filter_map(read).collect::<Vec<f64>>())
    }

    /// Returns the mean of a figure of the steps over the completed repeats that have it; `None` if
    /// none has.
    pub fn mean_figure(&self, figure: FigureName) -> Option<f64> {
        let read = |(_, _, step): &(u64, usize, &Step)| step.value(figure);
        statistics::mean(&self.held.iter().filter_map(read).collect::<Vec<f64>>())
    }

    /// Returns the mean of `figure` over the completed repeats; `None` if there are none, or a
    /// value is not finite.
    pub fn mean(&self, figure: impl Fn(&Step) -> f64) -> Option<f64> {
        statistics::mean(
            &self
                .held
                .iter()
                .map(|(_, _, step)| figure(step))
                .collect::<Vec<f64>>(),
        )
    }
}

/// Returns the number of failures of each kind over all operations of `steps`.
pub fn errors_by_kind<'a>(steps: impl Iterator<Item = &'a Step>) -> BTreeMap<&'a str, u64> {
    let mut errors = BTreeMap::new();
    for operation in steps.flat_map(|step| step.operations.values()) {
        for (kind, count) in &operation.errors {
            *errors.entry(kind.as_str()).or_default() += count;
        }
    }
    errors
}

/// Returns true if at least 99 % of the planned arrivals per second of an open loop were
/// answered successfully in the measured part; `None` for a closed loop.
pub fn carries_its_rate(step: &Step) -> Option<bool> {
    match step.load {
        Load::Open { rate_per_s, .. } => Some(step.throughput_per_s() >= CARRIED * rate_per_s),
        Load::Closed { .. } | Load::Unknown => None,
    }
}

/// Returns true if `step` kept all of `objectives`; true without objectives.
fn keeps(step: &Step, objectives: &[Objective]) -> bool {
    if objectives.is_empty() {
        return true;
    }
    let latency = Latency::from_operations(step.operations.values()).ok();
    let errors = step.error_ratio();
    objectives
        .iter()
        .all(|objective| objective.is_kept(latency.as_ref(), errors))
}

/// Merges the histograms of one phase, which `phase` selects, over all operations of `step`; `None`
/// if the phase was not recorded.
pub fn whole(step: &Step, phase: impl Fn(&Operation) -> Option<&Histogram>) -> Option<Recording> {
    merge_recordings(step.operations.values().filter_map(phase))
}

/// Merges the histograms `parts` into one recording; damaged ones are left out. `None` if there are
/// none or they are empty.
pub fn merge_recordings<'a>(parts: impl Iterator<Item = &'a Histogram>) -> Option<Recording> {
    let mut merged = recording();
    for part in parts.filter_map(|histogram| histogram.decode().ok()) {
        // Both histograms have the same bounds, so adding cannot fail.
        let _ = merged.add(&part);
    }
    (!merged.is_empty()).then_some(merged)
}
