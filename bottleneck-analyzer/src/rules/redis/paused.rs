//! Rule `redis_paused`: a client paused all others (CLIENT PAUSE, a failover).
//!
//! Fires on such a command in the table `commands`; a problem if calls lost a tenth of their response time.
//! The loss is the larger of two times: the wait for the longest answer to a poll (`answer_most_ns`), and the
//! time lost to stalls of the throughput.

use bench_report::EvidenceRow;
use bench_report::names;

use super::materiality::MATTERS;
use super::stall_cost;
use crate::assessment::{Confidence, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{counted, duration_ns, plain};
use crate::redis::RedisEvidence;

const RULE: Rule = Rule::RedisPaused;

/// Smallest time of an answer to a minimal query, in nanoseconds, at which the server counts as
/// paused.
const LEAST_NS: f64 = 100e6;

/// Commands that pause all clients. Since version 7.0 servers count the subcommands of CLIENT and CLUSTER
/// separately.
const PAUSING: [&str; 3] = ["client|pause", "failover", "cluster|failover"];

/// Returns the name of the pausing command in `row`, as in `CLIENT PAUSE`; `None` if the command does not
/// pause clients.
fn pausing(row: &EvidenceRow) -> Option<String> {
    let command = row.label(names::redis::commands::COMMAND);
    let command = command.filter(|command| PAUSING.contains(command))?;
    Some(command.replace('|', " ").to_uppercase())
}

pub(super) fn check(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, out: &mut Conclusions) {
    let mut rows = server.rows("commands");
    let Some((place, row, name)) = rows.find_map(|(at, row)| Some((at, row, pausing(row)?))) else {
        return none(bench, server, out);
    };
    let calls = row.value(names::redis::commands::CALLS).unwrap_or(0.0);
    // A pause of writes alone does not delay the bench's minimal queries, which only read.
    let longest = server
        .figure(names::redis::ANSWER_MOST_NS)
        .filter(|ns| *ns >= LEAST_NS);
    let wait_ns = stall_cost::lost_ns(bench, server, longest);
    let kind = if server.share_of_response(wait_ns) >= MATTERS {
        FindingKind::Problem
    } else {
        FindingKind::Information
    };
    let seen = longest.map_or_else(
        || "Commands that only read were answered meanwhile.".to_owned(),
        |ns| format!("A minimal command took {}.", duration_ns(ns)),
    );
    let mut draft = bench
        .finding(RULE, kind)
        .thing(name.clone())
        .says(
            format!("A client made Redis keep all others waiting ({name})"),
            format!(
                "It was called {}, and the load sends none. {seen}",
                counted(calls, "time")
            ),
        )
        .confidence(Confidence::Medium)
        .evidence(server.row_evidence(format!("calls of {name}"), ("commands", place), "calls"))
        .evidence(server.evidence(names::redis::ANSWER_MOST_NS))
        .evidence(server.evidence(names::redis::BLOCKED_CLIENTS_MAX))
        .advice(
            &[
                "find who sends it: a failover (Sentinel, CLUSTER FAILOVER), a deployment script",
                "pause writes alone (CLIENT PAUSE … WRITE), and for no longer than it takes",
            ],
            "no calls that wait for it",
            "while clients are paused Redis reads their commands and carries none out",
        );
    if wait_ns > 0.0 {
        draft = draft.saves(wait_ns, server.response_ns);
    }
    out.add_finding(draft);
}

fn none(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, out: &mut Conclusions) {
    if server.rows("commands").next().is_none() {
        return out.cannot_judge(
            RULE,
            bench.component,
            "whether a client paused the others: its command statistics were not read",
            "a user that may run INFO commandstats",
        );
    }
    let told = server.rows("commands").any(|(_, row)| {
        row.label(names::redis::commands::COMMAND)
            .is_some_and(|c| c.contains('|'))
    });
    let blocked = server.figure(names::redis::BLOCKED_CLIENTS_MAX);
    let waiting = blocked.filter(|n| *n > 0.0).map_or(String::new(), |n| {
        format!(
            "; up to {} waited on purpose (BLPOP, WAIT and the like)",
            plain(n)
        )
    });
    let evidence = server.evidence(names::redis::BLOCKED_CLIENTS_MAX);
    // Before version 7.0 all subcommands of CLIENT are counted together.
    let any_client = server.rows("commands").any(|(_, row)| {
        row.label(names::redis::commands::COMMAND)
            .is_some_and(|c| c == "client")
    });
    if any_client && !told {
        return out.cannot_judge(
            RULE,
            bench.component,
            "whether a client paused the others: the server counts all of CLIENT together",
            "Redis 7.0 or later",
        );
    }
    let statement = format!("no client paused the others{waiting}");
    out.rule_out(RULE, bench.component, statement, evidence);
}
