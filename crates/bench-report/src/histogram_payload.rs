//! Payload of a histogram in a report, checked before anything is allocated for it. Its header may
//! ask for gigabytes, and a deflated text of some kilobytes may be as long.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::bufread::ZlibDecoder;

/// Longest duration in a histogram, in nanoseconds: one hour. Recorders store longer ones as one
/// hour.
pub const HIGHEST_NS: u64 = 3_600_000_000_000;

/// Reason for which the distribution in a report cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HistogramError {
    /// The text `hdr` is not base64.
    #[error("the histogram's `hdr` is not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// The text `hdr` is not the payload of an HdrHistogram V2.
    #[error("the histogram's `hdr` is not an HdrHistogram V2 payload: {0}")]
    Payload(#[from] hdrhistogram::serialization::DeserializeError),
    /// The payload cannot be read; the value is the reason.
    #[error("the histogram's `hdr` is damaged: {0}")]
    Damaged(&'static str),
    /// The histogram has other bounds than those that this schema sets.
    #[error(
        "the histogram's bounds are not this schema's: up to {high_ns} ns with {digits} digits"
    )]
    Bounds {
        /// Longest duration that the histogram can hold, in nanoseconds.
        high_ns: u64,
        /// Number of significant decimal digits of the buckets.
        digits: u8,
    },
}

/// First bytes of an HdrHistogram V2, plain.
const PLAIN: u32 = 0x1c84_9303 | 0x10;
/// First bytes of an HdrHistogram V2, deflated.
const DEFLATED: u32 = 0x1c84_9304 | 0x10;
/// Length of the header of a plain payload, in bytes.
const HEADER: usize = 40;
/// Number of significant decimal digits of the buckets in a report.
const DIGITS: u8 = 3;
/// Number of buckets of a histogram from 1 ns to an hour with three digits.
const BUCKETS: u64 = 33_792;
/// Longest payload in bytes: each bucket has at most nine.
const LONGEST: u64 = HEADER as u64 + 9 * BUCKETS;
/// Length in bytes that the payload of few histograms exceeds.
const USUAL: usize = 8_192;

/// Plain payload whose header and buckets are those of this schema.
#[derive(Debug)]
pub(crate) struct HistogramPayload {
    /// Payload as HdrHistogram V2, not deflated.
    pub(crate) bytes: Vec<u8>,
    /// Sum of the counts of all buckets.
    pub(crate) count: u64,
    /// Number of significant decimal digits of the buckets.
    digits: u8,
}

impl HistogramPayload {
    /// Reads the payload of a histogram in a report from the text `hdr`.
    ///
    /// # Errors
    /// Fails as [`HistogramPayload::of_any_digits`] does, and if the buckets have other than three
    /// significant digits.
    pub(crate) fn read(hdr: &str) -> Result<Self, HistogramError> {
        let payload = Self::of_any_digits(hdr)?;
        let digits = payload.digits;
        if digits == DIGITS {
            Ok(payload)
        } else {
            let high_ns = HIGHEST_NS;
            Err(HistogramError::Bounds { high_ns, digits })
        }
    }

    /// Reads the payload of a histogram from the text `hdr`, whose buckets have at most three
    /// significant digits: those of intervals, which processes send to each other, have fewer.
    ///
    /// # Errors
    /// Fails if the text is not base64, is no deflated HdrHistogram V2, has other bounds than this
    /// schema, or has buckets that do not fit them.
    pub(crate) fn of_any_digits(hdr: &str) -> Result<Self, HistogramError> {
        let packed = BASE64.decode(hdr)?;
        let deflated = match packed.split_at_checked(8) {
            Some((head, rest)) if number(head, 0) == Some(DEFLATED) => rest,
            _ => return Err(HistogramError::Damaged("it is no deflated HdrHistogram V2")),
        };
        let mut bytes = Vec::with_capacity(USUAL);
        let inflated = ZlibDecoder::new(deflated)
            .take(LONGEST + 1)
            .read_to_end(&mut bytes);
        if inflated.is_err() {
            return Err(HistogramError::Damaged("it cannot be inflated"));
        }
        let (count, digits) = count_and_digits(&bytes)?;
        Ok(Self {
            bytes,
            count,
            digits,
        })
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes(four.try_into().ok()?))
}

