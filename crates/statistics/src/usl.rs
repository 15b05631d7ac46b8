//! Universal Scalability Law: at what rate throughput X rises with the number N of clients, and
//! whether it falls again.
//!
//! X(N) = λN ÷ (1 + σ(N − 1) + κN(N − 1)), with λ the throughput of one client, σ the serial share
//! (contention), and κ the cost of keeping pairs of clients coherent.
//!
//! Source: Gunther, *Guerrilla Capacity Planning*, 2007, ch. 4–5; *A General Theory of
//! Computational Scalability Based on Rational Functions*, 2008 (arXiv:0808.1431).

use std::collections::BTreeSet;

use crate::interval::ConfidenceInterval;

/// Smallest number of different values of N to which three parameters can be fitted; with fewer
/// they would describe noise.
const LEAST_POINTS: usize = 5;
/// Smallest share of the throughput's variance that the law must explain to be accepted.
const LEAST_R_SQUARED: f64 = 0.9;

/// Universal Scalability Law, fitted to points of number of clients and throughput.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usl {
    /// λ, the throughput of one client, above zero, in the unit of the points.
    pub lambda: f64,
    /// σ, contention: the share of work that is serial, from 0 to below 1.
    pub sigma: f64,
    /// κ, coherence: the cost of keeping each pair of clients coherent, as a share of the work of
    /// one; 0 or above.
    pub kappa: f64,
    /// R²: share of the throughput's variance that the law explains, at most 1.
    pub r_squared: f64,
}

/// Reason for which [`fit`] returns no law.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum UslError {
    /// The points have too few different numbers of clients N.
    #[error("{found} different load{were} measured; fitting the scalability law takes {needed}", were = if *found == 1 { " was" } else { "s were" })]
    TooFewPoints {
        /// Number of different values of N, the number of clients, in the points.
        found: usize,
        /// Number of different values of N, the number of clients, that a fit needs.
        needed: usize,
    },
    /// The load of a point is below 1, its throughput is not above 0, or a value is not finite.
    #[error("point {index} (load {load}, throughput {throughput}) cannot be fitted")]
    InvalidPoint {
        /// Index of the invalid point among the given ones, from 0.
        index: usize,
        /// Number of clients N of the point.
        load: f64,
        /// Throughput X of the point, in the unit of the caller.
        throughput: f64,
    },
    /// The best fit explains too little of the throughput's variance.
    #[error("the scalability law does not describe these points (R² = {r_squared:.2})")]
    DoesNotFit {
        /// R²: share of the variance that the best fit explains; below zero if the mean alone would
        /// be a better fit, and 0 if there is no fit at all.
        r_squared: f64,
    },
}

impl Usl {
    /// Returns the N with the highest throughput, √((1 − σ)/κ); `None` if κ is 0, so that
    /// throughput never falls.
    ///
    /// A peak far beyond the largest N measured is an extrapolation.
    pub fn peak(&self) -> Option<f64> {
        let peak = ((1.0 - self.sigma) / self.kappa).sqrt();
        (self.kappa > 0.0 && peak.is_finite()).then_some(peak)
    }

    /// Returns the throughput X(N) that the law predicts, in the unit of the points, for N of 1 or
    /// more.
    pub fn throughput_at(&self, n: f64) -> f64 {
        let beyond_first = n - 1.0;
        self.lambda * n / (1.0 + self.sigma * beyond_first + self.kappa * n * beyond_first)
    }
}

