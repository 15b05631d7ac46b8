//! Constructors of limiting factors.

use crate::assessment::{Confidence, EvidenceItem, LimitingFactor};

/// Creates a limiting factor called `name` whose `to_find_out` is absent: it needs no further
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
        to_find_out: None,
    }
}

/// Creates the limiting factor `inconclusive` with low confidence: `why` is the reason,
/// `to_find_out` the measurement that would settle the question.
pub(super) fn inconclusive(why: &str, to_find_out: &str) -> LimitingFactor {
    let mut answer = factor(
        "inconclusive",
        "not known".to_owned(),
        why,
        Confidence::Low,
        [],
    );
    answer.to_find_out = Some(to_find_out.to_owned());
    answer
}

/// Sets the answer's confidence to low if a warning spoils its evidence, and names a repeat of the
/// run as the measurement that would tell, unless the answer names one.
pub(super) fn cap_confidence(mut answer: LimitingFactor) -> LimitingFactor {
    if answer.evidence.iter().any(|e| e.spoiled) {
        answer.confidence = Confidence::Low;
        answer.to_find_out.get_or_insert_with(|| {
            "repeat the run without what the warnings name; see 'spoiled'".to_owned()
        });
    }
    answer
}
