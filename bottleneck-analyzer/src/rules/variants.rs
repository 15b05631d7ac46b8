//! Settings of a scenario that compares variants of one thing, such as algorithms of a limiter. What a rule finds in
//! one of them counts wherever the operating point is.

use bench_report::names::FigureName;

use crate::assessment::EvidenceItem;
use crate::bench_facts::BenchFacts;

/// Repeats of one setting.
pub(super) struct VariantSteps<'f, 'a> {
    bench: &'f BenchFacts<'a>,
    /// Name of the setting, as in `fixed-window, multiplexed`.
    pub(super) setting: &'a str,
    /// Name of the variant, as in `fixed-window`.
    pub(super) variant: String,
    steps: Vec<usize>,
}

/// Lists the settings of the report of `bench` whose steps have the figure `measured`, by the value of the parameter
/// that tells variants apart.
pub(super) fn of_report<'f, 'a>(
    bench: &'f BenchFacts<'a>,
    parameter: &str,
    measured: FigureName,
) -> Vec<VariantSteps<'f, 'a>> {
    let mut all: Vec<VariantSteps<'f, 'a>> = Vec::new();
    for (index, step) in bench.source.report.steps.iter().enumerate() {
        let Some(variant) = step.parameters.get(parameter) else {
            continue;
        };
        if step.value(measured).is_none() {
            continue;
        }
        match all.iter_mut().find(|known| known.setting == step.name) {
            Some(known) => known.steps.push(index),
            None => all.push(VariantSteps {
                bench,
                setting: &step.name,
                variant: variant.to_string(),
                steps: vec![index],
            }),
        }
    }
    all
}

impl VariantSteps<'_, '_> {
    /// Returns the largest value of a figure over the repeats; `None` if none has it.
    pub(super) fn largest(&self, name: FigureName) -> Option<f64> {
        self.steps
            .iter()
            .filter_map(|index| self.value(*index, name))
            .max_by(f64::total_cmp)
    }

    /// Returns the sum of a figure over the repeats; 0 if none has it.
    pub(super) fn sum(&self, name: FigureName) -> f64 {
        let values = self.steps.iter();
        values.filter_map(|index| self.value(*index, name)).sum()
    }

    /// Returns the mean of a figure over the repeats, in which each counts by its figure `weight`; `None` if no
    /// repeat has both.
    pub(super) fn mean_by(&self, name: FigureName, weight: FigureName) -> Option<f64> {
        let pairs = self.steps.iter().filter_map(|index| {
            let value = self.value(*index, name)?;
            Some((value, self.value(*index, weight)?))
        });
        let sums = pairs.fold((0.0, 0.0), |(sum, all), (value, weight)| {
            (sum + value * weight, all + weight)
        });
        (sums.1 > 0.0).then(|| sums.0 / sums.1)
    }

    /// Returns true if this setting differs from `other` in nothing but the variant, which `parameter` names.
    pub(super) fn is_beside(&self, other: &Self, parameter: &str) -> bool {
        let others = |one: &Self| {
            let step = one
                .steps
                .first()
                .map(|index| &self.bench.source.report.steps[*index]);
            step.map(|step| {
                let mut parameters = step.parameters.clone();
                parameters.remove(parameter);
                parameters
            })
        };
        others(self) == others(other)
    }

    /// Returns a figure of each repeat as evidence.
    pub(super) fn evidence(&self, name: FigureName) -> Vec<EvidenceItem> {
        let source = self.bench.source;
        let items = self.steps.iter().filter_map(|index| {
            let label = format!("{name} of {}", self.variant);
            source.evidence(label, &format!("/steps/{index}/figures/{name}"))
        });
        items.collect()
    }

    /// Returns the number of repeats.
    pub(super) fn repeats(&self) -> f64 {
        self.steps.len() as f64
    }

    fn value(&self, index: usize, name: FigureName) -> Option<f64> {
        self.bench.source.report.steps[index].value(name)
    }
}
