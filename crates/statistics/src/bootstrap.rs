//! An interval for a statistic that has no formula: a percentile, a ratio of medians.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use crate::describe::{percentile, usable};
use crate::interval::ConfidenceInterval;
use crate::student::is_share;

/// The percentile interval of `statistic` over `resamples` draws with replacement.
///
/// Equal arguments give equal intervals: the generator is Xoshiro256++, whose stream for a `seed`
/// does not change between versions. At least two samples and two resamples; `None` if the
/// statistic of any resample is not finite.
///
/// The samples must be independent: draw from repeats, not from the requests of one run.
///
/// Source: Efron & Tibshirani, *An Introduction to the Bootstrap*, 1993, §13.3.
pub fn bootstrap_interval(
    samples: &[f64],
    statistic: impl Fn(&[f64]) -> f64,
    confidence: f64,
    resamples: usize,
    seed: u64,
) -> Option<ConfidenceInterval> {
    let samples = usable(samples, 2)?;
    if !is_share(confidence) || resamples < 2 {
        return None;
    }
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut drawn = vec![0.0; samples.len()];
    let statistics: Vec<f64> = (0..resamples)
        .map(|_| {
            drawn.fill_with(|| samples[random.random_range(0..samples.len())]);
            statistic(&drawn)
        })
        .collect();
    let tail = (1.0 - confidence) / 2.0;
    ConfidenceInterval::new(
        percentile(&statistics, tail)?,
        percentile(&statistics, 1.0 - tail)?,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{mean, mean_interval, median};

    fn samples() -> Vec<f64> {
        (0..200).map(|i| f64::from(i * 37 % 101)).collect()
    }

    #[test]
    fn for_the_mean_it_agrees_with_students_interval() {
        let samples = samples();
        let drawn = bootstrap_interval(&samples, |s| mean(s).unwrap(), 0.95, 4_000, 1).unwrap();
        let formula = mean_interval(&samples, 0.95).unwrap().interval;
        assert!((drawn.width() / formula.width() - 1.0).abs() < 0.1);
        assert!((drawn.low - formula.low).abs() < 0.1 * formula.width());
    }

    #[test]
    fn the_seed_decides() {
        let at =
            |seed| bootstrap_interval(&samples(), |s| median(s).unwrap(), 0.9, 300, seed).unwrap();
        assert_eq!(at(7), at(7));
        let by_mean =
            |seed| bootstrap_interval(&samples(), |s| mean(s).unwrap(), 0.9, 300, seed).unwrap();
        assert_ne!(by_mean(7), by_mean(8));
    }

    #[test]
    fn a_statistic_that_is_not_finite_gives_none() {
        assert_eq!(
            bootstrap_interval(&samples(), |_| f64::NAN, 0.95, 100, 1),
            None
        );
        assert_eq!(bootstrap_interval(&[1.0], |s| s[0], 0.95, 100, 1), None);
        assert_eq!(bootstrap_interval(&samples(), |s| s[0], 0.95, 0, 1), None);
    }
}
