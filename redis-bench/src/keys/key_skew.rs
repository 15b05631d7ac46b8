//! Distribution of requests over the keys of a run: caches serve most requests from a few keys.

use rand::RngExt as _;
use rand::rngs::SmallRng;
use rand_distr::{Distribution as _, StandardNormal, Zipf};

/// Largest difference from 1 at which an exponent is treated as 1, because the sampler's general
/// formula divides by 1 − exponent.
const NEAR_ONE: f64 = 1e-6;

/// Distribution of requests over keys, as `--zipf` and `--keys-as` give it. The key at index 0 is
/// never requested less often than another one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Skew {
    /// Every key is requested equally often.
    Uniform,
    /// Zipf's law: key n, counted from 1, is requested in proportion to n^−exponent.
    Zipf {
        /// Exponent, from 0 to 100. Web caches often show values near 1.
        exponent: f64,
    },
    /// A share of the keys, which are equally popular, gets a share of the requests; the other keys,
    /// which are equally popular too, get the others.
    Hotspot {
        /// Share of the keys that are hot, above 0 and below 1.
        keys_ratio: f64,
        /// Share of the requests that go to them, from 0 to 1.
        requests_ratio: f64,
    },
    /// Half a normal distribution over the keys, cut off at the last one.
    Gauss {
        /// Standard deviation, as a share of the keys, above 0 and up to 1.
        deviation_ratio: f64,
    },
}

impl Skew {
    /// Parses `uniform`, or an exponent from 0 to 100.
    ///
    /// # Errors
    /// Fails with a sentence if the text is neither.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text == "uniform" {
            return Ok(Self::Uniform);
        }
        let form = "write an exponent from 0 to 100 such as 0.99, or uniform";
        match text.parse::<f64>() {
            Ok(exponent) if (0.0..=100.0).contains(&exponent) => Ok(Self::Zipf { exponent }),
            Ok(exponent) if exponent < 0.0 => Err(format!(
                "an exponent cannot be negative, as {text} is; {form}"
            )),
            Ok(exponent) if exponent > 100.0 => {
                Err(format!("the exponent {text} is above 100; {form}"))
            }
            _ => Err(format!("{text:?} is no exponent; {form}")),
        }
    }

    /// Parses the name of a distribution, as in `hotspot:20/80`, `gauss:0.1`, `zipf:0.9` and
    /// `uniform`.
    ///
    /// # Errors
    /// Fails with a sentence that shows the forms.
    pub(crate) fn parse_named(text: &str) -> Result<Self, String> {
        let form = "write uniform, zipf:0.9 (exponent), hotspot:20/80 (20 % of the keys get 80 % of \
                    the requests) or gauss:0.1 (standard deviation as a share of the keys)";
        let refused = || format!("{text:?} is no distribution of requests; {form}");
        let number = |text: &str| text.parse::<f64>().map_err(|_| refused());
        match text.split_once(':') {
            None if text == "uniform" => Ok(Self::Uniform),
            Some(("zipf", exponent)) => match Self::parse(exponent) {
                Ok(Self::Uniform) => Err(refused()),
                parsed => parsed,
            },
            Some(("hotspot", both)) => {
                let (keys, requests) = both.split_once('/').ok_or_else(refused)?;
                let (keys, requests) = (number(keys)?, number(requests)?);
                if keys <= 0.0 || keys >= 100.0 || !(keys..=100.0).contains(&requests) {
                    return Err(format!(
                        "the hot keys must be fewer than all, and get no smaller share than theirs, \
                         up to 100 %; {form}"
                    ));
                }
                Ok(Self::Hotspot {
                    keys_ratio: keys / 100.0,
                    requests_ratio: requests / 100.0,
                })
            }
            Some(("gauss", deviation)) => match number(deviation)? {
                deviation_ratio if deviation_ratio > 0.0 && deviation_ratio <= 1.0 => {
                    Ok(Self::Gauss { deviation_ratio })
                }
                _ => Err(format!("the deviation is above 0 and up to 1; {form}")),
            },
            _ => Err(refused()),
        }
    }

    /// Creates a sampler over `keys` keys; `keys` must be at least 1.
    pub(crate) fn sampler(self, keys: u64) -> KeySampler {
        let zipf =
            |exponent| Zipf::new(keys as f64, exponent).map_or(KeyLaw::Uniform, KeyLaw::Zipf);
        let law = match self {
            Self::Uniform | Self::Zipf { exponent: 0.0 } => KeyLaw::Uniform,
            Self::Zipf { exponent } if (exponent - 1.0).abs() < NEAR_ONE => zipf(1.0),
            Self::Zipf { exponent } => zipf(exponent),
            Self::Hotspot {
                keys_ratio,
                requests_ratio,
            } => match hot_keys(keys_ratio, keys) {
                hot if hot == keys => KeyLaw::Uniform,
                hot => KeyLaw::Hotspot {
                    hot,
                    requests_ratio,
                },
            },
            Self::Gauss { deviation_ratio } => KeyLaw::Gauss {
                deviation: deviation_ratio * keys as f64,
            },
        };
        KeySampler { keys, law }
    }
}

