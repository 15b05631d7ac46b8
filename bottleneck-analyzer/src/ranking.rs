//! Order of the findings: problems, information, doubtful findings. Among problems: failing requests,
//! episodes that break the objective, the others. Within a group: by impact × confidence, then by
//! confidence. Symptoms follow their cause.

use std::cmp::Ordering;

use crate::assessment::{Finding, FindingId, FindingKind, ImpactOf};

/// Sorts findings: problems, information, then doubtful ones, each by score, and symptoms after
/// their cause. Removes a finding's `parent` if that finding does not exist, or if the parent is
/// doubtful and the finding is not.
pub(crate) fn rank(mut findings: Vec<Finding>) -> Vec<Finding> {
    let known: Vec<(FindingId, bool)> = findings
        .iter()
        .map(|f| (f.id.clone(), f.is_sure()))
        .collect();
    for finding in &mut findings {
        let (own, sure) = (finding.id.clone(), finding.is_sure());
        finding.parent = finding.parent.take().filter(|parent| {
            let explains =
                |(id, cause_is_sure): &(FindingId, bool)| id == parent && (*cause_is_sure || !sure);
            *parent != own && known.iter().any(explains)
        });
    }
    findings.sort_by(order);
    let (children, roots): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|f| f.parent.is_some());
    let mut ranked = Vec::new();
    for root in roots {
        place_with_symptoms(root, &children, &mut ranked);
    }
    // Findings that name each other as their parent are reached from no root; they come last.
    let missing = children.into_iter().filter(|c| !ranked.contains(c));
    let missing: Vec<Finding> = missing.collect();
    ranked.extend(missing);
    ranked
}

/// Appends a finding to `ranked` and, after it, those of `children` that it causes, in turn with
/// theirs.
fn place_with_symptoms(finding: Finding, children: &[Finding], ranked: &mut Vec<Finding>) {
    let id = finding.id.clone();
    ranked.push(finding);
    for below in children.iter().filter(|c| c.parent.as_ref() == Some(&id)) {
        place_with_symptoms(below.clone(), children, ranked);
    }
}

fn order(a: &Finding, b: &Finding) -> Ordering {
    let fails = |f: &Finding| f.impact.is_some_and(|i| i.of == ImpactOf::Requests);
    let urgent = |f: &Finding| match f.kind {
        FindingKind::Problem if fails(f) => 0,
        FindingKind::Problem if f.breaks_objective => 1,
        _ => 2,
    };
    let last = |f: &Finding| (!f.is_sure(), f.kind == FindingKind::Information, urgent(f));
    last(a)
        .cmp(&last(b))
        .then(b.score.total_cmp(&a.score))
        .then(b.confidence.cmp(&a.confidence))
        .then_with(|| a.id.cmp(&b.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assessment::{ComponentKind, Confidence, Rule};

    fn finding(id: &str, kind: FindingKind, score: f64, parent: Option<&str>) -> Finding {
        Finding {
            id: FindingId::new(Rule::Stalls, id),
            component: ComponentKind::Redis,
            kind,
            thing: None,
            title: String::new(),
            detail: String::new(),
            impact: None,
            breaks_objective: false,
            confidence: Confidence::High,
            score,
            evidence: vec![],
            parent: parent.map(|id| FindingId::new(Rule::Stalls, id)),
            computed: Vec::new(),
            not_ordered_with: Vec::new(),
            advice: None,
        }
    }

    fn order(findings: Vec<Finding>) -> Vec<String> {
        rank(findings).into_iter().map(|f| f.id.subject).collect()
    }

    #[test]
    fn symptoms_follow_their_cause_and_information_comes_last() {
        use FindingKind::{Information, Problem, Symptom};
        let ranked = order(vec![
            finding("info", Information, 0.9, None),
            finding("small", Problem, 0.1, None),
            finding("late", Symptom, 0.8, Some("small")),
            finding("big", Problem, 0.5, None),
        ]);
        assert_eq!(ranked, ["big", "small", "late", "info"]);
    }

    #[test]
    fn a_symptom_without_its_cause_stands_alone_and_none_is_lost() {
        use FindingKind::Symptom;
        let ranked = order(vec![
            finding("a", Symptom, 0.2, Some("gone")),
            finding("b", Symptom, 0.3, Some("a")),
            finding("c", Symptom, 0.1, Some("b")),
            finding("d", Symptom, 0.15, None),
            finding("x", Symptom, 0.9, Some("y")),
            finding("y", Symptom, 0.9, Some("x")),
        ]);
        assert_eq!(ranked, ["a", "b", "c", "d", "x", "y"]);
    }

    #[test]
    fn requests_that_fail_come_first_and_episodes_that_break_the_objective_next() {
        use crate::assessment::Impact;
        use FindingKind::Problem;
        let failing = Finding {
            impact: Some(Impact::share(0.01, ImpactOf::Requests)),
            ..finding("failing", Problem, 0.01, None)
        };
        let episode = Finding {
            breaks_objective: true,
            ..finding("episode", Problem, 0.05, None)
        };
        let slow = finding("slow", Problem, 0.9, None);
        assert_eq!(
            order(vec![slow, episode, failing]),
            ["failing", "episode", "slow"]
        );
    }

    fn doubtful(id: &str, kind: FindingKind, score: f64, parent: Option<&str>) -> Finding {
        Finding {
            confidence: Confidence::Low,
            ..finding(id, kind, score, parent)
        }
    }

    #[test]
    fn what_is_in_doubt_comes_last_whatever_it_would_cost() {
        use FindingKind::{Information, Problem, Symptom};
        let ranked = order(vec![
            doubtful("doubt", Problem, 0.3, None),
            finding("info", Information, 0.01, None),
            finding("sure", Problem, 0.1, None),
            doubtful("under", Symptom, 0.2, Some("sure")),
            finding("alone", Symptom, 0.05, Some("doubt")),
        ]);
        assert_eq!(ranked, ["sure", "under", "alone", "info", "doubt"]);
    }

    #[test]
    fn problems_without_a_measured_impact_follow_the_others_the_surest_first() {
        use FindingKind::{Information, Problem};
        let likely = Finding {
            confidence: Confidence::Medium,
            ..finding("likely", Problem, 0.0, None)
        };
        let ranked = order(vec![
            likely,
            finding("sure", Problem, 0.0, None),
            finding("info", Information, 0.7, None),
            finding("measured", Problem, 0.02, None),
        ]);
        assert_eq!(ranked, ["measured", "sure", "likely", "info"]);
    }
}
