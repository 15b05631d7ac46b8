//! Step that represents the operating point of a bench: the recommended one, else the best.

use bench_report::{Recommendation, Step};

use crate::assessment::ComponentKind;
use crate::source_report::SourceReport;
use crate::sweep::completed;

/// Step that represents the operating point, with the reason for the choice.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChosenStep {
    /// Index into the report's `steps` of the chosen step.
    pub(crate) step: usize,
    /// Index into the report's recommendations of the one that the choice follows; `None` if it follows none.
    pub(crate) recommendation: Option<usize>,
    /// Reason for the choice, in words.
    pub(crate) reason: String,
}

/// Chooses the operating point of a bench's report: for a WebSocket server the largest number of
/// connections held, for others the recommended setting, else the highest throughput. `None` if no
/// step qualifies.
pub(crate) fn choose(source: &SourceReport) -> Option<ChosenStep> {
    if source
        .component()
        .is_some_and(ComponentKind::holds_connections)
    {
        return largest_step_held(source);
    }
    recommended(source).or_else(|| best_step(source))
}

/// Chooses the fastest recommended setting; settings with a pool take precedence over those
/// without. Settings are compared by their fastest repeat, so that a fault in another repeat does
/// not change the choice; the median repeat of the chosen setting becomes the step. `None` if no
/// recommended setting has a completed repeat.
fn recommended(source: &SourceReport) -> Option<ChosenStep> {
    let all = source.report.summary.recommendations.iter().enumerate();
    let (index, recommendation, step) = all
        .filter(|(_, r)| r.value.is_some())
        .filter_map(|(i, r)| {
            let repeats = repeats_of_recommendation(source, r);
            Some((i, r, (median_repeat(&repeats)?, *repeats.last()?)))
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

/// Returns the repeat with the median throughput from `repeats`, which are ordered by throughput,
/// slowest first. Of an even number, returns the slower of the two in the middle. `None` if
/// `repeats` is empty.
fn median_repeat(repeats: &[usize]) -> Option<usize> {
    repeats.get(repeats.len().checked_sub(1)? / 2).copied()
}

/// Returns the indices of the completed repeats of a recommended setting, the slowest first. Steps
/// that a search for a rate tried on the way to its result are left out.
fn repeats_of_recommendation(source: &SourceReport, recommendation: &Recommendation) -> Vec<usize> {
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
    repeats.retain(|i| completed(&steps[*i]) && !source.report.summary.is_on_the_way(*i));
    repeats.sort_by(|a, b| {
        let speed = |i: &usize| steps[*i].throughput_per_s();
        speed(a).total_cmp(&speed(b))
    });
    repeats
}

/// Chooses the completed step with the highest throughput. Of the steps of a search for a rate,
/// only those that stand for its result are considered. `None` if no completed step had a
/// successful request.
fn best_step(source: &SourceReport) -> Option<ChosenStep> {
    let measured = source.report.steps.iter().enumerate();
    let (step, _) = measured
        .filter(|(i, s)| {
            completed(s) && s.throughput_per_s() > 0.0 && !source.report.summary.is_on_the_way(*i)
        })
        .max_by(|(_, a), (_, b)| a.throughput_per_s().total_cmp(&b.throughput_per_s()))?;
    Some(ChosenStep {
        step,
        recommendation: None,
        reason: source.report.summary.search_of_step(step).map_or(
            "the step with the highest throughput; the bench recommends no setting".to_owned(),
            |(_, search, _)| format!("what the search for a rate knows: {}", search.reason),
        ),
    })
}

/// Returns the indices of the completed steps with the setting of step `index`, including `index`
/// itself. Steps that a search for a rate tried on the way to its result are left out. Empty if
/// there is no step `index`.
pub(crate) fn repeats(source: &SourceReport, index: usize) -> Vec<usize> {
    let steps = &source.report.steps;
    let Some(chosen) = steps.get(index) else {
        return Vec::new();
    };
    let same = |step: &Step| completed(step) && step.parameters == chosen.parameters;
    (0..steps.len())
        .filter(|i| *i == index || same(&steps[*i]) && !source.report.summary.is_on_the_way(*i))
        .collect()
}

/// Chooses the completed step with the most connections, up to the limit that the search found.
/// `None` if no completed step had operations.
fn largest_step_held(source: &SourceReport) -> Option<ChosenStep> {
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
