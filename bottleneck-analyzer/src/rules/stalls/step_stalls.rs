//! Stalls of the target in one step, found in the throughput of its intervals.

use std::ops::Range;

use bench_report::{Series, Step};
use statistics::median;

use crate::assessment::EvidenceItem;
use crate::bench_facts::BenchFacts;
use crate::series_reading::{PointSpan, measured_intervals};

/// Throughput of an interval ÷ throughput of its neighbours, below which the target counts as stalled.
const STILL_RATIO: f64 = 0.5;
/// Largest share of the usual calls that come back while the target stands still; while more come back, it is
/// slow.
const STANDING_RATIO: f64 = 0.1;
/// Throughput at the edge of a stall ÷ throughput of its neighbours, below which the stall reaches into it.
const EDGE_RATIO: f64 = 0.8;
/// Number of intervals on each side of a stall that count as its neighbours.
const NEIGHBOURS: usize = 5;
/// Smallest number of calls in a median interval; with fewer, an interval without calls may be a
/// coincidence.
const LEAST_CALLS: f64 = 10.0;
/// Number of standard deviations (of a Poisson count) by which calls must be missing.
const SURE: f64 = 4.0;
/// Smallest number of intervals from which the median of a step is computed. A step of one second has ten, of
/// which one may extend beyond the measured part.
const FEWEST: usize = 9;
/// Smallest length of a stall, in nanoseconds; shorter ones are common and do not count.
const SHORTEST_NS: u64 = 200_000_000;
/// Smallest number of stalls from which a period is told.
const PERIODIC: usize = 3;
/// Largest deviation of a distance between stalls from the median distance, as a share, in a period.
const UNEVEN: f64 = 0.2;

/// Time in which the target answered hardly any call.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stall {
    /// Intervals of the timeline in which it was, in nanoseconds on the monotonic clock.
    pub(super) span: Range<u64>,
    /// Length of the stall, in nanoseconds: the time in which the neighbours would have made the calls that
    /// are missing.
    pub(super) length_ns: u64,
    /// Calls that came back in `span` ÷ calls that usually come back in such a time.
    pub(super) carried_ratio: f64,
    /// Index of the interval with the lowest throughput, in the series.
    lowest: usize,
}

/// Stalls of the target in one step, with their evidence.
#[derive(Debug)]
pub(super) struct StepStalls<'a> {
    /// Index of the step in the report.
    pub(super) index: usize,
    /// Step that was searched for stalls.
    pub(super) step: &'a Step,
    /// Stalls of 200 ms or more in order of time; empty if there was none.
    pub(super) stalls: Vec<Stall>,
    /// Throughput in the longest stall, or the lowest throughput without a stall, and the longest
    /// stall of the generator, as evidence.
    pub(super) evidence: Vec<EvidenceItem>,
}

impl<'a> StepStalls<'a> {
    /// Finds the stalls of step `index` in a series and its index; `None` if the step has too few intervals,
    /// or too few calls in them, to tell, and if the load itself changes.
    pub(super) fn of_step(
        bench: &BenchFacts<'a>,
        (place, series): (usize, &Series),
        index: usize,
    ) -> Option<Self> {
        let step = bench.source.report.steps.get(index)?;
        let points = measured_intervals(series, step.window);
        let rates: Vec<f64> = points.iter().map(|(_, _, rate)| *rate).collect();
        let usual = median(&rates)?;
        let span_s = step.window.measured_s() / points.len() as f64;
        if points.len() < FEWEST || usual * span_s < LEAST_CALLS || step.curve.is_some() {
            return None;
        }
        let stalls = stalls(&points, usual);
        let lowest = points.iter().min_by(|a, b| a.2.total_cmp(&b.2))?.0;
        let longest = stalls.iter().max_by_key(|stall| stall.length_ns);
        let (label, point) = match longest {
            Some(stall) => ("throughput in the longest stall", stall.lowest),
            None => ("lowest throughput", lowest),
        };
        let figures = [
            (label, format!("/series/{place}/mean/{point}")),
            (
                "longest stall of the generator",
                format!("/steps/{index}/generator/worst_stall_ns"),
            ),
        ];
        let evidence = figures
            .iter()
            .filter_map(|(label, at)| bench.source.evidence(*label, at));
        Some(Self {
            index,
            step,
            evidence: evidence.collect(),
            stalls,
        })
    }