/// Fits the law to points (N, X) with at least five different N, by least squares of the relative
/// error. Fails if a point is invalid, if there are too few N, or if R² is below 0.9; of 1,000 sets
/// of random points, 35 pass with five points, 2 with eight.
///
/// With a = 1/λ, b = σ/λ and c = κ/λ the law is N/X = a + b(N − 1) + cN(N − 1), which is linear.
/// Each point is weighted by X/N, so that its residual is the relative error of the throughput, in
/// which repeats scatter. The bounds (0 ≤ σ < 1, κ ≥ 0) are kept by fitting each of the four sets
/// of terms and taking the best fit that keeps them: the solution of Lawson & Hanson, *Solving
/// Least Squares Problems*, 1974, ch. 23, by enumeration.
pub fn fit(points: &[(f64, f64)]) -> Result<Usl, UslError> {
    check(points)?;
    let candidates = [
        [true, true, true],
        [true, true, false],
        [true, false, true],
        [true, false, false],
    ];
    let best = candidates
        .iter()
        .filter_map(|active| least_squares(points, *active))
        .filter(|[a, b, c]| *a > 0.0 && *b >= 0.0 && b < a && *c >= 0.0)
        .min_by(|one, other| relative_error(points, one).total_cmp(&relative_error(points, other)));
    let Some([a, b, c]) = best else {
        return Err(UslError::DoesNotFit { r_squared: 0.0 });
    };
    let mut usl = Usl {
        lambda: 1.0 / a,
        sigma: b / a,
        kappa: c / a,
        r_squared: 0.0,
    };
    usl.r_squared = explained(points, &usl);
    if usl.r_squared >= LEAST_R_SQUARED {
        Ok(usl)
    } else {
        Err(UslError::DoesNotFit {
            r_squared: usl.r_squared,
        })
    }
}

/// Returns the range in which the peak of the fitted law lies with about 95 % probability, by the jackknife:
/// the law is fitted again without each N in turn, and ln(peak) varies by twice the standard error of these
/// estimates. `None` if the law does not fit, has no peak, or if it has none, or no longer fits, without one
/// of the N, so that a single setting decides.
///
/// Source: Efron & Tibshirani, *An Introduction to the Bootstrap*, 1993, ch. 11.
pub fn peak_range(points: &[(f64, f64)]) -> Option<ConfidenceInterval> {
    let peak = fit(points).ok()?.peak()?.ln();
    let loads: BTreeSet<u64> = points.iter().map(|(n, _)| n.to_bits()).collect();
    let without = |left_out: &u64| {
        let rest = points.iter().filter(|(n, _)| n.to_bits() != *left_out);
        let rest: Vec<(f64, f64)> = rest.copied().collect();
        Some(fit(&rest).ok()?.peak()?.ln())
    };
    let estimates: Option<Vec<f64>> = loads.iter().map(without).collect();
    let estimates = estimates?;
    let n = estimates.len() as f64;
    let mean = estimates.iter().sum::<f64>() / n;
    let squares: f64 = estimates.iter().map(|one| (one - mean).powi(2)).sum();
    let reach = 2.0 * ((n - 1.0) / n * squares).sqrt();
    ConfidenceInterval::new((peak - reach).exp(), (peak + reach).exp())
}

fn check(points: &[(f64, f64)]) -> Result<(), UslError> {
    let valid = |n: f64, x: f64| n.is_finite() && x.is_finite() && n >= 1.0 && x > 0.0;
    if let Some(index) = points.iter().position(|&(n, x)| !valid(n, x)) {
        let (load, throughput) = points[index];
        return Err(UslError::InvalidPoint {
            index,
            load,
            throughput,
        });
    }
    let found = points
        .iter()
        .map(|(n, _)| n.to_bits())
        .collect::<BTreeSet<_>>()
        .len();
    if found < LEAST_POINTS {
        return Err(UslError::TooFewPoints {
            found,
            needed: LEAST_POINTS,
        });
    }
    Ok(())
}

/// Returns the three terms of a point in the linear form of the law, weighted by X/N. Multiplied by
/// the law's weights, they add up to 1 for a point on the curve.
fn terms(&(n, x): &(f64, f64)) -> [f64; 3] {
    [x / n, x / n * (n - 1.0), x * (n - 1.0)]
}

fn relative_error(points: &[(f64, f64)], weights: &[f64; 3]) -> f64 {
    let residual = |point| {
        1.0 - terms(point)
            .iter()
            .zip(weights)
            .map(|(t, w)| t * w)
            .sum::<f64>()
    };
    points.iter().map(|point| residual(point).powi(2)).sum()
}

