//! Collection of the rules' conclusions. Doubtful figures are handled here, once for all rules: a finding
//! that rests on them gets less confidence, and a check that rests on them rules nothing out.

use std::collections::BTreeMap;

use crate::assessment::{
    ComponentKind, Confidence, EvidenceItem, Finding, FindingId, Rule, RuledOut, Unknown,
};
use crate::finding_draft::FindingDraft;
use crate::own_time::OwnTime;

/// Collector of the rules' conclusions: findings, checks that found nothing wrong, and open
/// questions.
#[derive(Debug, Default)]
pub(crate) struct Conclusions {
    /// Findings in the order in which the rules added them, not yet ranked.
    pub(crate) findings: Vec<Finding>,
    /// Checks that found nothing wrong.
    pub(crate) ruled_out: Vec<RuledOut>,
    /// Ids of findings, each with the time that its cause takes of a call by itself.
    pub(crate) own_times: BTreeMap<FindingId, OwnTime>,
    /// Questions that the rules could not answer from the reports.
    pub(crate) unknown: Vec<Unknown>,
}

impl Conclusions {
    /// Adds a finding and computes its score (impact × weight of the confidence). Sets its
    /// confidence to low if a warning spoils its evidence, or if it has no evidence.
    pub(crate) fn add_finding(&mut self, draft: FindingDraft) {
        let (mut finding, own_time) = draft.into_finding();
        if finding.evidence.iter().any(|e| e.spoiled) || finding.evidence.is_empty() {
            finding.confidence = Confidence::Low;
        }
        let impact = finding.impact.map_or(0.0, |i| i.ratio);
        finding.score = impact * finding.confidence.weight();
        if let Some(own_time) = own_time {
            self.own_times.insert(finding.id.clone(), own_time);
        }
        self.findings.push(finding);
    }

    /// Lowers the confidence of those findings so far that `concerns` selects, by one level.
    pub(crate) fn lower_confidence(&mut self, concerns: impl Fn(&Finding) -> bool) {
        for finding in self.findings.iter_mut().filter(|finding| concerns(finding)) {
            finding.confidence = match finding.confidence {
                Confidence::High => Confidence::Medium,
                Confidence::Medium | Confidence::Low => Confidence::Low,
            };
            let impact = finding.impact.map_or(0.0, |i| i.ratio);
            finding.score = impact * finding.confidence.weight();
        }
    }

    /// Adds a check of `rule` that found nothing wrong. If a warning spoils the evidence, adds an
    /// open question instead.
    pub(crate) fn rule_out(
        &mut self,
        rule: Rule,
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
            rule,
            component,
            statement,
            evidence,
        });
    }

    /// Adds a question of `rule` that the reports cannot answer; `to_find_out` is the measurement
    /// that would answer it.
    pub(crate) fn cannot_judge(
        &mut self,
        rule: Rule,
        component: ComponentKind,
        question: impl Into<String>,
        to_find_out: impl Into<String>,
    ) {
        self.unknown.push(Unknown {
            rule,
            component,
            question: question.into(),
            to_find_out: to_find_out.into(),
        });
    }
}
