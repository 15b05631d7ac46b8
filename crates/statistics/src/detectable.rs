//! Smallest difference between two sets of repeats that a significance test would be likely to
//! find.

use crate::describe::{finite, mean, stdev};
use crate::student;

/// Calculates the smallest difference, as a share of the baseline's mean, that a two-sided
/// two-sample t test at level `alpha` would find with probability `power`. Each side has
/// `samples_per_side` repeats that vary as the baseline does. The formula is (t(1 − α/2; ν) +
/// t(power; ν)) · s · √(2/n) ÷ |x̄|, with ν = 2(n − 1).
///
/// `None` for an `alpha` or `power` not strictly between 0 and 1, for fewer than two baseline
/// samples or two samples per side, and for a baseline with a mean of zero or a value that is not
/// finite. Quantiles of the central t distribution are used for those of the noncentral one. With α
/// = 0.05 and a power of 0.8, the returned difference is therefore found with a power of 0.76 at n
/// = 2, 0.79 at n = 3 and 0.80 from n = 5.
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
    use crate::close::close;

    /// Verifies the formula on an example: t(0.975; 18) = 2.10092 and t(0.8; 18) = 0.86205, so with
    /// s = 2, n = 10 and a mean of 100 the difference is 2.96297 · 2 · √0.2 ÷ 100.
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
