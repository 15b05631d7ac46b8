//! Keys that stand out of a sample of the keys on a server: the most used one, and the largest one.

use bench_report::EvidenceRow;
use bench_report::names::{ColumnName, redis, redis::key_hints};

use super::evidence::RedisEvidence;
use crate::assessment::EvidenceItem;
use crate::figures::{bytes, counted, plain};

/// Key of the sample, described as far as the server tells it.
#[derive(Debug, Clone)]
pub(crate) struct SampledKey {
    /// Description, as in `2000 sampled keys, k:7 is the most used one (…)`.
    told: String,
    /// Figures of the description.
    pub(crate) evidence: Vec<EvidenceItem>,
}

impl SampledKey {
    /// Returns a sentence about the key, with a space at its begin.
    pub(crate) fn sentence(&self) -> String {
        format!(" Of {}.", self.told)
    }

    /// Returns the same as the end of a sentence.
    pub(crate) fn clause(&self) -> String {
        format!("; of {}", self.told)
    }
}

impl RedisEvidence<'_> {
    /// Returns the most used key of the sample. Its counter of accesses is logarithmic and forgets, so that it
    /// tells no share of the requests. `None` if the server counts no accesses, or no key stands out.
    pub(crate) fn most_used_key(&self) -> Option<SampledKey> {
        self.sampled_key("hot", key_hints::FREQUENCY, "is the most used one")
    }

    /// Returns the largest key of the sample; `None` if no key stands out by its size.
    pub(crate) fn largest_key(&self) -> Option<SampledKey> {
        self.sampled_key("big", key_hints::BYTES, "is the largest one")
    }

    /// Describes the key that is listed as `why` and has the largest figure in `column`; `what` tells what it is.
    fn sampled_key(&self, why: &str, column: ColumnName, what: &str) -> Option<SampledKey> {
        let is_listed = |(_, row): &(usize, &EvidenceRow)| row.label(key_hints::WHY) == Some(why);
        let rows = self.rows("key_hints").filter(is_listed);
        let rows = rows.filter_map(|(place, row)| Some((place, row, row.value(column)?)));
        let (place, row, _) = rows.max_by(|a, b| a.2.total_cmp(&b.2))?;
        let key = row.label(key_hints::KEY)?;
        let mut parts = Vec::new();
        let kind = row.label(key_hints::TYPE);
        let size = row.value(key_hints::BYTES);
        if let Some(kind) = kind {
            parts.push(match size {
                Some(size) => format!("a {kind} with {}", bytes(size)),
                None => format!("a {kind}"),
            });
        }
        if let Some(frequency) = row.value(key_hints::FREQUENCY) {
            let counter = plain(frequency);
            parts.push(format!(
                "access counter {counter}, which grows with the logarithm"
            ));
        }
        let sampled = self.figure(redis::KEYS_SAMPLED);
        let of = sampled.map_or("the sampled keys".to_owned(), |sampled| {
            counted(sampled, "sampled key")
        });
        let about = if parts.is_empty() {
            String::new()
        } else {
            format!(" ({})", parts.join("; "))
        };
        let shown = [
            (key_hints::FREQUENCY, "access counter of"),
            (key_hints::BYTES, "bytes of"),
        ];
        let shown = shown.into_iter().filter_map(|(column, label)| {
            let place = ("key_hints", place);
            self.row_evidence(format!("{label} {key}"), place, column.as_str())
        });
        Some(SampledKey {
            told: format!("{of}, {key} {what}{about}"),
            evidence: shown.chain(self.evidence(redis::KEYS_SAMPLED)).collect(),
        })
    }
}
