//! The size to run with, for each driver: an interval with a reason, or an honest 'not bracketed'.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use bench_cli::table;
use bench_report::{Recommendation, Report, Summary};
use statistics::knee::{self, Edge, Knee, Options};
use statistics::minimum_detectable_difference;

use super::Setting;
use super::cost;
use super::limit;
use super::results::Results;
use crate::drivers::Driver;

/// How sure a difference must be, and how often it must be found where it exists.
const ALPHA: f64 = 0.05;
const POWER: f64 = 0.8;
/// Measured loss of throughput above which a setting is not recommended, however unsure the loss.
const LOSS_ACCEPTED: f64 = 0.1;

/// What the sweep says about its own data.
pub(super) fn summary(report: &Report, settings: &[Setting]) -> Summary {
    let results: Vec<Results> = settings
        .iter()
        .map(|&setting| Results::of(setting, &report.steps))
        .collect();
    let mut drivers: Vec<Driver> = settings.iter().map(|setting| setting.driver).collect();
    drivers.dedup();
    let mut summary = Summary::default();
    for driver in drivers {
        let mine: Vec<&Results> = results
            .iter()
            .filter(|r| r.setting.driver == driver)
            .collect();
        summary.recommendations.extend(recommend(driver, &mine));
    }
    cost::compare(&results, &mut summary);
    let best = results
        .iter()
        .filter_map(|r| Some((r, r.throughput_per_s()?)));
    if let Some((best, throughput)) = best.max_by(|a, b| a.1.total_cmp(&b.1)) {
        summary.figure("best_throughput_per_s", throughput);
        summary.limit = limit::of(best, &report.environment);
    }
    summary.headline = headline(&summary);
    summary
}

/// `None` where nothing of this driver was measured.
fn recommend(driver: Driver, results: &[&Results]) -> Option<Recommendation> {
    let measured: Vec<&&Results> = results.iter().filter(|r| !r.held.is_empty()).collect();
    if measured.is_empty() {
        return None;
    }
    let rounds = complete_rounds(&measured);
    let throughputs: Vec<Vec<f64>> = measured.iter().map(|r| throughputs(r, &rounds)).collect();
    let settings: Vec<knee::Setting> = measured
        .iter()
        .zip(&throughputs)
        .map(|(r, repeats)| knee::Setting {
            value: r.setting.size as f64,
            repeats,
            admissible: r.is_admissible(),
        })
        .collect();
    let mut recommendation = Recommendation {
        subject: driver.name().to_owned(),
        parameter: driver.swept().to_owned(),
        value: None,
        low: None,
        high: None,
        throughput_per_s: None,
        detectable_difference_ratio: None,
        reason: String::new(),
        steps: Vec::new(),
    };
    match knee::find(&settings, Options::default()) {
        Err(error) => recommendation.reason = error.to_string(),
        Ok(found) => {
            let choice = Choice::of(&found, &throughputs);
            choice.describe(&found, &settings, &mut recommendation);
            let (chosen, repeats) = (measured[choice.chosen], &throughputs[choice.chosen]);
            recommendation.throughput_per_s = chosen.throughput_per_s();
            recommendation.detectable_difference_ratio =
                minimum_detectable_difference(repeats, repeats.len(), ALPHA, POWER);
            recommendation.steps = chosen.held.iter().map(|(_, index, _)| *index).collect();
        }
    }
    Some(recommendation)
}

/// The setting to run with, within the knee's interval.
#[derive(Debug, Clone, Copy)]
struct Choice {
    chosen: usize,
    high: usize,
    /// Whether scatter hides so much that the measured mean decided.
    scattered: bool,
}

impl Choice {
    /// The knee's own choice, unless that one was measured to lose more than anybody would accept
    /// and only scatter keeps the loss from being sure: then the smallest measured to lose little.
    fn of(found: &Knee, throughputs: &[Vec<f64>]) -> Self {
        let mean = |place: usize| statistics::mean(&throughputs[place]).unwrap_or(0.0);
        let loss = |place: usize| 1.0 - mean(place) / mean(found.best);
        if loss(found.chosen) <= LOSS_ACCEPTED {
            return Self {
                chosen: found.chosen,
                high: found.high,
                scattered: false,
            };
        }
        let tolerance = Options::default().tolerance;
        let chosen = (found.chosen..found.best)
            .find(|&place| mean(place) > 0.0 && loss(place) <= tolerance)
            .unwrap_or(found.best);
        Self {
            chosen,
            high: found.high.max(chosen),
            scattered: true,
        }
    }

    fn describe(self, found: &Knee, settings: &[knee::Setting], into: &mut Recommendation) {
        let value = |place: usize| settings[place].value;
        let edge = knee_edge(settings, self.chosen);
        into.reason = if self.scattered {
            let (low, high) = (value(found.low), value(self.high));
            format!(
                "{} is the smallest setting measured within 3 % of the best, but repeats scatter too much to tell: any from {low} to {high} could be it; more repeats or longer steps narrow it",
                value(self.chosen)
            )
        } else {
            found.reason.to_string()
        };
        if let Some(edge) = edge {
            let _ = write!(into.reason, "; {edge}");
        }
        // An end of the sweep that nothing lies beyond bounds nothing.
        let open_below = edge == Some(Edge::Lowest) && value(found.low) > 1.0;
        let only = edge == Some(Edge::Only);
        into.value = Some(value(self.chosen));
        into.low = Some(value(found.low)).filter(|_| !open_below && !only);
        into.high = Some(value(self.high)).filter(|_| edge != Some(Edge::Highest) && !only);
    }
}

