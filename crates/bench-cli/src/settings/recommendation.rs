//! Recommended setting of a sweep: a value and an interval with the reason, or 'not bracketed' if
//! the sweep shows no bound.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use bench_report::{Recommendation, Summary};
use statistics::knee::{self, Edge, Knee, KneeOptions, KneeSetting};
use statistics::minimum_detectable_difference;

use super::results::SettingResults;
use crate::Objective;
use crate::table;

/// Significance level α at which the smallest detectable difference is calculated.
const ALPHA: f64 = 0.05;
/// Probability with which the smallest detectable difference would be found.
const POWER: f64 = 0.8;
/// Largest accepted loss of throughput, as a share of the best. A setting whose measured mean is
/// lower by more than this share is not recommended, even if repeats scatter so much that the loss
/// is not certain.
const LOSS_ACCEPTED: f64 = 0.1;

/// Returns a recommendation for `subject`, such as a driver: the smallest setting of `parameter`
/// whose throughput is close to the best and that keeps `objectives`; its value is `None` if no
/// setting qualifies. Returns `None` if no step was completed. `results` are in ascending order of
/// value.
pub fn recommend<C>(
    subject: &str,
    parameter: &str,
    results: &[&SettingResults<'_, C>],
    objectives: &[Objective],
) -> Option<Recommendation> {
    let measured: Vec<&&SettingResults<'_, C>> =
        results.iter().filter(|r| !r.held.is_empty()).collect();
    if measured.is_empty() {
        return None;
    }
    let rounds = complete_rounds(&measured, objectives);
    let throughputs: Vec<Vec<f64>> = measured.iter().map(|r| throughputs(r, &rounds)).collect();
    let settings: Vec<KneeSetting> = measured
        .iter()
        .zip(&throughputs)
        .map(|(r, repeats)| KneeSetting {
            value: r.value as f64,
            repeats,
            admissible: r.is_admissible(objectives),
        })
        .collect();
    let mut recommendation = Recommendation {
        subject: subject.to_owned(),
        parameter: parameter.to_owned(),
        value: None,
        low: None,
        high: None,
        throughput_per_s: None,
        detectable_difference_ratio: None,
        reason: String::new(),
        steps: Vec::new(),
    };
    if measured.iter().any(|r| r.is_open_loop()) {
        at_a_rate(&measured, objectives, &mut recommendation);
        return Some(recommendation);
    }
    match knee::find(&settings, KneeOptions::default()) {
        Err(error) => recommendation.reason = error.to_string(),
        Ok(found) => {
            let choice = KneeChoice::from_knee(&found, &throughputs, &settings);
            let largest = settings[choice.chosen].value;
            // A larger setting of which every step ended early bounds the recommendation just as a measured
            // one does.
            let broke_above = results
                .iter()
                .any(|r| r.value as f64 > largest && r.held.is_empty());
            choice.describe(&found, &settings, broke_above, &mut recommendation);
            let (chosen, repeats) = (measured[choice.chosen], &throughputs[choice.chosen]);
            recommendation.throughput_per_s = chosen.throughput_per_s();
            recommendation.detectable_difference_ratio =
                minimum_detectable_difference(repeats, repeats.len(), ALPHA, POWER);
            recommendation.steps = chosen.held.iter().map(|(_, index, _)| *index).collect();
        }
    }
    Some(recommendation)
}

/// Fills in the recommendation for a fixed rate of arrivals. Throughput is then the same at every
/// setting that keeps up, so the smallest setting that carries the rate and keeps the objectives is
/// recommended; none if there is no such setting, or if there are no objectives.
fn at_a_rate<C>(
    measured: &[&&SettingResults<'_, C>],
    objectives: &[Objective],
    into: &mut Recommendation,
) {
    if objectives.is_empty() {
        "at a fixed rate throughput tells no setting from another: give an --objective, or sweep without --rate"
            .clone_into(&mut into.reason);
        return;
    }
    let Some(first) = measured.iter().find(|r| r.is_admissible(objectives)) else {
        "no setting carried the rate within the objectives".clone_into(&mut into.reason);
        return;
    };
    into.value = Some(first.value as f64);
    into.low = into.value;
    into.throughput_per_s = first.throughput_per_s();
    into.steps = first.held.iter().map(|(_, index, _)| *index).collect();
    "the smallest setting that carried the rate within the objectives".clone_into(&mut into.reason);
}

/// Chosen setting, and the upper end of the interval around it, as indices into the settings that
/// were measured.
#[derive(Debug, Clone, Copy)]
struct KneeChoice {
    chosen: usize,
    high: usize,
    /// True if repeats scatter so much that the choice rests on the measured means alone.
    scattered: bool,
}

impl KneeChoice {
    /// Takes the setting that the knee search chose. If its mean throughput is below the best by
    /// more than [`LOSS_ACCEPTED`], takes the smallest admissible setting above it whose measured
    /// mean is within the tolerance of the best instead. `throughputs` are the repeats of each
    /// setting.
    fn from_knee(found: &Knee, throughputs: &[Vec<f64>], settings: &[KneeSetting]) -> Self {
        let mean = |place: usize| statistics::mean(&throughputs[place]).unwrap_or(0.0);
        let loss = |place: usize| 1.0 - mean(place) / mean(found.best);
        if loss(found.chosen) <= LOSS_ACCEPTED {
            return Self {
                chosen: found.chosen,
                high: found.high,
                scattered: false,
            };
        }
        let tolerance = KneeOptions::default().tolerance;
        let chosen = (found.chosen..found.best)
            .find(|&place| settings[place].admissible && loss(place) <= tolerance)
            .unwrap_or(found.best);
        Self {
            chosen,
            high: found.high.max(chosen),
            scattered: true,
        }
    }

    fn describe(
        self,
        found: &Knee,
        settings: &[KneeSetting],
        broke_above: bool,
        into: &mut Recommendation,
    ) {
        let value = |place: usize| settings[place].value;
        let edge = knee_edge(settings, self.chosen)
            .filter(|edge| !(broke_above && *edge == Edge::Highest));
        into.reason = if self.scattered {
            let (low, high) = (value(found.low), value(self.high));
            format!(
                "{} is the smallest setting measured within 3 % of the best, but repeats scatter too much to tell: any from {low} to {high} could be it; more repeats or longer steps narrow it",
                value(self.chosen)
            )
        } else {
            found.reason.clone()
        };
        if let Some(edge) = edge {
            let _ = write!(into.reason, "; {edge}");
        }
        // At an end of the sweep there is no measured setting beyond it that would bound the interval.
        let open_below = edge == Some(Edge::Lowest) && value(found.low) > 1.0;
        let only = edge == Some(Edge::Only);
        into.value = Some(value(self.chosen));
        into.low = Some(value(found.low)).filter(|_| !open_below && !only);
        into.high = Some(value(self.high)).filter(|_| edge != Some(Edge::Highest) && !only);
    }
}

/// Returns the end of the sweep at which the setting with index `chosen` lies; `None` if settings
/// were measured on both sides of it, admissible or not.
fn knee_edge(settings: &[KneeSetting], chosen: usize) -> Option<Edge> {
    match (chosen > 0, chosen + 1 < settings.len()) {
        (true, true) => None,
        (false, true) => Some(Edge::Lowest),
        (true, false) => Some(Edge::Highest),
        (false, false) => Some(Edge::Only),
    }
}

/// Returns the numbers of those repeats that every admissible setting completed, because only they
/// can be compared in pairs. If no setting is admissible, returns the numbers of all repeats.
fn complete_rounds<C>(
    measured: &[&&SettingResults<'_, C>],
    objectives: &[Objective],
) -> BTreeSet<u64> {
    let rounds = |r: &&&SettingResults<'_, C>| {
        r.held
            .iter()
            .map(|(repeat, ..)| *repeat)
            .collect::<BTreeSet<u64>>()
    };
    let admissible = measured.iter().filter(|r| r.is_admissible(objectives));
    admissible
        .map(rounds)
        .reduce(|a, b| &a & &b)
        .unwrap_or_else(|| measured.iter().flat_map(rounds).collect())
}

fn throughputs<C>(results: &SettingResults<'_, C>, rounds: &BTreeSet<u64>) -> Vec<f64> {
    let complete = results
        .held
        .iter()
        .filter(|(repeat, ..)| rounds.contains(repeat));
    complete
        .map(|(_, _, step)| step.throughput_per_s())
        .collect()
}

/// Returns the headline of a summary: one clause for each recommendation that has a value, or that
/// there is none.
pub fn headline(summary: &Summary) -> String {
    let sentences: Vec<String> = summary
        .recommendations
        .iter()
        .filter_map(|r| {
            let (value, throughput) = (r.value?, r.throughput_per_s?);
            let what = if r.parameter == "users" {
                "users without a pool"
            } else {
                "connections"
            };
            Some(format!(
                "{}: {value} {what} ({}) at {}",
                r.subject,
                interval(r),
                table::rate(throughput)
            ))
        })
        .collect();
    if sentences.is_empty() {
        "no setting was measured well enough to recommend one".to_owned()
    } else {
        sentences.join("; ")
    }
}

/// Returns the interval of a recommendation in words: `4 to 8`, `4 alone`, `8 or more`, `2 or
/// fewer` or `not bracketed`.
pub fn interval(recommendation: &Recommendation) -> String {
    match (recommendation.low, recommendation.high) {
        (Some(low), Some(high)) if low < high => format!("{low} to {high}"),
        (Some(low), Some(_)) => format!("{low} alone"),
        (Some(low), None) => format!("{low} or more"),
        (None, Some(high)) => format!("{high} or fewer"),
        (None, None) => "not bracketed".to_owned(),
    }
}
