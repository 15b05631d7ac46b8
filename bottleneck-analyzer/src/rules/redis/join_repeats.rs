//! Joins the conclusions about all repeats. A finding is kept if one repeat has it; a check passes only if it
//! passed in all repeats.

use std::collections::BTreeMap;

use crate::assessment::{Confidence, Finding, FindingId, Rule};
use crate::conclusions::Conclusions;

/// Adds the conclusions of all repeats to `out`: each finding once, in its worst version, with the
/// number of repeats that had it. Open questions and passed checks are kept once for each rule
/// without a finding.
pub(super) fn join(repeats: Vec<Conclusions>, out: &mut Conclusions) {
    let all = repeats.len();
    let mut found: BTreeMap<FindingId, Vec<Finding>> = BTreeMap::new();
    let (mut fine, mut unknown) = (Vec::new(), Vec::new());
    for repeat in repeats {
        for finding in repeat.findings {
            found.entry(finding.id.clone()).or_default().push(finding);
        }
        fine.extend(repeat.ruled_out);
        unknown.extend(repeat.unknown);
    }
    let is_found = |rule: Rule| found.keys().any(|id| id.rule == rule);
    let mut told: Vec<Rule> = Vec::new();
    for question in unknown {
        if !is_found(question.rule) && !told.contains(&question.rule) {
            told.push(question.rule);
            out.unknown.push(question);
        }
    }
    for statement in fine {
        if !is_found(statement.rule) && !told.contains(&statement.rule) {
            told.push(statement.rule);
            out.ruled_out.push(statement);
        }
    }
    for (_, findings) in found {
        let seen = findings.len();
        let worst = findings.into_iter().max_by(|a, b| {
            let order = b.kind.cmp(&a.kind);
            order.then(a.score.total_cmp(&b.score))
        });
        if let Some(mut worst) = worst {
            note_repeats(&mut worst, seen, all);
            out.findings.push(worst);
        }
    }
}

/// Adds to the finding's text that `seen` of `all` repeats had it. Lowers a high confidence to
/// medium if at most half of them had. Has no effect for a single repeat.
fn note_repeats(finding: &mut Finding, seen: usize, all: usize) {
    if all < 2 {
        return;
    }
    finding.detail = format!(
        "{} In {seen} of {all} repeats; this is the worst.",
        finding.detail
    );
    if 2 * seen <= all && finding.confidence == Confidence::High {
        finding.confidence = Confidence::Medium;
        let impact = finding.impact.map_or(0.0, |i| i.ratio);
        finding.score = impact * finding.confidence.weight();
    }
}
