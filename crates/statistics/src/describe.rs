//! Mean, median, quantiles and spread of a sample.

/// Returns `samples` if there are at least `least` of them and all are finite; else `None`.
pub(crate) fn usable(samples: &[f64], least: usize) -> Option<&[f64]> {
    (samples.len() >= least && samples.iter().all(|value| value.is_finite())).then_some(samples)
}

/// Returns `value` if it is finite; `None` for an infinity or NaN, which an overflow gives.
pub(crate) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// Returns a copy of the samples, which must be finite, in ascending order.
pub(crate) fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Calculates the arithmetic mean; `None` without samples, if one is not finite, or if the sum
/// overflows.
pub fn mean(samples: &[f64]) -> Option<f64> {
    let samples = usable(samples, 1)?;
    finite(samples.iter().sum::<f64>() / samples.len() as f64)
}

/// Calculates the sample variance, Σ(x − x̄)² / (n − 1); `None` for fewer than two samples, or if
/// one is not finite or the sum overflows.
pub(crate) fn variance(samples: &[f64]) -> Option<f64> {
    let samples = usable(samples, 2)?;
    let mean = mean(samples)?;
    let squares: f64 = samples.iter().map(|value| (value - mean).powi(2)).sum();
    finite(squares / (samples.len() - 1) as f64)
}

/// Calculates the sample standard deviation (divisor n − 1), in the unit of the samples; `None` as
/// for [`variance`].
pub(crate) fn stdev(samples: &[f64]) -> Option<f64> {
    variance(samples).map(f64::sqrt)
}

/// Calculates the median of samples in any order: the middle one, or the mean of the middle two.
/// `None` without samples, or if one is not finite.
pub fn median(samples: &[f64]) -> Option<f64> {
    percentile(samples, 0.5)
}

/// Calculates quantile `q` (0 to 1) of samples in any order, as [`percentile_sorted`] defines it.
/// `None` without samples, if one is not finite, or for a `q` outside 0 to 1.
pub(crate) fn percentile(samples: &[f64], q: f64) -> Option<f64> {
    percentile_sorted(&sorted(usable(samples, 1)?), q)
}

/// Calculates quantile `q` (0 to 1) of samples in ascending order, interpolated linearly between
/// order statistics. `None` without samples, if they are not in ascending order or not finite, or
/// for a `q` outside 0 to 1.
///
/// Source: Hyndman & Fan, *Sample Quantiles in Statistical Packages*, The American Statistician
/// 50(4), 1996, definition 7.
pub fn percentile_sorted(samples: &[f64], q: f64) -> Option<f64> {
    let samples = usable(samples, 1)?;
    if !(0.0..=1.0).contains(&q) || !samples.is_sorted() {
        return None;
    }
    let position = q * (samples.len() - 1) as f64;
    let below = samples[position.floor() as usize];
    let above = samples[position.ceil() as usize];
    let share = position.fract();
    finite(below * (1.0 - share) + above * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_sample_has_its_known_moments() {
        let samples = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert_eq!(mean(&samples), Some(5.0));
        assert_eq!(median(&samples), Some(4.5));
        assert!((stdev(&samples).unwrap() - (32.0_f64 / 7.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn percentiles_interpolate_between_order_statistics() {
        let samples = [40.0, 10.0, 30.0, 20.0];
        for (q, expected) in [
            (0.0, 10.0),
            (0.25, 17.5),
            (0.5, 25.0),
            (0.9, 37.0),
            (1.0, 40.0),
        ] {
            assert!(
                (percentile(&samples, q).unwrap() - expected).abs() < 1e-12,
                "q = {q}"
            );
        }
        assert_eq!(percentile(&[7.0], 0.99), Some(7.0));
    }

    #[test]
    fn what_carries_no_answer_gives_none() {
        assert_eq!(mean(&[]), None);
        assert_eq!(mean(&[1.0, f64::NAN]), None);
        assert_eq!(mean(&[f64::MAX, f64::MAX]), None);
        assert_eq!(stdev(&[1.0]), None);
        assert_eq!(percentile(&[1.0, 2.0], 1.1), None);
        assert_eq!(percentile(&[1.0, 2.0], f64::NAN), None);
        assert_eq!(percentile_sorted(&[2.0, 1.0], 0.5), None);
    }
}
