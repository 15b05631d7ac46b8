//! Step that stands for the operating point of a bench: the one that the bench recommends, else its best.

use bench_report::{Recommendation, Step};

use crate::assessment::ComponentKind;
use crate::source_report::SourceReport;
use crate::sweep::completed;

/// A chosen step with the reason for the choice.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChosenStep {
    /// Index into the report's `steps`.
    pub(crate) step: usize,
    /// The recommendation it follows, by its index.
    pub(crate) recommendation: Option<usize>,
    /// Reason for the choice.
    pub(crate) reason: String,
}

/// Chooses the operating point of a bench's report; `None` where no step ran to its end, or a
/// search held no level.
pub(crate) fn choose(source: &SourceReport) -> Option<ChosenStep> {
    if source.component() == Some(ComponentKind::Websocket) {
        return highest_level_held(source);
    }
    recommended(source).or_else(|| best_step(source))
}

/// The best of the recommended settings: a pool's before one without a pool, because whoever
/// asks for an operating point asks for a pool size. The fastest repeat speaks for each, so that a
/// fault in another repeat is judged and does not make another setting the one that is.
fn recommended(source: &SourceReport) -> Option<ChosenStep> {
    let all = source.report.summary.recommendations.iter().enumerate();
    let (index, recommendation, step) = all
        .filter(|(_, r)| r.value.is_some())
        .filter_map(|(i, r)| {
            let repeats = repeats_of(source, r);
            Some((i, r, (middle(&repeats)?, *repeats.last()?)))
        })
        .max_by(|(_, a, i), (_, b, j)| {
            let pooled = |r: &Recommendation| r.parameter == "pool_size";
            let speed = |i: usize| source.report.steps[i].throughput_per_s();
            let order = pooled(a).cmp(&pooled(b));
            order.then(speed(i.1).total_cmp(&speed(j.1)))
        })?;
    Some(ChosenStep {
        step: step.0,
        recommendation: Some(index),
        reason: recommendation.reason.clone(),
    })
}

/// The repeat with the median throughput; of two in the middle the slower one.
fn middle(repeats: &[usize]) -> Option<usize> {
    repeats.get(repeats.len().checked_sub(1)? / 2).copied()
}

/// The repeats of a recommended setting that ran to their end, the slowest first.
fn repeats_of(source: &SourceReport, recommendation: &Recommendation) -> Vec<usize> {
    let steps = &source.report.steps;
    let named = recommendation.steps.iter().copied();
    let mut repeats: Vec<usize> = named.filter(|i| *i < steps.len()).collect();
    if repeats.is_empty() {
        let subject = |step: &Step| {
            let mut texts = step.parameters.values().map(ToString::to_string);
            texts.any(|t| t == recommendation.subject)
        };
        let at_value =
            |step: &Step| step.parameter(&recommendation.parameter) == recommendation.value;
        repeats = (0..steps.len())
            .filter(|i| subject(&steps[*i]) && at_value(&steps[*i]))
            .collect();
    }
    repeats.retain(|i| completed(&steps[*i]));
    repeats.sort_by(|a, b| {
        let speed = |i: &usize| steps[*i].throughput_per_s();
        speed(a).total_cmp(&speed(b))
    });
    repeats
}

fn best_step(source: &SourceReport) -> Option<ChosenStep> {
    let measured = source.report.steps.iter().enumerate();
    let (step, _) = measured
        .filter(|(_, s)| completed(s) && s.throughput_per_s() > 0.0)
        .max_by(|(_, a), (_, b)| a.throughput_per_s().total_cmp(&b.throughput_per_s()))?;
    Some(ChosenStep {
        step,
        recommendation: None,
        reason: "the step with the highest throughput; the bench recommends no setting".to_owned(),
    })
}

/// The steps with the settings of step `index` that ran to their end; `index` is one of them.
pub(crate) fn repeats(source: &SourceReport, index: usize) -> Vec<usize> {
    let steps = &source.report.steps;
    let Some(chosen) = steps.get(index) else {
        return Vec::new();
    };
    let same = |step: &Step| completed(step) && step.parameters == chosen.parameters;
    (0..steps.len())
        .filter(|i| *i == index || same(&steps[*i]))
        .collect()
}

fn highest_level_held(source: &SourceReport) -> Option<ChosenStep> {
    let report = &source.report;
    let bound = report.summary.limit.as_ref().map_or(f64::MAX, |l| l.value);
    let level = |s: &Step| s.parameter("connections").unwrap_or(0.0);
    let levels = report.steps.iter().enumerate();
    let held = levels
        .filter(|(_, s)| completed(s) && !s.operations.is_empty())
        .filter(|(_, s)| level(s) <= bound);
    let (step, _) = held.max_by(|(_, a), (_, b)| level(a).total_cmp(&level(b)))?;
    Some(ChosenStep {
        step,
        recommendation: None,
        reason: "the highest level that was held".to_owned(),
    })
}
