//! Lengths of the values of keys: fixed, evenly spread, log-normal, or weighted as in a list or a file.

use std::fmt;
use std::sync::Arc;

use bench_cli::flags;

/// Number of keys over which the mean length is computed.
const SAMPLED: u64 = 10_000;
/// Number of standard deviations at which log-normal lengths are cut off on both sides.
const MOST_DEVIATIONS: f64 = 4.0;
const FORMS: &str = "write 256, 100..4k (evenly between), lognormal:1k,2 (median and geometric \
                     standard deviation), 32:9,1k:1 (size:weight) or file:NAME (a line size,weight \
                     for each size)";

/// Lengths of values, as `--value-size` gives them. Each key has a length of its own, which depends
/// on its index alone, so that every read can be checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ValueSizes {
    written: String,
    law: SizeLaw,
}

#[derive(Debug, Clone, PartialEq)]
enum SizeLaw {
    Fixed(u64),
    Uniform {
        low: u64,
        high: u64,
    },
    LogNormal {
        median: f64,
        /// Standard deviation of the logarithm.
        deviation: f64,
    },
    /// Lengths with the share of the keys up to each, the last of which is 1.
    Weighted(Arc<[(u64, f64)]>),
}

impl ValueSizes {
    /// Parses lengths in one of the forms of `--value-size`; reads the file that it may name.
    ///
    /// # Errors
    /// Fails with a sentence that shows the forms, or that names the line of the file.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let law = if let Some(path) = text.strip_prefix("file:") {
            weighted(file_sizes(path)?)?
        } else if let Some(numbers) = text.strip_prefix("lognormal:") {
            log_normal(numbers)?
        } else if let Some((low, high)) = text.split_once("..") {
            let (low, high) = (size(low)?, size(high)?);
            if low > high {
                return Err(format!("the first size is above the second; {FORMS}"));
            }
            SizeLaw::Uniform { low, high }
        } else if text.contains(':') {
            let each = text.split(',').map(|pair| {
                let (bytes, weight) = pair.split_once(':').ok_or_else(refused)?;
                Ok((size(bytes)?, weight.parse().map_err(|_| refused())?))
            });
            weighted(each.collect::<Result<_, String>>()?)?
        } else {
            SizeLaw::Fixed(size(text)?)
        };
        Ok(Self {
            written: text.to_owned(),
            law,
        })
    }

    /// Returns the length if all values have the same one.
    pub(crate) fn fixed(&self) -> Option<u64> {
        match self.law {
            SizeLaw::Fixed(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Returns the length of the value of the key at `index`, in bytes.
    pub(crate) fn of_key(&self, index: u64) -> u64 {
        match &self.law {
            SizeLaw::Fixed(bytes) => *bytes,
            SizeLaw::Uniform { low, high } => {
                low + ((high - low + 1) as f64 * spread(index, 1)) as u64
            }
            SizeLaw::LogNormal { median, deviation } => {
                // Box and Muller's transform of two uniform numbers to a normal one.
                let radius = (-2.0 * (1.0 - spread(index, 1)).ln()).sqrt();
                let normal = radius * (std::f64::consts::TAU * spread(index, 2)).cos();
                let normal = normal.clamp(-MOST_DEVIATIONS, MOST_DEVIATIONS);
                ((median * (deviation * normal).exp()).round() as u64).max(1)
            }
            SizeLaw::Weighted(sizes) => {
                let drawn = spread(index, 1);
                let at = sizes.partition_point(|(_, up_to)| *up_to <= drawn);
                sizes
                    .get(at)
                    .or(sizes.last())
                    .map_or(0, |(bytes, _)| *bytes)
            }
        }
    }

    /// Returns the longest length that a key can have.
    pub(crate) fn longest(&self) -> u64 {
        match &self.law {
            SizeLaw::Fixed(bytes) | SizeLaw::Uniform { high: bytes, .. } => *bytes,
            SizeLaw::LogNormal { median, deviation } => {
                (median * (deviation * MOST_DEVIATIONS).exp()).round() as u64
            }
            SizeLaw::Weighted(sizes) => sizes.iter().map(|(bytes, _)| *bytes).max().unwrap_or(0),
        }
    }

    /// Returns the mean length of the values of `keys` keys; where there are many, of a sample.
    pub(crate) fn mean(&self, keys: u64) -> u64 {
        let sampled = keys.clamp(1, SAMPLED);
        (0..sampled)
            .map(|index| self.of_key(index))
            .sum::<u64>()
            .div_ceil(sampled)
    }
}

impl fmt::Display for ValueSizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

fn refused() -> String {
    format!("these are no lengths of values; {FORMS}")
}

/// Parses one size.
fn size(text: &str) -> Result<u64, String> {
    flags::size(text.trim()).map_err(|why| format!("{why}; {FORMS}"))
}

fn log_normal(numbers: &str) -> Result<SizeLaw, String> {
    let (median, factor) = numbers.split_once(',').ok_or_else(refused)?;
    let factor: f64 = factor.trim().parse().map_err(|_| refused())?;
    if !(1.0..=10.0).contains(&factor) {
        return Err(format!(
            "a geometric standard deviation is from 1 to 10; {FORMS}"
        ));
    }
    Ok(SizeLaw::LogNormal {
        median: size(median)? as f64,
        deviation: factor.ln(),
    })
}

/// Returns the law of lengths with these weights.
fn weighted(sizes: Vec<(u64, f64)>) -> Result<SizeLaw, String> {
    let whole: f64 = sizes.iter().map(|(_, weight)| *weight).sum();
    let is_weight = |(_, weight): &(u64, f64)| weight.is_finite() && *weight >= 0.0;
    if !sizes.iter().all(is_weight) || !whole.is_finite() || whole <= 0.0 {
        return Err(format!("weights are 0 or more, and not all are 0; {FORMS}"));
    }
    let mut up_to = 0.0;
    let shares = sizes.into_iter().filter(|(_, weight)| *weight > 0.0);
    let shares = shares.map(|(bytes, weight)| {
        up_to += weight / whole;
        (bytes, up_to)
    });
    Ok(SizeLaw::Weighted(shares.collect()))
}

/// Reads a histogram: a line `size,weight` for each size. Empty lines, and a first line of names, are
/// left out.
fn file_sizes(path: &str) -> Result<Vec<(u64, f64)>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let mut sizes = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let both = line.split_once(',');
        let parsed = both.and_then(|(bytes, weight)| {
            let bytes = flags::size(bytes.trim()).ok()?;
            Some((bytes, weight.trim().parse().ok()?))
        });
        match parsed {
            Some(pair) => sizes.push(pair),
            None if line.trim().is_empty() => {}
            // Names have no digit.
            None if number == 1 && !line.contains(|c: char| c.is_ascii_digit()) => {}
            None => return Err(format!("{path}:{number}: write size,weight as in 1k,9")),
        }
    }
    Ok(sizes)
}

