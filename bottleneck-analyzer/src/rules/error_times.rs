//! Time at which requests failed, as evidence for the rule `errors`: failures that all come within a short time
//! have another cause than failures that come all the time.
//!
//! Reads the series `errors_per_s` over the measured part of each step.

use bench_report::Series;
use bench_report::names::load_series;

use crate::assessment::EvidenceItem;
use crate::bench_facts::BenchFacts;
use crate::figures::{duration_ns, rate};
use crate::rules::failure_totals::FailureTotals;
use crate::series_reading::{PointSpan, measured_intervals};

/// Smallest number of intervals of a step that tell something.
const LEAST_INTERVALS: usize = 10;
/// Smallest number of failures that tell something.
const LEAST_FAILURES: f64 = 20.0;
/// Share of the failures that must lie in an episode, and the largest share of the time that it may take.
const MOST_OF_THEM: f64 = 0.9;
const SHORT: f64 = 0.25;

/// Returns a sentence about the first of the steps with `failures` whose failures came together in a short time,
/// with its evidence; both empty if failures came all the time, or if that was not recorded.
pub(super) fn told(
    bench: &BenchFacts<'_>,
    failures: &FailureTotals,
) -> (String, Vec<EvidenceItem>) {
    let series = bench.source.report.series.iter().enumerate();
    let mut series = series.filter(|(_, series)| {
        series.name == load_series::ERRORS_PER_S.as_str() && series.labels.is_empty()
    });
    let Some(series) = series.next() else {
        return Default::default();
    };
    let steps = failures.steps.iter();
    let mut found = steps.filter_map(|index| of_step(bench, series, *index, failures.of_all()));
    found.next().unwrap_or_default()
}

fn of_step(
    bench: &BenchFacts<'_>,
    (place, series): (usize, &Series),
    index: usize,
    of_all: &str,
) -> Option<(String, Vec<EvidenceItem>)> {
    let step = bench.source.report.steps.get(index)?;
    let points = measured_intervals(series, step.window);
    let episode = Episode::of(&points)?;
    let began_ns = episode.first.1.start;
    let began_ns = began_ns.saturating_sub(step.window.measure_start_ns);
    let sentence = format!(
        " In {} (repeat {}) the failures{of_all} came together: nearly all within {}, {} after the start of \
         measuring, up to {}.",
        step.name,
        step.repeat + 1,
        duration_ns(episode.length_ns() as f64),
        duration_ns(began_ns as f64),
        rate(episode.highest.2)
    );
    let series = format!("/series/{place}");
    // The time of a point is the end of its interval, and that of the point before it the beginning.
    let before = episode.first.0.saturating_sub(1);
    let evidence = [
        (
            "highest rate of failures",
            format!("{series}/mean/{}", episode.highest.0),
        ),
        ("failures began", format!("{series}/at_ns/{before}")),
        (
            "failures ended",
            format!("{series}/at_ns/{}", episode.last.0),
        ),
        (
            "measuring began",
            format!("/steps/{index}/window/measure_start_ns"),
        ),
    ];
    let evidence = evidence
        .iter()
        .filter_map(|(label, at)| bench.source.evidence(*label, at));
    let evidence = evidence.collect();
    Some((sentence, evidence))
}

/// Shortest time that contains nearly all failures of a step, by its intervals.
struct Episode<'a> {
    first: &'a PointSpan,
    last: &'a PointSpan,
    /// Interval with the highest rate of failures.
    highest: &'a PointSpan,
}

impl<'a> Episode<'a> {
    /// Finds the episode in the intervals of a step; `None` if there are too few intervals or failures, or if
    /// the failures are spread over more than a quarter of the time.
    fn of(points: &'a [PointSpan]) -> Option<Self> {
        let count = |(_, span, rate): &PointSpan| (span.end - span.start) as f64 / 1e9 * rate;
        let all: f64 = points.iter().map(count).sum();
        if points.len() < LEAST_INTERVALS || all < LEAST_FAILURES {
            return None;
        }
        let whole_ns = points.last()?.1.end - points.first()?.1.start;
        let from = |first: usize| {
            let mut sum = 0.0;
            let length = points[first..].iter().position(|point| {
                sum += count(point);
                sum >= MOST_OF_THEM * all
            })?;
            let within = &points[first..=first + length];
            Some(Self {
                first: within.first()?,
                last: within.last()?,
                highest: within.iter().max_by(|a, b| a.2.total_cmp(&b.2))?,
            })
        };
        let shortest = (0..points.len()).filter_map(from);
        let shortest = shortest.min_by_key(Self::length_ns)?;
        (shortest.length_ns() as f64 <= SHORT * whole_ns as f64).then_some(shortest)
    }

    fn length_ns(&self) -> u64 {
        self.last.1.end - self.first.1.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENTH: u64 = 100_000_000;

    fn points(rates: &[f64]) -> Vec<PointSpan> {
        let points = rates.iter().enumerate();
        points
            .map(|(at, rate)| (at, at as u64 * TENTH..(at as u64 + 1) * TENTH, *rate))
            .collect()
    }

    #[test]
    fn failures_within_a_short_time_are_an_episode_and_those_of_all_the_time_are_none() {
        let mut rates = [1.0; 40];
        (rates[20], rates[21]) = (300.0, 500.0);
        let together = points(&rates);
        let episode = Episode::of(&together).unwrap();
        let places = [episode.first, episode.last, episode.highest].map(|point| point.0);
        assert_eq!((places, episode.length_ns()), ([20, 21, 21], 2 * TENTH));
        assert!(Episode::of(&points(&[100.0; 40])).is_none());
        // Three failures tell nothing about when failures come.
        let mut few = [0.0; 40];
        few[7] = 30.0;
        assert!(Episode::of(&points(&few)).is_none());
        assert!(Episode::of(&points(&[900.0, 0.0, 0.0])).is_none());
    }
}
