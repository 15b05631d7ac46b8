//! A comparison by ranks, for repeats that no normal distribution describes.

use statrs::distribution::{ContinuousCDF, Normal};

use crate::describe::{finite, median, sorted, usable};

/// Up to this many samples on both sides together the p-value is exact; above, the normal
/// approximation with its corrections for ties and continuity is closer than it matters.
const EXACT_UP_TO: usize = 40;

/// Findings from the ranks of two samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankComparison {
    /// The pairs in which a is above b, a tie counting half.
    pub u: f64,
    /// Distance of a above b: the median of all differences a − b (Hodges & Lehmann, Annals of
    /// Mathematical Statistics 34(2), 1963).
    pub shift: f64,
    /// Two-sided: how often chance alone would order the samples at least as unevenly.
    pub p_value: f64,
}

/// The Mann–Whitney U test. At least one sample a side; with 3 against 3 the smallest p-value
/// there can be is 0.1, with 4 against 4 it is 0.029.
///
/// Up to 40 samples together it is exact, ties included: all ways of dealing the observed
/// midranks to the two sides count alike.
///
/// Source: Mann & Whitney, Annals of Mathematical Statistics 18(1), 1947; exact with ties:
/// Streitberg & Röhmel, *Exact Distributions for Permutation and Rank Tests*, Statistical
/// Software Newsletter 12(1), 1986 (shift algorithm).
pub fn mann_whitney(a: &[f64], b: &[f64]) -> Option<RankComparison> {
    let (a, b) = (usable(a, 1)?, usable(b, 1)?);
    let ranks = doubled_ranks(a, b);
    let of_a: usize = ranks[..a.len()].iter().sum();
    let u = (of_a - a.len() * (a.len() + 1)) as f64 / 2.0;
    let p_value = if ranks.len() <= EXACT_UP_TO {
        exact(&ranks, a.len(), of_a)
    } else {
        approximate(&ranks, a.len(), u)
    };
    let differences: Vec<f64> = a
        .iter()
        .flat_map(|x| b.iter().map(move |y| x - y))
        .collect();
    Some(RankComparison {
        u,
        shift: median(&differences)?,
        p_value: finite(p_value)?,
    })
}

/// Twice the midrank of every sample, those of `a` first: whole numbers even where samples tie.
fn doubled_ranks(a: &[f64], b: &[f64]) -> Vec<usize> {
    let all = sorted(&[a, b].concat());
    let rank = |value: &f64| {
        let below = all.partition_point(|other| other < value);
        let up_to = all.partition_point(|other| other <= value);
        below + up_to + 1
    };
    a.iter().chain(b).map(rank).collect()
}

/// The two-sided p-value of `observed`, the sum of `taken` of these ranks dealt at random.
fn exact(ranks: &[usize], taken: usize, observed: usize) -> f64 {
    let most: usize = ranks.iter().sum();
    let mut ways = vec![vec![0.0_f64; most + 1]; taken + 1];
    ways[0][0] = 1.0;
    for &rank in ranks {
        for count in (1..=taken).rev() {
            let (fewer, same) = ways.split_at_mut(count);
            for (to, from) in same[0][rank..].iter_mut().zip(&fewer[count - 1]) {
                *to += from;
            }
        }
    }
    let ways = &ways[taken];
    let total: f64 = ways.iter().sum();
    let below: f64 = ways[..=observed].iter().sum();
    let above: f64 = ways[observed..].iter().sum();
    (2.0 * below.min(above) / total).min(1.0)
}

