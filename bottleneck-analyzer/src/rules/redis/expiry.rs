//! Rule `redis_expiry`: time that the main thread spends on searching for expired keys.
//!
//! Fires if the search takes a twentieth of the thread's time; a problem if it costs a tenth of the response
//! time or of the thread. Reads `expire_cycle_cpu_ms` and `expire_cap_reached`. Searches that reached their
//! time limit count as pieces of 25 ms in the M/G/1 queue.

use super::materiality::MATTERS;
use crate::assessment::{Confidence, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{counted, duration_ns, plain, share};
use crate::finding_draft::FindingDraft;
use crate::redis::RedisEvidence;
use bench_report::names;

const RULE: Rule = Rule::RedisExpiry;

/// Smallest share of the main thread's time at which the rule fires.
const TOLD: f64 = 0.05;
/// Longest piece of the search for expired keys at the default effort, in microseconds: 25 % of a
/// tenth of a second.
const SLICE_US: f64 = 25_000.0;

pub(super) fn check(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, out: &mut Conclusions) {
    let Some(spent_ms) = server.figure(names::redis::EXPIRE_CYCLE_CPU_MS) else {
        out.cannot_judge(
            RULE,
            bench.component,
            "what expiring keys costs: the server does not count it",
            "Redis 6.2 or later",
        );
        return;
    };
    let ratio = spent_ms / 1e3 / server.seconds;
    let evidence = server.evidence(names::redis::EXPIRE_CYCLE_CPU_MS);
    if ratio < TOLD {
        let statement = format!("expiring keys took {} of the thread's time", share(ratio));
        out.rule_out(RULE, bench.component, statement, evidence);
        return;
    }
    out.add_finding(finding(bench, server, spent_ms, ratio));
}

/// Builds the finding about the search for expired keys, which took `spent_ms` milliseconds, the
/// share `ratio` of the thread's time.
fn finding(
    bench: &BenchFacts<'_>,
    server: &RedisEvidence<'_>,
    spent_ms: f64,
    ratio: f64,
) -> FindingDraft {
    // Searches that reached their limit count as long pieces; the rest of the time is in many short pieces.
    let capped = server
        .figure(names::redis::EXPIRE_CAP_REACHED)
        .unwrap_or(0.0);
    let long_us = (capped * SLICE_US).min(spent_ms * 1e3);
    let wait_ns = server.wait_behind(long_us, long_us * SLICE_US);
    let impact = server.share_of_response(wait_ns);
    let matters = impact.max(ratio) >= MATTERS;
    let waited = if matters && impact >= ratio {
        format!(
            " Calls waited about {} for it on average.",
            duration_ns(wait_ns)
        )
    } else {
        String::new()
    };
    let kind = if matters {
        FindingKind::Problem
    } else {
        FindingKind::Information
    };
    let mut draft = bench
        .finding(RULE, kind)
        .says(
            format!(
                "Expiring keys takes {} of the time of Redis's main thread",
                share(ratio)
            ),
            format!(
                "{} keys expired in {}; the search for them reached its time limit {}.{waited}",
                plain(server.figure(names::redis::EXPIRED_KEYS).unwrap_or(0.0)),
                duration_ns(server.seconds * 1e9),
                counted(capped, "time"),
            ),
        )
        .confidence(Confidence::Medium)
        .evidence(server.evidence(names::redis::EXPIRE_CYCLE_CPU_MS))
        .evidence(server.evidence(names::redis::EXPIRE_CAP_REACHED))
        .evidence(server.evidence(names::redis::EXPIRED_KEYS))
        .advice(
            &[
                "spread times to live by a random part, so that keys do not expire together",
                "or lower active-expire-effort",
            ],
            format!("up to {} a call", duration_ns(wait_ns)),
            "keys that expire in the same second are removed in slices of up to 25 ms, during \
             which nobody is served",
        );
    if matters {
        draft = if impact >= ratio {
            draft.saves(wait_ns, server.response_ns)
        } else {
            draft.impact(ratio, ImpactOf::Capacity)
        };
    }
    draft
}
