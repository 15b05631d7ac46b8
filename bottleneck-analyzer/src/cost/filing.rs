//! Conclusions from the check results of all repeats.

use super::cause_across_repeats::causes_across_repeats;
use super::check_result::{CheckResult, Note};
use super::repeat_facts::RepeatFacts;
use crate::assessment::{ComponentKind, Confidence, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::finding_draft::FindingDraft;
use crate::run_facts::RunFacts;

/// Rule that checks one repeat of an operating point and returns what it found there.
pub(crate) type RepeatRule = fn(&RepeatFacts<'_, '_>) -> Vec<CheckResult>;

/// Runs each rule on every repeat of a bench's operating point, merges the results over the
/// repeats, and adds them to `out` as findings, open questions or ruled-out causes.
pub(crate) fn check_repeats(
    bench: &BenchFacts<'_>,
    facts: &RunFacts<'_>,
    rules: &[RepeatRule],
    out: &mut Conclusions,
) {
    let repeats = RepeatFacts::all(bench, facts);
    if repeats.is_empty() {
        return;
    }
    for rule in rules {
        let results: Vec<Vec<CheckResult>> = repeats.iter().map(rule).collect();
        file(&repeats, &results, out);
    }
}

fn file(repeats: &[RepeatFacts<'_, '_>], results: &[Vec<CheckResult>], out: &mut Conclusions) {
    let bench = repeats[0].bench;
    let groups = causes_across_repeats(repeats, results);
    let mut told: Vec<Rule> = Vec::new();
    for group in &groups {
        if let Some(finding) = group.finding(told.contains(&group.rule)) {
            told.push(group.rule);
            out.add_finding(finding);
        }
    }
    notes(bench, results, &mut told, out);
    for group in &groups {
        if !told.contains(&group.rule) {
            told.push(group.rule);
            let (statement, evidence) = group.ruled_out();
            out.rule_out(group.rule, bench.component, statement, evidence);
        }
    }
    rest(results, told, bench.component, out);
}

/// Adds the notes of all repeats as findings. The same note about the same thing is added once.
/// `told` collects the rules that have a finding.
fn notes(
    bench: &BenchFacts<'_>,
    results: &[Vec<CheckResult>],
    told: &mut Vec<Rule>,
    out: &mut Conclusions,
) {
    let mut noted: Vec<(Rule, &str)> = Vec::new();
    for result in results.iter().flatten() {
        let CheckResult::Note(note) = result else {
            continue;
        };
        if noted.contains(&(note.rule, &note.thing)) {
            continue;
        }
        noted.push((note.rule, &note.thing));
        let draft = draft(bench, note);
        let several = told.contains(&note.rule);
        out.add_finding(if several {
            draft.one_of_several(&note.thing)
        } else {
            draft
        });
        told.push(note.rule);
    }
}

fn draft(bench: &BenchFacts<'_>, note: &Note) -> FindingDraft {
    let actions: Vec<&str> = note.actions.iter().map(String::as_str).collect();
    bench
        .finding(note.rule, FindingKind::Information)
        .thing(note.thing.clone())
        .says(note.title.clone(), note.detail.clone())
        .confidence(Confidence::Medium)
        .evidence(note.evidence.iter().cloned())
        .computes(note.computed.iter().cloned())
        .advice(&actions, note.gain.clone(), &note.rationale)
}

/// Adds to `out` the passed checks and open questions of those rules that `told` does not contain,
/// one for each rule.
fn rest(
    results: &[Vec<CheckResult>],
    mut told: Vec<Rule>,
    component: ComponentKind,
    out: &mut Conclusions,
) {
    for result in results.iter().flatten() {
        let (CheckResult::Unknown(rule, ..) | CheckResult::Fine(rule, ..)) = result else {
            continue;
        };
        if told.contains(rule) {
            continue;
        }
        told.push(*rule);
        if let CheckResult::Unknown(_, question, to_find_out) = result {
            out.cannot_judge(*rule, component, question.clone(), to_find_out.clone());
        }
        if let CheckResult::Fine(_, statement, evidence) = result {
            out.rule_out(*rule, component, statement.clone(), evidence.clone());
        }
    }
}
