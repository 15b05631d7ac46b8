//! Quantiles of durations of which some were cut off. An unfinished request has lasted at least as
//! long as its age; its full duration is unknown.
//!
//! The estimate is that of Kaplan & Meier, 'Nonparametric Estimation from Incomplete Observations',
//! JASA 53 (1958). It assumes that whether a duration is cut off does not depend on its length.
//! Under overload the arrivals that were due last wait longest and are cut off at the lowest ages,
//! so the estimate is too low. `lower_bound` is valid in any case.

/// Number of durations with one value that ended, and number of those that were cut off at that
/// age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DurationCount {
    /// Length of the durations, in any unit.
    pub(crate) value: u64,
    /// Number of durations that ended at `value`.
    pub(crate) ended: u64,
    /// Number of durations that were cut off at `value`, which counts as later than an end at
    /// `value`.
    pub(crate) cut_off: u64,
}

/// Quantile of durations, with its certainty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantile {
    /// Kaplan–Meier estimate, because the quantile falls among durations that ended.
    Estimate(u64),
    /// Lower bound, because the quantile falls among durations that were cut off.
    AtLeast(u64),
}

/// Relative tolerance for rounding errors where a share of a count is a whole number.
const ROUNDING: f64 = 1e-9;

/// Estimates quantile `q` (0..=1) of `all`, which must be in ascending order of value; `None` if
/// `all` is empty.
pub(crate) fn quantile(all: &[DurationCount], q: f64) -> Option<Quantile> {
    let bound = lower_bound(all, q)?;
    let wanted = (1.0 - q) * (1.0 + ROUNDING);
    let mut at_risk = all.iter().map(|l| l.ended + l.cut_off).sum::<u64>();
    let mut surviving = 1.0;
    for lasted in all {
        if lasted.ended > 0 {
            surviving *= 1.0 - lasted.ended as f64 / at_risk as f64;
            if surviving <= wanted {
                return Some(Quantile::Estimate(lasted.value));
            }
        }
        at_risk -= lasted.ended + lasted.cut_off;
    }
    Some(Quantile::AtLeast(bound))
}

/// Returns the lowest possible value of quantile `q` of `all`, as if all durations had ended when
/// they were cut off; `None` if `all` is empty.
pub(crate) fn lower_bound(all: &[DurationCount], q: f64) -> Option<u64> {
    let count = all.iter().map(|l| l.ended + l.cut_off).sum();
    at_rank(all, rank(count, q)?, |l| l.ended + l.cut_off)
}

/// Returns the rank ⌈q·count⌉, at least 1; `None` if `count` is 0.
fn rank(count: u64, q: f64) -> Option<u64> {
    let exact = q.clamp(0.0, 1.0) * count as f64;
    (count > 0).then(|| ((exact * (1.0 - ROUNDING)).ceil() as u64).clamp(1, count))
}

fn at_rank(all: &[DurationCount], rank: u64, count: impl Fn(&DurationCount) -> u64) -> Option<u64> {
    let mut passed = 0;
    let mut values = all.iter();
    let reached = values.find(|lasted| {
        passed += count(lasted);
        passed >= rank
    });
    reached.map(|lasted| lasted.value)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::Quantile::{AtLeast, Estimate};
    use super::*;

    /// Returns the highest possible value of quantile `q`, as if no duration that was cut off had
    /// ever ended. `None` if the quantile falls among those, so that it has no upper bound.
    fn upper_bound(all: &[DurationCount], q: f64) -> Option<u64> {
        let count = all.iter().map(|l| l.ended + l.cut_off).sum();
        at_rank(all, rank(count, q)?, |l| l.ended)
    }

    /// Creates counts in ascending order of value from pairs (value, count) of durations that
    /// ended and of durations that were cut off.
    fn of(ended: &[(u64, u64)], cut_off: &[(u64, u64)]) -> Vec<DurationCount> {
        let mut all: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for (value, count) in ended {
            all.entry(*value).or_default().0 += count;
        }
        for (value, count) in cut_off {
            all.entry(*value).or_default().1 += count;
        }
        let lasted = |(value, (ended, cut_off))| DurationCount {
            value,
            ended,
            cut_off,
        };
        all.into_iter().map(lasted).collect()
    }

    fn check(all: &[DurationCount], q: f64, lower: u64, estimate: Quantile, upper: Option<u64>) {
        assert_eq!(lower_bound(all, q), Some(lower), "lower bound of {q}");
        assert_eq!(quantile(all, q), Some(estimate), "estimate of {q}");
        assert_eq!(upper_bound(all, q), upper, "upper bound of {q}");
    }

    #[test]
    fn one_of_five_is_cut_off_in_the_middle() {
        let all = of(&[(10, 1), (20, 1), (30, 1), (40, 1)], &[(25, 1)]);
        check(&all, 0.5, 25, Estimate(30), Some(30));
        check(&all, 0.75, 30, Estimate(40), Some(40));
        check(&all, 0.9, 40, Estimate(40), None);
    }

    #[test]
    fn a_few_that_hang_decide_the_tail_and_nothing_below_it() {
        let all = of(&[(100, 97)], &[(2_000, 3)]);
        check(&all, 0.95, 100, Estimate(100), Some(100));
        check(&all, 0.97, 100, Estimate(100), Some(100));
        check(&all, 0.99, 2_000, AtLeast(2_000), None);
    }

    #[test]
    fn what_is_cut_off_between_two_values_counts_with_those_that_remained() {
        let all = of(&[(100, 50), (200, 30)], &[(150, 20)]);
        check(&all, 0.5, 100, Estimate(100), Some(100));
        check(&all, 0.6, 150, Estimate(200), Some(200));
        check(&all, 0.99, 200, Estimate(200), None);
    }

    #[test]
    fn where_nothing_ended_every_quantile_is_a_bound() {
        let all = of(&[], &[(1_000, 10)]);
        for q in [0.0, 0.5, 0.99, 1.0] {
            check(&all, q, 1_000, AtLeast(1_000), None);
        }
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn those_cut_off_at_once_say_nothing_of_how_long_the_others_take() {
        let all = of(&[(100, 40)], &[(1, 50), (200, 10)]);
        check(&all, 0.5, 1, Estimate(100), None);
        check(&all, 0.9, 100, AtLeast(100), None);
    }

    #[test]
    fn with_nothing_cut_off_it_is_the_plain_quantile() {
        let all = of(&[(10, 1), (20, 1), (30, 1), (40, 1)], &[]);
        for (q, value) in [(0.0, 10), (0.25, 10), (0.26, 20), (0.75, 30), (1.0, 40)] {
            check(&all, q, value, Estimate(value), Some(value));
        }
    }

    proptest! {
        #[test]
        fn the_estimate_lies_between_what_is_certain(
            ended in prop::collection::vec((1u64..1_000, 1u64..50), 0..30),
            cut_off in prop::collection::vec((1u64..1_000, 1u64..50), 0..30),
            q in 0.0f64..=1.0,
        ) {
            let all = of(&ended, &cut_off);
            let Some(found) = quantile(&all, q) else {
                prop_assert!(all.is_empty());
                return Ok(());
            };
            let lower = lower_bound(&all, q).unwrap();
            match found {
                AtLeast(value) => prop_assert_eq!(value, lower),
                Estimate(value) => {
                    prop_assert!(lower <= value, "{} > {}", lower, value);
                    let upper = upper_bound(&all, q).unwrap_or(u64::MAX);
                    prop_assert!(value <= upper, "{} > {}", value, upper);
                }
            }
        }
    }
}