/// The end of the sweep at which `chosen` is; a setting that broke its bounds brackets too.
fn knee_edge(settings: &[knee::Setting], chosen: usize) -> Option<Edge> {
    match (chosen > 0, chosen + 1 < settings.len()) {
        (true, true) => None,
        (false, true) => Some(Edge::Lowest),
        (true, false) => Some(Edge::Highest),
        (false, false) => Some(Edge::Only),
    }
}

/// Rounds in which every admissible setting was held: only those can be compared in pairs.
fn complete_rounds(measured: &[&&Results]) -> BTreeSet<u64> {
    let rounds = |r: &&&Results| {
        r.held
            .iter()
            .map(|(repeat, ..)| *repeat)
            .collect::<BTreeSet<u64>>()
    };
    let admissible = measured.iter().filter(|r| r.is_admissible());
    admissible
        .map(rounds)
        .reduce(|a, b| &a & &b)
        .unwrap_or_default()
}

fn throughputs(results: &Results, rounds: &BTreeSet<u64>) -> Vec<f64> {
    let complete = results
        .held
        .iter()
        .filter(|(repeat, ..)| rounds.contains(repeat));
    complete
        .map(|(_, _, step)| step.throughput_per_s())
        .collect()
}

fn headline(summary: &Summary) -> String {
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

/// `4 to 8`, `8 or more`, `at most 2`, `not bracketed`.
pub(super) fn interval(recommendation: &Recommendation) -> String {
    match (recommendation.low, recommendation.high) {
        (Some(low), Some(high)) if low < high => format!("{low} to {high}"),
        (Some(low), Some(_)) => format!("{low} alone"),
        (Some(low), None) => format!("{low} or more"),
        (None, Some(high)) => format!("{high} or fewer"),
        (None, None) => "not bracketed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::tests::{report, step};

    fn deadpool(sizes: &[u64]) -> Vec<Setting> {
        sizes
            .iter()
            .map(|&size| Setting {
                driver: Driver::Deadpool,
                size,
            })
            .collect()
    }

    /// Three rounds of throughputs that stop rising at 4.
    fn knee_at_four() -> Vec<bench_report::Step> {
        let levels = [(1, 100.0), (2, 200.0), (4, 400.0), (8, 402.0)];
        (0..3)
            .flat_map(|repeat| {
                levels.map(|(size, level)| step(size, repeat, level + repeat as f64))
            })
            .collect()
    }

    #[test]
    fn the_knee_that_was_planted_is_recommended_with_the_steps_that_show_it() {
        let settings = deadpool(&[1, 2, 4, 8]);
        let summary = summary(&report(knee_at_four()), &settings);
        let found = &summary.recommendations[0];
        assert_eq!(
            (found.value, found.low, found.high),
            (Some(4.0), Some(4.0), Some(4.0))
        );
        assert_eq!(found.steps, [2, 6, 10]);
        assert_eq!(
            (found.subject.as_str(), found.parameter.as_str()),
            ("deadpool", "pool_size")
        );
        assert!(found.detectable_difference_ratio.unwrap() < 0.05);
        assert!(summary.figures["best_throughput_per_s"] > 402.0);
    }

    #[test]
    fn a_sweep_that_still_rises_at_its_end_is_open_above() {
        let steps = (0..3)
            .flat_map(|n| [(1, 100.0), (2, 200.0)].map(|(size, x)| step(size, n, x + n as f64)));
        let summary = summary(&report(steps.collect()), &deadpool(&[1, 2]));
        let found = &summary.recommendations[0];
        assert_eq!((found.value, found.high), (Some(2.0), None));
        assert!(found.reason.contains("not bracketed"), "{}", found.reason);
        assert!(
            summary.headline.contains("2 or more"),
            "{}",
            summary.headline
        );
    }

    #[test]
    fn a_setting_that_failed_is_not_recommended_and_a_round_cut_short_does_not_count() {
        let mut steps = knee_at_four();
        for broken in steps
            .iter_mut()
            .filter(|s| s.parameter("pool_size") == Some(4.0))
        {
            let operation = broken.operations.get_mut("read").unwrap();
            operation
                .errors
                .insert("sqlstate.53300".to_owned(), operation.succeeded);
            operation.attempted += operation.succeeded;
        }
        steps.pop();
        let summary = summary(&report(steps), &deadpool(&[1, 2, 4, 8]));
        assert_eq!(summary.recommendations[0].value, Some(8.0));
    }

    #[test]
    fn where_repeats_scatter_the_measured_mean_decides_and_the_interval_stays_wide() {
        let scattered = [
            (1, [100.0, 900.0]),
            (2, [990.0, 120.0]),
            (4, [900.0, 1_100.0]),
            (8, [400.0, 1_610.0]),
        ];
        let steps = (0..2).flat_map(|n| scattered.map(|(size, x)| step(size, n, x[n as usize])));
        let summary = summary(&report(steps.collect()), &deadpool(&[1, 2, 4, 8]));
        let found = &summary.recommendations[0];
        assert_eq!(found.value, Some(4.0));
        assert!(
            found.low.unwrap_or(1.0) < 4.0 && found.reason.contains("scatter"),
            "{found:?}"
        );
    }

    #[test]
    fn where_nothing_was_measured_nothing_is_recommended() {
        let summary = summary(&report(Vec::new()), &deadpool(&[1]));
        assert!(summary.recommendations.is_empty() && summary.figures.is_empty());
        assert!(!summary.headline.is_empty());
    }
}
