//! Rules `redis_monitor` and `redis_output` about Redis's clients.
//!
//! - `redis_monitor` fires on a client that runs MONITOR; a problem if the thread is 70 % busy or sending
//!   takes a tenth of its time.
//! - `redis_output` fires on clients that were disconnected because they did not read their answers, or that
//!   have 1 MiB of unread answers; a problem if connections of the load broke in the same step.
//!
//! They read the server's statistics and the table `clients`.

use bench_report::EvidenceRow;
use bench_report::names;

use crate::assessment::{Confidence, EvidenceItem, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{bytes, counted, plain, share};
use crate::finding_draft::FindingDraft;
use crate::json_pointer::escape;
use crate::redis::RedisEvidence;
use crate::requests;

use super::materiality::MATTERS;

/// Smallest number of bytes not yet read by a client at which the rule `redis_output` fires.
const OUTPUT_BYTES: f64 = 1_048_576.0;
/// Kinds of failure of a request whose connection broke.
pub(super) const BROKEN: [&str; 2] = ["closed", "reset"];
/// Smallest busy share of the main thread, from 0 to 1, at which a client that runs MONITOR is a
/// problem.
const BUSY: f64 = 0.70;

pub(super) fn check(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, out: &mut Conclusions) {
    monitors(bench, server, out);
    slow_readers(bench, server, out);
}

/// Iterates over the rows of clients of a kind, as in `subscriber`, with their indices in the table
/// `clients`.
fn of_kind<'a>(
    server: &RedisEvidence<'a>,
    kind: &'a str,
) -> impl Iterator<Item = (usize, &'a EvidenceRow)> {
    let is = move |row: &EvidenceRow| {
        row.label(names::redis::clients::KIND)
            .is_some_and(|k| k == kind)
    };
    server.rows("clients").filter(move |(_, row)| is(row))
}

