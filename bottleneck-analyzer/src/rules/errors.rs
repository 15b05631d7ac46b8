//! Rules `errors_past_objective`, `errors` and `errors_elsewhere`: failed requests by kind.
//!
//! `errors_past_objective` fires for each kind if more than `objectives.error_ratio` of the requests failed
//! or stayed unanswered; below that bound `errors` names the kinds as information. Its confidence is high if
//! the true share is certainly past the bound, by the same interval as the gate; it is ruled out if the share
//! is certainly within the bound, and an open question in between. `errors_elsewhere` fires
//! for other settings past the bound, except steps that a search for a rate tried. The rules read the error
//! counts, the unanswered requests and the samples of failures in the steps, the series `errors_per_s`, and what
//! the server counted. Meaning and actions come from `error-codes.toml`.

use crate::assessment::{ComputedFigure, Confidence, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::catalogue::codes::{self, FailureEntry};
use crate::conclusions::Conclusions;
use crate::figures::{counted, percent, plain};
use crate::finding_draft::FindingDraft;
use crate::requests;
use crate::rules::failure_totals::{FailureTotals, KindTotal};
use crate::rules::{error_times, failure_latency, postgres, redis};
use crate::run_facts::RunFacts;
use crate::source_report::NEVER_CAME_BACK;

/// Name of the rule about settings other than the operating point.
const ELSEWHERE: Rule = Rule::ErrorsElsewhere;
/// Name of the rule about failures past the objective.
const PAST: Rule = Rule::ErrorsPastObjective;
/// Name of the rule about failures within the objective.
const SOME: Rule = Rule::Errors;
/// Smallest share of the requests at which a kind of failure other than the most frequent one is a
/// problem.
const LEAST_RATIO: f64 = 0.01;
/// Largest number of findings about failures at one bench's operating point.
const MOST: usize = 4;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in &facts.benches {
        let judged: Vec<usize> = bench.judged_steps().map(|(index, _)| index).collect();
        if let Some(failures) = FailureTotals::of_steps(bench, &judged) {
            judge(bench, &failures, out);
        }
        // A search for a limit goes past it on purpose, so failures at other settings are its result.
        if !bench.component.holds_connections() {
            elsewhere(bench, &judged, out);
        }
    }
}

fn judge(bench: &BenchFacts<'_>, failures: &FailureTotals, out: &mut Conclusions) {
    let limit = bench.objectives().error_ratio;
    let ratio = failures.ratio();
    if ratio <= limit {
        within(bench, failures, limit, out);
    }
    let doubt = doubt(failures, limit);
    for (place, (kind, found)) in failures.kinds.iter().take(MOST).enumerate() {
        let own = found.count as f64 / failures.attempted as f64;
        let breaks = ratio > limit && (place == 0 || own >= LEAST_RATIO);
        // Unanswered requests within the objective are reported by the rule `censored_tail`.
        if !breaks && kind == NEVER_CAME_BACK {
            continue;
        }
        let (rule, problem) = if breaks {
            (PAST, FindingKind::Problem)
        } else {
            (SOME, FindingKind::Information)
        };
        let confidence = if breaks && doubt.is_none() {
            Confidence::High
        } else {
            Confidence::Medium
        };
        let doubt = doubt.as_deref().filter(|_| breaks).unwrap_or_default();
        let draft = bench.finding(rule, problem).confidence(confidence);
        let draft = describe(draft, bench, failures, (kind, found), doubt);
        out.add_finding(if place > 0 {
            draft.one_of_several(kind)
        } else {
            draft
        });
    }
}

