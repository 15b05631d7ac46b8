//! Instants at which arrivals are due: spaced along rate curves evenly or at random, and shared
//! among workers.

use bench_report::Pacing;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use rand_distr::{Distribution as _, Exp1};

use super::curve_sequence::CurveSequence;
use super::worker_share::WorkerShare;

/// Iterator over the instants at which the arrivals of one worker are due, rising, in nanoseconds
/// since the start of the curves.
///
/// Constant pacing: arrival n is due at `curves.inverse(n)`. Worker i of k takes every k-th
/// arrival, so that all workers together are as evenly spaced as a single one. Poisson pacing: n is
/// replaced by a sum of exponential draws. Each worker draws with its own seed at 1/k of the rate,
/// and the union of such streams is a Poisson process again.
#[derive(Debug, Clone)]
pub(crate) struct Arrivals {
    curves: CurveSequence,
    /// Number n of the next arrival, from 0, over all workers, or the sum of draws in its place.
    position: f64,
    stride: f64,
    random: Option<SmallRng>,
}

impl Arrivals {
    /// Creates the arrivals of `worker` on `curves`. `seed` has an effect with Poisson pacing only.
    pub(crate) fn new(
        curves: CurveSequence,
        pacing: Pacing,
        worker: WorkerShare,
        seed: u64,
    ) -> Self {
        let stride = worker.count as f64;
        let (first, random) = match pacing {
            Pacing::Constant => (worker.index as f64, None),
            Pacing::Poisson => {
                let seed = seed ^ (worker.index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                let mut random = SmallRng::seed_from_u64(seed);
                let first: f64 = Exp1.sample(&mut random);
                (first * stride, Some(random))
            }
        };
        Self {
            curves,
            position: first,
            stride,
            random,
        }
    }

    /// Replaces the curves. Arrivals keep their numbers: none is repeated or left out if the curves
    /// differ only after the last arrival that the iterator has yielded.
    pub(crate) fn follow(&mut self, curves: CurveSequence) {
        self.curves = curves;
    }

    /// Returns the instant at which the next arrival is due, in nanoseconds since the start of the
    /// curves, without taking it; `None` if the curves end before.
    pub(crate) fn due(&self) -> Option<u64> {
        let due_s = self.curves.inverse(self.position)?;
        Some((due_s * 1e9).round() as u64)
    }

    /// Skips the next arrival without calculating its instant.
    pub(crate) fn advance(&mut self) {
        let gap: f64 = self
            .random
            .as_mut()
            .map_or(1.0, |random| Exp1.sample(random));
        self.position += gap * self.stride;
    }
}

impl Iterator for Arrivals {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.nth(0)
    }

    /// Skips `n` arrivals without calculating their instants, and returns the instant at which the
    /// next one is due, in nanoseconds since the start of the curves; `None` if the curves end
    /// before.
    fn nth(&mut self, n: usize) -> Option<u64> {
        match self.random {
            None => self.position += n as f64 * self.stride,
            Some(_) => (0..n).for_each(|_| self.advance()),
        }
        let due_ns = self.due()?;
        self.advance();
        Some(due_ns)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::plan::rate_curve::RateCurve;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn curve(per_s: f64, s: u64) -> CurveSequence {
        CurveSequence::after(Duration::ZERO, RateCurve::constant(per_s, S(s)).unwrap())
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
                    let curves = CurveSequence::after(s(2), curve.clone());
                    Arrivals::new(curves, Pacing::Constant, worker, 0)
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

    /// Returns the due instants, in nanoseconds, of three workers at 100 arrivals per second for 10
    /// s. `curve` replaces the rest at second 4. Each worker learns of the change after it has
    /// released all arrivals due before second 3.9.
    fn changed(curve: RateCurve, pacing: Pacing) -> Vec<u64> {
        let planned = self::curve(100.0, 10);
        let mut after = planned.clone();
        after.change_at(4.0, curve);
        let release = |index| {
            let worker = WorkerShare { index, count: 3 };
            let mut arrivals = Arrivals::new(planned.clone(), pacing, worker, 5);
            let mut due = Vec::new();
            while arrivals.due().is_some_and(|due_ns| due_ns < 3_900_000_000) {
                due.extend(arrivals.next());
            }
            arrivals.follow(after.clone());
            due.extend(arrivals);
            due
        };
        let mut all: Vec<u64> = (0..3).flat_map(release).collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn arrivals_follow_the_old_curve_up_to_a_change_and_the_new_one_from_it() {
        let faster = changed(
            RateCurve::constant(1_000.0, S(6)).unwrap(),
            Pacing::Constant,
        );
        assert_eq!(faster.len(), 400 + 6_000);
        let unchanged: Vec<u64> = (0..400).map(|n| n * 10_000_000).collect();
        assert_eq!(faster[..400], unchanged);
        let first = &faster[400..403];
        assert_eq!(first, [4_000_000_000, 4_001_000_000, 4_002_000_000]);
        // A rate of zero adds no arrival, and cancels the arrival that was due next.
        let paused = changed(RateCurve::constant(0.0, S(6)).unwrap(), Pacing::Constant);
        assert_eq!(paused, unchanged);
        // The new rate is slower: the gap in progress at the change is stretched to the new rate.
        let slower = changed(RateCurve::constant(0.5, S(6)).unwrap(), Pacing::Constant);
        assert_eq!(slower[400..], [4_000_000_000, 6_000_000_000, 8_000_000_000]);
    }

    #[test]
    fn changes_that_follow_each_other_quickly_add_no_arrival() {
        // One arrival every two seconds; every half second a change requests the same rate again.
        let mut curves = curve(0.5, 20);
        let worker = WorkerShare::ALONE;
        let mut arrivals = Arrivals::new(curves.clone(), Pacing::Constant, worker, 0);
        let mut due = Vec::new();
        for half in 1..40 {
            while arrivals
                .due()
                .is_some_and(|at_ns| at_ns < half * 500_000_000)
            {
                due.extend(arrivals.next());
            }
            let at_s = half as f64 / 2.0;
            let rest = RateCurve::constant(0.5, Duration::from_secs_f64(20.0 - at_s));
            curves.change_at(at_s, rest.unwrap());
            arrivals.follow(curves.clone());
        }
        due.extend(arrivals);
        let planned: Vec<u64> =
            Arrivals::new(curve(0.5, 20), Pacing::Constant, worker, 0).collect();
        assert_eq!(due, planned);
    }

    #[test]
    fn poisson_arrivals_stay_poisson_over_a_change() {
        let due = changed(RateCurve::constant(2_000.0, S(6)).unwrap(), Pacing::Poisson);
        let before = due.partition_point(|at_ns| *at_ns < 4_000_000_000);
        let planned = |index| {
            let worker = WorkerShare { index, count: 3 };
            Arrivals::new(curve(100.0, 10), Pacing::Poisson, worker, 5)
        };
        let mut unchanged: Vec<u64> = (0..3).flat_map(planned).collect();
        unchanged.sort_unstable();
        assert_eq!(due[..before], unchanged[..before]);
        // 12,000 arrivals are expected, with a standard deviation of 110.
        assert!((due.len() - before).abs_diff(12_000) < 550, "{}", due.len());
        let gaps = due[before..].windows(2).map(|w| (w[1] - w[0]) as f64 / 1e6);
        let (gaps, count) = (gaps.clone().collect::<Vec<_>>(), gaps.count() as f64);
        let mean = gaps.iter().sum::<f64>() / count;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / count;
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "{mean} ms");
    }
}