/// Returns the weights of the active terms (0 for the others) with the smallest relative error, by
/// Gram–Schmidt. Forming the normal equations would square the condition number. `None` if the
/// points do not determine them.
fn least_squares(points: &[(f64, f64)], active: [bool; 3]) -> Option<[f64; 3]> {
    let dot = |u: &[f64], v: &[f64]| u.iter().zip(v).map(|(u, v)| u * v).sum::<f64>();
    let columns: Vec<usize> = (0..3).filter(|&term| active[term]).collect();
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let mut triangle = [[0.0_f64; 3]; 3];
    for (place, &term) in columns.iter().enumerate() {
        let mut column: Vec<f64> = points.iter().map(|point| terms(point)[term]).collect();
        let length = dot(&column, &column).sqrt();
        for (row, direction) in basis.iter().enumerate() {
            triangle[row][place] = dot(direction, &column);
            column
                .iter_mut()
                .zip(direction)
                .for_each(|(c, d)| *c -= triangle[row][place] * d);
        }
        let left = dot(&column, &column).sqrt();
        if !left.is_finite() || left <= 1e-12 * length {
            return None;
        }
        triangle[place][place] = left;
        for value in &mut column {
            *value /= left;
        }
        basis.push(column);
    }
    let mut weights = [0.0; 3];
    for place in (0..columns.len()).rev() {
        let known: f64 = (place + 1..columns.len())
            .map(|next| triangle[place][next] * weights[columns[next]])
            .sum();
        let share: f64 = basis[place].iter().sum();
        weights[columns[place]] = (share - known) / triangle[place][place];
    }
    weights
        .iter()
        .all(|weight| weight.is_finite())
        .then_some(weights)
}

