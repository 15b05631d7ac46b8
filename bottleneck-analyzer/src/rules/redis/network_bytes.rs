//! Rule `redis_network_bytes`: values so large that carrying them takes the time of a call.
//!
//! Fires if a call carries 16 KiB or more, and a tenth of the response time, at least a millisecond, is neither
//! the server's work nor the round trips of the fastest answer. Reads `net_output_bytes`, `net_input_bytes`,
//! `answer_least_ns` and the service times; the table `key_hints` names keys that stand out. The cost is the rest of
//! the service time beside these. It is an open question where generator or machine are full, because that time may
//! then be the client's.

use bench_report::names;

use super::materiality::MATTERS;
use super::transit::{self, Transit};
use crate::assessment::{ComputedFigure, Confidence, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{bytes, duration_ns, share};
use crate::finding_draft::FindingDraft;
use crate::redis::{RedisEvidence, SampledKey};

const RULE: Rule = Rule::RedisNetworkBytes;
/// Smallest number of bytes of a call, both ways, whose carrying is looked at.
const LARGE_BYTES: f64 = 16_384.0;
/// Smallest time of a call, in nanoseconds, that carrying its bytes must take.
const LEAST_NS: f64 = 1e6;

pub(super) fn check(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, out: &mut Conclusions) {
    let (Some(sent), Some(received)) = (
        server.figure(names::redis::NET_OUTPUT_BYTES),
        server.figure(names::redis::NET_INPUT_BYTES),
    ) else {
        return out.cannot_judge(
            RULE,
            bench.component,
            "whether values fill the network: the bytes were not counted",
            "a user that may run INFO",
        );
    };
    let others = server.others_bytes().unwrap_or(0.0);
    let each = ((sent - others).max(0.0) + received) / server.calls;
    let evidence = [
        server.evidence(names::redis::NET_OUTPUT_BYTES),
        server.evidence(names::redis::NET_INPUT_BYTES),
    ];
    let evidence = evidence.into_iter().flatten();
    let transit = Transit::of(bench, server).filter(|_| each >= LARGE_BYTES);
    let Some(transit) = transit else {
        let statement = format!("a call carried {}", bytes(each));
        return out.rule_out(RULE, bench.component, statement, evidence);
    };
    let ns = transit.beyond_ns();
    let ratio = server.share_of_response(ns);
    let evidence: Vec<_> = evidence.chain(transit.evidence.iter().cloned()).collect();
    if ratio < MATTERS || ns < LEAST_NS {
        let statement = format!(
            "carrying the {} of a call took {} of it",
            bytes(each),
            share(ratio)
        );
        return out.rule_out(RULE, bench.component, statement, evidence);
    }
    if transit::is_full(bench, server) {
        let question = format!(
            "whether the {} of a call fill the network: {} of it are spent outside of the server, and generator \
             or machine have no CPU left",
            bytes(each),
            duration_ns(ns)
        );
        let to_find_out = "the same load with a generator and a machine that have room";
        return out.cannot_judge(RULE, bench.component, question, to_find_out);
    }
    out.add_finding(finding(bench, server, (each, ns)).evidence(evidence));
}

/// Builds the finding about calls that carry `each` bytes, which takes `ns` nanoseconds of a call.
fn finding(
    bench: &BenchFacts<'_>,
    server: &RedisEvidence<'_>,
    (each, ns): (f64, f64),
) -> FindingDraft {
    let per_s = each * server.calls / server.seconds;
    let computed = [
        ComputedFigure::new(
            "bytes of a call, both ways",
            each,
            "(bytes sent to the load + bytes received) ÷ calls",
        ),
        ComputedFigure::new(
            "bytes of the load per second",
            per_s,
            "bytes of a call × calls ÷ time between the readings",
        ),
    ];
    let keys = [server.most_used_key(), server.largest_key()];
    let keys: Vec<SampledKey> = keys.into_iter().flatten().collect();
    let named: String = keys.iter().map(SampledKey::sentence).collect();
    bench
        .finding(RULE, FindingKind::Problem)
        .thing(format!("values of about {}", bytes(each)))
        .says(
            format!(
                "Carrying the values of a call, {}, takes {} of it",
                bytes(each),
                duration_ns(ns)
            ),
            format!(
                "The load moves {}/s. Of a mean response time of {} that time is neither work of the server nor a \
                 round trip of a small answer: the bytes wait for the network and for each other.{named}",
                bytes(per_s),
                duration_ns(server.response_ns),
            ),
        )
        .saves(ns, server.response_ns)
        .computes(computed)
        .evidence(keys.into_iter().flat_map(|key| key.evidence))
        .confidence(Confidence::Medium)
        .advice(
            &[
                "store smaller values: compress them, or read the fields that are needed (HGET, GETRANGE)",
                "keep values that are read often in the client, or spread them over several servers",
            ],
            format!("up to {} a call", duration_ns(ns)),
            "a link carries so many bytes a second and no more; from a use of about 70 % on they queue",
        )
}
