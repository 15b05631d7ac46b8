//! Upper bound of a proportion, from the number of its occurrences.

use statrs::distribution::{Beta, ContinuousCDF};

use crate::describe::finite;
use crate::student::is_share;

/// Number of halvings of the interval from 0 to 1, after which it is as narrow as a double can
/// represent.
const HALVINGS: u32 = 60;

/// Calculates the largest proportion, 0 to 1, that `seen` occurrences in `n` trials do not
/// contradict at this one-sided `confidence`. This is the upper bound of Clopper and Pearson, which
/// is valid for every `seen`; for 0 it is 1 − (1 − confidence)^(1/n). `None` without trials, with
/// more occurrences than trials, and for a confidence that is not strictly between 0 and 1.
///
/// Source: Clopper & Pearson, *The Use of Confidence or Fiducial Limits Illustrated in the Case of
/// the Binomial*, Biometrika 26(4), 1934.
pub fn proportion_at_most(seen: u64, n: u64, confidence: f64) -> Option<f64> {
    if n == 0 || seen > n || !is_share(confidence) {
        return None;
    }
    if seen == n {
        return Some(1.0);
    }
    let bound = Beta::new(seen as f64 + 1.0, (n - seen) as f64).ok()?;
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if bound.cdf(middle) < confidence {
            low = middle;
        } else {
            high = middle;
        }
    }
    finite(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_that_of_the_exact_tail_computed_with_25_digits() {
        for (seen, n, bound) in [
            (0, 100, 0.029_513_049_607),
            (1, 1_000, 0.004_734_993_575_5),
            (5, 10_000, 0.001_051_013_718_64),
            (200, 100_000, 0.002_248_463_717_3),
            (5_000, 1_000_000, 0.005_117_584_051_64),
            (50_000, 10_000_000, 0.005_036_844_036_33),
            (300_000, 10_000_000, 0.030_088_881_207),
        ] {
            let found = proportion_at_most(seen, n, 0.95).unwrap();
            assert!((found / bound - 1.0).abs() < 1e-9, "{seen} of {n}: {found}");
        }
    }

    #[test]
    fn more_failures_never_promise_more() {
        for n in [1, 59, 1_000, 100_000, 10_000_000] {
            let bounds = [0, 1, 2, 3, 10, n / 1_000, n / 10, n]
                .map(|seen| (seen, proportion_at_most(seen.min(n), n, 0.95).unwrap()));
            let mut sorted = bounds;
            sorted.sort_by_key(|(seen, _)| *seen);
            assert!(sorted.is_sorted_by(|a, b| a.1 <= b.1), "{n}: {sorted:?}");
        }
    }

    #[test]
    fn what_carries_no_answer_has_none() {
        assert_eq!(proportion_at_most(0, 0, 0.95), None);
        assert_eq!(proportion_at_most(2, 1, 0.95), None);
        assert_eq!(proportion_at_most(0, 1, 1.0), None);
        assert_eq!(proportion_at_most(0, 1, f64::NAN), None);
    }
}
