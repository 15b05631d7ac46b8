//! Rules about wait events: `lock_waits`, `lwlock_waits`, `read_waits`, `commit_waits`, `io_waits`,
//! `sync_replica`, `client_waits`, `kept_transactions`, `sleeps`, `parallel_queries`, `other_waits`.
//!
//! The catalogue `wait-events.toml` assigns each event to a rule and a kind. A rule fires if its events take
//! at least the share of the service time that `thresholds.waits` sets for the kind. Reads sampled sessions
//! (`waits.*`), lock holders, waiting statements, the statements and tables that do most of the work, and
//! counters. The cost is the mean number of waiting
//! sessions ÷ calls per second (Little's law), as in the time model.

mod busiest;
mod client_pauses;
mod counters;
mod same_holder;
mod wait_group;
mod wording;

use self::client_pauses::{SHORT_PAUSE_NS, kept_ns, pause_ns, short_pauses};
use self::same_holder::HeldCost;
use self::wait_group::{WaitGroup, groups};
use self::wording::or_somebody;
use super::statements;
use crate::assessment::{Confidence, EvidenceItem, Rule};
use crate::catalogue::events::WaitKind;
use crate::cost::{CauseCost, CheckResult, RepeatFacts};
use crate::outside_transfers::OutsideTransfers;
use crate::postgres::waits::{self, Wait};
use crate::postgres::{CitedRow, LockHolders, PostgresEvidence};
use crate::target;
use bench_report::names;
use bench_report::names::postgres_tables;

/// Rules that count as passed if no session waited, each with its statement.
const MAIN: [(Rule, &str); 3] = [
    (Rule::LockWaits, "no session waited for a lock"),
    (Rule::LwlockWaits, "no session waited for an internal lock"),
    (Rule::IoWaits, "no session waited for a file"),
];

/// Smallest mean number of sessions waiting for an event at which it is a finding, unless the time
/// is wasted.
const LEAST_SESSIONS: f64 = 0.2;

/// Rules of the catalogue that have a file of their own, because they read more evidence.
const ELSEWHERE: [Rule; 2] = [Rule::TempFiles, Rule::ConnectionStorm];

pub(super) fn check(repeat: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let Some(waits) = waits::sampled_waits(&repeat.server) else {
        return vec![CheckResult::Unknown(
            Rule::Waits,
            "what sessions wait for inside the server: they were not sampled".to_owned(),
            "a role that may read pg_stat_activity (pg_read_all_stats)".to_owned(),
        )];
    };
    let mut results = Vec::new();
    let mut costs = Vec::new();
    for group in groups(waits) {
        match short_pauses(repeat, &group) {
            Some(short) => results.push(short),
            None => costs.extend(cost(repeat, &group)),
        }
    }
    results.extend(same_holder::join(costs).into_iter().map(CheckResult::Cost));
    results.extend(MAIN.map(|(rule, statement)| {
        let evidence = repeat
            .server
            .evidence(names::postgres::SESSIONS_SAMPLES)
            .into_iter();
        CheckResult::Fine(rule, statement.to_owned(), evidence.collect())
    }));
    results
}

