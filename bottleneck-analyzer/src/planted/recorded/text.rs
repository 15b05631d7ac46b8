//! Conclusions of an assessment as lines, without its prose: names, figures and outcomes.

use std::fmt::Write as _;

use crate::assessment::{
    Assessment, ComponentAssessment, ComponentKind, EvidenceItem, Finding, Gate, Impact, Rule,
    Scalability, TimeModel,
};
use crate::planted::figures_walk::figures_of;
use serde::Serialize;
use serde_json::Value;

/// Returns all that `assessment` concludes, a line for each conclusion, with the figures of its sentences in place
/// of the sentences.
pub(super) fn conclusions(assessment: &Assessment) -> String {
    let mut lines = vec![format!(
        "verdict {} for {} reasons; {} missing, {} notes, {} skipped, {} of {} warnings matter",
        word(&assessment.verdict.readiness),
        assessment.verdict.reasons.len(),
        assessment.missing.len(),
        assessment.notes.len(),
        assessment.skipped.len(),
        assessment
            .spoiled
            .iter()
            .filter(|spoiled| spoiled.touches_a_conclusion)
            .count(),
        assessment.spoiled.len(),
    )];
    assessment
        .components
        .iter()
        .for_each(|c| of_component(c, &mut lines));
    assessment
        .findings
        .iter()
        .for_each(|f| of_finding(f, &mut lines));
    let ruled_out = assessment
        .ruled_out
        .iter()
        .map(|checked| (checked.component, checked.rule));
    lines.push(rules("ruled out", ruled_out));
    let unknown = assessment
        .unknown
        .iter()
        .map(|open| (open.component, open.rule));
    lines.push(rules("unknown", unknown));
    lines.extend(assessment.gates.iter().map(of_gate));
    lines.join("\n")
}

/// Lists rules with the components that they are about, one component after the other.
fn rules(what: &str, rules: impl Iterator<Item = (ComponentKind, Rule)>) -> String {
    let mut line = what.to_owned();
    let mut last = None;
    for (component, rule) in rules {
        if last != Some(component) {
            write!(line, " | {}", word(&component)).unwrap();
        }
        write!(line, " {}", rule.name()).unwrap();
        last = Some(component);
    }
    line
}

fn of_component(component: &ComponentAssessment, lines: &mut Vec<String>) {
    let limit = &component.limiting_factor;
    let mut line = format!(
        "component {}.{}",
        word(&component.component),
        component.scenario
    );
    if let Some(point) = &component.operating_point {
        write!(line, " at step {}", point.step).unwrap();
        let range = [point.low, point.high].into_iter().flatten();
        line += &numbers(" range", range);
        line += &numbers(" carries", [point.throughput_per_s]);
        let slow = [point.p95_ns, point.p99_ns, point.max_ns];
        line += &numbers(" slow", slow.into_iter().flatten().map(|ns| ns as f64));
        line += &numbers(" failed", point.error_ratio);
    }
    lines.push(line);
    let figures = figures(&[&limit.title, &limit.reason]);
    let open = limit.to_find_out.as_ref().map_or("", |_| " open");
    let evidence = evidence(&limit.evidence);
    lines.push(format!(
        "  limited by {} {}{open}{figures}{evidence}",
        limit.factor,
        limit.confidence.name()
    ));
    lines.extend(component.time_model.as_ref().map(of_time));
    let uses: Vec<String> = component.resources.iter().map(terse).collect();
    if !uses.is_empty() {
        lines.push(format!("  use {}", uses.join(" | ")));
    }
    lines.extend(component.scalability.as_ref().map(of_scalability));
}

fn of_time(model: &TimeModel) -> String {
    let parts = model
        .parts
        .iter()
        .map(|part| format!(" {} {}", part.name, number(part.ns)));
    let parts: String = parts.collect();
    let tail = model
        .tail
        .as_ref()
        .map_or(String::new(), |tail| format!("; tail {}", terse(tail)));
    format!(
        "  time {}{parts}, {} notes{tail}",
        number(model.whole_ns),
        model.notes.len()
    )
}

fn of_scalability(scalability: &Scalability) -> String {
    let shown = figures(&[&scalability.law_shown]);
    let room = scalability.headroom.as_ref();
    let room = room.map_or(String::new(), |room| {
        let range = room.range.into_iter().flatten();
        format!(
            "{} reached {}",
            numbers(" room", [room.knee, room.ratio].into_iter().chain(range)),
            room.reached
        )
    });
    format!("  scales by {} settings{shown}{room}", scalability.settings)
}

