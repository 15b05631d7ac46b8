//! Distribution of requests over the keys of a run: caches serve most requests from a few keys.

use rand::RngExt as _;
use rand::rngs::SmallRng;
use rand_distr::{Distribution as _, Zipf};

/// Largest difference from 1 at which an exponent is treated as 1, because the sampler's general
/// formula divides by 1 − exponent.
const NEAR_ONE: f64 = 1e-6;

/// Distribution of requests over keys, as `--zipf` gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Skew {
    /// Every key is requested equally often.
    Uniform,
    /// Zipf's law: key n, counted from 1, is requested in proportion to n^−exponent.
    Zipf {
        /// Exponent, above 0 and up to 100. Web caches often show values near 1.
        exponent: f64,
    },
}

impl Skew {
    /// Parses `uniform`, or an exponent above 0 and up to 100.
    ///
    /// # Errors
    /// Fails with a sentence if the text is neither.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text == "uniform" {
            return Ok(Self::Uniform);
        }
        let form = "write an exponent above 0 and up to 100 such as 0.99, or uniform";
        match text.parse::<f64>() {
            Ok(exponent) if exponent > 0.0 && exponent <= 100.0 => Ok(Self::Zipf { exponent }),
            Ok(exponent) if exponent <= 0.0 => Err(format!(
                "an exponent cannot be zero or negative, as {text} is; {form}"
            )),
            Ok(exponent) if exponent > 100.0 => {
                Err(format!("the exponent {text} is above 100; {form}"))
            }
            _ => Err(format!("{text:?} is no exponent; {form}")),
        }
    }

    /// Creates a sampler over `keys` keys; `keys` must be at least 1.
    pub(crate) fn sampler(self, keys: u64) -> KeySampler {
        let zipf = match self {
            Self::Uniform => None,
            Self::Zipf { exponent } if (exponent - 1.0).abs() < NEAR_ONE => {
                Zipf::new(keys as f64, 1.0).ok()
            }
            Self::Zipf { exponent } => Zipf::new(keys as f64, exponent).ok(),
        };
        KeySampler { keys, zipf }
    }
}

impl std::fmt::Display for Skew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Uniform => f.write_str("uniform"),
            Self::Zipf { exponent } => write!(f, "{exponent}"),
        }
    }
}

/// Sampler of key indices by a [`Skew`]. It uses rejection sampling, which needs no table for any
/// number of keys. A draw takes some tens of nanoseconds and allocates nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeySampler {
    keys: u64,
    /// Sampler of Zipf's law; `None` for uniform draws.
    zipf: Option<Zipf<f64>>,
}

impl KeySampler {
    /// Draws the index of a key, from 0 to the number of keys less 1. With Zipf's law, index 0 is
    /// drawn most often.
    pub(crate) fn draw(&self, random: &mut SmallRng) -> u64 {
        match &self.zipf {
            None => random.random_range(0..self.keys),
            // Rounding may yield a rank above the last one.
            Some(zipf) => (zipf.sample(random) as u64).clamp(1, self.keys) - 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    const DRAWS: u64 = 400_000;

    fn frequencies(skew: Skew, keys: u64) -> Vec<f64> {
        let sampler = skew.sampler(keys);
        let mut random = SmallRng::seed_from_u64(11);
        let mut counts = vec![0_u64; keys as usize];
        for _ in 0..DRAWS {
            counts[sampler.draw(&mut random) as usize] += 1;
        }
        counts.iter().map(|n| *n as f64 / DRAWS as f64).collect()
    }

    #[test]
    fn frequencies_follow_zipfs_law_for_any_exponent() {
        for exponent in [0.2, 0.5, 0.99, 1.0, 1.0 + 1e-9, 1.3, 3.0] {
            let keys = 1_000;
            let seen = frequencies(Skew::Zipf { exponent }, keys);
            let weight = |rank: usize| (rank as f64).powf(-exponent);
            let whole: f64 = (1..=keys as usize).map(weight).sum();
            for rank in [1, 2, 3, 10] {
                let wanted = weight(rank) / whole;
                // Accepts six standard deviations of a binomial share.
                let bound = 6.0 * (wanted * (1.0 - wanted) / DRAWS as f64).sqrt();
                let got = seen[rank - 1];
                assert!(
                    (got - wanted).abs() <= bound,
                    "exponent {exponent}, rank {rank}: {got}, not {wanted}"
                );
            }
            let tail: f64 = seen[100..].iter().sum();
            let wanted: f64 = (101..=keys as usize).map(weight).sum::<f64>() / whole;
            assert!((tail - wanted).abs() < 0.01, "tail of {exponent}: {tail}");
        }
    }

    #[test]
    fn uniform_draws_favour_nobody() {
        let seen = frequencies(Skew::Uniform, 10);
        assert!(
            seen.iter().all(|share| (share - 0.1).abs() < 0.005),
            "{seen:?}"
        );
    }

    #[test]
    fn a_single_key_is_drawn_every_time() {
        for skew in [Skew::Uniform, Skew::Zipf { exponent: 1.0 }] {
            assert_eq!(frequencies(skew, 1), [1.0]);
        }
    }

    #[test]
    fn a_skew_reads_as_it_is_written() {
        for text in ["uniform", "0.99", "1", "2.5"] {
            assert_eq!(Skew::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "0", "-1", "NaN", "inf", "steep", "1e9"] {
            let said = Skew::parse(text).unwrap_err();
            assert!(said.contains("write an exponent above 0"), "{text}: {said}");
        }
        for (text, part) in [("-1", "negative, as -1 is"), ("1e9", "1e9 is above 100")] {
            let said = Skew::parse(text).unwrap_err();
            assert!(said.contains(part), "{said}");
        }
    }
}
