//! Limit that ended a search for the most WebSocket connections.

use bench_report::LimitOwner;

use super::answer::{factor, inconclusive};
use crate::assessment::{Confidence, LimitingFactor};
use crate::bench_facts::BenchFacts;
use crate::figures::plain;

/// Creates the limiting factor from the limit that the report of a search names; `inconclusive` if
/// the search found none.
pub(super) fn searched_limit(bench: &BenchFacts<'_>) -> LimitingFactor {
    let Some(limit) = &bench.source.report.summary.limit else {
        return inconclusive(
            "the search for a limit did not come to an end",
            "let ws-bench limit run until a stop rule or a limit ends it",
        );
    };
    let (name, owner, confidence) = match limit.owner {
        LimitOwner::Target => ("target", "the server", Confidence::High),
        LimitOwner::Network => ("network", "the network", Confidence::High),
        LimitOwner::Generator => ("generator", "the generator", Confidence::Medium),
        LimitOwner::Bound => ("bound", "the bound that was set", Confidence::High),
        LimitOwner::Unknown => ("inconclusive", "not told", Confidence::Low),
    };
    let evidence = [
        ("level held", "/summary/limit/value"),
        ("whose limit", "/summary/limit/owner"),
    ];
    let evidence = evidence
        .into_iter()
        .filter_map(|(label, at)| bench.source.evidence(label, at));
    let unit = limit.parameter.replace('_', " ");
    let mut answer = factor(
        name,
        format!("{owner}: {} {unit} held", plain(limit.value)),
        limit.reason.clone(),
        confidence,
        evidence,
    );
    answer.to_find_out = match limit.owner {
        LimitOwner::Bound => Some("a higher --max: the limit was not reached".to_owned()),
        LimitOwner::Generator => Some("a generator on another machine, or several".to_owned()),
        LimitOwner::Unknown => Some("the server's own evidence (run it locally)".to_owned()),
        LimitOwner::Target | LimitOwner::Network => None,
    };
    answer
}
