//! Rule `redis_stall`: the server answered no client for 100 ms or more.
//!
//! Fires if a minimal query took that long (`answer_most_ns`) and no stall of the generator itself explains
//! it. It is a symptom if a slow command, a fork or the append-only file took half of the pause. The wait of
//! calls is the wait for one piece of work of this length (M/G/1).

use super::materiality::MATTERS;
use super::stall_cost::{LEAST_NS, delays_matter, is_generators, long_work, slowest_logged};
use crate::assessment::{ComputedFigure, Confidence, FindingId, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{duration_ns, share};
use crate::finding_draft::FindingDraft;
use crate::redis::RedisEvidence;
use bench_report::names;

const RULE: Rule = Rule::RedisStall;

pub(super) fn check(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, out: &mut Conclusions) {
    let (Some(longest), Some(mean)) = (
        server.figure(names::redis::ANSWER_MOST_NS),
        server.figure(names::redis::ANSWER_MEAN_NS),
    ) else {
        out.cannot_judge(
            RULE,
            bench.component,
            "whether Redis stood still: it was looked at too rarely",
            "a longer step",
        );
        return;
    };
    let evidence = server.evidence(names::redis::ANSWER_MOST_NS);
    if longest < LEAST_NS {
        let statement = format!(
            "Redis answered minimal commands within {}",
            duration_ns(longest)
        );
        return out.rule_out(RULE, bench.component, statement, evidence);
    }
    if is_generators(server, longest) {
        let statement = format!(
            "a pause of {} was the generator's own, or the whole machine's",
            duration_ns(longest)
        );
        return out.rule_out(RULE, bench.component, statement, evidence);
    }
    out.add_finding(finding(bench, server, longest, mean));
}

/// Builds the finding about a stall of `longest` nanoseconds; `mean` is the mean time of an answer
/// to a minimal query, in nanoseconds.
fn finding(
    bench: &BenchFacts<'_>,
    server: &RedisEvidence<'_>,
    longest: f64,
    mean: f64,
) -> FindingDraft {
    // Mean over all calls: most of them did not arrive during the stall.
    let us = longest / 1e3;
    let wait_ns = server.wait_behind(us, us * us);
    let impact = server.share_of_response(wait_ns);
    let kind = if impact >= MATTERS {
        FindingKind::Problem
    } else {
        FindingKind::Information
    };
    let (parent, cause) = cause(bench, server, longest);
    let kind = if parent.is_some() {
        FindingKind::Symptom
    } else {
        kind
    };
    bench
        .finding(RULE, kind)
        .says(
            format!("Redis answered nobody for {}", duration_ns(longest)),
            format!(
                "A minimal command took {} once and {} on average. {cause} Over \
                     the whole step that is about {} of the mean response time.",
                duration_ns(longest),
                duration_ns(mean),
                share(impact),
            ),
        )
        .saves(wait_ns, server.response_ns)
        .computes([ComputedFigure::new(
            "share of the mean response time",
            impact,
            "wait behind the stall, averaged over all calls ÷ mean response time",
        )])
        .confidence(Confidence::Medium)
        .evidence(server.evidence(names::redis::ANSWER_MOST_NS))
        .evidence(server.evidence(names::redis::ANSWER_MEAN_NS))
        .evidence(server.evidence(names::redis::LATEST_FORK_US))
        .evidence(slowest_logged(server).and_then(|(place, ..)| {
            server.row_evidence(
                "longest call in the slow log",
                ("slow_calls", place),
                "longest_us",
            )
        }))
        .parent(parent)
        .advice(
            &[
                "see what happened then: the server's log, a stopped process or virtual machine, \
                     swapping, the disk under the append-only file",
                "sysmon record beside the server",
            ],
            format!("up to {} at the worst moment", duration_ns(longest)),
            "one thread serves everybody: while it stands still, nobody is served",
        )
}

/// Explains a pause of `longest` nanoseconds: returns the id of the finding that caused it, and a
/// sentence about the cause. Without a known cause there is no id.
fn cause(
    bench: &BenchFacts<'_>,
    server: &RedisEvidence<'_>,
    longest: f64,
) -> (Option<FindingId>, String) {
    if let Some((rule, cause)) = long_work(server, longest) {
        return (Some(bench.finding_id(rule)), cause);
    }
    if server
        .figure(names::redis::AOF_DELAYED_FSYNC)
        .is_some_and(|n| n >= 1.0)
    {
        let cause = "A write waited for the disk meanwhile (append-only file).".to_owned();
        // A delay that cost little is only a note, and explains no stall.
        let is_cause = delays_matter(bench, server);
        let parent = is_cause.then(|| bench.finding_id(Rule::RedisAppendOnly));
        return (parent, cause);
    }
    let logged = server
        .setting("slowlog-log-slower-than")
        .is_some_and(|us| us != "-1");
    let none = if logged {
        "No command in the slow log, and no fork, explains it."
    } else {
        "No fork explains it; the slow log was not read."
    };
    (None, none.to_owned())
}
