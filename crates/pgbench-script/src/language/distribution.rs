//! Four distributions of random integers, as in pgbench.
//!
//! Definitions and bounds of the parameters: PostgreSQL documentation, *pgbench*, section *Random
//! Functions*.

use rand::Rng;
use rand::RngExt as _;
use rand_distr::{Distribution as _, Open01, StandardNormal, Zipf};

/// Smallest parameter of `random_gaussian`; below it most draws would be rejected.
const LEAST_GAUSSIAN: f64 = 2.0;
/// Allowed values of the parameter of `random_zipfian`.
const ZIPFIAN: std::ops::RangeInclusive<f64> = 1.001..=1000.0;

/// Range of integers from `low` to `high`, both included, from which random ones are drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IntegerRange {
    low: i64,
    high: i64,
}

impl IntegerRange {
    /// Creates the range from `low` to `high`.
    ///
    /// # Errors
    /// Returns a message if `low` exceeds `high`, or the number of integers does not fit an `i64`.
    pub(crate) fn new(low: i64, high: i64) -> Result<Self, String> {
        if low > high {
            return Err(format!("there is no number from {low} to {high}"));
        }
        if high
            .checked_sub(low)
            .and_then(|n| n.checked_add(1))
            .is_none()
        {
            return Err(format!(
                "{low} to {high} are more numbers than an integer counts"
            ));
        }
        Ok(Self { low, high })
    }

    fn count(self) -> f64 {
        (self.high - self.low + 1) as f64
    }

    /// Returns the integer at `share` of the range, from 0 (the lowest) to just below 1 (the
    /// highest).
    fn at(self, share: f64) -> i64 {
        let steps = (share * self.count()) as i64;
        self.low.saturating_add(steps).clamp(self.low, self.high)
    }

    /// Draws an integer, all of them with the same probability.
    pub(crate) fn uniform(self, random: &mut impl Rng) -> i64 {
        random.random_range(self.low..=self.high)
    }

    /// Draws the integer `i` with probability `f(i) − f(i+1)`, where
    /// `f(x) = exp(−parameter (x − low) / (high − low + 1)) / (1 − exp(−parameter))`, by inverting
    /// that distribution. Fails with a message unless `parameter` is above 0.
    pub(crate) fn exponential(self, parameter: f64, random: &mut impl Rng) -> Result<i64, String> {
        if parameter.is_nan() || parameter <= 0.0 {
            return Err(format!(
                "the parameter of random_exponential must be above zero, not {parameter}"
            ));
        }
        let uniform: f64 = Open01.sample(random);
        let cut = (-parameter).exp();
        Ok(self.at(-(cut + (1.0 - cut) * uniform).ln() / parameter))
    }

    /// Draws the integer `i` with probability `F(i + 0.5) − F(i − 0.5)`, where
    /// `µ = (low + high) / 2` and
    /// `F(x) = Φ(2 parameter (x − µ) / (high − low + 1)) / (2 Φ(parameter) − 1)`, from normal
    /// draws, which are repeated outside of ± `parameter`. Fails with a message if `parameter` is
    /// below 2.
    pub(crate) fn gaussian(self, parameter: f64, random: &mut impl Rng) -> Result<i64, String> {
        if parameter.is_nan() || parameter < LEAST_GAUSSIAN {
            return Err(format!(
                "the parameter of random_gaussian must be {LEAST_GAUSSIAN:.1} or more, not {parameter}"
            ));
        }
        loop {
            let deviation: f64 = StandardNormal.sample(random);
            if (-parameter..parameter).contains(&deviation) {
                return Ok(self.at((deviation + parameter) / (2.0 * parameter)));
            }
        }
    }

