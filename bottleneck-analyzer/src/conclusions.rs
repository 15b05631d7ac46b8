//! Conclusions of the rules. Requirements on every finding are enforced here, once: no confidence
//! on doubtful figures, nothing ruled out by them.

use crate::assessment::{ComponentKind, Confidence, EvidenceItem, Finding, RuledOut, Unknown};
use crate::finding_draft::FindingDraft;

/// Conclusions of the rules so far.
#[derive(Debug, Default)]
pub(crate) struct Conclusions {
    /// Findings, unranked.
    pub(crate) findings: Vec<Finding>,
    /// Checks that found nothing wrong.
    pub(crate) ruled_out: Vec<RuledOut>,
    /// Questions that could not be judged.
    pub(crate) unknown: Vec<Unknown>,
}

impl Conclusions {
    /// Files a finding.
    pub(crate) fn find(&mut self, draft: FindingDraft) {
        let mut finding = draft.into_finding();
        if finding.evidence.iter().any(|e| e.spoiled) || finding.evidence.is_empty() {
            finding.confidence = Confidence::Low;
        }
        let impact = finding.impact.map_or(0.0, |i| i.ratio);
        finding.score = impact * finding.confidence.weight();
        self.findings.push(finding);
    }

    /// Files what is fine; on spoilt figures nothing is known to be.
    pub(crate) fn rule_out(
        &mut self,
        rule: &str,
        component: ComponentKind,
        statement: impl Into<String>,
        evidence: impl IntoIterator<Item = EvidenceItem>,
    ) {
        let (statement, evidence): (String, Vec<_>) =
            (statement.into(), evidence.into_iter().collect());
        if evidence.iter().any(|e| e.spoiled) {
            let question = format!("whether it is fine that {statement}: a warning spoils it");
            self.cannot_judge(rule, component, question, "a run without that warning");
            return;
        }
        self.ruled_out.push(RuledOut {
            rule: rule.to_owned(),
            component,
            statement,
            evidence,
        });
    }

    /// Files what could not be judged.
    pub(crate) fn cannot_judge(
        &mut self,
        rule: &str,
        component: ComponentKind,
        question: impl Into<String>,
        would_tell: impl Into<String>,
    ) {
        self.unknown.push(Unknown {
            rule: rule.to_owned(),
            component,
            question: question.into(),
            would_tell: would_tell.into(),
        });
    }
}