/// Returns the number of hot keys among `keys`: a share of them, but at least one.
pub(super) fn hot_keys(keys_ratio: f64, keys: u64) -> u64 {
    ((keys as f64 * keys_ratio).round() as u64).clamp(1, keys)
}

impl std::fmt::Display for Skew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Percentages are shown without the rounding of their shares.
        let percent = |ratio: f64| (ratio * 1e8).round() / 1e6;
        match self {
            Self::Uniform => f.write_str("uniform"),
            Self::Zipf { exponent } => write!(f, "{exponent}"),
            Self::Hotspot {
                keys_ratio,
                requests_ratio,
            } => {
                let (keys, requests) = (percent(*keys_ratio), percent(*requests_ratio));
                write!(f, "hotspot:{keys}/{requests}")
            }
            Self::Gauss { deviation_ratio } => write!(f, "gauss:{deviation_ratio}"),
        }
    }
}

/// Sampler of key indices by a [`Skew`]. It uses rejection sampling, which needs no table for any
/// number of keys. A draw takes some tens of nanoseconds and allocates nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeySampler {
    keys: u64,
    law: KeyLaw,
}

/// Law by which indices are drawn.
#[derive(Debug, Clone, Copy)]
enum KeyLaw {
    Uniform,
    Zipf(Zipf<f64>),
    /// The first `hot` keys, fewer than all, get the share `requests_ratio` of the requests.
    Hotspot {
        hot: u64,
        requests_ratio: f64,
    },
    /// Half a normal distribution with the standard deviation `deviation`, in keys.
    Gauss {
        deviation: f64,
    },
}

impl KeySampler {
    /// Draws the index of a key, from 0 to the number of keys less 1. Index 0 is drawn most often.
    pub(crate) fn draw(&self, random: &mut SmallRng) -> u64 {
        match &self.law {
            KeyLaw::Uniform => random.random_range(0..self.keys),
            // Rounding may yield a rank above the last one.
            KeyLaw::Zipf(zipf) => (zipf.sample(random) as u64).clamp(1, self.keys) - 1,
            KeyLaw::Hotspot {
                hot,
                requests_ratio,
            } => {
                if random.random::<f64>() < *requests_ratio {
                    random.random_range(0..*hot)
                } else {
                    random.random_range(*hot..self.keys)
                }
            }
            // Accepts two of three draws or more.
            KeyLaw::Gauss { deviation } => loop {
                let drawn: f64 = StandardNormal.sample(random);
                let index = (drawn.abs() * deviation) as u64;
                if index < self.keys {
                    return index;
                }
            },
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
        for exponent in [0.0, 0.2, 0.5, 0.99, 1.0, 1.0 + 1e-9, 1.3, 3.0] {
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
        for text in ["uniform", "0", "0.99", "1", "2.5"] {
            assert_eq!(Skew::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "-1", "NaN", "inf", "steep", "1e9"] {
            let said = Skew::parse(text).unwrap_err();
            assert!(said.contains("write an exponent from 0"), "{text}: {said}");
        }
        for text in ["uniform", "hotspot:20/80", "hotspot:0.1/99.9", "gauss:0.1"] {
            assert_eq!(Skew::parse_named(text).unwrap().to_string(), text);
        }
        let zipf = Skew::Zipf { exponent: 0.9 };
        assert_eq!(Skew::parse_named("zipf:0.9"), Ok(zipf));
        for text in [
            "",
            "0.9",
            "hotspot",
            "hotspot:20",
            "hotspot:80/20",
            "hotspot:0/80",
            "hotspot:20/101",
            "gauss:0",
            "gauss:2",
            "zipf:uniform",
            "zipf:-1",
        ] {
            let said = Skew::parse_named(text).unwrap_err();
            assert!(said.contains("write"), "{text}: {said}");
        }
        for (text, part) in [("-1", "negative, as -1 is"), ("1e9", "1e9 is above 100")] {
            let said = Skew::parse(text).unwrap_err();
            assert!(said.contains(part), "{said}");
        }
    }
}
