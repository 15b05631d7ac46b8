//! Text of the assessment for a terminal, 80 columns wide.

use crate::assessment::{
    Assessment, Band, BandLevel, ComponentAssessment, Confidence, Finding, FindingKind, Gate,
    GateOutcome, Promise, Spoiled,
};
use crate::figures::{self, duration_ns, share};
use crate::render::excerpt::Excerpt;
use crate::render::impact::{how_they_add_up, not_ordered, weight};
use crate::render::wrap::line;
use crate::render::{operating_point, resources};

/// Heading above the doubtful findings.
const DOUBT: &str = "In doubt: inside the noise, or on figures that a warning spoils";

/// Text shown in place of the gates if there are none.
pub(crate) const NO_GATE: &str = "None: no load was measured.";

/// Text shown below bands of a resource that is used a lot.
pub(crate) const HIGH_USE: &str =
    "CPU and pool are used by the load made here: users without pauses fill them.";

/// Text shown in place of the promises if there are none.
pub(crate) const NO_PROMISE: &str = "None: no setting was held under a load of ours.";

/// Largest number of entries shown of each list at the end of the text. The page and the JSON have
/// all entries.
const MOST: usize = 6;

/// Returns the whole text of the assessment, wrapped at 80 columns, with a line feed at the end.
pub(crate) fn render(assessment: &Assessment) -> String {
    let assessment = &*Excerpt::TEXT.of(assessment);
    let mut text = String::new();
    head(&mut text, assessment);
    findings(&mut text, assessment);
    components(&mut text, assessment);
    gates(&mut text, assessment);
    bands(&mut text, assessment);
    promises(&mut text, assessment);
    rest(&mut text, assessment);
    text
}

/// Returns the kind of a finding as a word, as in `problem`; `doubtful` if its confidence is low.
pub(crate) fn kind(finding: &Finding) -> &'static str {
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
    for what in &assessment.missing {
        line(text, "  ! ", &format!("Missing: {what}."));
    }
    for note in &assessment.notes {
        line(text, "  ! ", note);
    }
    let foreign = assessment.skipped.iter().filter(|s| !s.makes_incomplete);
    let foreign: Vec<&str> = foreign.map(|s| s.reason.as_str()).collect();
    for reason in foreign.iter().take(MOST) {
        line(text, "  - ", &format!("Skipped: {reason}."));
    }
    if foreign.len() > MOST {
        let more = format!("… and {} more files", foreign.len() - MOST);
        line(text, "    ", &more);
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
        finding_lines(text, finding, &mark, assessment);
    }
    if let Some(sentence) = how_they_add_up(assessment) {
        line(text, "  ", sentence);
    }
}

/// Appends one finding to `text`, with two pieces of its evidence and its advice. The first line
/// begins with `mark`, such as a number.
fn finding_lines(text: &mut String, finding: &Finding, mark: &str, assessment: &Assessment) {
    let what = match kind(finding) {
        "information" => String::new(),
        kind => format!("{}: ", kind.to_uppercase()),
    };
    let component = finding.component.title();
    line(
        text,
        mark,
        &format!("{what}{} [{component}]", finding.title),
    );
    line(text, "    ", &weight(finding, assessment));
    // What is only a part of the cause above is told in one line: the page and the JSON have the rest.
    if finding.parent.is_some() && finding.kind == FindingKind::Information {
        return;
    }
    if let Some(sentence) = not_ordered(finding, assessment) {
        line(text, "    ", &sentence);
    }
    line(text, "    ", &finding.detail);
    for evidence in finding.evidence.iter().take(2) {
        let doubt = if evidence.spoiled { " (doubtful)" } else { "" };
        line(
            text,
            "    · ",
            &format!("{} {}{doubt}", evidence.label, evidence.shown),
        );
    }
    advice_line(text, finding);
}

/// Appends the actions of the finding's advice to `text`, in one paragraph; nothing without advice.
fn advice_line(text: &mut String, finding: &Finding) {
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

/// Names a component with its scenario, as in `Redis cache`. The report's file name follows in
/// parentheses if another report is of the same component and scenario.
pub(crate) fn name_of(component: &ComponentAssessment, assessment: &Assessment) -> String {
    let kind = |c: &ComponentAssessment| (c.component, c.scenario.clone());
    let all = assessment.components.iter();
    let same = all.filter(|c| kind(c) == kind(component)).count();
    let name = format!("{} {}", component.component.title(), component.scenario);
    match same {
        0 | 1 => name,
        _ => format!("{name} ({})", component.file),
    }
}

fn components(text: &mut String, assessment: &Assessment) {
    title(text, "What holds each component at its knee");
    for component in &assessment.components {
        line(text, "  ", &name_of(component, assessment));
        if let Some(sentence) = operating_point::sentence(component) {
            line(text, "    ", &sentence);
        }
        let factor = &component.limiting_factor;
        let sure = factor.confidence.name();
        let limit = format!("{} (confidence {sure})", factor.title);
        line(text, "    limit: ", &limit);
        if factor.confidence == Confidence::Low {
            line(text, "    why:   ", &factor.reason);
        }
        if let Some(to_find_out) = &factor.to_find_out {
            line(text, "    to find out: ", to_find_out);
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
            if let Some(tail) = &model.tail {
                line(text, "    tail:  ", &tail.statement);
            }
        }
        if let Some(sentence) = resources::sentence(component) {
            line(text, "    use:   ", &sentence);
        }
        for (what, sentence) in resources::scalability(component) {
            line(text, &format!("    {what}: "), sentence);
        }
    }
}

/// Returns the word for the outcome of a gate, four columns wide.
fn stamp(outcome: GateOutcome) -> &'static str {
    match outcome {
        GateOutcome::Pass => "pass",
        GateOutcome::Fail => "FAIL",
        GateOutcome::Unknown => "?   ",
    }
}

