//! Rules `redis_maxclients` and `redis_churn` about the connections of Redis's clients.
//!
//! - `redis_maxclients` fires on refused connections, or if 90 % of `maxclients` are connected.
//! - `redis_churn` fires if the load opens a connection in a hundredth of its calls and connecting takes a
//!   tenth of a call. It also fires if other clients open a tenth as many connections as there are calls.
//!
//! They read the server's statistics.

use bench_report::names;

use crate::assessment::{ComputedFigure, Confidence, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{counted, duration_ns, plain};
use crate::finding_draft::FindingDraft;
use crate::redis::RedisEvidence;

use super::materiality::MATTERS;

/// Smallest connected share of `maxclients` at which the rule `redis_maxclients` fires.
const NEARLY_ALL: f64 = 0.90;
/// Smallest number of new connections per call of the load at which the load counts as not keeping
/// its connections.
const CHURN: f64 = 0.01;
/// Smallest number of new connections of other clients per call of the load at which these clients
/// count as not keeping theirs.
const CHURN_OF_OTHERS: f64 = 0.10;

pub(super) fn check(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, out: &mut Conclusions) {
    refused(bench, server, out);
    churn(bench, server, out);
}

fn refused(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, out: &mut Conclusions) {
    let rule = Rule::RedisMaxclients;
    let (Some(refused), Some(limit), Some(clients)) = (
        server.figure(names::redis::REJECTED_CONNECTIONS),
        server.figure(names::redis::MAXCLIENTS),
        server.figure(names::redis::CONNECTED_CLIENTS_MAX),
    ) else {
        return out.cannot_judge(
            rule,
            bench.component,
            "whether Redis turned clients away: its limit and its clients were not read",
            "a user that may run INFO",
        );
    };
    // Only the nodes of a cluster have connections between them.
    let between_nodes = server.figure(names::redis::CLUSTER_CONNECTIONS);
    let used = clients + between_nodes.unwrap_or(0.0);
    let evidence = [
        names::redis::REJECTED_CONNECTIONS,
        names::redis::CONNECTED_CLIENTS_MAX,
        names::redis::CLUSTER_CONNECTIONS,
        names::redis::MAXCLIENTS,
    ];
    let evidence = evidence.map(|name| server.evidence(name));
    let evidence = evidence.into_iter().flatten();
    let statement = format!("{} of {} clients connected", plain(used), plain(limit));
    if refused < 1.0 && used < NEARLY_ALL * limit {
        return out.rule_out(rule, bench.component, statement, evidence);
    }
    let how = "most clients connected at once + connections between the nodes of the cluster";
    let all = ComputedFigure::new("connections that count against the limit", used, how);
    let draft = turned_away(bench, (refused, limit), &statement);
    out.add_finding(draft.computes([all]).evidence(evidence));
}

/// Builds the finding about a number of connections near or past the limit. `refused` is the number
/// of connections that the server refused, `limit` its `maxclients`.
fn turned_away(
    bench: &BenchFacts<'_>,
    (refused, limit): (f64, f64),
    statement: &str,
) -> FindingDraft {
    let rule = Rule::RedisMaxclients;
    let (kind, title) = if refused >= 1.0 {
        let title = format!(
            "Redis turned away {}: maxclients is {}",
            counted(refused, "connection"),
            plain(limit)
        );
        (FindingKind::Problem, title)
    } else {
        let title = format!("Redis is near its limit of {} clients", plain(limit));
        (FindingKind::Information, title)
    };
    bench
        .finding(rule, kind)
        .thing("maxclients")
        .says(title, format!("{statement} at most."))
        .confidence(Confidence::High)
        .advice(
            &[
                "smaller pools, or fewer processes with one",
                "raise maxclients, and the open files that the server may have (ulimit -n)",
            ],
            "connections that are not refused",
            "a connection past maxclients is closed at once, whatever it wanted",
        )
}

fn churn(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, out: &mut Conclusions) {
    let rule = Rule::RedisChurn;
    let Some(came) = server.figure(names::redis::CONNECTIONS_RECEIVED) else {
        return out.cannot_judge(
            rule,
            bench.component,
            "whether connections are opened anew: they were not counted",
            "a user that may run INFO",
        );
    };
    let parts = server.step.pool.as_ref().and_then(|pool| pool.checkout);
    let connecting_ns = parts.map_or(0.0, |parts| parts.connect_mean_ns);
    let impact = server.share_of_response(connecting_ns);
    let evidence = server.evidence(names::redis::CONNECTIONS_RECEIVED);
    let ours = impact >= MATTERS;
    let bound = if ours { CHURN } else { CHURN_OF_OTHERS };
    if came < bound * server.calls {
        let statement = format!(
            "{} came while {} calls were made",
            counted(came, "connection"),
            plain(server.calls)
        );
        return out.rule_out(rule, bench.component, statement, evidence);
    }
    out.add_finding(churned(bench, server, came, (ours, connecting_ns)));
}

/// Builds the finding about connections that are opened and closed all the time. `came` is the
/// number of new connections, `ours` tells whether the load opened them, and connecting takes
/// `connecting_ns` of a call.
fn churned(
    bench: &BenchFacts<'_>,
    server: &RedisEvidence<'_>,
    came: f64,
    (ours, connecting_ns): (bool, f64),
) -> FindingDraft {
    let rule = Rule::RedisChurn;
    let (kind, whose) = if ours {
        (FindingKind::Problem, "The load's own checkouts open them")
    } else {
        (
            FindingKind::Information,
            "They are others', or cost the load next to nothing",
        )
    };
    let mut draft = bench
        .finding(rule, kind)
        .says(
            format!(
                "Connections are opened anew: {} for {} calls",
                plain(came),
                plain(server.calls)
            ),
            format!(
                "That was in {}. {whose}: connecting takes {} of a call's {}.",
                duration_ns(server.seconds * 1e9),
                duration_ns(connecting_ns),
                duration_ns(server.response_ns),
            ),
        )
        .confidence(Confidence::Medium)
        .evidence(server.evidence(names::redis::CONNECTIONS_RECEIVED))
        .evidence(bench.step_evidence(
            "mean time of connecting in a checkout",
            "pool/checkout/connect_mean_ns",
        ))
        .advice(
            &["keep connections open: a pool whose connections do not age, or a shared connection"],
            format!("up to {} a call", duration_ns(connecting_ns)),
            "each new connection costs round trips for the client, and the server's one thread",
        );
    if ours {
        draft = draft.saves(connecting_ns, server.response_ns);
    }
    draft
}
