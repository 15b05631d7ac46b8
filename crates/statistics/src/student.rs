//! Quantiles of Student's t, with checks of the arguments: the library's functions panic on bad
//! input, and lose precision for many degrees of freedom.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use crate::describe::finite;

/// Number of degrees of freedom from which the expansion about the normal quantile is used. The
/// expansion is then exact to ten digits, while the library's iteration stops early (1.83 instead
/// of 1.96 at 10⁷).
const EXPAND_FROM: f64 = 1_000.0;

/// Smallest probability in either tail for which a quantile is calculated. For smaller ones the
/// library's iteration loses precision, and finally panics.
pub(crate) const LEAST_TAIL: f64 = 1e-7;

/// Returns true if `share` is above 0 and below 1, as a confidence, an α or a power must be.
pub(crate) fn is_share(share: f64) -> bool {
    share > 0.0 && share < 1.0
}

/// Returns the quantile: the value that Student's t with `freedom` degrees of freedom does not
/// exceed with `probability`. `None` for probabilities closer than 10⁻⁷ to 0 or 1, NaN, and degrees
/// of freedom that are not above zero.
pub(crate) fn quantile(probability: f64, freedom: f64) -> Option<f64> {
    if !(LEAST_TAIL..=1.0 - LEAST_TAIL).contains(&probability) {
        return None;
    }
    if freedom >= EXPAND_FROM {
        return expanded(probability, freedom);
    }
    finite(
        StudentsT::new(0.0, 1.0, freedom)
            .ok()?
            .inverse_cdf(probability),
    )
}

/// Calculates the quantile for many degrees of freedom ν, as a series in 1/ν about the normal
/// quantile.
///
/// Source: Abramowitz & Stegun, *Handbook of Mathematical Functions*, 1964, 26.7.5.
fn expanded(probability: f64, freedom: f64) -> Option<f64> {
    let z = Normal::standard().inverse_cdf(probability);
    let first = (z.powi(3) + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let third = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    finite(z + (first + (second + third / freedom) / freedom) / freedom)
}

/// Returns the half-width of a two-sided interval of this `confidence` (0 to 1) as a number of
/// standard errors, at `freedom` degrees of freedom. `None` for a confidence not strictly between 0
/// and 1, or closer than 2·10⁻⁷ to 1.
pub(crate) fn two_sided(confidence: f64, freedom: f64) -> Option<f64> {
    if !is_share(confidence) {
        return None;
    }
    quantile(f64::midpoint(confidence, 1.0), freedom)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Verifies quantiles against a printed table. Source: NIST/SEMATECH e-Handbook of Statistical
    /// Methods, §1.3.6.7.2, upper critical values.
    #[test]
    fn quantiles_match_the_printed_table() {
        let table = [
            (0.95, 1.0, 6.314),
            (0.975, 1.0, 12.706),
            (0.975, 2.0, 4.303),
            (0.95, 14.0, 1.761),
            (0.99, 10.0, 2.764),
            (0.999, 5.0, 5.893),
            (0.975, 100.0, 1.984),
            (0.975, 1e7, 1.960),
        ];
        for (probability, freedom, expected) in table {
            let found = quantile(probability, freedom).unwrap();
            assert!(
                (found - expected).abs() < 6e-4,
                "t({probability}; {freedom}) = {found}"
            );
            assert!((quantile(1.0 - probability, freedom).unwrap() + expected).abs() < 6e-4);
        }
    }

    #[test]
    fn the_expansion_takes_over_without_a_step() {
        for probability in [0.001, 0.3, 0.6, 0.9, 0.975, 0.999, 0.999_99] {
            let below = quantile(probability, EXPAND_FROM - 1e-6).unwrap();
            let above = quantile(probability, EXPAND_FROM).unwrap();
            assert!(
                (below - above).abs() < 1e-8,
                "{probability}: {below} {above}"
            );
        }
    }

    #[test]
    fn quantiles_invert_the_distribution_everywhere() {
        for exponent in 0..=66 {
            let probability = 0.5 * 10_f64.powf(-f64::from(exponent) / 10.0);
            for freedom in [
                1.0, 1.3, 2.0, 3.0, 7.0, 14.0, 31.5, 100.0, 254.0, 600.0, 999.0, 1e4, 1e6,
            ] {
                let found = quantile(probability, freedom).unwrap();
                let back = StudentsT::new(0.0, 1.0, freedom).unwrap().cdf(found);
                let off = (back / probability - 1.0).abs();
                assert!(
                    off < 1e-6,
                    "t({probability:e}; {freedom}) = {found}, off by {off}"
                );
            }
        }
    }

    #[test]
    fn nonsense_gives_none() {
        for (probability, freedom) in [
            (0.0, 3.0),
            (1.0, 3.0),
            (f64::NAN, 3.0),
            (0.5, 0.0),
            (0.5, -1.0),
            (0.5, f64::NAN),
        ] {
            assert_eq!(
                quantile(probability, freedom),
                None,
                "{probability}, {freedom}"
            );
        }
        assert_eq!(
            quantile(0.9, f64::INFINITY),
            Normal::standard().inverse_cdf(0.9).into()
        );
        assert_eq!(two_sided(1.0, 3.0), None);
    }
}
