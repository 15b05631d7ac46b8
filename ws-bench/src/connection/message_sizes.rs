//! Sizes of messages, fixed or spread evenly between two bounds.

use std::fmt;
use std::str::FromStr;

use bench_cli::flags;

/// Size of the smallest message, in bytes: the numbers of the connection and of the message, which
/// distinguish it from all others.
pub(crate) const SMALLEST_BYTES: usize = 16;
/// Size of the largest message, in bytes.
const LARGEST_BYTES: u64 = 1 << 20;

/// Sizes of the messages of a load. That of a message follows from its numbers alone, so that the
/// length of its echo can be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MessageSizes {
    least: usize,
    most: usize,
}

impl MessageSizes {
    /// Creates messages of one size, in bytes. A size below [`SMALLEST_BYTES`] counts as that.
    pub(crate) fn of(bytes: usize) -> Self {
        let size = bytes.max(SMALLEST_BYTES);
        Self {
            least: size,
            most: size,
        }
    }

    /// Returns the largest size, in bytes.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// Returns the size of message `sequence` of `connection`, in bytes.
    pub(crate) fn size(&self, connection: u64, sequence: u64) -> usize {
        let span = (self.most - self.least + 1) as u64;
        if span == 1 {
            return self.least;
        }
        let random = scrambled(connection ^ sequence.rotate_left(32));
        // Maps the upper bits evenly onto the span.
        self.least + ((u128::from(random) * u128::from(span)) >> 64) as usize
    }
}

/// Returns a number that looks random and follows from `count` (the finalizer of splitmix64,
/// Steele, Lea, Flood 2014).
fn scrambled(count: u64) -> u64 {
    let mut bits = count.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

impl FromStr for MessageSizes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let one = |text: &str| {
            let size = flags::size(text.trim())?;
            let range = SMALLEST_BYTES as u64..=LARGEST_BYTES;
            if range.contains(&size) {
                return Ok(size as usize);
            }
            Err(format!("a message has {SMALLEST_BYTES} bytes to 1 MiB"))
        };
        let (least, most) = match text.split_once("..") {
            Some((least, most)) => (one(least)?, one(most)?),
            None => (one(text)?, one(text)?),
        };
        if least > most {
            return Err("write the smaller size first, as in 20..4KiB".to_owned());
        }
        Ok(Self { least, most })
    }
}

impl fmt::Display for MessageSizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.least == self.most {
            write!(f, "{}", self.least)
        } else {
            write!(f, "{}..{}", self.least, self.most)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_they_are_written() {
        for (text, shown) in [("20", "20"), ("1KiB", "1024"), ("16..1MiB", "16..1048576")] {
            assert_eq!(text.parse::<MessageSizes>().unwrap().to_string(), shown);
        }
        for text in ["", "15", "2MiB", "40..20", "20..", "20..x"] {
            assert!(text.parse::<MessageSizes>().is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_spread_evenly_over_their_range_and_are_the_same_again() {
        let sizes: MessageSizes = "100..199".parse().unwrap();
        let mut tenths = [0; 10];
        for message in 0..10_000 {
            let size = sizes.size(message % 7, message);
            assert_eq!(sizes.size(message % 7, message), size);
            tenths[(size - 100) / 10] += 1;
        }
        assert!(
            tenths.iter().all(|n| (800..1_200).contains(n)),
            "{tenths:?}"
        );
    }
}
