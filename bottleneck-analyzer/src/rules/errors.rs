//! Rules `errors_past_objective`, `errors` and `errors_elsewhere`: failed requests by kind.
//!
//! `errors_past_objective` fires for each kind if more than `objectives.error_ratio` of the requests failed
//! or stayed unanswered; below that bound `errors` names the kinds as information. Its confidence is high if
//! the true share is certainly past the bound, by the same interval as the gate. `errors_elsewhere` fires
//! for other settings past the bound, except steps that a search for a rate tried. The rules read the error
//! counts, the unanswered requests and the samples of failures in the steps, the series `errors_per_s`, and what
//! the server counted. Meaning and actions come from `error-codes.toml`.

use std::collections::BTreeMap;

use bench_report::{FailureSample, Operation};

use crate::assessment::{ComputedFigure, Confidence, EvidenceItem, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::catalogue::codes::{self, FailureEntry};
use crate::conclusions::Conclusions;
use crate::figures::{counted, percent, plain};
use crate::finding_draft::FindingDraft;
use crate::gates::interval;
use crate::json_pointer::escape;
use crate::requests;
use crate::rules::{error_times, failure_latency, postgres, redis};
use crate::run_facts::RunFacts;
use crate::source_report::NEVER_CAME_BACK;

/// Name of the rule about settings other than the operating point.
const ELSEWHERE: Rule = Rule::ErrorsElsewhere;
/// Name of the rule about failures past the objective.
const PAST: Rule = Rule::ErrorsPastObjective;
/// Name of the rule about failures within the objective.
const SOME: Rule = Rule::Errors;
/// Kind of failure that only follows from an earlier error of the same transaction.
const FOLLOWS: &str = "sqlstate.25P02";
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

/// Failures of one kind, added up over several steps.
#[derive(Default)]
struct KindTotal {
    count: u64,
    evidence: Vec<EvidenceItem>,
    /// First sample of this kind of failure, with its message as evidence; `None` if the reports
    /// kept no sample.
    sample: Option<(FailureSample, Option<EvidenceItem>)>,
}

/// Numbers of requests and of failures by kind, added up over several steps.
struct FailureTotals {
    /// Indices of the steps in the report.
    steps: Vec<usize>,
    attempted: u64,
    succeeded: u64,
    kinds: Vec<(String, KindTotal)>,
    succeeded_evidence: Vec<EvidenceItem>,
    /// Sentence about failures that came back sooner or later than answers, with its figures; empty if they did
    /// not.
    latency: (String, Vec<ComputedFigure>),
}

impl FailureTotals {
    fn of_steps(bench: &BenchFacts<'_>, steps: &[usize]) -> Option<Self> {
        let mut kinds: BTreeMap<String, KindTotal> = BTreeMap::new();
        let (mut attempted, mut succeeded, mut evidence) = (0, 0, Vec::new());
        for &index in steps {
            for (name, operation) in requests::request_operations(&bench.source.report.steps[index])
            {
                attempted += operation.attempted;
                succeeded += operation.succeeded;
                evidence.extend(count_evidence(
                    bench,
                    index,
                    name,
                    ("succeeded", "succeeded"),
                ));
                count_kinds(bench, index, (name, operation), &mut kinds);
            }
            keep_samples(bench, index, &mut kinds);
        }
        let failures = Self {
            steps: steps.to_vec(),
            attempted,
            succeeded,
            kinds: merged(kinds),
            succeeded_evidence: evidence,
            latency: failure_latency::told(bench, steps),
        };
        (attempted > 0).then_some(failures)
    }

    fn failed(&self) -> u64 {
        self.attempted.saturating_sub(self.succeeded)
    }

    fn ratio(&self) -> f64 {
        self.failed() as f64 / self.attempted as f64
    }

    /// Returns a sentence about the share of failures that begins with a space, if it is past `limit` and the
    /// true share may be within it; `None` if that is certainly past the limit.
    fn doubt(&self, limit: f64) -> Option<String> {
        // A bound that allows no failure at all asks what happened, not what may happen.
        let interval = interval::of_share(self.failed(), self.attempted).filter(|_| limit > 0.0);
        let (low, high) = interval.filter(|(low, _)| *low <= limit)?;
        Some(format!(
            " The true share of failures may be {} to {} (bound {}).",
            percent(low),
            percent(high),
            percent(limit)
        ))
    }
}

/// Returns the count at `field` of an operation in step `index` as evidence, called `what`.
fn count_evidence(
    bench: &BenchFacts<'_>,
    index: usize,
    operation: &str,
    (what, field): (&str, &str),
) -> Option<EvidenceItem> {
    let pointer = format!("/steps/{index}/operations/{}/{field}", escape(operation));
    bench
        .source
        .evidence(format!("{operation}: {what}"), &pointer)
}

fn count_kinds(
    bench: &BenchFacts<'_>,
    index: usize,
    (name, operation): (&str, &Operation),
    kinds: &mut BTreeMap<String, KindTotal>,
) {
    for (kind, count) in &operation.errors {
        let found = kinds.entry(kind.clone()).or_default();
        found.count += count;
        let field = format!("errors/{}", escape(kind));
        found
            .evidence
            .extend(count_evidence(bench, index, name, (kind, &field)));
    }
    if operation.censored > 0 {
        let found = kinds.entry(NEVER_CAME_BACK.to_owned()).or_default();
        found.count += operation.censored;
        found.evidence.extend(count_evidence(
            bench,
            index,
            name,
            (NEVER_CAME_BACK, "censored"),
        ));
    }
}

/// Stores the first sample that step `index` has of each kind of failure in `kinds`, for kinds
/// without one.
fn keep_samples(bench: &BenchFacts<'_>, index: usize, kinds: &mut BTreeMap<String, KindTotal>) {
    let failures = &bench.source.report.steps[index].failures;
    for (place, sample) in failures.iter().enumerate() {
        if let Some(kind) = kinds
            .get_mut(&sample.kind)
            .filter(|kind| kind.sample.is_none())
        {
            let pointer = format!("/steps/{index}/failures/{place}/message");
            let said = bench.source.evidence("message of a failure", &pointer);
            kind.sample = Some((sample.clone(), said));
        }
    }
}

/// Sorts the kinds, the most frequent first. Failures that follow from an earlier error of the same
/// transaction are added to the most frequent other kind, if there is one.
fn merged(mut kinds: BTreeMap<String, KindTotal>) -> Vec<(String, KindTotal)> {
    let follows = (kinds.len() > 1).then(|| kinds.remove(FOLLOWS)).flatten();
    let mut kinds: Vec<(String, KindTotal)> = kinds.into_iter().collect();
    kinds.sort_by(|a, b| b.1.count.cmp(&a.1.count).then_with(|| a.0.cmp(&b.0)));
    if let (Some(follows), Some((_, first))) = (follows, kinds.first_mut()) {
        first.count += follows.count;
        first.evidence.extend(follows.evidence);
    }
    kinds
}

fn judge(bench: &BenchFacts<'_>, failures: &FailureTotals, out: &mut Conclusions) {
    let limit = bench.objectives().error_ratio;
    let ratio = failures.ratio();
    if ratio <= limit {
        let statement = format!(
            "errors: {} of the requests (bound {})",
            percent(ratio),
            percent(limit)
        );
        out.rule_out(
            PAST,
            bench.component,
            statement,
            failures.succeeded_evidence.clone(),
        );
    }
    let doubt = failures.doubt(limit).filter(|_| ratio > limit);
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
        "closed" => postgres::ended_sessions::sessions(bench),
        "sqlstate.53300" => postgres::connection_holders::told(bench, &failures.steps, message),
        "sqlstate.40001" | "sqlstate.57014" if message.contains("recovery") => {
            postgres::standby_conflicts::cancelled(bench)
        }
        _ => redis::refused_commands::told(bench, &failures.steps, kind),
    };
    let (when, seen) = error_times::told(bench, &failures.steps);
    draft
        .thing(thing(kind))
        .says(
            title,
            detail(failures, kind, found) + doubt + &at_server + &when + &failures.latency.0,
        )
        .evidence(counted)
        .evidence(seen)
        .impact(own, ImpactOf::Requests)
        .computes([
            ComputedFigure::new("failures of the kind", found.count as f64, "sum over the steps"),
            ComputedFigure::new("requests", failures.attempted as f64, "sum over the steps"),
        ])
        .computes(failures.latency.1.iter().cloned())
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
