//! Instants at which arrivals are due: spaced along a rate curve evenly or at random, and shared
//! among workers.

use std::time::Duration;

use bench_report::Pacing;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use rand_distr::{Distribution as _, Exp1};

use super::rate_curve::RateCurve;
use super::worker_share::WorkerShare;

/// Iterator over the instants at which arrivals are due, rising, in nanoseconds since the start of
/// the curve.
///
/// Constant pacing: arrival n is due at `curve.inverse(n)`. Worker i of k takes every k-th arrival,
/// so that all workers together are as evenly spaced as a single one. Poisson pacing: n is replaced
/// by a sum of exponential draws. Each worker draws with its own seed at 1/k of the rate, and the
/// union of such streams is a Poisson process again.
#[derive(Debug, Clone)]
pub(crate) struct Arrivals {
    /// Time before the curve during which its first value applies (a warm-up), in seconds.
    held_s: f64,
    curve: RateCurve,
    position: f64,
    stride: f64,
    random: Option<SmallRng>,
}

impl Arrivals {
    /// Creates the arrivals of `worker` on `curve`.
    #[cfg(test)]
    pub(crate) fn new(curve: RateCurve, pacing: Pacing, worker: WorkerShare, seed: u64) -> Self {
        Self::after(Duration::ZERO, curve, pacing, worker, seed)
    }

    /// Creates the arrivals of `worker` on `curve` with a warm-up: for the time `held` before the
    /// curve, its first value applies.
    pub(crate) fn after(
        held: Duration,
        curve: RateCurve,
        pacing: Pacing,
        worker: WorkerShare,
        seed: u64,
    ) -> Self {
        let (held_s, stride) = (held.as_secs_f64(), worker.count as f64);
        match pacing {
            Pacing::Constant => Self {
                held_s,
                curve,
                position: worker.index as f64,
                stride,
                random: None,
            },
            Pacing::Poisson => {
                let seed = seed ^ (worker.index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                let mut random = SmallRng::seed_from_u64(seed);
                let first: f64 = Exp1.sample(&mut random);
                Self {
                    held_s,
                    curve,
                    position: first * stride,
                    stride,
                    random: Some(random),
                }
            }
        }
    }

    /// Returns the instant at which arrival number `x` is due, in seconds since the start.
    fn due_s(&self, x: f64) -> Option<f64> {
        let held_per_s = self.curve.value(0.0);
        let held = held_per_s * self.held_s;
        if x < held {
            return Some(x / held_per_s);
        }
        Some(self.held_s + self.curve.inverse(x - held)?)
    }
}

impl Iterator for Arrivals {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.nth(0)
    }

    /// Skips `n` arrivals without calculating their instants, and returns the next one.
    fn nth(&mut self, n: usize) -> Option<u64> {
        match &mut self.random {
            None => self.position += n as f64 * self.stride,
            Some(random) => {
                for _ in 0..n {
                    let gap: f64 = Exp1.sample(random);
                    self.position += gap * self.stride;
                }
            }
        }
        let due_s = self.due_s(self.position)?;
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
    fn each_part_of_a_curve_gets_as_many_arrivals_as_its_area_says() {
        let s = Duration::from_secs;
        let spike = RateCurve::spike(20.0, 200.0, s(3), s(3), s(6)).unwrap();
        let wave = RateCurve::sine(100.0, 100.0, s(4), s(8)).unwrap();
        for (curve, parts) in [
            (
                spike,
                vec![(0, 2, 40), (2, 5, 60), (5, 8, 600), (8, 14, 120)],
            ),
            (wave, vec![(0, 2, 200), (2, 6, 400), (6, 10, 400)]),
        ] {
            let workers = (0..3).map(|index| WorkerShare { index, count: 3 });
            let due: Vec<u64> = workers
                .flat_map(|worker| {
                    Arrivals::after(s(2), curve.clone(), Pacing::Constant, worker, 0)
                })
                .collect();
            for (from_s, to_s, arrivals) in parts {
                let part = from_s * 1_000_000_000..to_s * 1_000_000_000_u64;
                let count = due.iter().filter(|at| part.contains(at)).count();
                // Rounding may put the arrival at the boundary on either side.
                assert!(count.abs_diff(arrivals) <= 1, "{from_s}..{to_s}: {count}");
            }
        }
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