fn cost(repeat: &RepeatFacts<'_, '_>, group: &WaitGroup) -> Option<HeldCost> {
    if group.kind() == WaitKind::Background || ELSEWHERE.contains(&group.rule()) {
        return None;
    }
    let main = group.main()?;
    let own_ns = if group.has("client.idle_in_transaction") {
        kept_ns(repeat)
    } else {
        time_in(repeat, group)
    };
    let holders = LockHolders::find(&repeat.server, &group.lock_kinds());
    let transfers = transfers_of_others(repeat, group);
    let waiting = waiting_statement(&repeat.server, group);
    let statement = statement(&repeat.server, group, waiting.as_ref(), holders.as_ref());
    let (busiest, of_busiest) = busiest::told(&repeat.server, group);
    let named = thing(group, holders.as_ref(), transfers.as_ref());
    let title = wording::title(group, &named, &statement, holders.as_ref());
    let mut evidence: Vec<EvidenceItem> = group
        .waits
        .iter()
        .filter_map(|w| w.evidence.clone())
        .collect();
    let in_statement = if group.has("client.idle_in_transaction") {
        "sessions whose last statement is this one"
    } else {
        "sessions that wait in this statement"
    };
    evidence.extend(waiting.and_then(|row| row.evidence(in_statement, "sessions_mean")));
    evidence.extend(holders.iter().flat_map(|h| h.evidence.iter().cloned()));
    evidence.extend(of_busiest);
    let counted = counters::read(repeat, group);
    evidence.extend(counted.evidence.iter().cloned());
    evidence.extend(caches(&repeat.server, group));
    if group.kind() == WaitKind::Parallel {
        let workers = wording::longest_of_workers(&repeat.server);
        evidence.extend(workers.and_then(|(name, _)| repeat.server.evidence_named(name)));
    }
    evidence.extend(group.beside_load(&repeat.server).filter_map(|row| {
        let label = format!("sessions of {} in it", wording::who(&row));
        row.evidence(label, "sessions_mean")
    }));
    evidence.extend(transfers.as_ref().and_then(OutsideTransfers::evidence));
    let computed = holders.as_ref().map_or(Vec::new(), LockHolders::computed);
    let (actions, rationale, restart) = wording::advice(group, holders.as_ref());
    let mut actions = counted.join_actions(actions);
    let mut detail = wording::detail(repeat, group, holders.as_ref()) + &counted.text + &busiest;
    if let Some(transfers) = &transfers {
        detail += &wording::beside_on_the_disk(transfers);
        actions.insert(0, wording::advice_about(transfers));
    }
    let cost = CauseCost {
        rule: group.rule(),
        key: vec![group.cause_part(main)],
        thing: named,
        own_ns,
        least: least(repeat, group),
        avoidable: avoidable(repeat, group, own_ns),
        lower_bound: false,
        highest_confidence: Confidence::High,
        computed,
        title,
        detail,
        evidence,
        actions,
        rationale,
        restart,
    };
    Some((cost, holders.and_then(|holders| holders.outsider)))
}

/// Returns, as evidence, the figures of those caches of transaction states (SLRU) that the group's
/// events belong to; figures of 0 are left out.
fn caches(server: &PostgresEvidence<'_>, group: &WaitGroup) -> impl Iterator<Item = EvidenceItem> {
    let names = group.event.map_or(&[][..], |event| &event.slru);
    let rows = server.rows(postgres_tables::slru::TABLE).into_iter();
    let own = rows.filter(|row| names.iter().any(|name| name == row.label("name")));
    own.flat_map(|row| {
        let figures = ["blocks_read", "blocks_hit", "blocks_zeroed"].into_iter();
        let name = row.label("name").to_owned();
        let told = figures.filter(|figure| row.count(figure) > 0.0);
        let told = told.filter_map(|figure| row.evidence(format!("{name}: {figure}"), figure));
        told.collect::<Vec<EvidenceItem>>()
    })
}

/// Returns the mean time that a call waits for events of the group, in nanoseconds.
fn time_in(repeat: &RepeatFacts<'_, '_>, group: &WaitGroup) -> f64 {
    let title = group.main().map(Wait::part);
    let part = repeat
        .model
        .parts
        .iter()
        .find(|p| Some(&p.title) == title.as_ref());
    part.map_or_else(
        || {
            // The time model merges small waits into one part, so their time is computed by Little's law.
            let calls = Some(repeat.server.calls_per_s()).filter(|x| *x > 0.0);
            group.sessions() / calls.unwrap_or(1.0) * 1e9
        },
        |part| part.ns,
    )
}

/// Returns the row of the statement whose sessions wait most for events of the group; `None` if none was seen.
fn waiting_statement<'a>(server: &PostgresEvidence<'a>, group: &WaitGroup) -> Option<CitedRow<'a>> {
    let is_one = |event: &str| {
        let event = event.replacen('.', ":", 1);
        group.waits.iter().any(|wait| wait.shown == event)
    };
    let sessions = |row: &CitedRow<'_>| row.count("sessions_mean");
    let rows = server
        .rows(postgres_tables::waiting_statements::TABLE)
        .into_iter();
    rows.filter(|row| is_one(row.label("event")) && !row.label("statement").is_empty())
        .max_by(|a, b| sessions(a).total_cmp(&sessions(b)))
}