/// Describes a gate's measured value and the reason of its outcome, whichever of the two it has.
pub(crate) fn measured(gate: &Gate) -> String {
    let seen = gate.measured.map(|value| figures::show(&gate.unit, value));
    match (seen, &gate.reason) {
        (Some(seen), Some(reason)) => format!("{seen}; {reason}"),
        (Some(seen), None) => seen,
        (None, reason) => reason.clone().unwrap_or_default(),
    }
}

fn gates(text: &mut String, assessment: &Assessment) {
    title(text, "Gates");
    if assessment.gates.is_empty() {
        line(text, "  ", NO_GATE);
    }
    for gate in &assessment.gates {
        let set_by = gate.set_by().map(|who| format!(" [{who}]"));
        let sentence = format!(
            "{} {}{}: {}",
            gate.subject(),
            gate.sentence(),
            set_by.unwrap_or_default(),
            measured(gate)
        );
        line(text, &format!("  {} ", stamp(gate.outcome)), &sentence);
    }
    let is_shipped = |gate: &Gate| gate.set_by().is_none();
    if assessment.gates.iter().any(is_shipped) && !assessment.gates.iter().all(is_shipped) {
        line(
            text,
            "  ",
            "Bounds without a name behind them are shipped defaults.",
        );
    }
}

/// Appends the bands of all figures to `text`, one line for each component and scenario.
fn bands(text: &mut String, assessment: &Assessment) {
    if assessment.bands.is_empty() {
        return;
    }
    title(text, "Bands: good, acceptable, warning, critical");
    let of_one = |a: &Band, b: &Band| {
        (a.component, &a.scenario, &a.file) == (b.component, &b.scenario, &b.file)
    };
    for bands in assessment.bands.chunk_by(of_one) {
        let figures: Vec<String> = bands.iter().map(banded).collect();
        if let Some(first) = bands.first() {
            line(
                text,
                "  ",
                &format!("{}: {}", first.subject(), figures.join("; ")),
            );
        }
    }
    if assessment.bands.iter().any(Band::is_high_use) {
        line(text, "  ", HIGH_USE);
    }
}

/// Describes a figure with its band: `failed requests 0.0 % good`. Bands worse than acceptable are
/// in capitals.
fn banded(band: &Band) -> String {
    let level = match band.level {
        BandLevel::Warning | BandLevel::Critical => band.level.title().to_uppercase(),
        _ => band.level.title().to_owned(),
    };
    let seen = band.measured.map(|value| figures::show(&band.unit, value));
    let seen = seen.map_or(String::new(), |seen| format!(" {seen}"));
    let reason = band
        .reason
        .as_ref()
        .map_or(String::new(), |reason| format!(" ({reason})"));
    format!("{}{seen} {level}{reason}", band.title)
}

fn promises(text: &mut String, assessment: &Assessment) {
    title(
        text,
        "SLA recommendations (provisional: what can be held, not what users need)",
    );
    if assessment.promises.is_empty() {
        line(text, "  ", NO_PROMISE);
    }
    for component in &assessment.components {
        let of = |o: &&Promise| {
            let same = (o.component, &o.scenario) == (component.component, &component.scenario);
            same && o.file.as_ref().is_none_or(|file| *file == component.file)
        };
        let promises = assessment.promises.iter().filter(of);
        let promises = by_reason(promises.map(|o| o.shown.as_str()));
        if !promises.is_empty() {
            let name = name_of(component, assessment);
            line(text, "  ", &format!("{name}: {}", promises.join("; ")));
        }
    }
}

/// Joins promises that have no value for the same reason: `p95, p99 not told: 4.5 s of load, 10 s
/// are needed`. The others stay as they are, in their order.
fn by_reason<'a>(promises: impl Iterator<Item = &'a str>) -> Vec<String> {
    const NOT_TOLD: &str = " not told: ";
    let mut grouped: Vec<String> = Vec::new();
    for promise in promises {
        let same = promise.split_once(NOT_TOLD).and_then(|(what, why)| {
            let ending = format!("{NOT_TOLD}{why}");
            let group = grouped.iter_mut().find(|group| group.ends_with(&ending))?;
            Some((what, ending, group))
        });
        match same {
            Some((what, ending, group)) => {
                let so_far = group.trim_end_matches(&ending);
                *group = format!("{so_far}, {what}{ending}");
            }
            None => grouped.push(promise.to_owned()),
        }
    }
    grouped
}

fn rest(text: &mut String, assessment: &Assessment) {
    let ruled_out = assessment.ruled_out.iter();
    let ruled_out = ruled_out.map(|r| format!("{}: {}", r.component.title(), r.statement));
    list(text, "Ruled out", &ruled_out.collect::<Vec<_>>());
    let unknown = assessment.unknown.iter().map(|u| {
        let component = u.component.title();
        format!(
            "{component}: {} (to find out: {})",
            u.question, u.to_find_out
        )
    });
    list(text, "Unknown", &unknown.collect::<Vec<_>>());
    let spoiled = assessment.spoiled.iter().filter(|s| s.is_shown());
    let spoiled: Vec<String> = spoiled.map(Spoiled::sentence).collect();
    list(
        text,
        "Doubtful among these figures, the gravest first",
        &spoiled,
    );
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