/// Concludes that the share of failures, which is within `limit`, is fine, or asks about it where so few requests
/// were made that the true share may be past `limit`.
fn within(bench: &BenchFacts<'_>, failures: &FailureTotals, limit: f64, out: &mut Conclusions) {
    let (low, high) = failures.interval(limit);
    if high <= limit {
        let statement = format!(
            "errors: {} of the requests (bound {})",
            percent(failures.ratio()),
            percent(limit)
        );
        let evidence = failures.succeeded_evidence.clone();
        out.rule_out(PAST, bench.component, statement, evidence);
        return;
    }
    let question = format!(
        "whether errors stay within the objective (bound {}): {} of {} failed, so that the true share may be {} \
         to {}",
        percent(limit),
        plain(failures.failed() as f64),
        counted(failures.attempted as f64, "request"),
        percent(low),
        percent(high)
    );
    out.cannot_judge(PAST, bench.component, question, "a longer step");
}

/// Returns a sentence about the share of failures that begins with a space, if it is past `limit` and the true
/// share may be within it; `None` otherwise.
fn doubt(failures: &FailureTotals, limit: f64) -> Option<String> {
    let (low, high) = failures.interval(limit);
    (failures.ratio() > limit && low <= limit).then(|| {
        format!(
            " The true share of failures{} may be {} to {} (bound {}).",
            failures.of_all(),
            percent(low),
            percent(high),
            percent(limit)
        )
    })
}

/// Adds a finding, as information, about the settings outside the operating point (the steps not in
/// `judged`) in which failures exceeded the objective. Steps of a search are left out, because
/// their failures are part of the search's result.
fn elsewhere(bench: &BenchFacts<'_>, judged: &[usize], out: &mut Conclusions) {
    let steps = &bench.source.report.steps;
    let limit = bench.objectives().error_ratio;
    let fails = |i: &usize| requests::error_ratio(&steps[*i]).is_some_and(|ratio| ratio > limit);
    let is_setting = |i: &usize| !bench.source.report.summary.is_on_the_way(*i);
    let others = (0..steps.len()).filter(|i| !judged.contains(i) && is_setting(i));
    let others: Vec<usize> = others.filter(fails).collect();
    let Some(failures) = FailureTotals::of_steps(bench, &others) else {
        return;
    };
    let Some((kind, found)) = failures.kinds.first() else {
        return;
    };
    let draft = bench
        .finding(ELSEWHERE, FindingKind::Information)
        .confidence(Confidence::Medium);
    let mut names: Vec<&str> = others.iter().map(|i| steps[*i].name.as_str()).collect();
    names.dedup();
    let at = format!("At {} (not the operating point) ", names.join("; "));
    out.add_finding(describe(draft, bench, &failures, (kind, found), "").prefixed(&at));
}

/// Adds title, explanation, evidence and advice about one kind of failure to `draft`. `doubt` is a sentence
/// about the share of all failures; empty if there is no doubt about it.
fn describe(
    draft: FindingDraft,
    bench: &BenchFacts<'_>,
    failures: &FailureTotals,
    (kind, found): (&str, &KindTotal),
    doubt: &str,
) -> FindingDraft {
    let own = found.count as f64 / failures.attempted as f64;
    let message = found
        .sample
        .as_ref()
        .map_or("", |(sample, _)| sample.message.as_str());
    let known = codes::find(kind, message);
    let part = if failures.succeeded == 0 && found.count >= failures.attempted {
        "All".to_owned()
    } else {
        percent(own)
    };
    let (title, actions) = title_and_actions(bench, kind, &part, known);
    let (at_server, counted) = match kind {
        "closed" => postgres::ended_sessions::sessions(bench, &failures.steps),
        "sqlstate.53300" => postgres::connection_holders::told(bench, &failures.steps, message),
        "sqlstate.40001" | "sqlstate.57014" if message.contains("recovery") => {
            postgres::standby_conflicts::cancelled(bench, &failures.steps)
        }
        _ => redis::refused_commands::told(bench, &failures.steps, kind),
    };
    let (when, seen) = error_times::told(bench, failures);
    let (latency, times) = failure_latency::told(bench, failures);
    let text = detail(failures, kind, found)
        + &in_all(failures, found)
        + doubt
        + &at_server
        + &when
        + &latency;
    draft
        .thing(thing(kind))
        .says(title, text)
        .evidence(counted)
        .evidence(seen)
        .impact(own, ImpactOf::Requests)
        .computes(counts(failures, found))
        .computes(times)
        .evidence(found.evidence.iter().cloned())
        .evidence(found.sample.iter().filter_map(|(_, place)| place.clone()))
        .evidence(failures.succeeded_evidence.iter().cloned())
        .advice(
            &actions,
            format!("up to {} of the requests", percent(own)),
            "a request that fails is served late or never, and one that fails at once makes percentiles \
             look better than they are",
        )
}

