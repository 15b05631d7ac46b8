//! The repeats of one setting, taken together.

use std::collections::BTreeMap;

use bench_cli::objective::Objective;
use bench_report::histogram::{Recording, recording};
use bench_report::{Histogram, Latency, Load, Operation, Step, StepEnd};
use load_engine::WORST_INTERVAL_P99_NS;

use crate::drivers::Driver;

/// Share of failures up to which a setting counts as one that works.
const ERRORS_TOLERATED: f64 = 0.01;

/// Share of a rate from which it counts as carried.
const CARRIED: f64 = 0.99;

/// What came of one setting.
#[derive(Debug)]
pub(crate) struct SettingResults<'a> {
    /// Which driver.
    pub(crate) driver: Driver,
    /// The setting, for people.
    pub(crate) name: String,
    /// The value of what is varied.
    pub(crate) value: u64,
    /// Repeats that were held as long as planned: number of the repeat, index into the report's
    /// steps, step.
    pub(crate) held: Vec<(u64, usize, &'a Step)>,
    /// Steps of this setting that a rule, a signal or a failure ended.
    pub(crate) broken: Vec<&'a Step>,
}

impl<'a> SettingResults<'a> {
    /// The results of the setting `name` of `driver`, whose steps are those that `is_of` it.
    pub(crate) fn new(
        driver: Driver,
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
            driver,
            name,
            value,
            held,
            broken: broken.into_iter().map(|(_, step)| step).collect(),
        }
    }

    /// Returns true if it can be recommended: it held, hardly anything failed, and each repeat kept
    /// up with its rate and kept the objectives.
    pub(crate) fn is_admissible(&self, objectives: &[Objective]) -> bool {
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

    /// Returns true if arrivals came at a rate, whatever became of them.
    pub(crate) fn is_open_loop(&self) -> bool {
        let mut steps = self.all_steps();
        steps.any(|step| matches!(step.load, Load::Open { .. }))
    }

    /// Mean successes per second over the repeats held.
    pub(crate) fn throughput_per_s(&self) -> Option<f64> {
        let each: Vec<f64> = self
            .held
            .iter()
            .map(|(_, _, step)| step.throughput_per_s())
            .collect();
        statistics::mean(&each)
    }

    /// Failures by kind, those of broken steps too.
    pub(crate) fn errors(&self) -> BTreeMap<&'a str, u64> {
        errors_by_kind(self.all_steps())
    }

    /// Attempts beyond the first, those of broken steps too.
    pub(crate) fn retries(&self) -> u64 {
        let operations = self.all_steps().flat_map(|step| step.operations.values());
        operations.map(|operation| operation.retries).sum()
    }

    /// Its steps, those that were broken off too.
    pub(crate) fn all_steps(&self) -> impl Iterator<Item = &'a Step> {
        self.held
            .iter()
            .map(|(_, _, step)| *step)
            .chain(self.broken.iter().copied())
    }

    /// Returns what users felt over all operations and repeats held, those who were never answered
    /// among them; `None` where a histogram is damaged.
    pub(crate) fn latency(&self) -> Option<Latency> {
        let held = self.held.iter();
        Latency::from_operations(held.flat_map(|(_, _, step)| step.operations.values())).ok()
    }

    /// The highest 99th percentile of a single interval of any repeat held.
    pub(crate) fn worst_interval_ns(&self) -> Option<f64> {
        let figures = self.held.iter().map(|(_, _, step)| &step.figures);
        let each = figures.filter_map(|figures| figures.get(WORST_INTERVAL_P99_NS).copied());
        each.max_by(f64::total_cmp)
    }

    /// Requests that were never answered, those of broken steps too.
    pub(crate) fn unanswered(&self) -> u64 {
        self.all_steps().map(Step::censored).sum()
    }

    /// One phase over all operations and repeats held; `None` where nothing was recorded.
    pub(crate) fn phase(
        &self,
        phase: impl Fn(&Operation) -> Option<&Histogram>,
    ) -> Option<Recording> {
        let operations = self
            .held
            .iter()
            .flat_map(|(_, _, step)| step.operations.values());
        whole(operations.filter_map(phase))
    }

    /// Mean of one phase over all operations of each repeat held, in nanoseconds; empty where it
    /// was not recorded.
    pub(crate) fn phase_means(&self, phase: impl Fn(&Operation) -> Option<&Histogram>) -> Vec<f64> {
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

    /// Mean of a figure of the server over the repeats that have it.
    pub(crate) fn server(&self, figure: &str) -> Option<f64> {
        let read =
            |(_, _, step): &(u64, usize, &Step)| step.server.as_ref()?.figures.get(figure).copied();
        statistics::mean(&self.held.iter().filter_map(read).collect::<Vec<f64>>())
    }

    /// Mean of a figure of the steps over the repeats that have it.
    pub(crate) fn mean_figure(&self, figure: &str) -> Option<f64> {
        let read = |(_, _, step): &(u64, usize, &Step)| step.figures.get(figure).copied();
        statistics::mean(&self.held.iter().filter_map(read).collect::<Vec<f64>>())
    }

    /// Mean of what `figure` gives for each repeat.
    pub(crate) fn mean(&self, figure: impl Fn(&Step) -> f64) -> Option<f64> {
        statistics::mean(
            &self
                .held
                .iter()
                .map(|(_, _, step)| figure(step))
                .collect::<Vec<f64>>(),
        )
    }
}

/// Failures of `steps` by kind.
pub(crate) fn errors_by_kind<'a>(steps: impl Iterator<Item = &'a Step>) -> BTreeMap<&'a str, u64> {
    let mut errors = BTreeMap::new();
    for operation in steps.flat_map(|step| step.operations.values()) {
        for (kind, count) in &operation.errors {
            *errors.entry(kind.as_str()).or_default() += count;
        }
    }
    errors
}

/// Returns true if what was asked for of an open loop was done in its measured part; `None` of a
/// closed one.
pub(crate) fn carries_its_rate(step: &Step) -> Option<bool> {
    match step.load {
        Load::Open { rate_per_s, .. } => Some(step.throughput_per_s() >= CARRIED * rate_per_s),
        Load::Closed { .. } => None,
    }
}

/// Returns true if `step` kept all of `objectives`.
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

/// All of `parts` in one; `None` where nothing was recorded.
pub(crate) fn whole<'a>(parts: impl Iterator<Item = &'a Histogram>) -> Option<Recording> {
    let mut whole = recording();
    for part in parts.filter_map(|histogram| histogram.decode().ok()) {
        // Equal bounds on both sides: adding cannot fail.
        let _ = whole.add(&part);
    }
    (!whole.is_empty()).then_some(whole)
}
