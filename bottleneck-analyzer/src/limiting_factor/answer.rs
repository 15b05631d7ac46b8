//! A limiting factor in the making.

use crate::assessment::{Confidence, EvidenceItem, LimitingFactor};

pub(super) fn factor(
    name: &str,
    title: String,
    reason: impl Into<String>,
    confidence: Confidence,
    evidence: impl IntoIterator<Item = EvidenceItem>,
) -> LimitingFactor {
    LimitingFactor {
        factor: name.to_owned(),
        title,
        reason: reason.into(),
        confidence,
        evidence: evidence.into_iter().collect(),
        would_tell: None,
    }
}

pub(super) fn inconclusive(why: &str, would_tell: &str) -> LimitingFactor {
    let mut answer = factor(
        "inconclusive",
        "not known".to_owned(),
        why,
        Confidence::Low,
        [],
    );
    answer.would_tell = Some(would_tell.to_owned());
    answer
}

/// No confidence on figures that a warning spoils.
pub(super) fn capped(mut answer: LimitingFactor) -> LimitingFactor {
    if answer.evidence.iter().any(|e| e.spoiled) {
        answer.confidence = Confidence::Low;
        answer.would_tell.get_or_insert_with(|| {
            "repeat the run without what the warnings name; see 'spoiled'".to_owned()
        });
    }
    answer
}
