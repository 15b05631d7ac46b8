//! Text form of a series' labels.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Encodes labels as a JSON object, in order of their keys.
pub(crate) fn label_text<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> Arc<str> {
    let object: BTreeMap<&str, &str> = labels.collect();
    // Encoding a map of texts as JSON cannot fail.
    serde_json::to_string(&object).unwrap_or_default().into()
}