/// Checks the header of a plain payload. Returns the sum of the counts of its buckets, and their number of
/// significant digits.
fn count_and_digits(bytes: &[u8]) -> Result<(u64, u8), HistogramError> {
    let header = |at| number(bytes, at).ok_or(HistogramError::Damaged("its header is cut short"));
    if header(0)? != PLAIN {
        return Err(HistogramError::Damaged("it is no HdrHistogram V2"));
    }
    let (length, digits) = (header(4)?, header(12)?);
    let wide =
        |at| Ok::<u64, HistogramError>(u64::from(header(at)?) << 32 | u64::from(header(at + 4)?));
    let (low_ns, high_ns) = (wide(16)?, wide(24)?);
    let digits = u8::try_from(digits).unwrap_or(u8::MAX);
    if (low_ns, high_ns) != (1, HIGHEST_NS) || !(1..=DIGITS).contains(&digits) {
        return Err(HistogramError::Bounds { high_ns, digits });
    }
    let buckets = bytes.get(HEADER..).unwrap_or_default();
    if buckets.len() != length as usize {
        return Err(HistogramError::Damaged(
            "its length is not the one it states",
        ));
    }
    Ok((sum(buckets)?, digits))
}

/// Adds the counts of the buckets. Each number is a count, or, if it is negative, a number of empty
/// buckets.
fn sum(mut buckets: &[u8]) -> Result<u64, HistogramError> {
    const DAMAGED: HistogramError = HistogramError::Damaged("its buckets do not fit its bounds");
    let (mut total, mut place) = (0_u64, 0_u64);
    while let Some((first, rest)) = buckets.split_first() {
        // Most numbers have one byte.
        let zigzag = if first & 0x80 == 0 {
            buckets = rest;
            u64::from(*first)
        } else {
            varint(&mut buckets).ok_or(DAMAGED)?
        };
        let half = zigzag >> 1;
        if zigzag & 1 == 0 {
            total = total.checked_add(half).ok_or(DAMAGED)?;
            place += 1;
        } else {
            place = place.checked_add(half + 1).ok_or(DAMAGED)?;
        }
        if place > BUCKETS {
            return Err(DAMAGED);
        }
    }
    Ok(total)
}

/// Takes a number from the beginning of `bytes`: seven bits a byte, the lowest first; the ninth
/// byte has eight. `None` if the bytes end before the number.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for place in 0..9 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if place == 8 {
            return Some(value | u64::from(*byte) << 56);
        }
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;
    use crate::histogram::{encode, recording};

    /// Returns the text of a deflated payload with this plain content.
    fn packed(plain: &[u8]) -> String {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).unwrap();
        let deflated = encoder.finish().unwrap();
        let mut bytes = DEFLATED.to_be_bytes().to_vec();
        bytes.extend(u32::try_from(deflated.len()).unwrap().to_be_bytes());
        bytes.extend(deflated);
        BASE64.encode(bytes)
    }

    /// Returns the plain payload of a histogram with these buckets.
    fn plain(buckets: &[u8]) -> Vec<u8> {
        let mut bytes = PLAIN.to_be_bytes().to_vec();
        bytes.extend(u32::try_from(buckets.len()).unwrap().to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(3_u32.to_be_bytes());
        bytes.extend(1_u64.to_be_bytes());
        bytes.extend(HIGHEST_NS.to_be_bytes());
        bytes.extend(1.0_f64.to_be_bytes());
        bytes.extend(buckets);
        bytes
    }

    fn refused(hdr: &str) -> String {
        HistogramPayload::read(hdr).unwrap_err().to_string()
    }

    #[test]
    fn counts_are_added_as_the_library_adds_them() {
        let mut whole = recording();
        assert_eq!(whole.distinct_values() as u64, BUCKETS);
        for (ns, count) in [(1, 1), (2_000, 300), (777_777, 1 << 40), (HIGHEST_NS, 5)] {
            whole.record_n(ns, count).unwrap();
            let payload = HistogramPayload::read(&encode(&whole).unwrap()).unwrap();
            assert_eq!(payload.count, whole.len());
        }
    }

    #[test]
    fn a_payload_that_lies_about_itself_is_refused_before_it_is_unpacked() {
        assert!(HistogramPayload::read(&packed(&plain(&[2]))).is_ok());
        let mut gigabytes = plain(&[2]);
        gigabytes[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(refused(&packed(&gigabytes)).contains("not the one it states"));
        let bomb = plain(&vec![0; 8 << 20]);
        assert!(packed(&bomb).len() < 20_000);
        assert!(refused(&packed(&bomb)).contains("not the one it states"));
        let mut wide = plain(&[2]);
        wide[24..32].copy_from_slice(&u64::MAX.to_be_bytes());
        assert!(refused(&packed(&wide)).contains("bounds are not this schema's"));
        assert!(
            refused(&packed(&plain(&[0xff; 9]))).contains("do not fit"),
            "a run of 2^63 zeros"
        );
        assert!(
            refused(&packed(&plain(&[0x80]))).contains("do not fit"),
            "a number cut short"
        );
        assert!(refused(&packed(&[0; 40])).contains("no HdrHistogram"));
        assert!(refused(&packed(&[])).contains("cut short"));
        let many = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert!(
            refused(&packed(&plain(&[many; 3].concat()))).contains("do not fit"),
            "above 2^64"
        );
        assert!(refused("AAAAAAAAAAAA").contains("no deflated"));
    }
}
