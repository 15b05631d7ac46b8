//! Test for a trend by the order of samples alone, without an assumption about their scatter.

use std::cmp::Ordering;

use statrs::distribution::{ContinuousCDF, Normal};

use crate::describe::median;

/// Result of the Mann–Kendall test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannKendall {
    /// Rising pairs minus falling pairs, as a share of all pairs: −1 to 1.
    pub tau: f64,
    /// Two-sided p-value: the probability that independent samples without a trend would be ordered
    /// at least as strongly.
    pub p_value: f64,
}

/// Performs the Mann–Kendall test for a trend on successive samples that are independent of each
/// other; correlated ones must be thinned out first. Ties and continuity are corrected for. `None`
/// for fewer than eight samples, for which the normal approximation is poor, or if a sample is not
/// finite.
///
/// Source: Mann, *Nonparametric Tests Against Trend*, Econometrica 13(3), 1945; Kendall, *Rank
/// Correlation Methods*, 1975, for the variance with ties.
pub fn mann_kendall(samples: &[f64]) -> Option<MannKendall> {
    const LEAST: usize = 8;
    if samples.len() < LEAST || samples.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let n = samples.len() as f64;
    let pairs =
        (1..samples.len()).flat_map(|later| (0..later).map(move |earlier| (earlier, later)));
    let s: f64 = pairs
        .map(|(earlier, later)| sign(samples[later] - samples[earlier]))
        .sum();
    let ties = tied(samples).map(|t| t * (t - 1.0) * (2.0 * t + 5.0));
    let variance = (n * (n - 1.0) * (2.0 * n + 5.0) - ties.sum::<f64>()) / 18.0;
    let tau = s / (n * (n - 1.0) / 2.0);
    if variance <= 0.0 {
        // All samples are the same.
        return Some(MannKendall { tau, p_value: 1.0 });
    }
    let z = (s.abs() - 1.0).max(0.0) / variance.sqrt();
    let p_value = 2.0 * Normal::standard().sf(z);
    Some(MannKendall {
        tau,
        p_value: p_value.min(1.0),
    })
}

fn sign(difference: f64) -> f64 {
    if difference > 0.0 {
        1.0
    } else if difference < 0.0 {
        -1.0
    } else {
        0.0
    }
}

/// Returns, for each distinct value, the number of samples that have it.
fn tied(samples: &[f64]) -> impl Iterator<Item = f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let groups: Vec<f64> = sorted
        .chunk_by(|a, b| a.partial_cmp(b).is_some_and(Ordering::is_eq))
        .map(|group| group.len() as f64)
        .collect();
    groups.into_iter()
}

/// Calculates the Theil–Sen slope of points `(x, y)`: the median of the slopes of all pairs, in
/// units of y per unit of x. Up to 29 % of the points may have any value without moving it far.
/// `None` for fewer than two points with different x, or if a slope is not a number.
///
/// Source: Sen, *Estimates of the Regression Coefficient Based on Kendall's Tau*, Journal of the
/// American Statistical Association 63(324), 1968.
pub fn theil_sen(points: &[(f64, f64)]) -> Option<f64> {
    let mut slopes = Vec::with_capacity(points.len() * points.len().saturating_sub(1) / 2);
    for (i, (x1, y1)) in points.iter().enumerate() {
        for (x2, y2) in &points[..i] {
            let run = x1 - x2;
            if run.abs() > 0.0 {
                slopes.push((y1 - y2) / run);
            }
        }
    }
    median(&slopes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-3
    }

    #[test]
    fn known_answers_come_out() {
        // S = 45 of 45 pairs, variance 125: z = 44 / √125.
        let rising: Vec<f64> = (0..10).map(f64::from).collect();
        let test = mann_kendall(&rising).unwrap();
        assert!(
            close(test.tau, 1.0) && close(test.p_value, 8.3e-5),
            "{test:?}"
        );
        // S = 20, and two pairs of ties reduce 18 times the variance by 36.
        let tied = [1.0, 2.0, 2.0, 4.0, 3.0, 5.0, 3.0, 6.0];
        let test = mann_kendall(&tied).unwrap();
        let z = 19.0 / ((1176.0 - 36.0) / 18.0_f64).sqrt();
        assert!(close(test.tau, 20.0 / 28.0), "{test:?}");
        assert!(
            close(test.p_value, 2.0 * Normal::standard().sf(z)),
            "{test:?}"
        );
    }

    #[test]
    fn what_stands_still_has_no_trend_and_too_little_says_nothing() {
        assert!(close(mann_kendall(&[3.0; 20]).unwrap().p_value, 1.0));
        assert_eq!(mann_kendall(&[1.0; 7]), None);
        assert_eq!(
            mann_kendall(&[1.0, f64::NAN, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]),
            None
        );
        assert_eq!(theil_sen(&[(1.0, 1.0)]), None);
        assert_eq!(theil_sen(&[(1.0, 1.0), (1.0, 5.0)]), None);
        assert_eq!(theil_sen(&[(0.0, f64::NAN), (1.0, 5.0)]), None);
    }

    #[test]
    fn a_fifth_of_wild_points_leaves_the_slope_where_it_is() {
        let wild = |i: i32| {
            if i % 5 == 0 {
                1e6 * f64::from(i % 3)
            } else {
                0.0
            }
        };
        let points: Vec<(f64, f64)> = (0..100)
            .map(|i| (f64::from(i), 3.0 * f64::from(i) + wild(i)))
            .collect();
        assert!(close(theil_sen(&points).unwrap(), 3.0));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_test_turns_with_the_samples(samples in proptest::collection::vec(-1e6..1e6_f64, 8..40)) {
            let there = mann_kendall(&samples).unwrap();
            let back: Vec<f64> = samples.iter().rev().copied().collect();
            let back = mann_kendall(&back).unwrap();
            prop_assert!((there.tau + back.tau).abs() < 1e-12);
            prop_assert!((there.p_value - back.p_value).abs() < 1e-12);
            prop_assert!((0.0..=1.0).contains(&there.p_value));
        }
    }
}
