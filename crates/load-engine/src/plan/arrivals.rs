//! Instants at which arrivals are due: a rate curve, drawn evenly or at random, shared among
//! workers.

use bench_report::Pacing;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use rand_distr::{Distribution as _, Exp1};

use super::rate_curve::RateCurve;
use super::worker_share::WorkerShare;

/// Due instants in nanoseconds since the start of the curve, rising.
///
/// Constant pacing: arrival n is due at `curve.inverse(n)`; worker i of k takes every k-th, so
/// that all workers together are as even as one. Poisson: cumulative exponentials take the place
/// of n, each worker with a k-th of the rate and a seed of its own, whose union is Poisson again.
#[derive(Debug, Clone)]
pub struct Arrivals {
    curve: RateCurve,
    position: f64,
    stride: f64,
    random: Option<SmallRng>,
}

impl Arrivals {
    /// The arrivals of `worker` on `curve`.
    pub fn new(curve: RateCurve, pacing: Pacing, worker: WorkerShare, seed: u64) -> Self {
        let stride = worker.count as f64;
        match pacing {
            Pacing::Constant => Self {
                curve,
                position: worker.index as f64,
                stride,
                random: None,
            },
            Pacing::Poisson => {
                let seed = seed ^ (worker.index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                Self::poisson(curve, stride, seed)
            }
        }
    }

    /// Creates Poisson arrivals at the rate of `curve` divided by `stride`.
    pub(crate) fn poisson(curve: RateCurve, stride: f64, seed: u64) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let first: f64 = Exp1.sample(&mut random);
        Self {
            curve,
            position: first * stride,
            stride,
            random: Some(random),
        }
    }
}

impl Iterator for Arrivals {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let due_s = self.curve.inverse(self.position)?;
        let gap: f64 = self
            .random
            .as_mut()
            .map_or(1.0, |random| Exp1.sample(random));
        self.position += gap * self.stride;
        Some((due_s * 1e9).round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn curve(per_s: f64, s: u64) -> RateCurve {
        RateCurve::constant(per_s, Duration::from_secs(s)).unwrap()
    }

    #[test]
    fn workers_together_are_as_even_as_one() {
        let alone: Vec<u64> =
            Arrivals::new(curve(1000.0, 1), Pacing::Constant, WorkerShare::ALONE, 0).collect();
        let mut together: Vec<u64> = (0..3)
            .flat_map(|index| {
                let worker = WorkerShare { index, count: 3 };
                Arrivals::new(curve(1000.0, 1), Pacing::Constant, worker, 0)
            })
            .collect();
        together.sort_unstable();
        assert_eq!(alone.len(), 1000);
        assert_eq!(together, alone);
        assert_eq!(alone[1], 1_000_000);
    }

    #[test]
    fn poisson_gaps_are_exponential_and_the_seed_repeats_them() {
        let draw = |seed| -> Vec<u64> {
            Arrivals::new(curve(1000.0, 20), Pacing::Poisson, WorkerShare::ALONE, seed).collect()
        };
        let due = draw(7);
        assert_eq!(due, draw(7));
        assert_ne!(due, draw(8));
        let gaps: Vec<f64> = due.windows(2).map(|w| (w[1] - w[0]) as f64 / 1e6).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean - 1.0).abs() < 0.03, "mean gap {mean} ms");
        assert!(
            (variance.sqrt() / mean - 1.0).abs() < 0.05,
            "exponential: deviation = mean"
        );
    }
}
