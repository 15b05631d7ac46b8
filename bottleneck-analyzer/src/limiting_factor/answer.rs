//! Constructors of limiting factors.

use crate::assessment::{Confidence, EvidenceItem, LimitingFactor};

/// Creates a limiting factor called `name` whose `would_tell` is absent: it needs no further
/// measurement.
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

/// Creates the limiting factor `inconclusive` with low confidence: `why` is the reason,
/// `would_tell` the measurement that would settle the question.
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

/// Sets the answer's confidence to low if a warning spoils its evidence, and names a repeat of the
/// run as the measurement that would tell, unless the answer names one.
pub(super) fn cap_confidence(mut answer: LimitingFactor) -> LimitingFactor {
    if answer.evidence.iter().any(|e| e.spoiled) {
        answer.confidence = Confidence::Low;
        answer.would_tell.get_or_insert_with(|| {
            "repeat the run without what the warnings name; see 'spoiled'".to_owned()
        });
    }
    answer
}