    /// Draws the `k`th integer of the range, `k` from 1, with a probability proportional to `1 /
    /// k^parameter`, by rejection inversion (Hörmann and Derflinger 1996) of `rand_distr`. Fails
    /// with a message unless `parameter` is from 1.001 to 1000.
    pub(crate) fn zipfian(self, parameter: f64, random: &mut impl Rng) -> Result<i64, String> {
        let wrong = || {
            format!("the parameter of random_zipfian must be from 1.001 to 1000, not {parameter}")
        };
        if !ZIPFIAN.contains(&parameter) {
            return Err(wrong());
        }
        let rank = Zipf::new(self.count(), parameter)
            .map_err(|_| wrong())?
            .sample(random);
        let steps = (rank as i64).saturating_sub(1);
        Ok(self.low.saturating_add(steps).clamp(self.low, self.high))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::SmallRng;

    use super::*;

    const DRAWS: usize = 200_000;

    /// Draws 200,000 integers from 1 to 100 with `draw`, and returns the share of each, 1 first.
    fn shares(draw: impl Fn(IntegerRange, &mut SmallRng) -> i64) -> Vec<f64> {
        let mut random = SmallRng::seed_from_u64(7);
        let bounds = IntegerRange::new(1, 100).unwrap();
        let mut counts = [0_u32; 100];
        for _ in 0..DRAWS {
            counts[draw(bounds, &mut random) as usize - 1] += 1;
        }
        counts
            .iter()
            .map(|n| f64::from(*n) / DRAWS as f64)
            .collect()
    }

    /// Asserts that each of the `shares` of 1, 2 … is within five standard errors of its
    /// `probability`.
    fn assert_drawn(shares: &[f64], probability: impl Fn(f64) -> f64) {
        for (i, share) in shares.iter().enumerate() {
            let p = probability(i as f64 + 1.0);
            let bound = 5.0 * (p * (1.0 - p) / DRAWS as f64).sqrt() + 1e-6;
            assert!((share - p).abs() < bound, "{}: {share} and not {p}", i + 1);
        }
    }

    #[test]
    fn uniform_hits_all_alike_and_both_ends() {
        assert_drawn(&shares(IntegerRange::uniform), |_| 0.01);
    }

    #[test]
    fn exponential_has_the_documented_probability_of_each_number() {
        for parameter in [0.5, 2.5, 10.0] {
            let f = |x: f64| (-parameter * (x - 1.0) / 100.0).exp() / (1.0 - (-parameter).exp());
            let drawn = shares(|b, random| b.exponential(parameter, random).unwrap());
            assert_drawn(&drawn, |i| f(i) - f(i + 1.0));
        }
    }

    #[test]
    fn gaussian_has_its_mean_in_the_middle_and_the_documented_mass_there() {
        // The documentation says for parameter 4.0: 67 % of draws are in the middle 1.0/4.0 of the
        // range, 95 % in the middle 2.0/4.0.
        for (parameter, middle, mass) in [(4.0, 0.25, 0.683), (4.0, 0.5, 0.954), (2.5, 0.4, 0.691)]
        {
            let drawn = shares(|b, random| b.gaussian(parameter, random).unwrap());
            let mean: f64 = drawn
                .iter()
                .zip(1_u32..)
                .map(|(p, i)| p * f64::from(i))
                .sum();
            assert!((mean - 50.5).abs() < 0.3, "{mean}");
            let half = (50.0 * middle) as usize;
            let inside: f64 = drawn[50 - half..50 + half].iter().sum();
            assert!((inside - mass).abs() < 0.04, "{parameter}: {inside}");
        }
    }

    #[test]
    fn zipfian_falls_by_the_documented_ratio() {
        for parameter in [1.1, 2.0] {
            let drawn = shares(|b, random| b.zipfian(parameter, random).unwrap());
            let total: f64 = (1..=100).map(|k| f64::from(k).powf(-parameter)).sum();
            assert_drawn(&drawn, |k| k.powf(-parameter) / total);
        }
    }

    #[test]
    fn what_cannot_be_drawn_from_is_refused() {
        let mut random = SmallRng::seed_from_u64(1);
        assert!(IntegerRange::new(2, 1).is_err());
        assert!(IntegerRange::new(i64::MIN, i64::MAX).is_err());
        let bounds = IntegerRange::new(-3, 3).unwrap();
        for parameter in [0.0, -1.0, f64::NAN] {
            assert!(bounds.exponential(parameter, &mut random).is_err());
            assert!(bounds.gaussian(parameter, &mut random).is_err());
            assert!(bounds.zipfian(parameter, &mut random).is_err());
        }
        assert!(bounds.gaussian(1.9, &mut random).is_err());
        assert!(bounds.zipfian(1.0, &mut random).is_err());
        let one = IntegerRange::new(5, 5).unwrap();
        assert_eq!(one.zipfian(1.5, &mut random), Ok(5));
        assert_eq!(one.gaussian(2.0, &mut random), Ok(5));
    }
}