/// Returns a number from 0 to below 1 that depends on `index` and `stream` alone, by the finishing
/// steps of `SplitMix64` (Steele, Lea and Flood, 2014).
fn spread(index: u64, stream: u64) -> f64 {
    let mut bits = index
        .wrapping_mul(2)
        .wrapping_add(stream)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^= bits >> 31;
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use test_support::TestDirectory;

    use super::*;

    fn lengths(text: &str) -> Vec<u64> {
        let sizes = ValueSizes::parse(text).unwrap();
        let lengths: Vec<u64> = (0..100_000).map(|index| sizes.of_key(index)).collect();
        assert!(
            lengths.iter().all(|bytes| *bytes <= sizes.longest()),
            "{text}"
        );
        let mean = lengths.iter().sum::<u64>() as f64 / lengths.len() as f64;
        let told = sizes.mean(1_000_000) as f64;
        assert!(
            (told / mean - 1.0).abs() < 0.03,
            "{text}: {told}, not {mean}"
        );
        lengths
    }

    fn mean(lengths: &[u64]) -> f64 {
        lengths.iter().sum::<u64>() as f64 / lengths.len() as f64
    }

    #[test]
    fn lengths_follow_their_law() {
        assert!(lengths("256").iter().all(|bytes| *bytes == 256));
        let uniform = lengths("100..300");
        assert!((mean(&uniform) / 200.0 - 1.0).abs() < 0.01);
        assert!(uniform.contains(&100) && uniform.contains(&300));
        let log_normal = lengths("lognormal:1000,2");
        // The mean is the median × e^(σ² ÷ 2), with σ = ln 2.
        let wanted = 1_000.0 * (2.0_f64.ln().powi(2) / 2.0).exp();
        assert!((mean(&log_normal) / wanted - 1.0).abs() < 0.01);
        let below = log_normal.iter().filter(|bytes| **bytes < 500).count() as f64;
        assert!((below / 1e5 - 0.158_7).abs() < 0.005, "one deviation below");
    }

    #[test]
    fn weights_are_shares_of_the_keys() {
        let file = TestDirectory::new();
        let path = file.path().join("sizes.csv");
        std::fs::write(&path, "size,weight\n32,9\n\n1000,1\n").unwrap();
        for text in ["32:9,1000:1".to_owned(), format!("file:{}", path.display())] {
            let lengths = lengths(&text);
            let small = lengths.iter().filter(|bytes| **bytes == 32).count() as f64;
            assert!((small / 1e5 - 0.9).abs() < 0.005, "{text}: {small}");
            assert!(lengths.iter().all(|bytes| [32, 1_000].contains(bytes)));
        }
        std::fs::write(&path, "32,9\n1000;1\n").unwrap();
        let said = ValueSizes::parse(&format!("file:{}", path.display())).unwrap_err();
        assert!(said.contains("sizes.csv:2: write size,weight"), "{said}");
    }

    #[test]
    fn what_are_no_lengths_is_refused_with_the_forms() {
        for text in [
            "",
            "large",
            "4k..100",
            "..",
            "lognormal:1k",
            "lognormal:1k,0.5",
            "32:9,1k",
            "32:0",
            "32:-1,1k:2",
            "32:NaN",
        ] {
            let said = ValueSizes::parse(text).unwrap_err();
            assert!(said.contains("write 256, 100..4k"), "{text}: {said}");
        }
        assert!(ValueSizes::parse("file:/not/there").is_err());
    }
}