/// Returns the statement that the group's waits are about: the one `waiting`, if it was seen, else one that the
/// holders of the lock keep waiting, else the longest; empty if it is not known.
fn statement(
    server: &PostgresEvidence<'_>,
    group: &WaitGroup,
    waiting: Option<&CitedRow<'_>>,
    holders: Option<&LockHolders>,
) -> String {
    match (waiting, holders) {
        (Some(row), _) => row.label("statement").to_owned(),
        (None, Some(holders)) => holders.waiting.clone(),
        (None, None) if matches!(group.kind(), WaitKind::Wasted | WaitKind::Read) => {
            longest(server)
        }
        (None, None) => String::new(),
    }
}

/// Returns the statement that takes more than half of the time of all statements; empty if none does.
fn longest(server: &PostgresEvidence<'_>) -> String {
    let all = statements::of_load(server).unwrap_or_default();
    let most = all.first().filter(|statement| statement.share > 0.5);
    most.map_or(String::new(), |statement| statement.text().to_owned())
}

/// Returns the transfers of programs outside the run, if the group waits for a disk of this machine and they
/// make at least half of the disks' bytes during the repeat; `None` if they do not, or that was not recorded.
fn transfers_of_others<'a>(
    repeat: &RepeatFacts<'a, '_>,
    group: &WaitGroup,
) -> Option<OutsideTransfers<'a>> {
    let waits_for_disk =
        [Rule::CommitWaits, Rule::ReadWaits, Rule::IoWaits].contains(&group.rule());
    if !waits_for_disk || target::is_elsewhere(repeat.bench.source) {
        return None;
    }
    let transfers = OutsideTransfers::in_window(repeat.facts, repeat.server.step.window);
    transfers.filter(OutsideTransfers::are_most)
}

/// Names the thing at fault: the events, the locked thing, a holder outside the load, and the program that
/// makes most of the disks' bytes, as in `Lock:advisory, advisory lock 42`.
fn thing(
    group: &WaitGroup,
    holders: Option<&LockHolders>,
    transfers: Option<&OutsideTransfers<'_>>,
) -> String {
    let mut parts = vec![group.names()];
    parts.extend(holders.map(|h| h.thing.clone()).filter(|t| !t.is_empty()));
    if let Some(outsider) = holders.and_then(|h| h.outsider.clone()) {
        parts.push(format!("held by {}", or_somebody(&outsider)));
    }
    parts.extend(transfers.map(|t| format!("beside {} on the machine's disks", t.name())));
    parts.join(", ")
}

/// Returns the smallest share of the service time, from 0 to 1, at which the group is a finding;
/// infinite if too few sessions were sampled waiting.
fn least(repeat: &RepeatFacts<'_, '_>, group: &WaitGroup) -> f64 {
    let limits = &repeat.facts.thresholds.waits;
    if group.kind() != WaitKind::Wasted && group.sessions() < LEAST_SESSIONS {
        return f64::INFINITY;
    }
    match group.kind() {
        WaitKind::Durable | WaitKind::Read => limits.io_share_ratio,
        WaitKind::Queue if group.rule() == Rule::LwlockWaits => limits.lwlock_share_ratio,
        _ => limits.lock_share_ratio,
    }
}

/// Returns true if the time of a group is avoidable. Waiting for parallel workers is not avoidable. A commit
/// is avoidable if it waits for the flushes of others, for a replica, or longer than `waits.slow_commit_ms`.
/// A pause of the client is avoidable if it is long; another wait for the client if the generator is not
/// saturated.
fn avoidable(repeat: &RepeatFacts<'_, '_>, group: &WaitGroup, own_ns: f64) -> bool {
    match group.kind() {
        WaitKind::Queue | WaitKind::Wasted | WaitKind::Read => true,
        WaitKind::Parallel | WaitKind::Background => false,
        WaitKind::Durable => {
            let outside = group.waits.iter().any(|wait| wait.key.starts_with("ipc."));
            outside
                || group.is_behind_other_flushes()
                || own_ns >= repeat.facts.thresholds.waits.slow_commit_ms * 1e6
        }
        WaitKind::Client if group.has("client.idle_in_transaction") => {
            pause_ns(repeat) >= SHORT_PAUSE_NS
        }
        WaitKind::Client => !repeat
            .server
            .step
            .generator
            .is_saturated(repeat.facts.thresholds.cpu.generator_ratio),
    }
}
