//! Rule `redis_recycling`: round trips by which a pool checks a connection before it hands it out.
//!
//! Fires if checks take a tenth of the response time; a problem if the fastest answer of the server takes half a
//! millisecond, so that a check is a way over a network. Reads the parts of the checkout,
//! `extra_round_trips_per_request`, which is the server's count of the checks, and `answer_least_ns`. The cost is
//! the mean time of a check.

use bench_report::names::{self, steps};

use super::materiality::MATTERS;
use crate::assessment::{Confidence, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{duration_ns, plain, share};
use crate::redis::RedisEvidence;

const RULE: Rule = Rule::RedisRecycling;
/// Smallest time of the fastest answer, in nanoseconds, at which a check is a way over a network.
const AWAY_NS: f64 = 5e5;

pub(super) fn check(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, out: &mut Conclusions) {
    let Some(parts) = server.step.pool.as_ref().and_then(|pool| pool.checkout) else {
        return;
    };
    let check_ns = parts.check_mean_ns;
    let ratio = server.share_of_response(check_ns);
    let place = format!("/steps/{}", server.index);
    let evidence = [
        bench.source.evidence(
            "mean time of the pool's check",
            &format!("{place}/pool/checkout/check_mean_ns"),
        ),
        bench.source.evidence(
            "checks per request, by the server's count",
            &format!("{place}/figures/{}", steps::EXTRA_ROUND_TRIPS_PER_REQUEST),
        ),
        server.evidence(names::redis::ANSWER_LEAST_NS),
    ];
    let evidence: Vec<_> = evidence.into_iter().flatten().collect();
    if ratio < MATTERS {
        let statement = format!(
            "the pool's check of a connection took {} of a call",
            share(ratio)
        );
        return out.rule_out(RULE, bench.component, statement, evidence);
    }
    let fastest = server.figure(names::redis::ANSWER_LEAST_NS);
    let kind = if fastest.is_some_and(|ns| ns >= AWAY_NS) {
        FindingKind::Problem
    } else {
        FindingKind::Information
    };
    let extra = server.step.value(steps::EXTRA_ROUND_TRIPS_PER_REQUEST);
    let counted = extra.map_or_else(
        || "How often it did was not counted.".to_owned(),
        |extra| {
            format!(
                "The server counted {} of them for each request.",
                plain(extra)
            )
        },
    );
    out.add_finding(
        bench
            .finding(RULE, kind)
            .thing("PING")
            .says(
                format!(
                    "The pool checks each connection before use: a round trip of {}",
                    duration_ns(check_ns)
                ),
                format!(
                    "Before it hands a connection out it sends PING and waits for the answer. {counted} A call \
                     takes {}, {} of it for the check.",
                    duration_ns(server.response_ns),
                    share(ratio),
                ),
            )
            .saves(check_ns, server.response_ns)
            .confidence(Confidence::High)
            .evidence(evidence)
            .advice(
                &[
                    "use a multiplexed connection, or one that reconnects by itself (ConnectionManager)",
                    "where the pool stays: send several commands per checkout, as a pipeline",
                ],
                format!("up to {} a call", duration_ns(check_ns)),
                "deadpool-redis checks a connection with a round trip at every checkout, with no way to turn that \
                 off; a connection that broke is also noticed by the command itself",
            ),
    );
}
