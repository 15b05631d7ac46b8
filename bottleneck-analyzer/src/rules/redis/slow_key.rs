//! Key that the slow calls of a command used, where the report names it: type, number of elements and size.

use bench_report::EvidenceRow;
use bench_report::names::redis::key_hints;

use crate::assessment::EvidenceItem;
use crate::figures::{bytes, counted};
use crate::redis::RedisEvidence;

/// Returns a sentence, with a space at its begin, about the largest key that slow calls of `command` used, with its
/// evidence; both empty if no such key is known.
pub(super) fn told(server: &RedisEvidence<'_>, command: &str) -> (String, Vec<EvidenceItem>) {
    let is_slow = |(_, row): &(usize, &EvidenceRow)| {
        row.label(key_hints::WHY) == Some("slow") && row.label(key_hints::COMMAND) == Some(command)
    };
    let rows = server.rows("key_hints").filter(is_slow);
    let size = |row: &EvidenceRow| row.value(key_hints::BYTES).unwrap_or(0.0);
    let Some((place, row)) = rows.max_by(|a, b| size(a.1).total_cmp(&size(b.1))) else {
        return Default::default();
    };
    let label = |column| row.label(column);
    let Some(key) = label(key_hints::KEY) else {
        return Default::default();
    };
    let mut parts = vec![label(key_hints::TYPE).unwrap_or("value").to_owned()];
    parts.extend(label(key_hints::ENCODING).map(|encoding| format!("({encoding})")));
    if let Some(elements) = row.value(key_hints::ELEMENTS) {
        parts.push(format!("of {}", counted(elements, "element")));
    }
    if let Some(size) = row.value(key_hints::BYTES) {
        parts.push(format!("with {}", bytes(size)));
    }
    let evidence = [
        (key_hints::ELEMENTS, "elements of"),
        (key_hints::BYTES, "bytes of"),
    ];
    let evidence = evidence.into_iter().filter_map(|(column, what)| {
        let place = ("key_hints", place);
        server.row_evidence(format!("{what} {key}"), place, column.as_str())
    });
    let sentence = format!(" They worked on the key {key}: a {}.", parts.join(" "));
    (sentence, evidence.collect())
}
