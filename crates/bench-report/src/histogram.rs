//! Distributions of durations: a summary for people, and the buckets that tools merge.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::serialization::{
    DeserializeError, Deserializer as HdrDeserializer, Serializer as _, V2DeflateSerializer,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::histogram_payload::HistogramPayload;
pub use crate::histogram_payload::{HIGHEST_NS, HistogramError};

/// In-memory histogram of durations in nanoseconds, with `u64` counts.
pub type Recording = hdrhistogram::Histogram<u64>;

/// Creates an empty histogram for 1 ns to [`HIGHEST_NS`] with three significant digits (an error of
/// 0.1 %).
///
/// The bounds are fixed, so recording never allocates.
#[expect(
    clippy::expect_used,
    reason = "the bounds are constants that the constructor accepts"
)]
pub fn recording() -> Recording {
    Recording::new_with_bounds(1, HIGHEST_NS, 3).expect("constant bounds")
}

/// Percentiles of a distribution that a report lists, in nanoseconds: `p999` is the 99.9th,
/// `p9999` the 99.99th.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "each field is the percentile its name says")]
pub struct Percentiles {
    pub p50: u64,
    pub p75: u64,
    pub p90: u64,
    pub p95: u64,
    pub p99: u64,
    pub p999: u64,
    pub p9999: u64,
}

impl Percentiles {
    /// Names of all listed percentiles with their quantiles, from 0 to 1, rising.
    pub const LEVELS: [(&str, f64); 7] = [
        ("p50", 0.5),
        ("p75", 0.75),
        ("p90", 0.9),
        ("p95", 0.95),
        ("p99", 0.99),
        ("p999", 0.999),
        ("p9999", 0.9999),
    ];

    /// Creates the percentiles from `at`, which returns the value in nanoseconds for a name and
    /// its quantile, from 0 to 1. `None` if `at` returns `None` for one of them.
    pub(crate) fn of(mut at: impl FnMut(&'static str, f64) -> Option<u64>) -> Option<Self> {
        let mut values = [0; 7];
        for (value, (name, q)) in values.iter_mut().zip(Self::LEVELS) {
            *value = at(name, q)?;
        }
        let [p50, p75, p90, p95, p99, p999, p9999] = values;
        Some(Self {
            p50,
            p75,
            p90,
            p95,
            p99,
            p999,
            p9999,
        })
    }

    /// Returns the values in nanoseconds, in the order of [`Self::LEVELS`].
    pub fn values(self) -> [u64; 7] {
        [
            self.p50, self.p75, self.p90, self.p95, self.p99, self.p999, self.p9999,
        ]
    }
}

/// Distribution of durations in nanoseconds.
///
/// `hdr` has every bucket as HdrHistogram V2, deflated, in base64, so that any HdrHistogram library
/// can read and merge it. The other fields are derived from it for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Histogram {
    /// Number of recorded durations.
    pub count: u64,
    /// Shortest recorded duration, in nanoseconds.
    pub min_ns: u64,
    /// Longest recorded duration, in nanoseconds.
    pub max_ns: u64,
    /// Arithmetic mean of the recorded durations, in nanoseconds.
    pub mean_ns: f64,
    /// Standard deviation of the recorded durations, in nanoseconds.
    pub stdev_ns: f64,
    /// Percentiles of the recorded durations, in nanoseconds, each within 0.1 % of the true value.
    pub percentiles_ns: Percentiles,
    /// All buckets of the histogram: HdrHistogram V2, deflated, in base64.
    pub hdr: String,
}

impl Histogram {
    /// Converts a histogram to the form in a report. `None` if it is empty, because it then has no
    /// percentiles.
    pub fn from_recording(recording: &Recording) -> Option<Self> {
        if recording.is_empty() {
            return None;
        }
        Some(Self {
            count: recording.len(),
            min_ns: recording.min(),
            max_ns: recording.max(),
            mean_ns: recording.mean(),
            stdev_ns: recording.stdev(),
            percentiles_ns: Percentiles::of(|_, q| Some(recording.value_at_quantile(q)))?,
            hdr: encode(recording)?,
        })
    }

    /// Decodes all buckets of `hdr`, for merging and for percentiles that are not listed.
    ///
    /// # Errors
    ///
    /// Fails if `hdr` is not base64 or is no HdrHistogram.
    pub fn decode(&self) -> Result<Recording, HistogramError> {
        Ok(recorded(&HistogramPayload::read(&self.hdr)?)?)
    }
}

/// Encodes all buckets as HdrHistogram V2, deflated, in base64; `None` if the encoder fails.
pub fn encode(recording: &Recording) -> Option<String> {
    let mut bytes = Vec::new();
    let mut encoder = V2DeflateSerializer::new();
    encoder.serialize(recording, &mut bytes).ok()?;
    Some(BASE64.encode(bytes))
}

/// Decodes all buckets from a text that [`encode`] returned.
///
/// # Errors
///
/// Fails if `hdr` is not base64, is no HdrHistogram, reaches to another duration than those of this
/// schema, or has more than three significant digits.
pub fn decode(hdr: &str) -> Result<Recording, HistogramError> {
    Ok(recorded(&HistogramPayload::of_any_digits(hdr)?)?)
}

fn recorded(payload: &HistogramPayload) -> Result<Recording, DeserializeError> {
    HdrDeserializer::new().deserialize(&mut payload.bytes.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_recorded_is_absent_not_zero() {
        assert_eq!(Histogram::from_recording(&recording()), None);
    }

    #[test]
    fn what_is_longer_than_an_hour_is_recorded_as_an_hour() {
        let mut r = recording();
        r.saturating_record(2 * HIGHEST_NS);
        let h = Histogram::from_recording(&r).unwrap();
        assert!(h.max_ns >= HIGHEST_NS && h.max_ns < HIGHEST_NS + HIGHEST_NS / 500);
    }

    #[test]
    fn an_interval_with_fewer_digits_is_read_and_no_report_has_one() {
        let mut coarse = Recording::new_with_bounds(1, HIGHEST_NS, 2).unwrap();
        coarse.saturating_record(5_000);
        let hdr = encode(&coarse).unwrap();
        assert_eq!(decode(&hdr).unwrap().len(), 1);
        let mut of_report = Histogram::from_recording(&coarse).unwrap();
        of_report.hdr = hdr;
        assert!(matches!(
            of_report.decode(),
            Err(HistogramError::Bounds { digits: 2, .. })
        ));
    }

    #[test]
    fn a_damaged_payload_is_an_error() {
        let mut r = recording();
        r.saturating_record(5);
        let mut h = Histogram::from_recording(&r).unwrap();
        h.hdr = "AAAA".to_owned();
        assert!(matches!(h.decode(), Err(HistogramError::Damaged(_))));
        h.hdr = "%".to_owned();
        assert!(matches!(h.decode(), Err(HistogramError::Base64(_))));
    }

    proptest! {
        #[test]
        fn every_bucket_survives_the_codec(values in prop::collection::vec(1u64..HIGHEST_NS, 1..200)) {
            let mut r = recording();
            for v in &values { r.saturating_record(*v); }
            let back = Histogram::from_recording(&r).unwrap().decode().unwrap();
            prop_assert_eq!(back.len(), values.len() as u64);
            for q in [0.0, 0.5, 0.9, 0.99, 0.999, 1.0] {
                prop_assert_eq!(back.value_at_quantile(q), r.value_at_quantile(q));
            }
        }
    }
}
