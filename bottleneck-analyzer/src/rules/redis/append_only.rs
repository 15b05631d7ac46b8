//! Rule `redis_append_only`: writes that wait for the disk because of the append-only file.
//!
//! With `appendfsync always` it fires if flushes take a quarter of the time for which a call holds its
//! connection. With another setting it fires if `aof_delayed_fsync` counted a write that waited; a problem if
//! calls lost a tenth of their response time to a stall of the server that nothing else explains. Reads the
//! settings, `aof_enabled`, `answers` and `answer_mean_ns`, `answer_least_ns`, `answer_most_ns`. The wait of a call
//! for flushes is (mean − fastest answer) × round trips. Of a load that writes it is at least what is left of a call
//! beside the server's work and its round trips, where generator and machine have room.

use super::stall_cost::{self, delays_matter};
use super::transit::{self, Transit};
use crate::assessment::{ComputedFigure, Confidence, EvidenceItem, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{counted, duration_ns, share};
use crate::finding_draft::FindingDraft;
use crate::redis::RedisEvidence;
use crate::rules::evictions::WRITING;
use bench_report::EvidenceRow;
use bench_report::names;

const RULE: Rule = Rule::RedisAppendOnly;

/// Smallest share of the time for which a call holds its connection at which waiting for the disk
/// is a problem; every durable write waits a little.
const MATTERS: f64 = 0.25;

/// Smallest number of answers whose mean time tells something.
const LEAST_ANSWERS: f64 = 5.0;

pub(super) fn check(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, out: &mut Conclusions) {
    match server.figure(names::redis::AOF_ENABLED) {
        Some(on) if on > 0.0 => {}
        Some(_) => {
            let evidence = server.evidence(names::redis::AOF_ENABLED);
            let statement = "no append-only file is written".to_owned();
            return out.rule_out(RULE, bench.component, statement, evidence);
        }
        None => {
            return out.cannot_judge(
                RULE,
                bench.component,
                "whether writes wait for an append-only file: whether there is one was not read",
                "a user that may run INFO",
            );
        }
    }
    let delayed = server.figure(names::redis::AOF_DELAYED_FSYNC);
    match (server.setting("appendfsync"), delayed) {
        (Some("always"), _) => always(bench, server, out),
        (_, Some(delayed)) if delayed >= 1.0 => pushed_back(bench, server, delayed, out),
        (Some(_), None) => out.cannot_judge(
            RULE,
            bench.component,
            "whether writes waited for the append-only file: the delayed ones were not counted",
            "the field aof_delayed_fsync of INFO",
        ),
        (Some(policy), Some(_)) => out.rule_out(
            RULE,
            bench.component,
            format!("the append-only file (appendfsync {policy}) held no write up"),
            server.evidence(names::redis::AOF_DELAYED_FSYNC),
        ),
        (None, _) => out.cannot_judge(
            RULE,
            bench.component,
            "whether each write waits for the disk: the setting appendfsync could not be read",
            "a user that may run CONFIG GET",
        ),
    }
}

/// Smallest time of a call outside of server and network, in nanoseconds, that is taken for the wait of its writes;
/// a client also needs some.
const LEAST_NS: f64 = 3e5;
/// Largest number of bytes of a call whose carrying is not taken for a flush.
const SMALL_BYTES: f64 = 16_384.0;

/// Returns the mean time that a call waits for flushes of the append-only file, in nanoseconds, with more of its
/// evidence: the larger of what minimal queries waited, and of what is left of the calls beside the server's work and
/// the network. Queries seldom meet a flush where few writes are made. `None` if neither was measured.
fn waited_ns(
    bench: &BenchFacts<'_>,
    server: &RedisEvidence<'_>,
) -> Option<(f64, Vec<EvidenceItem>)> {
    let polled = polled_ns(server);
    let left = Transit::of(bench, server).filter(|_| writes_little(bench, server));
    let left = left.map(|transit| {
        (
            transit.beyond_ns() + polled.unwrap_or(0.0),
            transit.evidence,
        )
    });
    let left = left.filter(|(ns, _)| *ns >= LEAST_NS.max(polled.unwrap_or(0.0)));
    left.or_else(|| Some((polled?, Vec::new())))
}

/// Returns true if the load writes, with small values, on a generator that has room.
fn writes_little(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>) -> bool {
    let writes = |(_, row): (usize, &EvidenceRow)| {
        row.label(names::redis::commands::COMMAND)
            .is_some_and(|command| WRITING.contains(&command))
    };
    let received = server.figure(names::redis::NET_INPUT_BYTES).unwrap_or(0.0);
    server.commands_of("load").any(writes)
        && received < SMALL_BYTES * server.calls
        && server.own_answers_below(SMALL_BYTES)
        && !transit::is_full(bench, server)
}

/// Returns the mean time that a call waits for flushes by the wait of minimal queries, in nanoseconds; `None` if it
/// was not measured, or from too few answers.
fn polled_ns(server: &RedisEvidence<'_>) -> Option<f64> {
    let answers = server.figure(names::redis::ANSWERS);
    if answers.is_some_and(|answers| answers < LEAST_ANSWERS) {
        return None;
    }
    let waited = server.flush_wait_ns()? * server.round_trips();
    Some(waited.min(server.at_stake_ns()))
}

fn always(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, out: &mut Conclusions) {
    let Some((waited, more)) = waited_ns(bench, server) else {
        return out.cannot_judge(
            RULE,
            bench.component,
            "what appendfsync always costs: the server was looked at too rarely",
            "a longer step",
        );
    };
    let ratio = server.share_of_hold(waited);
    let evidence = [
        server.evidence(names::redis::ANSWER_MEAN_NS),
        server.evidence(names::redis::ANSWER_LEAST_NS),
        server.evidence(names::redis::ANSWERS),
        server.evidence(names::redis::AOF_ENABLED),
    ];
    let evidence = evidence.into_iter().flatten().chain(more);
    if ratio < MATTERS {
        let statement = format!(
            "appendfsync always: a call waited {} for the disk, {} of its time",
            duration_ns(waited),
            share(ratio)
        );
        return out.rule_out(RULE, bench.component, statement, evidence);
    }
    out.add_finding(flushed(bench, server, ratio, waited).evidence(evidence));
}

/// Builds the finding about writes that wait for the disk. A call waits `waited` nanoseconds on
/// average, which is the share `ratio` of the time for which it holds its connection.
fn flushed(
    bench: &BenchFacts<'_>,
    server: &RedisEvidence<'_>,
    ratio: f64,
    waited: f64,
) -> FindingDraft {
    bench
        .finding(RULE, FindingKind::Problem)
        .says(
            "Every write waits until the disk has it (appendfsync always)",
            format!(
                "Redis flushes its append-only file before it answers, and serves nobody \
                     meanwhile: a minimal command took {} on average and {} at best. \
                     Of a mean response time of {} that is about {}.",
                duration_ns(server.figure(names::redis::ANSWER_MEAN_NS).unwrap_or(0.0)),
                duration_ns(server.figure(names::redis::ANSWER_LEAST_NS).unwrap_or(0.0)),
                duration_ns(server.response_ns),
                duration_ns(waited),
            ),
        )
        .computes([ComputedFigure::new(
            "wait of a call for flushes, in nanoseconds",
            waited,
            "the larger of (mean answer - fastest answer) × round trips and the time of a call beside the \
             server's work and its round trips",
        )])
        .thing("appendfsync always")
        .saves(ratio * server.response_ns, server.response_ns)
        .confidence(Confidence::Medium)
        .advice(
            &[
                "where a second of writes may be lost: appendfsync everysec",
                "or a disk with a faster fsync; send writes in pipelines, which share one",
            ],
            format!("up to {} a call", duration_ns(waited)),
            "one thread waits for the disk with every round that wrote something, reads \
                 included",
        )
}

fn pushed_back(
    bench: &BenchFacts<'_>,
    server: &RedisEvidence<'_>,
    delayed: f64,
    out: &mut Conclusions,
) {
    let longest = stall_cost::unexplained_ns(server);
    let (kind, confidence) = if delays_matter(bench, server) {
        (FindingKind::Problem, Confidence::Medium)
    } else {
        (FindingKind::Information, Confidence::High)
    };
    let most = server.figure(names::redis::ANSWER_MOST_NS);
    let cost = match (longest, most) {
        (Some(ns), _) => format!(
            "Redis once answered nobody for {}, which neither a command nor a fork explains.",
            duration_ns(ns)
        ),
        (None, Some(ns)) => format!(
            "No stall of the server is known to be due to that: a minimal command took {} at most.",
            duration_ns(ns)
        ),
        (None, None) => {
            "What that cost is not known: the server was looked at too rarely.".to_owned()
        }
    };
    let draft = bench
        .finding(RULE, kind)
        .says(
            format!(
                "Writes waited for the disk {} (append-only file)",
                counted(delayed, "time")
            ),
            format!(
                "The flush of the append-only file took longer than two seconds, and Redis waited for it \
                 before it wrote on. {cost}"
            ),
        )
        .confidence(confidence)
        .evidence(server.evidence(names::redis::AOF_DELAYED_FSYNC))
        .evidence(server.evidence(names::redis::ANSWER_MOST_NS))
        .advice(
            &[
                "give the append-only file a disk of its own",
                "no-appendfsync-on-rewrite yes, where a crash during a rewrite may cost more",
            ],
            "stalls of up to the disk's own",
            "a disk that others use up lets no flush through",
        );
    out.add_finding(match longest {
        Some(ns) => draft.saves(
            stall_cost::lost_ns(bench, server, Some(ns)),
            server.response_ns,
        ),
        None => draft,
    });
}
