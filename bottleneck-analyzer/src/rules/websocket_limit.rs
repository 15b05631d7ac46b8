//! Rule `websocket_limit`: owner of the limit that ended a search for the largest number of
//! WebSocket connections.
//!
//! Always concludes about a finished search. It is a problem if the network or the generator was
//! the limit, because then the limit of the server stays unknown. Reads `summary.limit` of the
//! report, and memory and open files of the server at that number of connections. The impact is the share of the next larger number of connections tried that could not be
//! held.

use bench_report::names::{FigureName, websocket};
use bench_report::{Limit, LimitOwner};

use crate::assessment::{ComponentKind, Confidence, EvidenceItem, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::plain;
use crate::run_facts::RunFacts;

const RULE: Rule = Rule::WebsocketLimit;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in facts.benches_of(ComponentKind::Websocket) {
        match &bench.source.report.summary.limit {
            Some(limit) => judge(bench, limit, out),
            None => out.cannot_judge(
                RULE,
                bench.component,
                "how many connections the server holds: the search did not come to an end",
                "ws-bench limit with time to finish",
            ),
        }
    }
}

fn judge(bench: &BenchFacts<'_>, limit: &Limit, out: &mut Conclusions) {
    let held = plain(limit.value);
    let evidence: Vec<EvidenceItem> = [
        ("level held", "/summary/limit/value"),
        ("whose limit", "/summary/limit/owner"),
    ]
    .into_iter()
    .filter_map(|(label, at)| bench.source.evidence(label, at))
    .chain(server_at(bench, limit.value))
    .collect();
    if limit.owner == LimitOwner::Bound {
        let statement = format!("{held} connections were held, the bound that was set");
        out.rule_out(RULE, bench.component, statement, evidence);
        out.cannot_judge(
            RULE,
            bench.component,
            format!("how many connections past {held} the server holds"),
            "a higher --max",
        );
        return;
    }
    let (kind, title, action) = meaning(limit.owner, &held);
    let confidence = match limit.owner {
        LimitOwner::Target | LimitOwner::Network => Confidence::High,
        LimitOwner::Generator | LimitOwner::Bound => Confidence::Medium,
        LimitOwner::Unknown => Confidence::Low,
    };
    let mut draft = bench
        .finding(RULE, kind)
        .says(title, format!("The search ended there: {}.", limit.reason))
        .confidence(confidence)
        .evidence(evidence)
        .advice(
            &[action],
            "more connections, until the next limit",
            "it was the first limit that was reached as connections were added",
        );
    let lost = refused(bench, limit.value).filter(|_| kind == FindingKind::Problem);
    if let Some(lost) = lost {
        draft = draft.impact(lost, ImpactOf::Capacity);
    }
    out.add_finding(draft);
}

/// Returns kind, title and advice of a finding about a limit, by the owner of the limit. `held` is
/// the number of connections as text.
fn meaning(owner: LimitOwner, held: &str) -> (FindingKind, String, &'static str) {
    match owner {
        LimitOwner::Target => (
            FindingKind::Information,
            format!("The server holds {held} WebSocket connections"),
            "raise what the reason names (descriptors, memory, CPU), or add an instance",
        ),
        LimitOwner::Network => (
            FindingKind::Problem,
            format!("The network allows no more than {held} WebSocket connections"),
            "widen the port range, add addresses, or raise the connection tracking limit",
        ),
        LimitOwner::Generator => (
            FindingKind::Problem,
            format!("The generator holds no more than {held} WebSocket connections"),
            "raise the generator's limit (ulimit -n) or use several; the server's is higher",
        ),
        LimitOwner::Bound | LimitOwner::Unknown => (
            FindingKind::Information,
            format!("Something that is not known allows no more than {held} WebSocket connections"),
            "run the server locally so that its evidence can be read",
        ),
    }
}

/// Returns memory and open files of the server with `held` connections, as evidence; empty if the server's
/// processes were not read.
fn server_at(bench: &BenchFacts<'_>, held: f64) -> Vec<EvidenceItem> {
    let mut levels = bench.source.report.steps.iter();
    let level = levels.position(|step| step.parameter("connections") == Some(held));
    let figures = [
        ("memory of the server then", websocket::SERVER_RSS_BYTES),
        (
            "open files of the server then",
            websocket::SERVER_OPEN_FILES,
        ),
    ];
    let item = |(label, name): (&str, FigureName)| {
        let pointer = format!("/steps/{}/server/figures/{name}", level?);
        bench.source.evidence(label, &pointer)
    };
    figures.into_iter().filter_map(item).collect()
}

/// Returns the share, from 0 to 1, of the next larger number of connections tried that exceeds
/// `held`; `None` if no larger number was tried.
fn refused(bench: &BenchFacts<'_>, held: f64) -> Option<f64> {
    let levels = bench.source.report.steps.iter();
    let asked = levels.filter_map(|s| s.parameter("connections"));
    let next = asked.filter(|n| *n > held).min_by(f64::total_cmp)?;
    Some((next - held) / next)
}
