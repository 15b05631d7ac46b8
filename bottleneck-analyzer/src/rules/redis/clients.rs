//! Rules `redis_maxclients`, `redis_churn`, `redis_monitor` and `redis_output` about Redis's clients.
//!
//! - `redis_maxclients` fires on refused connections, or if 90 % of `maxclients` are connected.
//! - `redis_churn` fires if the load opens a connection in a hundredth of its calls and connecting takes a
//!   tenth of a call, or if a tenth as many connections as calls are opened.
//! - `redis_monitor` fires on a client that runs MONITOR; a problem if the thread is 70 % busy or sending
//!   takes a tenth of its time.
//! - `redis_output` fires on clients that were disconnected for unread answers, or have 1 MiB unread.
//!
//! They read the server's statistics and the table `clients`.

use bench_report::EvidenceRow;

use crate::assessment::{ComponentKind, Confidence, FindingKind, ImpactOf};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{bytes, duration_ns, plain, share};
use crate::finding_draft::FindingDraft;
use crate::redis::RedisEvidence;

/// Share of `maxclients` from which the rule fires.
const NEARLY_ALL: f64 = 0.90;
/// New connections per call from which the load does not keep its connections.
const CHURN: f64 = 0.01;
/// New connections per call from which other clients do not keep theirs.
const CHURN_OF_OTHERS: f64 = 0.10;
/// Unread bytes of a client from which the rule fires.
const OUTPUT_BYTES: f64 = 1_048_576.0;
/// Busy share of the thread from which a monitor is a problem.
const BUSY: f64 = 0.70;

pub(super) fn check(bench: &BenchFacts<'_>, view: &RedisEvidence<'_>, out: &mut Conclusions) {
    refused(bench, view, out);
    churn(bench, view, out);
    monitors(bench, view, out);
    slow_readers(bench, view, out);
}

fn refused(bench: &BenchFacts<'_>, view: &RedisEvidence<'_>, out: &mut Conclusions) {
    let rule = "redis_maxclients";
    let (Some(refused), Some(limit)) = (
        view.figure("rejected_connections"),
        view.figure("maxclients"),
    ) else {
        return out.cannot_judge(
            rule,
            bench.component,
            "whether Redis turned clients away: its limit was not read",
            "a user that may run INFO",
        );
    };
    let used = view.figure("connected_clients_max").unwrap_or(0.0);
    let used = used + view.figure("cluster_connections").unwrap_or(0.0);
    let evidence = [
        "rejected_connections",
        "connected_clients_max",
        "maxclients",
    ];
    let evidence = evidence.map(|name| view.evidence(name));
    let evidence = evidence.into_iter().flatten();
    let statement = format!("{} of {} clients connected", plain(used), plain(limit));
    if refused < 1.0 && used < NEARLY_ALL * limit {
        return out.rule_out(rule, bench.component, statement, evidence);
    }
    let (kind, title) = if refused >= 1.0 {
        let title = format!(
            "Redis turned {} connection(s) away: maxclients is {}",
            plain(refused),
            plain(limit)
        );
        (FindingKind::Problem, title)
    } else {
        let title = format!("Redis is near its limit of {} clients", plain(limit));
        (FindingKind::Information, title)
    };
    out.add_finding(
        FindingDraft::new(rule, &bench.id(), ComponentKind::Redis, kind)
            .thing("maxclients")
            .says(title, format!("{statement} at most."))
            .confidence(Confidence::High)
            .evidence(evidence)
            .advice(
                &[
                    "smaller pools, or fewer processes with one",
                    "raise maxclients, and the open files that the server may have (ulimit -n)",
                ],
                "connections that are not refused",
                "a connection past maxclients is closed at once, whatever it wanted",
            ),
    );
}

