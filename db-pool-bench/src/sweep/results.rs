//! The repeats of one setting, taken together.

use std::collections::BTreeMap;

use bench_report::histogram::{Recording, recording};
use bench_report::{Histogram, Operation, Step, StepEnd};

use super::Setting;

/// Share of failures up to which a setting counts as one that works.
const ERRORS_TOLERATED: f64 = 0.01;

/// What came of one setting.
#[derive(Debug)]
pub(super) struct Results<'a> {
    pub(super) setting: Setting,
    /// Repeats that were held as long as planned: number of the repeat, index into the report's
    /// steps, step.
    pub(super) held: Vec<(u64, usize, &'a Step)>,
    /// Steps of this setting that a rule, a signal or a failure ended.
    pub(super) broken: Vec<&'a Step>,
}

impl<'a> Results<'a> {
    /// The results of `setting` out of all `steps`.
    pub(super) fn of(setting: Setting, steps: &'a [Step]) -> Self {
        let mine = steps
            .iter()
            .enumerate()
            .filter(|(_, step)| is_of(step, setting));
        let (held, broken): (Vec<_>, Vec<_>) =
            mine.partition(|(_, step)| step.end == StepEnd::Completed);
        let mut held: Vec<_> = held
            .into_iter()
            .map(|(index, step)| (step.repeat, index, step))
            .collect();
        held.sort_unstable_by_key(|(repeat, ..)| *repeat);
        Self {
            setting,
            held,
            broken: broken.into_iter().map(|(_, step)| step).collect(),
        }
    }

    /// Whether it can be recommended: it held, and hardly anything failed.
    pub(super) fn is_admissible(&self) -> bool {
        let stopped =
            |step: &&Step| matches!(step.end, StepEnd::Stopped { .. } | StepEnd::Failed { .. });
        let fine = |step: &Step| {
            step.throughput_per_s() > 0.0
                && step
                    .error_ratio()
                    .is_some_and(|ratio| ratio <= ERRORS_TOLERATED)
        };
        !self.broken.iter().any(stopped) && self.held.iter().all(|(_, _, step)| fine(step))
    }

    /// Mean successes per second over the repeats held.
    pub(super) fn throughput_per_s(&self) -> Option<f64> {
        let each: Vec<f64> = self
            .held
            .iter()
            .map(|(_, _, step)| step.throughput_per_s())
            .collect();
        statistics::mean(&each)
    }

    /// Failures by kind, those of broken steps too.
    pub(super) fn errors(&self) -> BTreeMap<&'a str, u64> {
        let mut errors = BTreeMap::new();
        for operation in self.all_steps().flat_map(|step| step.operations.values()) {
            for (kind, count) in &operation.errors {
                *errors.entry(kind.as_str()).or_default() += count;
            }
        }
        errors
    }

    fn all_steps(&self) -> impl Iterator<Item = &'a Step> {
        self.held
            .iter()
            .map(|(_, _, step)| *step)
            .chain(self.broken.iter().copied())
    }

    /// One phase over all operations and repeats held; `None` where nothing was recorded.
    pub(super) fn phase(
        &self,
        phase: impl Fn(&Operation) -> Option<&Histogram>,
    ) -> Option<Recording> {
        let mut whole = recording();
        let operations = self
            .held
            .iter()
            .flat_map(|(_, _, step)| step.operations.values());
        for part in operations
            .filter_map(phase)
            .filter_map(|histogram| histogram.decode().ok())
        {
            // Equal bounds on both sides: adding cannot fail.
            let _ = whole.add(&part);
        }
        (!whole.is_empty()).then_some(whole)
    }

    /// Mean of a figure of the server over the repeats that have it.
    pub(super) fn server(&self, figure: &str) -> Option<f64> {
        let read =
            |(_, _, step): &(u64, usize, &Step)| step.server.as_ref()?.figures.get(figure).copied();
        statistics::mean(&self.held.iter().filter_map(read).collect::<Vec<f64>>())
    }

    /// Mean of a figure of the steps over the repeats that have it.
    pub(super) fn mean_figure(&self, figure: &str) -> Option<f64> {
        let read = |(_, _, step): &(u64, usize, &Step)| step.figures.get(figure).copied();
        statistics::mean(&self.held.iter().filter_map(read).collect::<Vec<f64>>())
    }

    /// Mean of what `figure` gives for each repeat.
    pub(super) fn mean(&self, figure: impl Fn(&Step) -> f64) -> Option<f64> {
        statistics::mean(
            &self
                .held
                .iter()
                .map(|(_, _, step)| figure(step))
                .collect::<Vec<f64>>(),
        )
    }
}

fn is_of(step: &Step, Setting { driver, size }: Setting) -> bool {
    let text = step.parameters.get("driver").map(ToString::to_string);
    let value = step.parameters.get(driver.swept()).map(ToString::to_string);
    text.as_deref() == Some(driver.name()) && value == Some(size.to_string())
}
