//! From the looks at all repeats to findings, to what is fine and to what is not known.

use super::cause_across_repeats::causes_across_repeats;
use super::check_result::{CheckResult, Note};
use super::repeat_facts::RepeatFacts;
use crate::assessment::{ComponentKind, Confidence, FindingKind};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::finding_draft::FindingDraft;
use crate::run_facts::RunFacts;

/// A rule that looks at one step.
pub(crate) type RepeatRule = fn(&RepeatFacts<'_, '_>) -> Vec<CheckResult>;

/// Looks at every repeat of a bench's operating point and files what follows from all of them.
pub(crate) fn check_repeats(
    bench: &BenchFacts<'_>,
    facts: &RunFacts<'_>,
    rules: &[RepeatRule],
    out: &mut Conclusions,
) {
    let probes = RepeatFacts::all(bench, facts);
    if probes.is_empty() {
        return;
    }
    for rule in rules {
        let looks: Vec<Vec<CheckResult>> = probes.iter().map(rule).collect();
        file(&probes, &looks, out);
    }
}

fn file(probes: &[RepeatFacts<'_, '_>], looks: &[Vec<CheckResult>], out: &mut Conclusions) {
    let bench = probes[0].bench;
    let groups = causes_across_repeats(probes, looks);
    let mut told: Vec<&str> = Vec::new();
    for group in &groups {
        if let Some(finding) = group.finding(told.contains(&group.rule())) {
            told.push(group.rule());
            out.find(finding);
        }
    }
    notes(bench, looks, &mut told, out);
    for group in &groups {
        if !told.contains(&group.rule()) {
            told.push(group.rule());
            let (statement, evidence) = group.ruled_out();
            out.rule_out(group.rule(), bench.component, statement, evidence);
        }
    }
    rest(looks, told, bench.component, out);
}

/// Files notes, once for each thing.
fn notes<'l>(
    bench: &BenchFacts<'_>,
    looks: &'l [Vec<CheckResult>],
    told: &mut Vec<&'l str>,
    out: &mut Conclusions,
) {
    let mut noted: Vec<(&str, &str)> = Vec::new();
    for look in looks.iter().flatten() {
        let CheckResult::Note(note) = look else {
            continue;
        };
        if noted.contains(&(note.rule, &note.thing)) {
            continue;
        }
        noted.push((note.rule, &note.thing));
        let draft = draft(bench, note);
        let several = told.contains(&note.rule);
        out.find(if several {
            draft.one_of_several(&note.thing)
        } else {
            draft
        });
        told.push(note.rule);
    }
}

fn draft(bench: &BenchFacts<'_>, note: &Note) -> FindingDraft {
    let actions: Vec<&str> = note.actions.iter().map(String::as_str).collect();
    FindingDraft::new(
        note.rule,
        &bench.id(),
        bench.component,
        FindingKind::Information,
    )
    .thing(note.thing.clone())
    .says(note.title.clone(), note.detail.clone())
    .confidence(Confidence::Medium)
    .evidence(note.evidence.iter().cloned())
    .advice(&actions, note.gain.clone(), &note.rationale)
}

/// Files the other answers of the looks, where there is no cost to tell of: each rule once.
fn rest<'l>(
    looks: &'l [Vec<CheckResult>],
    mut told: Vec<&'l str>,
    component: ComponentKind,
    out: &mut Conclusions,
) {
    for look in looks.iter().flatten() {
        let (CheckResult::Unknown(rule, ..) | CheckResult::Fine(rule, ..)) = look else {
            continue;
        };
        if told.contains(rule) {
            continue;
        }
        told.push(rule);
        if let CheckResult::Unknown(_, question, would_tell) = look {
            out.cannot_judge(rule, component, question.clone(), would_tell.clone());
        }
        if let CheckResult::Fine(_, statement, evidence) = look {
            out.rule_out(rule, component, statement.clone(), evidence.clone());
        }
    }
}