    /// Returns the longest stall; `None` without one.
    pub(super) fn longest(&self) -> Option<&Stall> {
        self.stalls.iter().max_by_key(|stall| stall.length_ns)
    }

    /// Returns true if hardly any call came back in the longest stall; false if the target was only slow.
    pub(super) fn is_standstill(&self) -> bool {
        let longest = self.longest();
        longest.is_some_and(|stall| stall.carried_ratio <= STANDING_RATIO)
    }

    /// Returns the length of the intervals in which less than half of the usual calls came back ÷ measured time.
    pub(super) fn low_ratio(&self) -> f64 {
        let spans = self
            .stalls
            .iter()
            .map(|stall| stall.span.end - stall.span.start);
        spans.sum::<u64>() as f64 / (self.step.window.measured_s() * 1e9)
    }

    /// Returns the length of all stalls together, in nanoseconds.
    pub(super) fn total_ns(&self) -> u64 {
        self.stalls.iter().map(|stall| stall.length_ns).sum()
    }

    /// Returns the share of the measured time in which the target was stalled, from 0 to 1.
    pub(super) fn part(&self) -> f64 {
        self.total_ns() as f64 / (self.step.window.measured_s() * 1e9)
    }

    /// Returns the time from the start of a stall to the start of the next, in nanoseconds, if the stalls come
    /// at even distances; `None` for fewer than three stalls.
    pub(super) fn period_ns(&self) -> Option<f64> {
        let starts = self.stalls.windows(2);
        let distances: Vec<f64> = starts
            .map(|pair| (pair[1].span.start - pair[0].span.start) as f64)
            .collect();
        let usual = median(&distances).filter(|_| self.stalls.len() >= PERIODIC)?;
        let is_even = |distance: &f64| (distance / usual - 1.0).abs() <= UNEVEN;
        distances.iter().all(is_even).then_some(usual)
    }
}

/// Finds the runs of intervals that carry less than half of their neighbours. `usual` is the median
/// throughput of the step.
fn stalls(points: &[PointSpan], usual: f64) -> Vec<Stall> {
    let is_low = |point: &PointSpan| point.2 < STILL_RATIO * usual;
    let mut found = Vec::new();
    let mut at = 0;
    while at < points.len() {
        let length = points[at..]
            .iter()
            .take_while(|point| is_low(point))
            .count();
        if length > 0 {
            found.extend(stall(points, at..at + length, &is_low));
        }
        at += length.max(1);
    }
    found
}

