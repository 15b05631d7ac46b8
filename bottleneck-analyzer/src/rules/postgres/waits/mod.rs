//! Waits of sessions inside PostgreSQL, by event: the thing, its holder, and
//! which statement waits.

mod client_pauses;
mod wait_group;
mod wording;

use self::client_pauses::{SHORT_PAUSE_NS, kept_ns, pause_ns, short_pauses};
use self::wait_group::{WaitGroup, groups};
use self::wording::or_somebody;
use super::statements;
use crate::assessment::EvidenceItem;
use crate::catalogue::events::WaitKind;
use crate::cost::{CauseCost, CheckResult, RepeatFacts};
use crate::postgres::waits::{self, Wait};
use crate::postgres::{LockHolders, PostgresEvidence};

/// Rules that say that they have looked, though no session waited.
const MAIN: [(&str, &str); 3] = [
    ("lock_waits", "no session waited for a lock"),
    ("lwlock_waits", "no session waited for an internal lock"),
    ("io_waits", "no session waited for a file"),
];

/// Sessions at once below which a wait is told only of time that is wasted for sure.
const LEAST_SESSIONS: f64 = 0.2;

/// Told by rules of their own, which know more than the waits.
const ELSEWHERE: [&str; 2] = ["temp_files", "connection_storm"];

pub(super) fn look(probe: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let Some(waits) = waits::of(&probe.view) else {
        return vec![CheckResult::Unknown(
            "waits",
            "what sessions wait for inside the server: they were not sampled".to_owned(),
            "a role that may read pg_stat_activity (pg_read_all_stats)".to_owned(),
        )];
    };
    let mut looks: Vec<CheckResult> = groups(waits)
        .iter()
        .filter_map(|group| {
            short_pauses(probe, group).or_else(|| Some(CheckResult::Cost(cost(probe, group)?)))
        })
        .collect();
    looks.extend(MAIN.map(|(rule, statement)| {
        let evidence = probe.view.evidence("sessions.samples").into_iter();
        CheckResult::Fine(rule, statement.to_owned(), evidence.collect())
    }));
    looks
}

fn cost(probe: &RepeatFacts<'_, '_>, group: &WaitGroup) -> Option<CauseCost> {
    if group.kind() == WaitKind::Background || ELSEWHERE.contains(&group.rule()) {
        return None;
    }
    let main = group.main()?;
    let own_ns = if group.has("client.idle_in_transaction") {
        kept_ns(probe)
    } else {
        time_in(probe, group)
    };
    let holders = LockHolders::of(&probe.view, &group.lock_kinds());
    let statement = statement(&probe.view, group, holders.as_ref());
    let named = thing(group, holders.as_ref());
    let title = wording::title(group, &named, &statement, holders.as_ref());
    let mut evidence: Vec<EvidenceItem> = group
        .waits
        .iter()
        .filter_map(|w| w.evidence.clone())
        .collect();
    evidence.extend(holders.iter().flat_map(|h| h.evidence.iter().cloned()));
    evidence.extend(
        counters(group.rule())
            .iter()
            .filter_map(|name| probe.view.evidence(name)),
    );
    evidence.extend(caches(&probe.view, group));
    evidence.extend(group.beside_load(&probe.view).filter_map(|row| {
        let label = format!("sessions of {} in it", wording::who(&row));
        row.evidence(label, "sessions_mean")
    }));
    let (actions, rationale, restart) = wording::advice(group, holders.as_ref());
    Some(CauseCost {
        rule: group.rule(),
        key: group.cause_key(main),
        thing: named,
        own_ns,
        least: least(probe, group),
        avoidable: avoidable(probe, group, own_ns),
        lower_bound: false,
        title,
        detail: wording::detail(probe, group, holders.as_ref()),
        evidence,
        actions,
        rationale,
        restart,
    })
}

/// Counters that stand beside what a rule tells.
fn counters(rule: &str) -> &'static [&'static str] {
    match rule {
        "commit_waits" => &["wal.syncs", "wal.sync_ns", "database.commits"],
        "sync_replica" => &[
            "replication.flush_lag_ns_max",
            "replication.replay_lag_ns_max",
        ],
        "read_waits" => &["database.blocks_read", "database.blocks_hit"],
        "kept_transactions" => &["transactions.oldest_age_s", "transactions.oldest_s"],
        _ => &[],
    }
}

