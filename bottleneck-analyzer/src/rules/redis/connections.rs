//! Rules `redis_maxclients` and `redis_churn` about the connections of Redis's clients.
//!
//! - `redis_maxclients` fires on refused connections, or if 90 % of `maxclients` are connected. Its impact is the share
//!   of the requests that failed for it.
//! - `redis_churn` fires if the load opens a connection in a hundredth of its calls and connecting takes a
//!   tenth of a call. It also fires if other clients open a tenth as many connections as there are calls.
//!
//! They read the server's statistics, and the failures and `connections.failed` of the load.

use bench_report::names;
use bench_report::names::steps;

use crate::assessment::{ComputedFigure, Confidence, EvidenceItem, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{counted, duration_ns, plain};
use crate::finding_draft::FindingDraft;
use crate::json_pointer::escape;
use crate::redis::RedisEvidence;
use crate::requests;

use super::clients::BROKEN;
use super::materiality::MATTERS;

/// Kind of the failures of requests whose connection was turned away.
const TURNED_AWAY: &str = "response.maxclients";
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
    let (failed, seen) = failed(bench, server);
    let draft = draft.computes([all]).evidence(evidence).evidence(seen);
    out.add_finding(if failed > 0.0 && refused >= 1.0 {
        draft.impact(failed / server.calls, ImpactOf::Requests)
    } else {
        draft
    });
}

/// Returns the number of requests that failed because their connection was turned away, with its evidence: those
/// that were told so, and those whose connection was closed, as far as the load counted attempts to open one that
/// failed. The server closes a connection after its answer, which a client that is just writing does not see.
fn failed(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>) -> (f64, Vec<EvidenceItem>) {
    let attempts = server.step.value(steps::CONNECTIONS_FAILED).unwrap_or(0.0);
    let (mut told, mut closed, mut evidence) = (0.0, 0.0, Vec::new());
    for (name, operation) in requests::request_operations(server.step) {
        for (kind, count) in &operation.errors {
            let count = *count as f64;
            match kind.as_str() {
                TURNED_AWAY => told += count,
                kind if attempts > 0.0 && BROKEN.contains(&kind) => closed += count,
                _ => continue,
            }
            let place = format!("operations/{}/errors/{}", escape(name), escape(kind));
            let pointer = format!("/steps/{}/{place}", server.index);
            evidence.extend(bench.source.evidence(format!("{name}: {kind}"), &pointer));
        }
    }
    (told + f64::min(closed, attempts), evidence)
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
    let connecting_ns = connecting_ns(server);
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

/// Returns the mean time of a call that is spent on opening a connection, in nanoseconds: a part of the pool's
/// checkout, and without a pool, as with a connection for each request, all of it.
fn connecting_ns(server: &RedisEvidence<'_>) -> f64 {
    if let Some(pool) = &server.step.pool {
        return pool.checkout.map_or(0.0, |parts| parts.connect_mean_ns);
    }
    let all = requests::request_operations(server.step).filter_map(|(_, o)| o.checkout.as_ref());
    let (sum, count) = all.fold((0.0, 0.0), |(sum, count), times| {
        (
            sum + times.mean_ns * times.count as f64,
            count + times.count as f64,
        )
    });
    sum / f64::max(count, 1.0)
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