/// Judges the run of low intervals at `run`; `None` if its neighbours carry little too, if chance explains
/// it, or if it is too short.
fn stall(
    points: &[PointSpan],
    run: Range<usize>,
    is_low: &impl Fn(&PointSpan) -> bool,
) -> Option<Stall> {
    let before = points[..run.start]
        .iter()
        .rev()
        .filter(|p| !is_low(p))
        .take(NEIGHBOURS);
    let after = points[run.end..]
        .iter()
        .filter(|p| !is_low(p))
        .take(NEIGHBOURS);
    let level = median(&before.chain(after).map(|p| p.2).collect::<Vec<_>>())?;
    let seconds = |point: &PointSpan| (point.1.end - point.1.start) as f64 / 1e9;
    let within = &points[run.clone()];
    let expected: f64 = within.iter().map(|p| level * seconds(p)).sum();
    let carried: f64 = within.iter().map(|p| p.2 * seconds(p)).sum();
    if carried >= STILL_RATIO * expected || expected - carried < SURE * expected.sqrt() {
        return None;
    }
    // The stall may begin and end inside of the intervals next to it.
    let edges = [run.start.checked_sub(1), Some(run.end)];
    let edges = edges.into_iter().flatten().filter_map(|i| points.get(i));
    let edges = edges.filter(|p| p.2 < EDGE_RATIO * level);
    let missing = within
        .iter()
        .chain(edges)
        .map(|p| (1.0 - p.2 / level) * (p.1.end - p.1.start) as f64);
    let length_ns = missing.sum::<f64>().round() as u64;
    let lowest = within.iter().min_by(|a, b| a.2.total_cmp(&b.2))?;
    (length_ns >= SHORTEST_NS).then(|| Stall {
        span: within[0].1.start..within[within.len() - 1].1.end,
        length_ns,
        carried_ratio: carried / expected,
        lowest: lowest.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn found(rates: &[f64]) -> Vec<Stall> {
        let points = rates.iter().enumerate().map(|(i, rate)| {
            let start = i as u64 * 100 * MS;
            (i, start..start + 100 * MS, *rate)
        });
        let points: Vec<PointSpan> = points.collect();
        stalls(&points, median(rates).unwrap())
    }

    #[test]
    fn a_stall_across_intervals_has_the_length_of_what_is_missing() {
        let mut rates = [1_000.0; 30];
        // From 1,030 to 1,260 ms.
        (rates[10], rates[11], rates[12]) = (300.0, 0.0, 400.0);
        let all = found(&rates);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].length_ns, 230 * MS);
        assert_eq!(all[0].span, 1_000 * MS..1_300 * MS);
        // 30, 0 and 40 of the 100 calls that each interval usually has.
        assert!((all[0].carried_ratio - 70.0 / 300.0).abs() < 1e-12);
        // One interval alone is no stall of 200 ms.
        rates = [1_000.0; 30];
        rates[10] = 0.0;
        assert!(found(&rates).is_empty());
    }

    #[test]
    fn an_interval_beside_a_stall_belongs_to_it_only_if_it_carries_less_than_four_fifths() {
        let length = |edge: f64| {
            let mut rates = [1_000.0; 30];
            (rates[10], rates[11], rates[12], rates[13]) = (edge, 0.0, 0.0, edge);
            found(&rates)[0].length_ns
        };
        assert_eq!(length(800.0), 200 * MS);
        // Of each of both, 210 calls a second are missing: 21 ms.
        assert_eq!(length(790.0), 242 * MS);
    }

    #[test]
    fn half_of_the_usual_throughput_is_no_stall_and_neither_is_less_than_200_ms() {
        let still = |rate: f64| {
            let mut rates = [1_000.0; 30];
            rates[10..15].fill(rate);
            found(&rates).len()
        };
        assert_eq!((still(500.0), still(490.0)), (0, 1));
        let short = |second: f64| {
            let mut rates = [1_000.0; 30];
            (rates[10], rates[11]) = (0.0, second);
            found(&rates).len()
        };
        assert_eq!((short(0.0), short(10.0)), (1, 0));
    }

    #[test]
    fn a_slow_decline_and_a_chance_of_few_calls_are_no_stall() {
        let decline: Vec<f64> = (0..30).map(|i| 1_000.0 - 25.0 * f64::from(i)).collect();
        assert!(found(&decline).is_empty());
        let mut few = [120.0; 30];
        (few[10], few[11]) = (50.0, 40.0);
        assert!(
            found(&few).is_empty(),
            "15 of 24 calls are missing, which chance may do"
        );
        (few[10], few[11]) = (0.0, 0.0);
        assert_eq!(found(&few).len(), 1);
    }

    /// Of 16 calls all are missing, which is four times their standard deviation of 4; of 15.8 it is a little less.
    #[test]
    fn calls_are_missing_from_four_standard_deviations_on() {
        let still = |rate: f64| {
            let mut rates = [rate; 30];
            rates[10..12].fill(0.0);
            found(&rates).len()
        };
        assert_eq!((still(80.0), still(79.0)), (1, 0));
    }
}