fn churn(bench: &BenchFacts<'_>, view: &RedisEvidence<'_>, out: &mut Conclusions) {
    let rule = "redis_churn";
    let Some(came) = view.figure("connections_received") else {
        return out.cannot_judge(
            rule,
            bench.component,
            "whether connections are opened anew: they were not counted",
            "a user that may run INFO",
        );
    };
    let parts = view.step.pool.as_ref().and_then(|pool| pool.checkout);
    let connecting_ns = parts.map_or(0.0, |parts| parts.connect_mean_ns);
    let impact = view.share_of_response(connecting_ns);
    let evidence = view.evidence("connections_received");
    let ours = impact >= super::MATTERS;
    let bound = if ours { CHURN } else { CHURN_OF_OTHERS };
    if came < bound * view.calls {
        let statement = format!(
            "{} connection(s) came while {} calls were made",
            plain(came),
            plain(view.calls)
        );
        return out.rule_out(rule, bench.component, statement, evidence);
    }
    let (kind, whose) = if ours {
        (FindingKind::Problem, "The load's own checkouts open them")
    } else {
        (
            FindingKind::Information,
            "They are others', or cost the load next to nothing",
        )
    };
    let mut draft = FindingDraft::new(rule, &bench.id(), ComponentKind::Redis, kind)
        .says(
            format!(
                "Connections are opened anew: {} for each 100 calls",
                plain((100.0 * came / view.calls).round())
            ),
            format!(
                "{} in {}. {whose}: connecting takes {} of a call's {}.",
                plain(came),
                duration_ns(view.seconds * 1e9),
                duration_ns(connecting_ns),
                duration_ns(view.response_ns),
            ),
        )
        .confidence(Confidence::Medium)
        .evidence(evidence)
        .advice(
            &["keep connections open: a pool whose connections do not age, or a shared connection"],
            format!("up to {} a call", duration_ns(connecting_ns)),
            "each new connection costs round trips for the client, and the server's one thread",
        );
    if ours {
        draft = draft.saves(connecting_ns, view.response_ns);
    }
    out.add_finding(draft);
}

/// Iterates over the clients of a kind, with their indices in the table.
fn of_kind<'a>(
    view: &RedisEvidence<'a>,
    kind: &'a str,
) -> impl Iterator<Item = (usize, &'a EvidenceRow)> {
    let is = move |row: &EvidenceRow| row.labels.get("kind").is_some_and(|k| k == kind);
    view.rows("clients").filter(move |(_, row)| is(row))
}

/// Returns name and address of a client.
fn whose(row: &EvidenceRow) -> String {
    let label = |name: &str| row.labels.get(name).filter(|text| !text.is_empty());
    match (label("name"), label("address")) {
        (Some(name), Some(address)) => format!("{name} at {address}"),
        (Some(one), None) | (None, Some(one)) => one.clone(),
        (None, None) => "others".to_owned(),
    }
}

fn monitors(bench: &BenchFacts<'_>, view: &RedisEvidence<'_>, out: &mut Conclusions) {
    let rule = "redis_monitor";
    let Some((place, first)) = monitor(view) else {
        if view.was_read("clients") {
            out.rule_out(rule, bench.component, "no client runs MONITOR", None);
        } else {
            out.cannot_judge(
                rule,
                bench.component,
                "whether a client runs MONITOR: CLIENT LIST was not read",
                "a user that may run CLIENT LIST",
            );
        }
        return;
    };
    let counts = of_kind(view, "monitor").filter_map(|(_, row)| row.figures.get("clients"));
    let count: f64 = counts.sum();
    let taken = view.cost_of_others_bytes();
    let taken = taken.filter(|taken| *taken >= super::MATTERS);
    let busy = view.busy_ratio();
    let kind = if taken.is_some() || busy.is_some_and(|busy| busy >= BUSY) {
        FindingKind::Problem
    } else {
        FindingKind::Information
    };
    let cost = taken.map_or_else(
        || "What that costs shows only without it".to_owned(),
        |taken| {
            format!(
                "Writing what others are sent took about {} of the one thread's time",
                share(taken)
            )
        },
    );
    let busy = busy.map_or("not known".to_owned(), share);
    let mut draft = FindingDraft::new(rule, &bench.id(), ComponentKind::Redis, kind)
        .thing("MONITOR")
        .says(
            if count > 1.0 {
                format!("{} clients run MONITOR: {}", plain(count), whose(first))
            } else {
                format!("A client runs MONITOR: {}", whose(first))
            },
            format!(
                "It is sent every command of every client. {cost}; the use of the thread with it is \
                 {busy}."
            ),
        )
        .confidence(Confidence::High)
        .evidence(view.row_evidence("clients that run MONITOR", ("clients", place), "clients"))
        .evidence(view.evidence("net_output_bytes"))
        .advice(
            &["close it and repeat the run; use SLOWLOG or LATENCY HISTOGRAM instead"],
            "not known until it is tried; half of the throughput in the worst case",
            "the one thread writes each command out once more for each such client, and keeps what \
             it does not take without a limit",
        );
    if let Some(taken) = taken {
        draft = draft.impact(taken, ImpactOf::Capacity);
    }
    out.add_finding(draft);
}

