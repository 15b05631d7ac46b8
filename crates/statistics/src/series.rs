//! Worth of one long series whose samples follow each other.

use crate::describe::{finite, mean, usable, variance};

/// The batch size of MSER-5.
const MSER_BATCH: usize = 5;

/// Number of independent samples that would tell as much about the mean as this series does:
/// n·s² ÷ (b·v), with v the variance of the means of batches of b = ⌊√n⌋ samples.
///
/// From 1 to n: a series whose neighbours repel each other counts as n. At least 16 samples (four
/// batches of four); `None` for a series that does not vary.
///
/// Source: Flegal & Jones, *Batch Means and Spectral Variance Estimators in Markov Chain Monte
/// Carlo*, Annals of Statistics 38(2), 2010 (batch size ⌊√n⌋); Gong & Flegal, *A Practical
/// Sequential Stopping Rule for High-Dimensional MCMC*, JCGS 25(3), 2016 (effective size).
pub fn effective_sample_size(samples: &[f64]) -> Option<f64> {
    let samples = usable(samples, 16)?;
    let count = samples.len() as f64;
    let size = samples.len().isqrt();
    let single = variance(samples)?;
    if single <= 0.0 {
        return None;
    }
    let batched = size as f64 * variance(&batch_means(samples, size)?)?;
    if batched <= 0.0 {
        return Some(count);
    }
    finite((count * single / batched).clamp(1.0, count))
}

/// Number of samples at the start that are warm-up, by MSER-5: of the means of batches of 5, the
/// first d are cut so that Σ(y − ȳ)² ÷ (n − d)² over the n − d that are kept is least.
///
/// A multiple of 5, below half of the series. `None` below 20 samples, and where the minimum lies
/// at the half: such a series has not settled and has no steady part to keep.
///
/// Source: White, *An Effective Truncation Heuristic for Bias Reduction in Simulation Output*,
/// Simulation 69(6), 1997; batches of 5: White, Cobb & Spratt, *A Comparison of Five Steady-State
/// Truncation Heuristics for Simulation*, Winter Simulation Conference 2000.
pub fn warmup_cut(samples: &[f64]) -> Option<usize> {
    let means = batch_means(usable(samples, 4 * MSER_BATCH)?, MSER_BATCH)?;
    let (mut kept_mean, mut squares, mut best) = (0.0, 0.0, (f64::INFINITY, 0));
    for (cut, value) in means.iter().enumerate().rev() {
        let kept = (means.len() - cut) as f64;
        let step = value - kept_mean;
        kept_mean += step / kept;
        squares += step * (value - kept_mean);
        let score = squares / (kept * kept);
        if cut <= means.len() / 2 && score <= best.0 {
            best = (score, cut);
        }
    }
    (best.0.is_finite() && best.1 < means.len() / 2).then_some(best.1 * MSER_BATCH)
}

/// The means of whole batches of `size` samples; what is left over at the end is dropped.
fn batch_means(samples: &[f64], size: usize) -> Option<Vec<f64>> {
    samples.chunks_exact(size).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    /// A first-order autoregression with coefficient `rho`: its effective size is
    /// n·(1 − ρ)/(1 + ρ).
    fn autoregression(count: usize, rho: f64, seed: u64) -> Vec<f64> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut state = 0.0;
        (0..count)
            .map(|_| {
                state = rho * state + random.random_range(-1.0..1.0);
                state
            })
            .collect()
    }

    #[test]
    fn correlated_samples_count_for_less() {
        for rho in [0.0, 0.5, 0.8] {
            let sizes: Vec<f64> = (0..20)
                .map(|seed| effective_sample_size(&autoregression(10_000, rho, seed)).unwrap())
                .collect();
            let expected = 10_000.0 * (1.0 - rho) / (1.0 + rho);
            let ratio = mean(&sizes).unwrap() / expected;
            assert!((0.85..1.2).contains(&ratio), "ρ = {rho}: {ratio}");
        }
    }

    #[test]
    fn repelling_neighbours_count_as_all_samples() {
        let samples: Vec<f64> = (0..64).map(|i| f64::from(i % 2)).collect();
        assert_eq!(effective_sample_size(&samples), Some(64.0));
    }

    #[test]
    fn the_cut_falls_where_the_planted_warm_up_ends() {
        for seed in 0..50 {
            let mut series = autoregression(400, 0.0, seed);
            for (index, value) in series.iter_mut().take(100).enumerate() {
                *value += 20.0 * (1.0 - index as f64 / 100.0);
            }
            let cut = warmup_cut(&series).unwrap();
            assert!((80..=150).contains(&cut), "seed {seed}: {cut}");
        }
    }

    #[test]
    fn a_settled_series_keeps_nearly_everything_and_a_drifting_one_has_no_cut() {
        assert_eq!(warmup_cut(&[3.0; 100]), Some(0));
        let drifting: Vec<f64> = (0..200).map(f64::from).collect();
        assert_eq!(warmup_cut(&drifting), None);
    }

    #[test]
    fn degenerate_series_give_none() {
        assert_eq!(effective_sample_size(&[1.0; 100]), None);
        assert_eq!(effective_sample_size(&[1.0, 2.0, 3.0]), None);
        assert_eq!(warmup_cut(&[1.0; 19]), None);
        assert_eq!(warmup_cut(&[f64::NAN; 100]), None);
    }
}
