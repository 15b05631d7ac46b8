//! Test that tells whether two sets of repeats differ, and how small a difference they could have
//! shown.

use crate::describe::{finite, mean, stdev, variance};
use crate::interval::ConfidenceInterval;
use crate::student;

/// The confidence of the interval of a [`MeanDifference`].
const CONFIDENCE: f64 = 0.95;

/// The difference between two means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanDifference {
    /// Mean of a − mean of b, in the unit of the samples.
    pub difference: f64,
    /// Two-sided: how often chance alone would show a difference at least as large.
    pub p_value: f64,
    /// Range in which the true difference lies with 95 % confidence.
    pub interval: ConfidenceInterval,
}

/// Welch's t test: two means, each side with a variance of its own. At least two samples a side;
/// `None` where neither side varies at all, since nothing then says what chance can do.
///
/// Source: Welch, *The Generalization of 'Student's' Problem*, Biometrika 34, 1947; degrees of
/// freedom by Satterthwaite, Biometrics Bulletin 2(6), 1946.
pub fn welch(a: &[f64], b: &[f64]) -> Option<MeanDifference> {
    let share = |samples: &[f64]| Some(variance(samples)? / samples.len() as f64);
    let (share_a, share_b) = (share(a)?, share(b)?);
    let squared_error = share_a + share_b;
    if squared_error <= 0.0 {
        return None;
    }
    // Taken as shares of the sum, so that neither tiny nor huge variances leave f64's range.
    let part = |share: f64, count: usize| (share / squared_error).powi(2) / (count - 1) as f64;
    let freedom = 1.0 / (part(share_a, a.len()) + part(share_b, b.len()));
    let difference = mean(a)? - mean(b)?;
    let error = squared_error.sqrt();
    let p_value = student::p_value(finite(difference / error)?, freedom)?;
    let reach = student::two_sided(CONFIDENCE, freedom)? * error;
    let interval = ConfidenceInterval::new(difference - reach, difference + reach)?;
    Some(MeanDifference {
        difference,
        p_value,
        interval,
    })
}

/// The smallest difference, relative to the baseline's mean, that a two-sided two-sample t test at
/// `alpha` would find with probability `power`, given `samples_per_side` repeats on each side that
/// vary as the baseline does: (t(1 − α/2; ν) + t(power; ν)) · s · √(2/n) ÷ |x̄|, ν = 2(n − 1).
///
/// At least two baseline samples and two per side; `None` for a mean of zero. Quantiles of the
/// central t stand in for the noncentral t: where a power of 0.8 is asked for at α = 0.05, the
/// difference given is found with a power of 0.76 at n = 2, 0.79 at n = 3 and 0.80 from n = 5.
///
/// Source: Zar, *Biostatistical Analysis*, 5th ed. 2010, §8.3 (minimum detectable difference).
pub fn minimum_detectable_difference(
    baseline: &[f64],
    samples_per_side: usize,
    alpha: f64,
    power: f64,
) -> Option<f64> {
    if samples_per_side < 2 || !student::is_share(alpha) {
        return None;
    }
    let count = samples_per_side as f64;
    let freedom = 2.0 * (count - 1.0);
    let quantiles =
        student::quantile(1.0 - alpha / 2.0, freedom)? + student::quantile(power, freedom)?;
    let difference = quantiles.max(0.0) * stdev(baseline)? * (2.0 / count).sqrt();
    finite(difference / mean(baseline)?.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64, within: f64) {
        assert!(
            (found - expected).abs() <= within,
            "{found} is not {expected}"
        );
    }

    /// Student's sleep data (Biometrika 1908), the two groups taken as independent: R's `t.test`
    /// gives t = −1.8608, df = 17.776, p = 0.07939, interval −3.3654832 to 0.2054832.
    #[test]
    fn welch_reproduces_the_sleep_data() {
        let first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
        let second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
        let comparison = welch(&first, &second).unwrap();
        close(comparison.difference, -1.58, 1e-12);
        close(comparison.p_value, 0.079_39, 1e-5);
        close(comparison.interval.low, -3.365_483_2, 1e-5);
        close(comparison.interval.high, 0.205_483_2, 1e-5);
    }

    #[test]
    fn welch_says_nothing_where_nothing_varies() {
        assert_eq!(welch(&[1.0, 1.0], &[2.0, 2.0]), None);
        assert_eq!(welch(&[1.0], &[2.0, 3.0]), None);
        assert_eq!(welch(&[1.0, f64::NAN], &[2.0, 3.0]), None);
        assert!(welch(&[1.0, 1.0], &[2.0, 3.0]).is_some());
    }

    /// t(0.975; 18) = 2.10092 and t(0.8; 18) = 0.86205: with s = 2, n = 10 and a mean of 100 the
    /// difference is 2.96297 · 2 · √0.2 ÷ 100.
    #[test]
    fn the_minimum_detectable_difference_follows_its_formula() {
        let unit = (9.0_f64 / 10.0).sqrt() * 2.0;
        let baseline: Vec<f64> = (0..10)
            .map(|i| {
                if i % 2 == 0 {
                    100.0 + unit
                } else {
                    100.0 - unit
                }
            })
            .collect();
        let found = minimum_detectable_difference(&baseline, 10, 0.05, 0.8).unwrap();
        close(found, 2.962_97 * 2.0 * 0.2_f64.sqrt() / 100.0, 1e-6);
    }

    #[test]
    fn more_repeats_see_smaller_differences() {
        let baseline = [99.0, 101.0, 100.5, 99.5];
        let at = |count| minimum_detectable_difference(&baseline, count, 0.05, 0.8).unwrap();
        assert!(at(3) > at(5) && at(5) > at(20));
        assert_eq!(minimum_detectable_difference(&baseline, 1, 0.05, 0.8), None);
        assert_eq!(
            minimum_detectable_difference(&[1.0, -1.0], 5, 0.05, 0.8),
            None
        );
        assert_eq!(minimum_detectable_difference(&baseline, 5, 0.0, 0.8), None);
        assert_eq!(minimum_detectable_difference(&baseline, 5, 0.05, 1.0), None);
    }
}