/// Returns the numbers of requests that [`detail`] and [`in_all`] name.
fn counts(failures: &FailureTotals, found: &KindTotal) -> [ComputedFigure; 3] {
    const HOW: &str = "sum over the steps";
    [
        ("failures of the kind", found.count),
        ("failures of all kinds", failures.failed()),
        ("requests", failures.attempted),
    ]
    .map(|(what, count)| ComputedFigure::new(what, count as f64, HOW))
}

/// Returns title and actions for a kind of failure; `part` is its share of the requests in words,
/// and `known` its entry in the catalogue.
fn title_and_actions<'c>(
    bench: &BenchFacts<'_>,
    kind: &str,
    part: &str,
    known: Option<&'c FailureEntry>,
) -> (String, Vec<&'c str>) {
    let means = known.map_or("the request failed", |code| code.means.as_str());
    let target = bench.component.title();
    if kind == NEVER_CAME_BACK {
        let look = "see what the target did meanwhile, and repeat with less load";
        (
            format!("{part} of the requests to {target} never came back"),
            vec![look],
        )
    } else {
        let actions = known.map_or(&[][..], |code| &code.actions);
        let title = format!(
            "{part} of the requests to {target} fail: {means} ({})",
            thing(kind)
        );
        (title, actions.iter().map(String::as_str).collect())
    }
}

/// Returns the name of a kind of failure as shown to people: `SQLSTATE 40001`, `timeout.checkout`.
fn thing(kind: &str) -> String {
    match kind.strip_prefix("sqlstate.") {
        Some(code) => format!("SQLSTATE {code}"),
        None => kind.to_owned(),
    }
}

fn detail(failures: &FailureTotals, kind: &str, found: &KindTotal) -> String {
    let mut text = format!(
        "{} of {} requests in {}.",
        plain(found.count as f64),
        plain(failures.attempted as f64),
        counted(failures.steps.len() as f64, "step")
    );
    let Some((sample, _)) = &found.sample else {
        if kind != NEVER_CAME_BACK {
            text += " The report kept no sample of what was said.";
        }
        return text;
    };
    text += &format!(" The message: {}.", one_line(&sample.message));
    if let Some(more) = &sample.detail {
        text += &format!(" {}.", one_line(more));
    }
    if let Some(statement) = &sample.statement {
        text += &format!(" Statement: {}.", one_line(statement));
    }
    text
}

/// Returns a sentence about the failures of all kinds that begins with a space; empty if there are none of other
/// kinds than the one in `found`.
fn in_all(failures: &FailureTotals, found: &KindTotal) -> String {
    if failures.failed() <= found.count {
        return String::new();
    }
    format!(
        " Failures of all kinds together: {} of {} requests.",
        plain(failures.failed() as f64),
        plain(failures.attempted as f64)
    )
}

/// Joins the lines of a message, removes full stops at its end, and cuts it at 300 characters.
fn one_line(message: &str) -> String {
    const MOST: usize = 300;
    let words: Vec<&str> = message.split_whitespace().collect();
    let line = words.join(" ");
    let line = line.trim_end_matches('.');
    if line.chars().count() <= MOST {
        return line.to_owned();
    }
    line.chars().take(MOST - 1).collect::<String>() + "…"
}