/// Returns the first client that runs MONITOR, with its index.
pub(super) fn monitor<'a>(view: &RedisEvidence<'a>) -> Option<(usize, &'a EvidenceRow)> {
    of_kind(view, "monitor").next()
}

fn slow_readers(bench: &BenchFacts<'_>, view: &RedisEvidence<'_>, out: &mut Conclusions) {
    let rule = "redis_output";
    let dropped: f64 = ["output_limit_disconnections", "evicted_clients"]
        .iter()
        .filter_map(|name| view.figure(name))
        .sum();
    let bytes_of = |row: &EvidenceRow| row.figures.get("output_bytes").copied().unwrap_or(0.0);
    let kinds = ["slow reader", "subscriber", "monitor", "replica"];
    let readers = kinds.iter().flat_map(|kind| of_kind(view, kind));
    let slowest = readers.max_by(|a, b| bytes_of(a.1).total_cmp(&bytes_of(b.1)));
    let slowest = slowest.filter(|(_, row)| bytes_of(row) >= OUTPUT_BYTES);
    if dropped < 1.0 && slowest.is_none() {
        return no_slow_reader(bench, view, out);
    }
    let whose = slowest.map_or("a client".to_owned(), |(_, row)| whose(row));
    let (kind, title) = if dropped >= 1.0 {
        (
            FindingKind::Problem,
            format!(
                "Redis cut {} client(s) off that did not take their answers",
                plain(dropped)
            ),
        )
    } else {
        (
            FindingKind::Information,
            format!("A client does not take its answers: {whose}"),
        )
    };
    let held = slowest.map_or(0.0, |(_, row)| bytes_of(row));
    out.add_finding(
        FindingDraft::new(rule, &bench.id(), ComponentKind::Redis, kind)
            .says(
                title,
                format!(
                    "{} of answers wait in Redis's memory for {whose}.",
                    bytes(held)
                ),
            )
            .confidence(Confidence::Medium)
            .evidence(slowest.and_then(|(place, _)| {
                view.row_evidence("answers not taken", ("clients", place), "output_bytes")
            }))
            .evidence(view.evidence("output_limit_disconnections"))
            .evidence(view.evidence("output_buffer_max_bytes"))
            .advice(
                &[
                    "make it read faster, or ask for less at a time",
                    "bound it: client-output-buffer-limit, maxmemory-clients",
                ],
                "memory for keys, and no clients that are cut off",
                "answers that are not taken stay in memory, and count for maxmemory",
            ),
    );
}

/// Rules out slow readers, as far as the server counts them.
fn no_slow_reader(bench: &BenchFacts<'_>, view: &RedisEvidence<'_>, out: &mut Conclusions) {
    let rule = "redis_output";
    if !view.was_read("clients") {
        return out.cannot_judge(
            rule,
            bench.component,
            "whether a client leaves its answers untaken: CLIENT LIST was not read",
            "a user that may run CLIENT LIST",
        );
    }
    let statement = if view.figure("output_limit_disconnections").is_some() {
        "no client left much of its answers untaken, and none was cut off"
    } else {
        "no client was seen that leaves much of its answers untaken; this server does not count \
         those that it cuts off (7.4 and later do)"
    };
    let evidence = view.evidence("output_buffer_max_bytes");
    out.rule_out(rule, bench.component, statement, evidence);
}

/// Describes subscribers that received messages: `50 subscriber(s) (PUBLISH)`.
pub(super) fn subscribers(view: &RedisEvidence<'_>) -> Option<String> {
    let publishes = |row: &EvidenceRow| {
        let command = row.labels.get("command");
        command.is_some_and(|c| c == "publish" || c == "spublish")
    };
    view.rows("commands").find(|(_, row)| publishes(row))?;
    let counts = of_kind(view, "subscriber").filter_map(|(_, row)| row.figures.get("clients"));
    let count: f64 = counts.sum();
    (count > 0.0).then(|| format!("{} subscriber(s) (PUBLISH)", plain(count)))
}
