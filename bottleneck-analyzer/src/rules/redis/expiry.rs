//! Rule `redis_expiry`: time that the main thread spends on searching for expired keys.
//!
//! Fires if the search takes a twentieth of the thread's time, or calls wait for it a tenth of their response time; a
//! problem if it costs a tenth of the response time or of the thread. Reads `expire_cycle_cpu_ms`,
//! `expire_cap_reached` and the settings `hz` and `active-expire-effort`. Searches that reached their time limit count
//! as pieces of that length in the M/G/1 queue: as many of them are slow ones, the others fast ones, as their time
//! together tells.

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
/// Time limit of a fast search at the lowest effort, in microseconds, which each further step raises by a quarter of it
/// (`ACTIVE_EXPIRE_CYCLE_FAST_DURATION` in the same file).
const FAST_US: f64 = 1_000.0;
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
    let wait_ns = wait_ns(server, spent_ms * 1e3);
    if ratio < TOLD && server.share_of_response(wait_ns) < MATTERS {
        let statement = format!("expiring keys took {} of the thread's time", share(ratio));
        out.rule_out(RULE, bench.component, statement, evidence);
        return;
    }
    out.add_finding(finding(bench, server, ratio, wait_ns));
}

/// Returns the mean time that a call waits for the search, in nanoseconds, which took `spent_us` microseconds.
/// Searches that reached their limit count as long pieces; the rest of the time is in many short pieces.
fn wait_ns(server: &RedisEvidence<'_>, spent_us: f64) -> f64 {
    let capped = server.figure(names::redis::EXPIRE_CAP_REACHED);
    let capped = capped.unwrap_or(0.0);
    let (slow_us, fast_us) = (slice_us(server), fast_us(server));
    // Slow and fast searches together took no more than the whole time.
    let slow = (spent_us - capped * fast_us) / (slow_us - fast_us).max(1.0);
    let slow = slow.clamp(0.0, capped);
    let fast = (capped - slow).min((spent_us - slow * slow_us).max(0.0) / fast_us);
    let spent_us = slow * slow_us + fast * fast_us;
    let squares = slow * slow_us * slow_us + fast * fast_us * fast_us;
    server.wait_behind(spent_us, squares)
}

/// Builds the finding about the search for expired keys, which took the share `ratio` of the thread's time, and for
/// which a call waits `wait_ns` nanoseconds.
fn finding(
    bench: &BenchFacts<'_>,
    server: &RedisEvidence<'_>,
    ratio: f64,
    wait_ns: f64,
) -> FindingDraft {
    let capped = server.figure(names::redis::EXPIRE_CAP_REACHED);
    let reached = capped.map_or_else(
        || "an unknown number of times".to_owned(),
        |capped| counted(capped, "time"),
    );
    let expired = expired(server);
    let slice_us = slice_us(server);
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
    let ratio = SLICE_RATIO + EFFORT_RATIO * (effort(server) - 1.0);
    ratio * 1e6 / number(server, "hz", DEFAULT_HZ)
}

/// Returns the longest fast search, in microseconds.
fn fast_us(server: &RedisEvidence<'_>) -> f64 {
    FAST_US * (1.0 + (effort(server) - 1.0) / 4.0)
}

fn effort(server: &RedisEvidence<'_>) -> f64 {
    number(server, "active-expire-effort", DEFAULT_EFFORT)
}

/// Returns the value of the setting `name`, or `default` if it was not read.
fn number(server: &RedisEvidence<'_>, name: &str, default: f64) -> f64 {
    let read = server
        .setting(name)
        .and_then(|value| value.parse::<f64>().ok());
    read.filter(|value| *value >= 1.0).unwrap_or(default)
}

/// Returns the number of keys that expired in the step, in words at the beginning of a sentence.
fn expired(server: &RedisEvidence<'_>) -> String {
    server.figure(names::redis::EXPIRED_KEYS).map_or_else(
        || "An unknown number of keys".to_owned(),
        |expired| counted(expired, "key"),
    )
}
