//! Text form of histograms for the worker processes' protocol: HdrHistogram V2, deflated, in
//! base64.

use bench_report::histogram::{Recording, decode, encode};
use serde::{Deserialize as _, Deserializer, Serializer, de, ser};

/// Serializes a histogram with all its buckets as text.
pub(super) fn serialize<S: Serializer>(
    recording: &Recording,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let text = encode(recording).ok_or_else(|| ser::Error::custom("histogram without a form"))?;
    serializer.serialize_str(&text)
}

/// Deserializes a histogram from its text.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Recording, D::Error> {
    let text = String::deserialize(deserializer)?;
    decode(&text).map_err(de::Error::custom)
}