fn of_finding(finding: &Finding, lines: &mut Vec<String>) {
    let parent = finding
        .parent
        .as_ref()
        .map_or(String::new(), |parent| format!(" under {parent}"));
    let breaks = if finding.breaks_objective {
        " breaks its objective"
    } else {
        ""
    };
    lines.push(format!(
        "{} {} {}{parent}{breaks}",
        finding.kind.name(),
        finding.id,
        finding.confidence.name()
    ));
    let score = numbers(" score", [finding.score]);
    let impact = finding.impact.as_ref().map_or(String::new(), of_impact);
    let unordered: Vec<String> = finding
        .not_ordered_with
        .iter()
        .map(ToString::to_string)
        .collect();
    let unordered = if unordered.is_empty() {
        String::new()
    } else {
        format!(" unordered with {}", unordered.join(", "))
    };
    lines.push(format!(" {score}{impact}{unordered}"));
    let computed = numbers(
        " computed",
        finding.computed.iter().map(|figure| figure.value),
    );
    let figures = figures(&[&finding.title, &finding.detail]);
    let advice = finding.advice.as_ref().map_or(String::new(), |advice| {
        let restart = if advice.needs_restart { " restart" } else { "" };
        let said = advice.actions.iter().chain([&advice.expected_gain]);
        let said: Vec<&str> = said.map(String::as_str).collect();
        let count = advice.actions.len();
        format!("; {count} actions{restart}{}", self::figures(&said))
    });
    lines.push(format!(
        " {figures}{computed}{}{advice}",
        evidence(&finding.evidence)
    ));
}

fn of_impact(impact: &Impact) -> String {
    let next = impact
        .next_limit
        .map_or(String::new(), |next| format!(" until {}", next.name()));
    [
        format!(" gives {} of {}", number(impact.ratio), word(&impact.of)),
        numbers(" saves", impact.saved_ns),
        numbers(" gains", impact.capacity_gain_ratio),
        next,
        numbers(" after", impact.saved_after_ns),
        numbers(" gains after", impact.capacity_gain_after_ratio),
        numbers(" from", impact.saved_least_ns),
        numbers(" to", impact.saved_most_ns),
    ]
    .concat()
}

fn of_gate(gate: &Gate) -> String {
    let repeats = gate.repeats.map_or(String::new(), |repeats| {
        format!(" in {}/{}", repeats.broken, repeats.judged)
    });
    let reason = figures(&[gate.reason.as_deref().unwrap_or_default()]);
    let interval = numbers(" within", [gate.low, gate.high].into_iter().flatten());
    format!(
        "gate {} {}{} of {}{interval}{repeats}{reason}",
        gate.name,
        word(&gate.outcome),
        numbers("", gate.measured),
        number(gate.threshold),
    )
}

/// Returns the figures in `sentences`, as in ` [12.3 ms, 4]`; empty if there are none.
fn figures(sentences: &[&str]) -> String {
    let found: Vec<String> = sentences
        .iter()
        .flat_map(|sentence| figures_of(sentence))
        .collect();
    if found.is_empty() {
        String::new()
    } else {
        format!(" [{}]", found.join(", "))
    }
}

/// Returns the values of `evidence`, as in ` (0.25, deadpool)`; empty if there is none.
fn evidence(evidence: &[EvidenceItem]) -> String {
    let values: Vec<String> = evidence
        .iter()
        .map(|item| {
            let spoiled = if item.spoiled { "?" } else { "" };
            let value = item
                .value
                .as_f64()
                .map_or_else(|| item.value.to_string(), number);
            format!("{value}{spoiled}")
        })
        .collect();
    if values.is_empty() {
        String::new()
    } else {
        format!(" ({})", values.join(", "))
    }
}

/// Returns `name` with the numbers after it; empty if there are none.
fn numbers(name: &str, values: impl IntoIterator<Item = f64>) -> String {
    let values: Vec<String> = values.into_iter().map(number).collect();
    if values.is_empty() {
        String::new()
    } else {
        format!("{name} {}", values.join(".."))
    }
}

/// Returns a number with five digits, so that the last bits of a sum do not count.
fn number(value: f64) -> String {
    let rounded: f64 = format!("{value:.4e}").parse().unwrap();
    format!("{rounded}")
}

/// Returns the name under which `value` is serialised.
fn word(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap();
    value.as_str().unwrap().to_owned()
}

/// Returns the numbers and truths of `value` in the order of its fields, without its evidence.
fn terse(value: &impl Serialize) -> String {
    let mut words = Vec::new();
    collect(&serde_json::to_value(value).unwrap(), &mut words);
    words.join(" ")
}

fn collect(value: &Value, words: &mut Vec<String>) {
    match value {
        Value::Null | Value::String(_) => {}
        Value::Bool(truth) => words.push(truth.to_string()),
        Value::Number(value) => words.extend(value.as_f64().map(number)),
        Value::Array(values) => values.iter().for_each(|value| collect(value, words)),
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(name, _)| *name != "evidence");
            fields.for_each(|(_, value)| collect(value, words));
        }
    }
}
