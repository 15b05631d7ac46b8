//! Confidence intervals, and estimates of means and mean ratios with such intervals.

use crate::describe::{finite, mean, stdev, usable};
use crate::student;

/// Range of values with both ends included, within which a true value is expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConfidenceInterval {
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval, never below `low`.
    pub high: f64,
}

impl ConfidenceInterval {
    /// Creates an interval with these ends; `None` if they are not finite or not in order.
    pub(crate) fn new(low: f64, high: f64) -> Option<Self> {
        (low.is_finite() && high.is_finite() && low <= high).then_some(Self { low, high })
    }

    /// Returns true if `value` is in the interval, ends included.
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// Returns the difference between the upper and the lower end.
    pub(crate) fn width(&self) -> f64 {
        self.high - self.low
    }
}

/// Estimate of a mean, or of the geometric mean of ratios, with the interval that contains the true
/// value with probability `confidence`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Estimated mean or mean ratio, which lies in the interval.
    pub mean: f64,
    /// Range in which the true value lies with probability `confidence`.
    pub interval: ConfidenceInterval,
    /// Probability, from 0 to 1, for which the caller requested the interval.
    pub confidence: f64,
    /// Number of samples, or of pairs for a ratio, from which the estimate is calculated.
    pub count: usize,
}

impl Estimate {
    /// Returns half of the interval's width, in the unit of the estimated mean.
    pub fn half_width(&self) -> f64 {
        self.interval.width() / 2.0
    }
}

/// Estimates the mean with its Student interval, x̄ ± t·s/√n. `None` for fewer than two samples, if
/// one is not finite, or for a confidence that is not strictly between 0 and 1.
///
/// Source: Student, *The Probable Error of a Mean*, Biometrika 6(1), 1908; for repeats of a
/// benchmark: Kalibera & Jones, *Rigorous Benchmarking in Reasonable Time*, ISMM 2013, §6.
pub fn mean_interval(samples: &[f64], confidence: f64) -> Option<Estimate> {
    let samples = usable(samples, 2)?;
    let count = samples.len();
    let mean = mean(samples)?;
    let reach = student::two_sided(confidence, (count - 1) as f64)? * stdev(samples)?
        / (count as f64).sqrt();
    let interval = ConfidenceInterval::new(mean - reach, mean + reach)?;
    Some(Estimate {
        mean,
        interval,
        confidence,
        count,
    })
}

/// Estimates the mean ratio a/b of alternating pairs `(a, b)`. `None` for fewer than two pairs, if
/// a number is not finite and above zero, or for a confidence that is not strictly between 0 and 1.
///
/// The interval is Student's on ln(a/b), converted back by exp. A ratio and its inverse are thus
/// treated alike, and disturbances that affect both sides of a pair cancel. The mean is geometric.
///
/// Source: Fleming & Wallace, *How Not to Lie with Statistics*, CACM 29(3), 1986 (geometric mean of
/// ratios); Kalibera & Jones, as for [`mean_interval`] (interval).
pub fn ratio_interval(pairs: &[(f64, f64)], confidence: f64) -> Option<Estimate> {
    let logs: Option<Vec<f64>> = pairs
        .iter()
        .map(|&(a, b)| (a > 0.0 && b > 0.0).then(|| a.ln() - b.ln()))
        .collect();
    let logs = mean_interval(&logs?, confidence)?;
    let interval = ConfidenceInterval::new(logs.interval.low.exp(), logs.interval.high.exp())?;
    let mean = finite(logs.mean.exp())?.clamp(interval.low, interval.high);
    Some(Estimate {
        mean,
        interval,
        ..logs
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::close::close;

    #[test]
    fn a_mean_reaches_t_standard_errors_to_each_side() {
        // x̄ = 3, s = √2.5, t(0.975; 4) = 2.776445
        let estimate = mean_interval(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.95).unwrap();
        close(estimate.mean, 3.0, 1e-12);
        close(estimate.half_width(), 2.776_445 * 0.5_f64.sqrt(), 1e-5);
        assert_eq!(estimate.count, 5);
        assert!(estimate.interval.contains(3.0));
    }

    #[test]
    fn equal_samples_have_an_interval_without_width() {
        let estimate = mean_interval(&[4.0; 3], 0.95).unwrap();
        assert_eq!(
            estimate.interval,
            ConfidenceInterval {
                low: 4.0,
                high: 4.0
            }
        );
    }

    #[test]
    fn a_ratio_cancels_what_both_sides_of_a_pair_suffer() {
        let pairs = [(90.0, 100.0), (180.0, 200.0), (45.0, 50.0)];
        let estimate = ratio_interval(&pairs, 0.95).unwrap();
        close(estimate.mean, 0.9, 1e-12);
        close(estimate.half_width(), 0.0, 1e-12);
    }

    #[test]
    fn a_ratio_and_its_inverse_agree() {
        let pairs = [(1.0, 2.0), (1.1, 2.0), (0.9, 2.1), (1.0, 1.9)];
        let inverse = pairs.map(|(a, b)| (b, a));
        let (there, back) = (
            ratio_interval(&pairs, 0.9).unwrap(),
            ratio_interval(&inverse, 0.9).unwrap(),
        );
        close(there.mean * back.mean, 1.0, 1e-12);
        close(there.interval.low * back.interval.high, 1.0, 1e-12);
    }

    #[test]
    fn degenerate_input_gives_none() {
        assert_eq!(mean_interval(&[1.0], 0.95), None);
        assert_eq!(mean_interval(&[1.0, f64::INFINITY], 0.95), None);
        assert_eq!(mean_interval(&[1.0, 2.0], 1.0), None);
        assert_eq!(mean_interval(&[1.0, 2.0], f64::NAN), None);
        assert_eq!(ratio_interval(&[(1.0, 0.0), (1.0, 1.0)], 0.95), None);
        assert_eq!(ratio_interval(&[(1.0, 1.0), (-1.0, -1.0)], 0.95), None);
    }
}