/// The two-sided p-value of `u`, normal with a correction for continuity. The variance is that of
/// the observed midranks, which is where the usual correction for ties comes from.
///
/// Source: Hollander & Wolfe, *Nonparametric Statistical Methods*, 2nd ed. 1999, §4.1.
fn approximate(ranks: &[usize], taken: usize, u: f64) -> f64 {
    let (count, taken) = (ranks.len() as f64, taken as f64);
    let pairs = taken * (count - taken);
    let from_centre = |&rank: &usize| (rank as f64 / 2.0 - f64::midpoint(count, 1.0)).powi(2);
    let squares: f64 = ranks.iter().map(from_centre).sum();
    let error = (pairs / (count * (count - 1.0)) * squares).sqrt();
    let distance = ((u - pairs / 2.0).abs() - 0.5).max(0.0);
    if distance > 0.0 {
        2.0 * Normal::standard().cdf(-distance / error)
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() <= 1e-9,
            "{found} is not {expected}"
        );
    }

    /// The example of `scipy.stats.mannwhitneyu`: U = 17, exact p = 0.1111…, either way round.
    #[test]
    fn a_published_example_is_reproduced() {
        let (men, women) = ([19.0, 22.0, 16.0, 29.0, 24.0], [20.0, 11.0, 17.0, 12.0]);
        let comparison = mann_whitney(&men, &women).unwrap();
        close(comparison.u, 17.0);
        close(comparison.p_value, 1.0 / 9.0);
        let reverse = mann_whitney(&women, &men).unwrap();
        close(reverse.u, 3.0);
        close(reverse.p_value, 1.0 / 9.0);
        close(reverse.shift, -comparison.shift);
    }

    #[test]
    fn complete_separation_has_the_smallest_p_value_there_is() {
        let low = [1.0, 2.0, 3.0, 4.0];
        let high = [5.0, 6.0, 7.0, 8.0];
        close(mann_whitney(&low[..3], &high[..3]).unwrap().p_value, 0.1);
        close(mann_whitney(&low, &high).unwrap().p_value, 2.0 / 70.0);
        close(mann_whitney(&low, &high).unwrap().shift, -4.0);
    }

    /// {1, 2} against {2, 3}: of the 6 ways to deal the midranks 1, 2.5, 2.5, 4 two have a sum of
    /// 3.5 or less.
    #[test]
    fn ties_are_dealt_exactly() {
        let comparison = mann_whitney(&[1.0, 2.0], &[2.0, 3.0]).unwrap();
        close(comparison.u, 0.5);
        close(comparison.p_value, 2.0 / 3.0);
        close(mann_whitney(&[1.0; 3], &[1.0; 3]).unwrap().p_value, 1.0);
    }

    /// The normal tail is heavier than the exact one: at n = 20 on each side and α = 0.01 the printed
    /// critical value is U = 105, which the approximation just misses.
    #[test]
    fn the_approximation_takes_over_without_a_step() {
        let half = EXACT_UP_TO / 2;
        let side = |offset: f64| -> Vec<f64> {
            (0..half).map(|i| (i * 7 % half) as f64 + offset).collect()
        };
        for offset in [0.3, 2.4, 5.4] {
            let (a, b) = (side(offset), side(0.0));
            let found = mann_whitney(&a, &b).unwrap();
            let approximate = approximate(&doubled_ranks(&a, &b), half, found.u);
            let off = (approximate / found.p_value - 1.0).abs();
            assert!(
                off < 0.15,
                "{offset}: {} against {approximate}",
                found.p_value
            );
        }
        let printed = mann_whitney(&side(5.4), &side(0.0)).unwrap();
        close(printed.u.min(400.0 - printed.u), 105.0);
        assert!(printed.p_value <= 0.01);
        close(mann_whitney(&[1.0; 40], &[1.0; 40]).unwrap().p_value, 1.0);
    }

    /// scipy's asymptotic method on the sample with ties 1–6 against 6–10 gives 0.010411098147.
    #[test]
    fn the_approximation_corrects_for_ties() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [6.0, 7.0, 8.0, 9.0, 10.0]);
        let p_value = approximate(&doubled_ranks(&a, &b), a.len(), 0.5);
        assert!((p_value - 0.010_411_098_147).abs() < 1e-9, "{p_value}");
    }

    #[test]
    fn degenerate_input_gives_none() {
        assert_eq!(mann_whitney(&[], &[1.0]), None);
        assert_eq!(mann_whitney(&[f64::NAN], &[1.0]), None);
    }
}
