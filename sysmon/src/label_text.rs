//! Text form of the labels of a series.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Encodes labels, pairs of a key and a value, as a JSON object in order of their keys. Of equal
/// keys the last one counts.
pub(crate) fn label_text<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> Arc<str> {
    let object: BTreeMap<&str, &str> = labels.collect();
    // Encoding a map of texts as JSON cannot fail.
    serde_json::to_string(&object).unwrap_or_default().into()
}
