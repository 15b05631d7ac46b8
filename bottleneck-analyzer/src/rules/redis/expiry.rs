//! Rule `redis_expiry`: time that the main thread spends on searching for expired keys.
//!
//! Fires if the search takes a twentieth of the thread's time; a problem if it costs a tenth of the response
//! time or of the thread. Reads `expire_cycle_cpu_ms`, `expire_cap_reached` and the settings `hz` and
//! `active-expire-effort`. Searches that reached their time limit count as pieces of that length in the M/G/1
//! queue.

use super::materiality::MATTERS;
use crate::assessment::{ComputedFigure, Confidence, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{counted, duration_ns, share};
use crate::finding_draft::FindingDraft;
use crate::redis::RedisEvidence;
use bench_report::names;

const RULE: Rule = Rule::RedisExpiry;

/// Smallest share of the main thread's time at which the rule fires.
const TOLD: f64 = 0.05;
/// Share of its period, from 0 to 1, that a slow search may take at the lowest effort
/// (`ACTIVE_EXPIRE_CYCLE_SLOW_TIME_PERC` in Redis's `expire.c`).
const SLICE_RATIO: f64 = 0.25;
/// Share of its period that each further step of `active-expire-effort` adds to the slow search (the same file).
const EFFORT_RATIO: f64 = 0.02;
/// Values of `active-expire-effort` and `hz` in a server whose settings nobody changed.
const DEFAULT_EFFORT: f64 = 1.0;
const DEFAULT_HZ: f64 = 10.0;

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
    let capped = server.figure(names::redis::EXPIRE_CAP_REACHED);
    let reached = capped.map_or_else(
        || "an unknown number of times".to_owned(),
        |capped| counted(capped, "time"),
    );
    let expired = expired(server);
    let slice_us = slice_us(server);
    let long_us = capped.map_or(0.0, |capped| (capped * slice_us).min(spent_ms * 1e3));
    let wait_ns = server.wait_behind(long_us, long_us * slice_us);
    let impact = server.share_of_response(wait_ns);
    let matters = impact.max(ratio) >= MATTERS;
    let waited = if matters && impact >= ratio {
        let assumed = match server.setting("hz") {
            Some(_) => "",
            None => ", if hz, which was not read, has its default",
        };
        format!(
            " Calls waited for it up to {} on average{assumed}.",
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
                "{expired} expired in {}; the search for them reached its time limit {reached}.{waited}",
                duration_ns(server.seconds * 1e9),
            ),
        )
        .computes([ComputedFigure::new(
            "share of the main thread's time",
            ratio,
            "CPU time of looking for expired keys ÷ time of the step",
        )])
        .confidence(Confidence::Medium)
        .evidence(server.evidence(names::redis::EXPIRE_CYCLE_CPU_MS))
        .evidence(server.evidence(names::redis::EXPIRE_CAP_REACHED))
        .evidence(server.evidence(names::redis::EXPIRED_KEYS))
        .advice(
            &[
                "spread times to live by a random part, so that keys do not expire together",
                "or make its slices shorter: a lower active-expire-effort (the least is 1), or a higher hz",
            ],
            format!("up to {} a call", duration_ns(wait_ns)),
            &format!(
                "keys that expire in the same second are removed in slices of up to {}, during which nobody is \
                 served",
                duration_ns(slice_us * 1e3)
            ),
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

/// Returns the longest piece of the search for expired keys, in microseconds: its share of 1 ÷ `hz` seconds.
/// It is an upper bound, because a server with many clients (`dynamic-hz`) searches more often than `hz` says,
/// for a shorter time each. Settings that were not read count with their default.
fn slice_us(server: &RedisEvidence<'_>) -> f64 {
    let number = |name: &str, default: f64| {
        let read = server
            .setting(name)
            .and_then(|value| value.parse::<f64>().ok());
        read.filter(|value| *value >= 1.0).unwrap_or(default)
    };
    let effort = number("active-expire-effort", DEFAULT_EFFORT);
    let ratio = SLICE_RATIO + EFFORT_RATIO * (effort - 1.0);
    ratio * 1e6 / number("hz", DEFAULT_HZ)
}

/// Returns the number of keys that expired in the step, in words at the beginning of a sentence.
fn expired(server: &RedisEvidence<'_>) -> String {
    server.figure(names::redis::EXPIRED_KEYS).map_or_else(
        || "An unknown number of keys".to_owned(),
        |expired| counted(expired, "key"),
    )
}
