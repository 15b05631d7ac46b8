//! The assessment on a terminal: 80 columns, findings first, plain words.

use std::fmt::Write as _;

use crate::assessment::{
    Assessment, ComponentAssessment, Confidence, Finding, FindingKind, Gate, GateOutcome, Impact,
    ImpactOf, Objective,
};
use crate::figures::{self, duration_ns, percent, rate, share};
use crate::render::wrap::line;

/// What stands above the findings that are no more than doubts.
const DOUBT: &str = "In doubt: inside the noise, or on figures that a warning spoils";

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
        ImpactOf::SessionTime => "of the time of sessions at work",
    }
}

/// `up to 34 % of the response time (12 ms), confidence high`; nothing wrong has no impact to speak
/// of.
pub fn weight(finding: &Finding) -> String {
    let confidence = finding.confidence.name();
    match finding.impact {
        Some(i) => format!("{}, confidence {confidence}", would_come_back(i)),
        None if finding.kind == FindingKind::Information => format!("confidence {confidence}"),
        None => format!("impact not measured, confidence {confidence}"),
    }
}

/// What an impact is, in words.
fn would_come_back(impact: Impact) -> String {
    let mut text = match impact.of {
        ImpactOf::Requests => format!("{} {}", percent(impact.ratio), impact_of(impact.of)),
        _ => format!("up to {} {}", share(impact.ratio), impact_of(impact.of)),
    };
    if let Some(ns) = impact.saved_ns {
        let _ = write!(text, " ({} of each call)", duration_ns(ns));
    }
    if let Some(gain) = impact.capacity_gain_ratio.filter(|gain| *gain >= 0.01) {
        let _ = write!(
            text,
            ", {} more throughput until the next limit",
            share(gain)
        );
    }
    text
}

/// What a finding is called: by its kind, unless it is no more than a doubt.
pub fn kind(finding: &Finding) -> &'static str {
    if finding.is_sure() {
        finding.kind.name()
    } else {
        "doubtful"
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
    let mut in_doubt = false;
    for finding in &assessment.findings {
        if !finding.is_sure() && finding.parent.is_none() && !in_doubt {
            in_doubt = true;
            line(text, "", DOUBT);
        }
        let mark = if finding.parent.is_some() {
            "  └ ".to_owned()
        } else {
            number += 1;
            format!("{number:2}. ")
        };
        let what = match kind(finding) {
            "information" => String::new(),
            kind => format!("{}: ", kind.to_uppercase()),
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
            let condition = if finding.is_sure() {
                ""
            } else {
                "if confirmed: "
            };
            line(
                text,
                "    → ",
                &format!("{condition}{}{restart}", advice.actions.join("; ")),
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
        if factor.confidence == Confidence::Low {
            line(text, "    why:   ", &factor.reason);
        }
        if let Some(would_tell) = &factor.would_tell {
            line(text, "    would tell: ", would_tell);
        }
        if let Some(model) = &component.time_model {
            let parts = model.parts.iter();
            let parts = parts.map(|p| format!("{} {}", share(p.share_ratio), p.title));
            let whole = duration_ns(model.whole_ns);
            let doubt = if model.is_doubtful() {
                " (doubtful)"
            } else {
                ""
            };
            let sentence = format!("{whole}{doubt}: {}", parts.collect::<Vec<_>>().join(", "));
            line(text, "    time:  ", &sentence);
        }
    }
}

/// `at deadpool, pool size 8: 9.1 k/s, p95 4.1 ms, p99 5.0 ms (doubtful), errors 0.0 %`.
pub fn operating_point(component: &ComponentAssessment) -> Option<String> {
    let point = component.operating_point.as_ref()?;
    let doubt = |figure: &str| {
        if point.is_doubtful(figure) {
            " (doubtful)"
        } else {
            ""
        }
    };
    let mut sentence = format!("at {}: {}", point.setting, rate(point.throughput_per_s));
    sentence += doubt("throughput_per_s");
    for (which, ns) in [("p95", point.p95_ns), ("p99", point.p99_ns)] {
        if let Some(ns) = ns {
            let _ = write!(
                sentence,
                ", {which} {}{}",
                duration_ns(ns as f64),
                doubt(which)
            );
        }
    }
    if let Some(ratio) = point.error_ratio {
        let _ = write!(
            sentence,
            ", errors {}{}",
            percent(ratio),
            doubt("succeeded")
        );
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
