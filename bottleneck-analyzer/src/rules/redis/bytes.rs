//! Rule `redis_bytes`: answers to other clients, which the main thread must also copy and write.
//!
//! Fires if other clients receive 1 MiB/s or more and that is a tenth of all bytes; a problem if it takes a
//! tenth of the thread's time. Reads `net_output_bytes`, less the answers to the load. The cost is the
//! thread's time outside of commands × other clients' share of the bytes.

use super::clients;
use super::materiality::MATTERS;
use crate::assessment::{Confidence, FindingId, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{bytes, share};
use crate::finding_draft::FindingDraft;
use crate::redis::RedisEvidence;
use bench_report::names;

const RULE: Rule = Rule::RedisBytes;

/// Smallest number of bytes per second to other clients at which the rule fires; observing the
/// server takes fewer.
const LEAST_BYTES_PER_S: f64 = 1_048_576.0;

pub(super) fn check(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, out: &mut Conclusions) {
    let Some(sent) = server.figure(names::redis::NET_OUTPUT_BYTES) else {
        out.cannot_judge(
            RULE,
            bench.component,
            "whether other clients take up Redis's output: what it sent was not read",
            "a server that counts total_net_output_bytes",
        );
        return;
    };
    let Some(others) = server.others_bytes() else {
        out.cannot_judge(
            RULE,
            bench.component,
            "whether other clients take up Redis's output: how much of it were answers to the load \
             is not known",
            "a load whose answers have a known length, such as redis-bench pool",
        );
        return;
    };
    let per_s = others / server.seconds;
    let ratio = others / sent.max(1.0);
    let evidence = server.evidence(names::redis::NET_OUTPUT_BYTES);
    if per_s < LEAST_BYTES_PER_S || ratio < MATTERS {
        let statement = format!("other clients took at most {}/s of answers", bytes(per_s));
        out.rule_out(RULE, bench.component, statement, evidence);
        return;
    }
    out.add_finding(finding(
        bench,
        server,
        (per_s, ratio),
        cause(bench, server, out),
    ));
}

/// Builds the finding about bytes that other clients receive: `per_s` bytes per second, the share
/// `ratio` of all bytes sent. `cause` is the id of the finding that explains them.
fn finding(
    bench: &BenchFacts<'_>,
    server: &RedisEvidence<'_>,
    (per_s, ratio): (f64, f64),
    cause: Option<FindingId>,
) -> FindingDraft {
    let taken = server.cost_of_others_bytes();
    let matters = taken.is_some_and(|taken| taken >= MATTERS);
    let kind = match (matters, &cause) {
        (true, Some(_)) => FindingKind::Symptom,
        (true, None) => FindingKind::Problem,
        (false, _) => FindingKind::Information,
    };
    let cost = taken.map_or_else(
        || "How much of the thread's time that takes is not known.".to_owned(),
        |taken| {
            format!(
                "Writing these answers took about {} of the time of Redis's main thread.",
                share(taken)
            )
        },
    );
    let takers = clients::subscribers(server);
    let mut draft = bench.finding(RULE, kind)
        .says(
            format!(
                "{} read {}/s from Redis",
                takers.as_deref().unwrap_or("Other clients"),
                bytes(per_s)
            ),
            format!("That is {} of what it sends. {cost}", share(ratio)),
        )
        .confidence(Confidence::Medium)
        .parent(cause)
        .evidence(server.evidence(names::redis::NET_OUTPUT_BYTES))
        .evidence(server.evidence(names::redis::OUTPUT_BUFFER_MAX_BYTES))
        .advice(
            &[
                "find who reads so much: CLIENT LIST shows tot-net-out by client on Valkey, omem and \
                 cmd elsewhere",
                "ask for less: HMGET instead of HGETALL, ranges, smaller values",
            ],
            "the thread's time for the load's own answers",
            "one thread copies and writes the answers to all clients",
        );
    if takers.is_some() {
        draft = draft.thing("PUBLISH");
    }
    if let Some(taken) = taken.filter(|_| matters) {
        draft = draft.impact(taken, ImpactOf::Capacity);
    }
    draft
}

/// Returns the id of the finding that explains the bytes: about MONITOR, or about commands with
/// large values. `None` if subscribers receive them, or if no such finding exists.
fn cause(
    bench: &BenchFacts<'_>,
    server: &RedisEvidence<'_>,
    out: &Conclusions,
) -> Option<FindingId> {
    if clients::monitor(server).is_some() {
        return Some(bench.finding_id(Rule::RedisMonitor));
    }
    if clients::subscribers(server).is_some() {
        return None;
    }
    let asked = [Rule::RedisOutliers, Rule::RedisCommand].map(|rule| bench.finding_id(rule));
    let mut found = out.findings.iter().filter(|f| asked.contains(&f.id));
    found.next().map(|f| f.id.clone())
}
