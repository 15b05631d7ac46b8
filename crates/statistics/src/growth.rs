//! Test for growth of what should level off: memory, descriptors, threads, connections.
//!
//! Samples of a process follow each other closely, and the trend test wants independent ones, so
//! they are thinned out to medians of equal lengths of time. Growth that is given back now and then
//! (a collector's sawtooth) is told from growth that stays by its *floor*: the least that is still to
//! come. A cache that fills slows down; what leaks does not.

#[cfg(test)]
mod tests;

use crate::describe::median;
use crate::trend::{mann_kendall, theil_sen};

/// Number of medians that a series is thinned out to: enough for the test, and far enough apart.
const MEDIANS: usize = 36;
/// Fewer than this say nothing.
const LEAST_MEDIANS: usize = 12;
/// Probability with which chance alone may pass for a trend.
const SIGNIFICANT: f64 = 0.01;
/// The last third of what leaks grows by at least this share of what the first did. A cache that
/// fills as `1 − exp(−t/τ)` reaches it when τ is twice the run, and more.
const UNABATED: f64 = 0.7;

/// Bounds from which growth matters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GrowthRule {
    /// Growth over the run that is too small to care about, in the unit of the values.
    pub least: f64,
    /// The share of the series' time that counts as warm-up and is left out, 0 to 1.
    pub warmup_ratio: f64,
    /// Time for which growth must have gone on after the warm-up to be called a leak, in seconds.
    pub leak_after_s: f64,
}

/// Outcome of a test for growth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrowthState {
    /// It does not grow, or not by much.
    Steady,
    /// It has grown, significantly and by much; it may yet level off, or has.
    Growing,
    /// It has grown for long, keeps what it got, and has not slowed down.
    Leak,
}

/// A verdict with its figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// Outcome of the test.
    pub verdict: GrowthState,
    /// Theil–Sen slope after the warm-up, per second.
    pub per_s: f64,
    /// Growth that this makes over the time after the warm-up.
    pub grown: f64,
    /// Two-sided p value of the Mann–Kendall test.
    pub p_value: f64,
}

/// Judges points `(seconds, value)` in order of time. `None` where there are too few of them after
/// the warm-up (fewer than twelve), or one is not finite.
pub fn growth(points: &[(f64, f64)], rule: &GrowthRule) -> Option<Growth> {
    let ((first, _), (last, _)) = (*points.first()?, *points.last()?);
    let begin = first + (last - first) * rule.warmup_ratio.clamp(0.0, 1.0);
    let after_warmup: Vec<(f64, f64)> = points
        .iter()
        .copied()
        .filter(|(at, _)| *at >= begin)
        .collect();
    let thinned = thin_out(&after_warmup)?;
    let values: Vec<f64> = thinned.iter().map(|(_, value)| *value).collect();
    let test = mann_kendall(&values)?;
    let per_s = theil_sen(&thinned)?;
    let span_s = last - begin;
    let grown = per_s * span_s;
    let floor = Floor::of(&values)?;
    let rises = test.tau > 0.0 && test.p_value < SIGNIFICANT;
    let growing = rises && grown >= rule.least && floor.risen() >= rule.least / 2.0;
    let leak = growing && span_s >= rule.leak_after_s && floor.is_unabated();
    Some(Growth {
        verdict: match (growing, leak) {
            (_, true) => GrowthState::Leak,
            (true, false) => GrowthState::Growing,
            (false, false) => GrowthState::Steady,
        },
        per_s,
        grown,
        p_value: test.p_value,
    })
}

/// Medians of equal lengths of time, a multiple of three of them.
fn thin_out(points: &[(f64, f64)]) -> Option<Vec<(f64, f64)>> {
    let count = points.len().min(MEDIANS) / 3 * 3;
    if count < LEAST_MEDIANS {
        return None;
    }
    let ((first, _), (last, _)) = (*points.first()?, *points.last()?);
    let length = (last - first) / count as f64;
    let mut rest = points;
    let mut thinned = Vec::with_capacity(count);
    for i in 1..=count {
        let end = if i == count {
            f64::INFINITY
        } else {
            first + length * i as f64
        };
        let (inside, later) = rest.split_at(rest.partition_point(|(at, _)| *at < end));
        rest = later;
        let column = |of: fn(&(f64, f64)) -> f64| inside.iter().map(of).collect::<Vec<f64>>();
        // A length of time in which nothing was read has no median.
        if let Some(at) = median(&column(|point| point.0)) {
            thinned.push((at, median(&column(|point| point.1))?));
        }
    }
    (thinned.len() >= LEAST_MEDIANS).then_some(thinned)
}

/// The least that is still to come, at the beginning of each third and near the end.
#[derive(Debug, Clone, Copy)]
struct Floor([f64; 4]);

impl Floor {
    fn of(values: &[f64]) -> Option<Self> {
        let mut floor = values.to_vec();
        for i in (1..floor.len()).rev() {
            floor[i - 1] = floor[i - 1].min(floor[i]);
        }
        let last = floor.len().checked_sub(1)?;
        Some(Self([0, 1, 2, 3].map(|third| floor[last * third / 3])))
    }

    /// Share of what it got in the first two thirds and never gave back.
    fn risen(self) -> f64 {
        self.0[2] - self.0[0]
    }

    /// Returns true if each third kept about as much as the others.
    fn is_unabated(self) -> bool {
        let [a, b, c, d] = self.0;
        let (first, second, third) = (b - a, c - b, d - c);
        let mean = (d - a) / 3.0;
        third >= UNABATED * first
            && [first, second, third]
                .iter()
                .all(|grown| *grown >= mean / 2.0)
    }
}
