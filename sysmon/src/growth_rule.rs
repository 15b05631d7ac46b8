//! Test for growth of figures that should level off: memory, descriptors, threads, connections.
//!
//! Successive samples of a process are correlated, but the trend test needs independent ones. The
//! series is therefore reduced to medians of equal periods. A process may give back memory from
//! time to time, which makes a sawtooth. Growth that stays is recognized by the *floor*: at each
//! point, the lowest value from there to the end. A cache that fills grows more and more slowly; a
//! leak does not slow down.

#[cfg(test)]
mod tests;

use statistics::{mann_kendall, median, theil_sen};

/// Largest number of medians to which a series is reduced: enough for the test, and far enough
/// apart.
const MEDIANS: usize = 36;
/// Smallest number of medians from which a conclusion is drawn.
const LEAST_MEDIANS: usize = 12;
/// Largest p value, from 0 to 1, at which a rise counts as a trend and not as chance.
const SIGNIFICANT: f64 = 0.01;
/// Smallest growth in the last third of the run, as a share of the growth in the first third, with
/// which growth is a leak. A cache that fills as `1 − exp(−t/τ)` reaches it only if τ is at least
/// twice the length of the run.
const UNABATED: f64 = 0.7;

/// Limits of the test for growth: the smallest growth, the warm-up, and the duration of a leak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct GrowthRule {
    /// Smallest growth over the time after the warm-up that matters, in the unit of the values.
    pub(crate) least: f64,
    /// Share of the series' time, from 0 to 1, that counts as warm-up and is left out.
    pub(crate) warmup_ratio: f64,
    /// Shortest time after the warm-up, in seconds, over which growth can be called a leak.
    pub(crate) leak_after_s: f64,
}

/// Verdict of the test for growth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GrowthState {
    /// The values do not grow, or by less than the limit.
    Steady,
    /// The values have grown significantly and by at least the limit. They may have levelled off,
    /// or may still do so.
    Growing,
    /// The values have grown for a long time, never fell back to an earlier level, and the growth
    /// has not slowed down.
    Leak,
}

/// Verdict of the test for growth, with the figures that it is based on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Growth {
    /// Verdict of the test: steady, growing or leak.
    pub(crate) verdict: GrowthState,
    /// Theil–Sen slope of the values after the warm-up, in their unit per second.
    pub(crate) per_s: f64,
    /// Growth by that slope over the time after the warm-up, in the unit of the values; negative if
    /// they fell.
    pub(crate) grown: f64,
    /// Two-sided p value of the Mann–Kendall test for a trend, from 0 to 1.
    pub(crate) p_value: f64,
}

/// Tests points `(seconds, value)`, in the order of time, for growth. `None` if fewer than twelve
/// remain after the warm-up, or if one is not finite.
pub(crate) fn growth(points: &[(f64, f64)], rule: &GrowthRule) -> Option<Growth> {
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

/// Returns the medians of time and value of equal periods. The number of periods is a multiple of
/// three, at most 36; periods without points are left out. `None` for fewer than twelve points.
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
        // A period without readings has no median.
        if let Some(at) = median(&column(|point| point.0)) {
            thinned.push((at, median(&column(|point| point.1))?));
        }
    }
    (thinned.len() >= LEAST_MEDIANS).then_some(thinned)
}

/// Lowest of all values from a point to the end, at the beginning of each third of the series and
/// at its end.
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

    /// Returns the rise of the floor over the first two thirds of the series: growth that no later
    /// value undid.
    fn risen(self) -> f64 {
        self.0[2] - self.0[0]
    }

    /// Returns true if the growth of the floor has not slowed down: it rose in each third of the
    /// series by at least half of the mean rise of a third, and in the last third by at least 0.7
    /// times the rise in the first.
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
