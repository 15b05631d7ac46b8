//! Text of a series' labels.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Encodes labels as a JSON object, in order of their keys.
pub(crate) fn label_text<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> Arc<str> {
    let object: BTreeMap<&str, &str> = labels.collect();
    // A map of texts can always be encoded as JSON.
    serde_json::to_string(&object).unwrap_or_default().into()
}
