//! The assessment on a terminal: 80 columns, findings first, plain words.

use std::fmt::Write as _;

use crate::assessment::{
    Assessment, ComponentAssessment, Finding, FindingKind, Gate, GateOutcome, ImpactOf, Objective,
};
use crate::figures::{self, duration_ns, percent, rate, share};

const WIDTH: usize = 80;

/// Most lines of what is fine and of what is in doubt; the page and the JSON have all of them.
const MOST: usize = 6;

/// The whole text, ending in a line feed.
pub fn render(assessment: &Assessment) -> String {
    let mut text = String::new();
    head(&mut text, assessment);
    findings(&mut text, assessment);
    components(&mut text, assessment);
    gates(&mut text, assessment);
    objectives(&mut text, assessment);
    rest(&mut text, assessment);
    text
}

/// What an impact is a share of, in words.
pub fn impact_of(of: ImpactOf) -> &'static str {
    match of {
        ImpactOf::ResponseTime => "of the response time",
        ImpactOf::Capacity => "of the capacity",
        ImpactOf::Requests => "of the requests",
    }
}

/// `up to 34 % of the response time, confidence high`.
pub fn weight(finding: &Finding) -> String {
    let confidence = finding.confidence.name();
    match finding.impact {
        Some(i) => format!(
            "up to {} {}, confidence {confidence}",
            share(i.ratio),
            impact_of(i.of)
        ),
        None => format!("confidence {confidence}"),
    }
}

fn head(text: &mut String, assessment: &Assessment) {
    let verdict = &assessment.verdict;
    line(text, "", &format!("Run {}", assessment.run_id));
    let sentence = format!(
        "Verdict: {} ({}).",
        verdict.readiness.title().to_uppercase(),
        verdict.headline
    );
    line(text, "", &sentence);
    for note in &assessment.notes {
        line(text, "  ! ", note);
    }
}

fn findings(text: &mut String, assessment: &Assessment) {
    title(text, "Findings, by impact × confidence");
    if assessment.findings.is_empty() {
        line(text, "  ", "None.");
        return;
    }
    let mut number = 0;
    for finding in &assessment.findings {
        let mark = if finding.parent.is_some() {
            "  └ ".to_owned()
        } else {
            number += 1;
            format!("{number:2}. ")
        };
        let what = match finding.kind {
            FindingKind::Information => String::new(),
            kind => format!("{}: ", kind.name().to_uppercase()),
        };
        let component = finding.component.title();
        line(
            text,
            &mark,
            &format!("{what}{} [{component}]", finding.title),
        );
        line(text, "    ", &weight(finding));
        line(text, "    ", &finding.detail);
        for evidence in finding.evidence.iter().take(2) {
            let doubt = if evidence.spoiled { " (doubtful)" } else { "" };
            line(
                text,
                "    · ",
                &format!("{} {}{doubt}", evidence.label, evidence.shown),
            );
        }
        if let Some(advice) = &finding.advice {
            let restart = if advice.needs_restart {
                " (needs a restart)"
            } else {
                ""
            };
            line(
                text,
                "    → ",
                &format!("{}{restart}", advice.actions.join("; ")),
            );
        }
    }
    if assessment
        .findings
        .iter()
        .filter(|f| f.impact.is_some())
        .count()
        > 1
    {
        line(
            text,
            "  ",
            "Impacts overlap: they may add up to more than the whole.",
        );
    }
}

fn components(text: &mut String, assessment: &Assessment) {
    title(text, "What holds each component at its knee");
    for component in &assessment.components {
        let name = format!("{} {}", component.component.title(), component.scenario);
        line(text, "  ", &name);
        if let Some(sentence) = operating_point(component) {
            line(text, "    ", &sentence);
        }
        let factor = &component.limiting_factor;
        let sure = factor.confidence.name();
        line(
            text,
            "    limit: ",
            &format!("{} (confidence {sure})", factor.title),
        );
        if factor.factor == "inconclusive" {
            line(text, "    why:   ", &factor.reason);
        }
        if let Some(would_tell) = &factor.would_tell {
            line(text, "    would tell: ", would_tell);
        }
        if let Some(model) = &component.time_model {
            let parts = model.parts.iter();
            let parts = parts.map(|p| format!("{} {}", share(p.share_ratio), p.title));
            let whole = duration_ns(model.whole_ns);
            let sentence = format!("{whole}: {}", parts.collect::<Vec<_>>().join(", "));
            line(text, "    time:  ", &sentence);
        }
    }
}

/// `at deadpool, pool size 8: 9.1 k/s, p95 4.1 ms, p99 5.0 ms, errors 0.0 %`.
pub fn operating_point(component: &ComponentAssessment) -> Option<String> {
    let point = component.operating_point.as_ref()?;
    let mut sentence = format!("at {}: {}", point.setting, rate(point.throughput_per_s));
    for (which, ns) in [("p95", point.p95_ns), ("p99", point.p99_ns)] {
        if let Some(ns) = ns {
            let _ = write!(sentence, ", {which} {}", duration_ns(ns as f64));
        }
    }
    if let Some(ratio) = point.error_ratio {
        let _ = write!(sentence, ", errors {}", percent(ratio));
    }
    Some(sentence)
}