/// Returns name and address of the client in `row`, whichever are known; `others` if neither is.
fn whose(row: &EvidenceRow) -> String {
    let label = |column| row.label(column).filter(|text: &&str| !text.is_empty());
    match (
        label(names::redis::clients::NAME),
        label(names::redis::clients::ADDRESS),
    ) {
        (Some(name), Some(address)) => format!("{name} at {address}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "others".to_owned(),
    }
}

fn monitors(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, out: &mut Conclusions) {
    let rule = Rule::RedisMonitor;
    let Some((place, first)) = monitor(server) else {
        if server.was_read("clients") {
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
    let counts =
        of_kind(server, "monitor").filter_map(|(_, row)| row.value(names::redis::clients::CLIENTS));
    let count: f64 = counts.sum();
    let taken = server.cost_of_others_bytes();
    let taken = taken.filter(|taken| *taken >= MATTERS);
    let busy = server.busy_ratio();
    let kind = if taken.is_some() || busy.is_some_and(|busy| busy >= BUSY) {
        FindingKind::Problem
    } else {
        FindingKind::Information
    };
    let finding = monitored(bench, server, (kind, count), (place, first), taken);
    out.add_finding(finding);
}

/// Builds the finding about `count` clients that run MONITOR. `taken` is the share of the main
/// thread's time spent on sending to other clients, if it is large and known.
fn monitored(
    bench: &BenchFacts<'_>,
    server: &RedisEvidence<'_>,
    (kind, count): (FindingKind, f64),
    (place, first): (usize, &EvidenceRow),
    taken: Option<f64>,
) -> FindingDraft {
    let rule = Rule::RedisMonitor;
    let cost = taken.map_or_else(
        || "What that costs shows only without it".to_owned(),
        |taken| {
            format!(
                "Writing what others are sent took about {} of the one thread's time",
                share(taken)
            )
        },
    );
    let busy = server.busy_ratio().map_or("not known".to_owned(), share);
    let mut draft = bench.finding(rule, kind)
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
        .evidence(server.row_evidence("clients that run MONITOR", ("clients", place), "clients"))
        .evidence(server.evidence(names::redis::NET_OUTPUT_BYTES))
        .evidence(server.evidence(names::redis::MAIN_THREAD_ACTIVE_S))
        .evidence(server.evidence(names::redis::EVENTLOOP_BUSY_US))
        .advice(
            &["close it and repeat the run; use SLOWLOG or LATENCY HISTOGRAM instead"],
            "not known until it is tried; half of the throughput in the worst case",
            "the one thread writes each command out once more for each such client, and keeps what \
             it does not take without a limit",
        );
    if let Some(taken) = taken {
        draft = draft.impact(taken, ImpactOf::Capacity);
    }
    draft
}

/// Returns the row of the first client that runs MONITOR, with its index in the table `clients`;
/// `None` if none was seen.
pub(super) fn monitor<'a>(server: &RedisEvidence<'a>) -> Option<(usize, &'a EvidenceRow)> {
    of_kind(server, "monitor").next()
}

fn slow_readers(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, out: &mut Conclusions) {
    let dropped: f64 = [
        names::redis::OUTPUT_LIMIT_DISCONNECTIONS,
        names::redis::EVICTED_CLIENTS,
    ]
    .into_iter()
    .filter_map(|name| server.figure(name))
    .sum();
    let bytes_of = |row: &EvidenceRow| {
        row.value(names::redis::clients::OUTPUT_BYTES)
            .unwrap_or(0.0)
    };
    let kinds = ["slow reader", "subscriber", "monitor", "replica"];
    let readers = kinds.iter().flat_map(|kind| of_kind(server, kind));
    let slowest = readers.max_by(|a, b| bytes_of(a.1).total_cmp(&bytes_of(b.1)));
    let slowest = slowest.filter(|(_, row)| bytes_of(row) >= OUTPUT_BYTES);
    if dropped < 1.0 && slowest.is_none() {
        return no_slow_reader(bench, server, out);
    }
    let whose = slowest.map_or("a client".to_owned(), |(_, row)| whose(row));
    let waiting = slowest.map_or(String::new(), |(_, row)| {
        let unread = bytes(bytes_of(row));
        format!("{unread} of answers wait in Redis's memory for {whose}.")
    });
    let (lost, evidence) = broken(bench, server);
    let (title, effect) = if dropped < 1.0 {
        let title = format!("A client does not read its answers: {whose}");
        (title, String::new())
    } else {
        let title = format!(
            "Redis cut off {} that did not read their answers",
            counted(dropped, "client")
        );
        (title, cost(lost))
    };
    let detail = waiting + &effect;
    let is_problem = dropped >= 1.0 && lost > 0.0;
    let kind = if is_problem {
        FindingKind::Problem
    } else {
        FindingKind::Information
    };
    let place = slowest.map(|(place, _)| place);
    let draft = unread(bench, server, kind, place).says(title, detail.trim_start());
    out.add_finding(if is_problem {
        let draft = draft.impact(lost / server.calls, ImpactOf::Requests);
        draft.evidence(evidence)
    } else {
        draft
    });
}

/// Describes what it cost the load that clients were cut off, as a sentence that begins with a space; `lost` is
/// the number of its requests whose connection broke.
fn cost(lost: f64) -> String {
    if lost > 0.0 {
        let lost = counted(lost, "request");
        format!(" {lost} of the load failed because the connection broke.")
    } else {
        " No connection of the load broke.".to_owned()
    }
}

/// Returns the number of requests of the load that failed because their connection broke, with its evidence.
fn broken(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>) -> (f64, Vec<EvidenceItem>) {
    let operations = requests::request_operations(server.step);
    let failures = operations.flat_map(|(name, operation)| {
        let broken = operation.errors.iter();
        let broken = broken.filter(|(kind, _)| BROKEN.contains(&kind.as_str()));
        broken.map(move |(kind, count)| (name, kind, *count as f64))
    });
    let (mut lost, mut evidence) = (0.0, Vec::new());
    for (name, kind, count) in failures {
        let place = format!("operations/{}/errors/{}", escape(name), escape(kind));
        let pointer = format!("/steps/{}/{place}", server.index);
        lost += count;
        evidence.extend(bench.source.evidence(format!("{name}: {kind}"), &pointer));
    }
    (lost, evidence)
}

/// Begins the finding about answers that a client has not read; `place` is the index of the client with the most
/// of them in the table `clients`.
fn unread(
    bench: &BenchFacts<'_>,
    server: &RedisEvidence<'_>,
    kind: FindingKind,
    place: Option<usize>,
) -> FindingDraft {
    bench
        .finding(Rule::RedisOutput, kind)
        .confidence(Confidence::Medium)
        .evidence(place.and_then(|place| {
            server.row_evidence("answers not taken", ("clients", place), "output_bytes")
        }))
        .evidence(server.evidence(names::redis::OUTPUT_LIMIT_DISCONNECTIONS))
        .evidence(server.evidence(names::redis::EVICTED_CLIENTS))
        .evidence(server.evidence(names::redis::OUTPUT_BUFFER_MAX_BYTES))
        .advice(
            &[
                "make it read faster, or ask for less at a time",
                "bound it: client-output-buffer-limit, maxmemory-clients",
            ],
            "memory for keys, and no clients that are cut off",
            "answers that are not taken stay in memory, and count for maxmemory",
        )
}

/// Rules out clients that read too slowly, as far as the server counts them; adds an open question
/// if the list of clients was not read.
fn no_slow_reader(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, out: &mut Conclusions) {
    let rule = Rule::RedisOutput;
    if !server.was_read("clients") {
        return out.cannot_judge(
            rule,
            bench.component,
            "whether a client leaves its answers untaken: CLIENT LIST was not read",
            "a user that may run CLIENT LIST",
        );
    }
    let statement = if server
        .figure(names::redis::OUTPUT_LIMIT_DISCONNECTIONS)
        .is_some()
    {
        "no client left much of its answers untaken, and none was cut off"
    } else {
        "no client was seen that leaves much of its answers untaken; this server does not count \
         those that it cuts off (7.4 and later do)"
    };
    let evidence = server.evidence(names::redis::OUTPUT_BUFFER_MAX_BYTES);
    out.rule_out(rule, bench.component, statement, evidence);
}

/// Describes subscribers that received messages: `50 subscriber(s) (PUBLISH)`. `None` if nothing
/// was published or no subscriber was seen.
pub(super) fn subscribers(server: &RedisEvidence<'_>) -> Option<String> {
    let publishes = |row: &EvidenceRow| {
        let command = row.label(names::redis::commands::COMMAND);
        command.is_some_and(|c| c == "publish" || c == "spublish")
    };
    server.rows("commands").find(|(_, row)| publishes(row))?;
    let counts = of_kind(server, "subscriber")
        .filter_map(|(_, row)| row.value(names::redis::clients::CLIENTS));
    let count: f64 = counts.sum();
    (count > 0.0).then(|| format!("{} (PUBLISH)", counted(count, "subscriber")))
}
