//! Judgement of an assessment: whether the declared finding comes first, and whether it is there at
//! all.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::planting::{DeclaredFigure, DeclaredFinding, Severity};

/// Judgement of one run with a planted cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Judgement {
    /// Id and title of the finding that comes first; absent if there is none.
    pub(crate) first: Option<String>,
    /// True if the finding that comes first is of the declared rule and names the declared things.
    pub(crate) is_named_first: bool,
    /// True if any finding is of the declared rule and names the declared things.
    pub(crate) is_named: bool,
    /// Share that the declared finding tells, from 0 to 1.
    pub(crate) told: Option<f64>,
    /// True if `told` is the declared share within its tolerance, or no share is declared.
    pub(crate) is_as_declared: bool,
}

impl Judgement {
    /// Judges an assessment, in JSON. The first finding is the first that is no mere information;
    /// where information is declared, there must be no such finding.
    pub(crate) fn of(assessment: &Value, declared: &DeclaredFinding, severity: &Severity) -> Self {
        let all = findings(assessment);
        let first = all.iter().find(|finding| finding["kind"] != "information");
        let named = findings_that_name(assessment, declared);
        let is_first = |finding: &&&Value| first.is_some_and(|first| first["id"] == finding["id"]);
        let foremost = named.iter().find(is_first).or(named.first());
        let told = foremost.and_then(|finding| finding["impact"]["ratio"].as_f64());
        let near = |told: f64, share: f64| (told - share).abs() <= severity.tolerance;
        Self {
            first: first.or(all.first()).map(words),
            is_named_first: if declared.is_information {
                first.is_none() && !named.is_empty()
            } else {
                named.iter().any(|finding| is_first(&finding))
            },
            is_named: !named.is_empty(),
            told,
            is_as_declared: match severity.share {
                Some(share) => told.is_some_and(|told| near(told, share)),
                None => declared.figure == DeclaredFigure::None && !named.is_empty(),
            },
        }
    }

    /// Returns true if the cause was named first and rightly: the finding, its things and its
    /// figure.
    pub(crate) fn is_right(&self) -> bool {
        self.is_named_first && self.is_as_declared
    }
}

/// Lists the problems of an assessment of a healthy run, and its gates that did not pass; empty if
/// the run was called healthy.
pub(crate) fn complaints(assessment: &Value) -> Vec<String> {
    let problems = findings(assessment)
        .iter()
        .filter(|finding| finding["kind"] == "problem");
    let gates = assessment["gates"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let missed = gates.iter().filter(|gate| gate["outcome"] != "pass");
    problems
        .map(|finding| format!("problem: {}", words(finding)))
        .chain(missed.map(|gate| format!("gate: {gate}")))
        .collect()
}

/// Lists the findings of an assessment that are of the declared rule and name the declared things.
pub(crate) fn findings_that_name<'a>(
    assessment: &'a Value,
    declared: &DeclaredFinding,
) -> Vec<&'a Value> {
    let all = findings(assessment).iter();
    all.filter(|finding| names(finding, declared)).collect()
}

fn findings(assessment: &Value) -> &[Value] {
    assessment["findings"].as_array().map_or(&[], Vec::as_slice)
}

fn words(finding: &Value) -> String {
    let text = |name: &str| finding[name].as_str().unwrap_or_default();
    format!("{}: {}", text("id"), text("title"))
}

/// Returns true if a finding is of the declared rule, and its thing, title or detail name all
/// declared things.
fn names(finding: &Value, declared: &DeclaredFinding) -> bool {
    let text = |name: &str| finding[name].as_str().unwrap_or_default();
    let rule = text("id").split(':').next().unwrap_or_default();
    let told = [text("thing"), text("title"), text("detail")]
        .join(" | ")
        .to_lowercase();
    let mut things = declared.things.iter();
    rule == declared.rule && things.all(|thing| told.contains(&thing.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use std::collections::BTreeMap;

    use super::*;

    fn declared() -> DeclaredFinding {
        DeclaredFinding {
            rule: "lock_waits".to_owned(),
            things: vec!["advisory".to_owned(), "42".to_owned()],
            figure: DeclaredFigure::ResponseTime,
            is_information: false,
        }
    }

    fn severity(share: Option<f64>) -> Severity {
        Severity {
            name: "only".to_owned(),
            share,
            tolerance: 0.1,
            values: BTreeMap::new(),
        }
    }

    fn finding(rule: &str, kind: &str, thing: &str, ratio: f64) -> Value {
        json!({ "id": format!("{rule}:postgres.sweep:{thing}"), "kind": kind, "thing": thing,
            "title": "Sessions wait", "impact": { "ratio": ratio } })
    }

    fn judged(findings: &[Value]) -> Judgement {
        let assessment = json!({ "findings": findings });
        Judgement::of(&assessment, &declared(), &severity(Some(0.8)))
    }

    #[test]
    fn only_the_declared_finding_in_the_first_place_with_its_thing_and_figure_is_right() {
        let lock = finding("lock_waits", "problem", "Advisory lock 42", 0.75);
        let note = finding("machine", "information", "a note", 0.0);
        let cpu = finding("cpu_others", "problem", "report-job", 0.2);
        assert!(judged(&[note, lock.clone()]).is_right());

        let behind = judged(&[cpu.clone(), lock]);
        assert!(!behind.is_named_first && behind.is_named && behind.is_as_declared);
        assert_eq!(behind.told, Some(0.75));

        let elsewhere = judged(&[finding("lock_waits", "problem", "advisory lock 7", 0.75)]);
        assert!(!elsewhere.is_named && elsewhere.told.is_none() && !elsewhere.is_right());

        let small = judged(&[finding("lock_waits", "problem", "advisory lock 42", 0.5)]);
        assert!(small.is_named_first && !small.is_right());
        assert!(!judged(&[cpu]).is_named);
        assert_eq!(judged(&[]).first, None);
    }

    #[test]
    fn of_two_findings_that_name_it_the_figure_is_that_of_the_first_place() {
        let holder = finding("lock_waits", "information", "advisory lock 42, held", 0.1);
        let lock = finding("lock_waits", "problem", "advisory lock 42", 0.8);
        assert!(judged(&[holder, lock]).is_right());
    }

    #[test]
    fn declared_information_is_right_only_where_there_is_no_problem() {
        let declared = DeclaredFinding {
            figure: DeclaredFigure::None,
            is_information: true,
            ..declared()
        };
        let judge = |findings: &[Value]| {
            let assessment = json!({ "findings": findings });
            Judgement::of(&assessment, &declared, &severity(None)).is_right()
        };
        let note = finding("lock_waits", "information", "advisory 42", 0.0);
        assert!(judge(std::slice::from_ref(&note)));
        assert!(!judge(&[finding("cpu_others", "problem", "x", 0.5), note]));
        assert!(!judge(&[]));
    }

    #[test]
    fn a_healthy_run_has_neither_a_problem_nor_a_gate_that_did_not_pass() {
        let note = finding("machine", "information", "a note", 0.0);
        let fine = json!({ "findings": [note], "gates": [{ "outcome": "pass" }] });
        assert_eq!(complaints(&fine), Vec::<String>::new());
        let problem = finding("cpu_others", "problem", "x", 0.5);
        let ill = json!({ "findings": [problem], "gates": [{ "outcome": "unknown" }] });
        assert_eq!(complaints(&ill).len(), 2);
    }
}