/// `PASS`, `FAIL` or `????`.
fn stamp(outcome: GateOutcome) -> &'static str {
    match outcome {
        GateOutcome::Pass => "pass",
        GateOutcome::Fail => "FAIL",
        GateOutcome::Unknown => "?   ",
    }
}

/// What a gate saw, in words.
pub fn measured(gate: &Gate) -> String {
    let seen = gate.measured.map(|value| figures::show(&gate.unit, value));
    match (seen, &gate.reason) {
        (Some(seen), Some(reason)) => format!("{seen}; {reason}"),
        (Some(seen), None) => seen,
        (None, reason) => reason.clone().unwrap_or_default(),
    }
}

fn gates(text: &mut String, assessment: &Assessment) {
    title(text, "Gates");
    for gate in &assessment.gates {
        let sentence = format!(
            "{} {}: {}",
            gate.component.title(),
            gate.requirement,
            measured(gate)
        );
        line(text, &format!("  {} ", stamp(gate.outcome)), &sentence);
    }
}

fn objectives(text: &mut String, assessment: &Assessment) {
    title(
        text,
        "SLA recommendations (provisional: what can be held, not what users need)",
    );
    for component in &assessment.components {
        let of = |o: &&Objective| {
            (o.component, &o.scenario) == (component.component, &component.scenario)
        };
        let promises = assessment.objectives.iter().filter(of);
        let promises: Vec<&str> = promises.map(|o| o.shown.as_str()).collect();
        if !promises.is_empty() {
            let name = format!("{} {}", component.component.title(), component.scenario);
            line(text, "  ", &format!("{name}: {}", promises.join("; ")));
        }
    }
}

fn rest(text: &mut String, assessment: &Assessment) {
    let ruled_out = assessment.ruled_out.iter();
    let ruled_out = ruled_out.map(|r| format!("{}: {}", r.component.title(), r.statement));
    list(text, "Ruled out", &ruled_out.collect::<Vec<_>>());
    let unknown = assessment.unknown.iter().map(|u| {
        let component = u.component.title();
        format!("{component}: {} (would tell: {})", u.question, u.would_tell)
    });
    list(text, "Unknown", &unknown.collect::<Vec<_>>());
    let spoiled = assessment.spoiled.iter().map(|s| {
        let place = s
            .step
            .as_deref()
            .map_or(String::new(), |step| format!(" [{step}]"));
        format!("{}: {}{place}", s.component.title(), s.message)
    });
    list(text, "Spoiled by warnings", &spoiled.collect::<Vec<_>>());
}

fn list(text: &mut String, heading: &str, entries: &[String]) {
    if entries.is_empty() {
        return;
    }
    title(text, heading);
    for entry in entries.iter().take(MOST) {
        line(text, "  · ", entry);
    }
    if entries.len() > MOST {
        let more = format!("… and {} more in the page", entries.len() - MOST);
        line(text, "    ", &more);
    }
}

fn title(text: &mut String, heading: &str) {
    text.push('\n');
    line(text, "", heading);
}

/// Words wrapped at the width, the first line after `first`, the others under it.
fn line(text: &mut String, first: &str, words: &str) {
    let indent = first.chars().count();
    let mut column = indent;
    text.push_str(first);
    let mut fresh = true;
    // Labels come from reports: control characters must not reach the terminal.
    let clean: String = words
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    for word in whole_figures(&clean) {
        let length = word.chars().count();
        if !fresh && column + 1 + length > WIDTH {
            let _ = write!(text, "\n{:indent$}", "");
            column = indent;
            fresh = true;
        }
        if !fresh {
            text.push(' ');
            column += 1;
        }
        text.push_str(&word);
        column += length;
        fresh = false;
    }
    text.push('\n');
}

const UNITS: [&str; 14] = [
    "%", "ns", "µs", "ms", "s", "min", "k/s", "M/s", "B", "KiB", "MiB", "GiB", "KiB/s", "MiB/s",
];

/// The words of a sentence, each figure in one with its unit.
fn whole_figures(sentence: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in sentence.split(' ').filter(|w| !w.is_empty()) {
        let unit = UNITS.contains(&word.trim_end_matches([',', '.', ';', ':', ')']));
        match words.last_mut() {
            Some(figure) if unit && figure.ends_with(|c: char| c.is_ascii_digit()) => {
                figure.push(' ');
                figure.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_sentences_wrap_under_their_mark_and_stay_inside_80_columns() {
        let mut text = String::new();
        line(&mut text, " 1. ", &"word ".repeat(60));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() > 3);
        assert!(lines.iter().all(|l| l.chars().count() <= WIDTH), "{text}");
        assert!(lines[1].starts_with("    word"));
    }

    #[test]
    fn escape_sequences_in_a_label_do_not_reach_the_terminal() {
        let mut text = String::new();
        line(&mut text, "", "a \u{1b}[31mred\u{7}");
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{7}'),
            "{text:?}"
        );
    }
}