/// Calculates R² of the throughput itself; 0 if the throughput does not vary, because there is then
/// nothing to explain. Below 0 if the law is worse than the mean.
fn explained(points: &[(f64, f64)], usl: &Usl) -> f64 {
    let mean = points.iter().map(|(_, x)| x).sum::<f64>() / points.len() as f64;
    let total: f64 = points.iter().map(|(_, x)| (x - mean).powi(2)).sum();
    let left: f64 = points
        .iter()
        .map(|&(n, x)| (x - usl.throughput_at(n)).powi(2))
        .sum();
    let share = 1.0 - left / total;
    if share.is_finite() { share } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    fn close(found: f64, expected: f64, within: f64) {
        let off = (found - expected).abs();
        assert!(off <= within, "{found} is not {expected}");
    }

    const LOADS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 48.0, 64.0];

    fn planted(sigma: f64, kappa: f64) -> Usl {
        Usl {
            lambda: 1_000.0,
            sigma,
            kappa,
            r_squared: 1.0,
        }
    }

    fn measured(law: &Usl, noise: f64, seed: u64) -> Vec<(f64, f64)> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        // A uniform distribution with half-width √3·cv has the coefficient of variation cv.
        let mut off = || 1.0 + noise * 3.0_f64.sqrt() * random.random_range(-1.0..1.0);
        LOADS
            .iter()
            .map(|&n| (n, law.throughput_at(n) * off()))
            .collect()
    }

    #[test]
    fn without_noise_the_planted_law_comes_back() {
        for (sigma, kappa) in [
            (0.0, 0.0),
            (0.05, 0.0),
            (0.0, 0.001),
            (0.05, 0.001),
            (0.9, 0.02),
        ] {
            let law = fit(&measured(&planted(sigma, kappa), 0.0, 0)).unwrap();
            close(law.lambda, 1_000.0, 1e-6);
            close(law.sigma, sigma, 1e-9);
            close(law.kappa, kappa, 1e-9);
            close(law.r_squared, 1.0, 1e-9);
        }
    }

    #[test]
    fn with_two_per_cent_noise_it_comes_back_nearly() {
        for (sigma, kappa) in [(0.05, 0.001), (0.02, 0.0005), (0.1, 0.002)] {
            let law = planted(sigma, kappa);
            for seed in 0..200 {
                let found = fit(&measured(&law, 0.02, seed)).unwrap();
                close(found.lambda / law.lambda, 1.0, 0.1);
                close(found.sigma, sigma, 0.02);
                close(found.kappa / kappa, 1.0, 0.25);
                close(found.peak().unwrap() / law.peak().unwrap(), 1.0, 0.15);
            }
        }
    }

    #[test]
    fn the_range_of_the_peak_holds_the_planted_one_nearly_always() {
        let law = planted(0.05, 0.001);
        let peak = law.peak().unwrap();
        let ranges: Vec<ConfidenceInterval> = (0..200)
            .filter_map(|seed| peak_range(&measured(&law, 0.02, seed)))
            .collect();
        let held = ranges.iter().filter(|range| range.contains(peak)).count();
        assert!(
            ranges.len() > 190 && held * 100 >= ranges.len() * 88,
            "{held} of {}",
            ranges.len()
        );
        // Without noise there is no doubt, and without a peak there is no range.
        let exact = peak_range(&measured(&law, 0.0, 0)).unwrap();
        close(exact.low / peak, 1.0, 1e-6);
        assert_eq!(peak_range(&measured(&planted(0.05, 0.0), 0.0, 0)), None);
    }

    #[test]
    fn a_law_without_coherence_cost_has_no_peak() {
        assert_eq!(planted(0.1, 0.0).peak(), None);
        close(
            planted(0.02, 0.0005).peak().unwrap(),
            (0.98_f64 / 0.0005).sqrt(),
            1e-9,
        );
        assert_eq!(fit(&LOADS.map(|n| (n, 10.0 * n))).unwrap().peak(), None);
    }

    /// Verifies that three parameters fit five random points now and then, but hardly ever eight.
    #[test]
    fn random_points_are_said_not_to_fit() {
        for (count, at_most) in [(5, 100), (6, 40), (8, 6)] {
            let fitted = (0..2_000).filter(|&seed| {
                let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
                let mut point = |&n: &f64| (n, random.random_range(100.0..10_000.0));
                let points: Vec<(f64, f64)> = LOADS[..count].iter().map(&mut point).collect();
                !matches!(fit(&points), Err(UslError::DoesNotFit { .. }))
            });
            let fitted = fitted.count();
            assert!(
                fitted <= at_most,
                "{fitted} of 2000 sets of {count} random points"
            );
        }
    }

    #[test]
    fn flat_points_are_said_not_to_fit() {
        let flat = LOADS.map(|n| (n, 500.0));
        assert!(matches!(fit(&flat), Err(UslError::DoesNotFit { .. })));
    }

    #[test]
    fn too_few_or_senseless_points_are_named() {
        let repeated = [(1.0, 1.0), (2.0, 2.0), (2.0, 2.1), (3.0, 3.0), (3.0, 3.1)];
        assert_eq!(
            fit(&repeated),
            Err(UslError::TooFewPoints {
                found: 3,
                needed: 5
            })
        );
        for wrong in [(0.5, 1.0), (2.0, 0.0), (2.0, f64::INFINITY)] {
            let error = fit(&[(1.0, 1.0), wrong]).unwrap_err();
            assert!(
                matches!(error, UslError::InvalidPoint { index: 1, .. }),
                "{error}"
            );
        }
        assert!(matches!(
            fit(&[(f64::NAN, 1.0)]),
            Err(UslError::InvalidPoint { .. })
        ));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_points_make_it_panic_or_give_what_is_no_law(
            points in vec((any::<f64>(), any::<f64>()), 0..24)
        ) {
            if let Ok(law) = fit(&points) {
                prop_assert!(law.lambda > 0.0 && (0.0..1.0).contains(&law.sigma) && law.kappa >= 0.0);
            }
        }
    }
}
