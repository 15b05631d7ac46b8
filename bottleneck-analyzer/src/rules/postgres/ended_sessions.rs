//! Sessions that did not end at their client's wish, as evidence for the rule `errors`, because the reason
//! seldom reaches the client.

use crate::assessment::{ComponentKind, EvidenceItem};
use crate::bench_facts::BenchFacts;
use crate::figures::plain;
use crate::postgres::PostgresEvidence;
use bench_report::names::{self, FigureName};

/// Settings that let the server end a session after some time, each with the SQLSTATE and the reason that the
/// server logs.
const TIMEOUTS: [(&str, &str, &str); 3] = [
    (
        "idle_in_transaction_session_timeout",
        "25P03",
        "idle-in-transaction timeout",
    ),
    ("idle_session_timeout", "57P05", "idle-session timeout"),
    ("transaction_timeout", "25P04", "transaction timeout"),
];
/// Counters of sessions that ended otherwise than at their client's wish, each with the reason in words.
const COUNTERS: [(FigureName, &str); 3] = [
    (
        names::postgres::DATABASE_SESSIONS_ABANDONED,
        "because the connection to the client was lost",
    ),
    (
        names::postgres::DATABASE_SESSIONS_FATAL,
        "by a fatal error of their own",
    ),
    (
        names::postgres::DATABASE_SESSIONS_KILLED,
        "at somebody's command",
    ),
];

/// Describes the sessions that did not end at their client's wish in `steps`, and the time-outs that are set, with
/// their evidence. Both are empty if there were no such sessions, or the server is no PostgreSQL server.
pub(in crate::rules) fn sessions(
    bench: &BenchFacts<'_>,
    steps: &[usize],
) -> (String, Vec<EvidenceItem>) {
    if bench.component != ComponentKind::Postgres {
        return Default::default();
    }
    let servers = steps.iter();
    let servers = servers.filter_map(|index| PostgresEvidence::of_step(bench.source, *index));
    let servers: Vec<PostgresEvidence<'_>> = servers.collect();
    let mut told = Vec::new();
    let mut evidence = Vec::new();
    let mut ended_by_server = false;
    for (name, how) in COUNTERS {
        let count: f64 = servers
            .iter()
            .filter_map(|server| server.figure(name))
            .sum();
        if count > 0.0 {
            ended_by_server |= name != names::postgres::DATABASE_SESSIONS_ABANDONED;
            told.push(format!("{} {how}", plain(count)));
            let counters = servers.iter().filter_map(|server| server.evidence(name));
            evidence.extend(counters.filter(|counter| counter.value.as_f64() != Some(0.0)));
        }
    }
    if told.is_empty() {
        return Default::default();
    }
    let mut text = format!(
        " The server counts sessions that did not end at their client's wish: {}.",
        told.join(", ")
    );
    let timeouts = TIMEOUTS.into_iter().filter(|_| ended_by_server);
    let set = timeouts.filter_map(|(name, code, reason)| {
        let pointer = format!("/config/server_settings/{name}");
        let found = bench.source.evidence(name, &pointer)?;
        let value = found.value.as_str().filter(|value| *value != "0")?;
        let told = format!("{name} = {value} (SQLSTATE {code}, \"{reason}\" in its log)");
        Some((told, found))
    });
    let (set, places): (Vec<String>, Vec<EvidenceItem>) = set.unzip();
    if !set.is_empty() {
        text += &format!(
            " It ends sessions by itself, which the client only learns as a closed connection: {}.",
            set.join(", ")
        );
    }
    evidence.extend(places);
    (text, evidence)
}
