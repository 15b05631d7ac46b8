//! Text form of histograms for the protocol between worker processes and their parent: HdrHistogram
//! V2, deflated, in base64. For use as `#[serde(with = ...)]`.

use bench_report::histogram::{Recording, decode, encode};
use serde::{Deserialize as _, Deserializer, Serializer, de, ser};

/// Serializes a histogram with all its buckets as text. Fails if it cannot be encoded or written.
pub(super) fn serialize<S: Serializer>(
    recording: &Recording,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let text = encode(recording).ok_or_else(|| ser::Error::custom("histogram without a form"))?;
    serializer.serialize_str(&text)
}

/// Deserializes a histogram from the text of [`serialize`]. Fails if the text is no such histogram.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Recording, D::Error> {
    let text = String::deserialize(deserializer)?;
    decode(&text).map_err(de::Error::custom)
}