/// Use of the caches of transaction states that these events are about.
fn caches(view: &PostgresEvidence<'_>, group: &WaitGroup) -> impl Iterator<Item = EvidenceItem> {
    let names = group.event.map_or(&[][..], |event| &event.slru);
    let rows = view.rows("slru").into_iter();
    let own = rows.filter(|row| names.iter().any(|name| name == row.label("name")));
    own.flat_map(|row| {
        let figures = ["blocks_read", "blocks_hit", "blocks_zeroed"].into_iter();
        let name = row.label("name").to_owned();
        let told = figures.filter(|figure| row.count(figure) > 0.0);
        let told = told.filter_map(|figure| row.evidence(format!("{name}: {figure}"), figure));
        told.collect::<Vec<EvidenceItem>>()
    })
}

/// Mean time that a call spends in these events, as the time model has it.
fn time_in(probe: &RepeatFacts<'_, '_>, group: &WaitGroup) -> f64 {
    let title = group.main().map(Wait::part);
    let part = probe
        .model
        .parts
        .iter()
        .find(|p| Some(&p.title) == title.as_ref());
    part.map_or_else(
        || {
            // Too small to be shown by itself.
            let calls = Some(probe.view.calls_per_s()).filter(|x| *x > 0.0);
            group.sessions() / calls.unwrap_or(1.0) * 1e9
        },
        |part| part.ns,
    )
}

/// The statement that waits most; empty where the report does not tell.
fn statement(
    view: &PostgresEvidence<'_>,
    group: &WaitGroup,
    holders: Option<&LockHolders>,
) -> String {
    let is_one = |event: &str| {
        let event = event.replacen('.', ":", 1);
        group.waits.iter().any(|wait| wait.shown == event)
    };
    let rows = view.rows("waiting_statements").into_iter();
    let most = rows
        .filter(|row| is_one(row.label("event")) && !row.label("statement").is_empty())
        .max_by(|a, b| {
            a.count("sessions_mean")
                .total_cmp(&b.count("sessions_mean"))
        });
    match (most, holders) {
        (Some(row), _) => row.label("statement").to_owned(),
        (None, Some(holders)) => holders.waiting.clone(),
        (None, None) if matches!(group.kind(), WaitKind::Wasted | WaitKind::Read) => longest(view),
        (None, None) => String::new(),
    }
}

/// The statement that takes more than half of the time of all statements, where there is one.
fn longest(view: &PostgresEvidence<'_>) -> String {
    let all = statements::of_load(view).unwrap_or_default();
    let most = all.first().filter(|statement| statement.share > 0.5);
    most.map_or(String::new(), |statement| statement.text().to_owned())
}

/// `Lock:advisory, advisory lock 42`.
fn thing(group: &WaitGroup, holders: Option<&LockHolders>) -> String {
    let mut parts = vec![group.names()];
    parts.extend(holders.map(|h| h.thing.clone()).filter(|t| !t.is_empty()));
    if let Some(stranger) = holders.and_then(|h| h.stranger.clone()) {
        parts.push(format!("held by {}", or_somebody(&stranger)));
    }
    parts.join(", ")
}

/// The share of the time in service from which an event is told; no share is enough where hardly
/// a session was ever seen in it.
fn least(probe: &RepeatFacts<'_, '_>, group: &WaitGroup) -> f64 {
    let limits = &probe.facts.thresholds.waits;
    if group.kind() != WaitKind::Wasted && group.sessions() < LEAST_SESSIONS {
        return f64::INFINITY;
    }
    match group.kind() {
        WaitKind::Durable | WaitKind::Read => limits.io_share_ratio,
        WaitKind::Queue if group.rule() == "lwlock_waits" => limits.lwlock_share_ratio,
        _ => limits.lock_share_ratio,
    }
}

/// Returns true if the time could be avoided. Waiting for its own workers is what a session should
/// do; a commit that waits for nobody else's is what durability costs; a client between two
/// statements of a transaction is away only where it takes long.
fn avoidable(probe: &RepeatFacts<'_, '_>, group: &WaitGroup, own_ns: f64) -> bool {
    match group.kind() {
        WaitKind::Queue | WaitKind::Wasted | WaitKind::Read => true,
        WaitKind::Parallel | WaitKind::Background => false,
        WaitKind::Durable => {
            let outside = group.waits.iter().any(|wait| wait.key.starts_with("ipc."));
            outside
                || group.is_behind_other_flushes()
                || own_ns >= probe.facts.thresholds.waits.slow_commit_ms * 1e6
        }
        WaitKind::Client if group.has("client.idle_in_transaction") => {
            pause_ns(probe) >= SHORT_PAUSE_NS
        }
        WaitKind::Client => !probe
            .view
            .step
            .generator
            .is_saturated(probe.facts.thresholds.cpu.generator_ratio),
    }
}
