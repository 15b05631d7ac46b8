//! Rule `redis_query_limit`: clients that Redis disconnected because a request of theirs was too long.
//!
//! Fires on one such client or more; reads `query_limit_disconnections`, which Redis counts from version 7.4 on.
//! Requests of the load that were lost so are failures, which the rule `errors_past_objective` judges.

use bench_report::names;

use crate::assessment::{Confidence, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::counted;
use crate::redis::RedisEvidence;

const RULE: Rule = Rule::RedisQueryLimit;

pub(super) fn check(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, out: &mut Conclusions) {
    let figure = names::redis::QUERY_LIMIT_DISCONNECTIONS;
    // Earlier versions do not count such clients. An open question in every run with them would help nobody.
    let Some(cut_off) = server.figure(figure) else {
        return;
    };
    let evidence = server.evidence(figure);
    if cut_off < 1.0 {
        let statement = "no client was cut off because its request was too long";
        return out.rule_out(RULE, bench.component, statement, evidence);
    }
    out.add_finding(
        bench
            .finding(RULE, FindingKind::Problem)
            .thing("client-query-buffer-limit")
            .says(
                format!(
                    "Redis cut off {} whose request was too long",
                    counted(cut_off, "client")
                ),
                "A request is kept in memory until all of it is there; past client-query-buffer-limit \
                 (1 GB unless it was changed) the connection is closed, with all that it had asked for.",
            )
            .confidence(Confidence::High)
            .evidence(evidence)
            .advice(
                &[
                    "send less at a time: shorter pipelines, smaller values, several MSET instead of one",
                    "wait for answers before more is sent, as a client does that reads what it asked for",
                ],
                "no connections that are closed",
                "what is sent faster than it is carried out piles up in the server's memory",
            ),
    );
}
