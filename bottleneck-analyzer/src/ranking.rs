//! The order in which findings are shown: by impact × confidence, symptoms under their cause,
//! information last.

use crate::assessment::{Finding, FindingKind};

/// Ranks findings. A parent that is not among them is dropped: the symptom then stands alone.
pub fn rank(mut findings: Vec<Finding>) -> Vec<Finding> {
    let ids: Vec<String> = findings.iter().map(|f| f.id.clone()).collect();
    for finding in &mut findings {
        let own = finding.id.clone();
        finding.parent = finding
            .parent
            .take()
            .filter(|p| *p != own && ids.contains(p));
    }
    findings.sort_by(|a, b| {
        let last = |f: &Finding| f.kind == FindingKind::Information;
        let order = last(a).cmp(&last(b));
        order
            .then(b.score.total_cmp(&a.score))
            .then_with(|| a.id.cmp(&b.id))
    });
    let (children, roots): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|f| f.parent.is_some());
    let mut ranked = Vec::new();
    for root in roots {
        let id = root.id.clone();
        ranked.push(root);
        let below = children.iter().filter(|c| c.parent.as_ref() == Some(&id));
        ranked.extend(below.cloned());
    }
    // A symptom under a symptom stands after everything else rather than nowhere.
    let missing = children.into_iter().filter(|c| !ranked.contains(c));
    let missing: Vec<Finding> = missing.collect();
    ranked.extend(missing);
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assessment::{Component, Confidence};

    fn finding(id: &str, kind: FindingKind, score: f64, parent: Option<&str>) -> Finding {
        Finding {
            id: id.into(),
            component: Component::Redis,
            kind,
            title: String::new(),
            detail: String::new(),
            impact: None,
            confidence: Confidence::High,
            score,
            evidence: vec![],
            parent: parent.map(str::to_owned),
            advice: None,
        }
    }

    fn order(findings: Vec<Finding>) -> Vec<String> {
        rank(findings).into_iter().map(|f| f.id).collect()
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
        ]);
        assert_eq!(ranked, ["a", "b", "c"]);
    }
}
