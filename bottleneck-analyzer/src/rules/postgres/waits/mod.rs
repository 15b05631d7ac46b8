//! Waits of sessions inside PostgreSQL, by event: the thing, its holder, and
//! which statement waits.

mod words;

use std::collections::BTreeMap;

use bench_report::Step;

use self::words::or_somebody;
use super::{round_trips, statements};
use crate::assessment::EvidenceItem;
use crate::catalogue::events::{WaitEvent, WaitKind};
use crate::cost::{CauseCost, CheckResult, RepeatFacts};
use crate::figures::duration_ns;
use crate::postgres::waits::{self, Wait};
use crate::postgres::{CitedRow, LockHolders, PostgresEvidence};

/// Rules that say that they have looked, though no session waited.
const MAIN: [(&str, &str); 3] = [
    ("lock_waits", "no session waited for a lock"),
    ("lwlock_waits", "no session waited for an internal lock"),
    ("io_waits", "no session waited for a file"),
];

/// Sessions at once below which a wait is told only of time that is wasted for sure.
const LEAST_SESSIONS: f64 = 0.2;

/// Sessions beside the load in the same wait from which they are named.
const LEAST_BESIDE: f64 = 0.1;

/// Told by rules of their own, which know more than the waits.
const ELSEWHERE: [&str; 2] = ["temp_files", "connection_storm"];

/// Pauses between two statements below which a client is at work, not away.
const SHORT_PAUSE_NS: f64 = 1e6;
/// Share of the open transactions that the client's own work and want of a CPU must explain for it
/// to be their reason.
const EXPLAINED: f64 = 0.5;
/// Bounds for reports that do not tell for how long the client waited for a CPU: pauses that a client
/// makes on a machine that was not recorded, and that may have no CPU for it …
const UNCLEAR_PAUSE_NS: f64 = 5e6;
/// … and pauses that it makes because it waits for a CPU among many: some slices of the scheduler.
const CROWDED_PAUSE_NS: f64 = 5e7;

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

/// Events that are counted together.
struct WaitGroup {
    event: Option<&'static WaitEvent>,
    waits: Vec<Wait>,
}

/// By entry of the catalogue; each event that is not in it by itself.
fn groups(waits: Vec<Wait>) -> Vec<WaitGroup> {
    let mut groups: BTreeMap<String, WaitGroup> = BTreeMap::new();
    for wait in waits {
        let event = wait.event();
        let key = event.map_or_else(|| wait.key.clone(), |event| event.part.clone());
        let group = groups.entry(key).or_insert_with(|| WaitGroup {
            event,
            waits: Vec::new(),
        });
        group.waits.push(wait);
    }
    groups.into_values().collect()
}

impl WaitGroup {
    fn sessions(&self) -> f64 {
        self.waits.iter().map(|wait| wait.sessions).sum()
    }

    /// The event with most sessions in it.
    fn main(&self) -> Option<&Wait> {
        let all = self.waits.iter();
        all.max_by(|a, b| a.sessions.total_cmp(&b.sessions))
    }

    /// `Lock:transactionid, Lock:tuple`, most first.
    fn names(&self) -> String {
        let mut waits: Vec<&Wait> = self.waits.iter().collect();
        waits.sort_by(|a, b| b.sessions.total_cmp(&a.sessions));
        let names: Vec<&str> = waits.iter().map(|wait| wait.shown.as_str()).collect();
        names.join(", ")
    }

    fn has(&self, key: &str) -> bool {
        self.waits.iter().any(|wait| wait.key == key)
    }

    fn kind(&self) -> WaitKind {
        self.event.map_or(WaitKind::Queue, |event| event.kind)
    }
}

fn cost(probe: &RepeatFacts<'_, '_>, group: &WaitGroup) -> Option<CauseCost> {
    if group.kind() == WaitKind::Background || ELSEWHERE.contains(&rule(group)) {
        return None;
    }
    let main = group.main()?;
    let own_ns = if group.has("client.idle_in_transaction") {
        kept_ns(probe)
    } else {
        time_in(probe, group)
    };
    let holders = LockHolders::of(&probe.view, &lock_kinds(group));
    let statement = statement(&probe.view, group, holders.as_ref());
    let named = thing(group, holders.as_ref());
    let title = words::title(group, &named, &statement, holders.as_ref());
    let mut evidence: Vec<EvidenceItem> = group
        .waits
        .iter()
        .filter_map(|w| w.evidence.clone())
        .collect();
    evidence.extend(holders.iter().flat_map(|h| h.evidence.iter().cloned()));
    evidence.extend(
        counters(rule(group))
            .iter()
            .filter_map(|name| probe.view.evidence(name)),
    );
    evidence.extend(caches(&probe.view, group));
    evidence.extend(beside(&probe.view, group).filter_map(|row| {
        let label = format!("sessions of {} in it", words::who(&row));
        row.evidence(label, "sessions_mean")
    }));
    let (actions, rationale, restart) = words::advice(group, holders.as_ref());
    Some(CauseCost {
        rule: rule(group),
        key: main_key(group, main),
        thing: named,
        own_ns,
        least: least(probe, group),
        avoidable: avoidable(probe, group, own_ns),
        lower_bound: false,
        title,
        detail: words::detail(probe, group, holders.as_ref()),
        evidence,
        actions,
        rationale,
        restart,
    })
}

/// A client that sends its next statement at once makes round trips: it keeps nothing. One that
/// waits for a CPU cannot be told from one that thinks.
fn short_pauses(probe: &RepeatFacts<'_, '_>, group: &WaitGroup) -> Option<CheckResult> {
    const RULE: &str = "kept_transactions";
    if !group.has("client.idle_in_transaction") {
        return None;
    }
    let pause = pause_ns(probe);
    let statement = format!(
        "between two statements of a transaction the client takes {}",
        duration_ns(pause)
    );
    if pause < SHORT_PAUSE_NS {
        let evidence = group.waits.iter().filter_map(|wait| wait.evidence.clone());
        return Some(CheckResult::Fine(RULE, statement, evidence.collect()));
    }
    let (unclear, reason) = want_of_cpu(probe, group)?;
    (pause < unclear).then(|| {
        CheckResult::Unknown(
            RULE,
            format!("whether the client keeps transactions open: {statement}, and {reason}"),
            "the same load with a generator and a machine that have room".to_owned(),
        )
    })
}

/// The pauses that may come of a client that has no CPU, with the reason; `None` where it had one.
fn want_of_cpu(probe: &RepeatFacts<'_, '_>, group: &WaitGroup) -> Option<(f64, &'static str)> {
    if let Some(sessions) = sessions_before_the_client(probe.view.step) {
        let reason = "its threads work or wait for a CPU for as long";
        return (sessions >= EXPLAINED * group.sessions()).then_some((f64::INFINITY, reason));
    }
    let bound = probe.facts.thresholds.cpu.warning_ratio;
    match probe.bench.cpu_has_room(bound) {
        Some(true) => None,
        Some(false) => Some((CROWDED_PAUSE_NS, "the CPU has no room for it")),
        None => Some((UNCLEAR_PAUSE_NS, "the machine's CPU was not recorded")),
    }
}

/// Answers that the client's threads have not taken up yet, on average: a thread that is at work or
/// waits for a CPU for the share ρ of the time has ρ ÷ (1 − ρ) of them before it (M/M/1). `None` where
/// the report does not tell for how long threads waited.
fn sessions_before_the_client(step: &Step) -> Option<f64> {
    let generator = &step.generator;
    let taken_ns = (generator.cpu_ns + generator.ready_ns?) as f64;
    let threads = generator.threads.max(1) as f64;
    let busy = taken_ns / (step.window.measured_s() * 1e9 * threads);
    Some(threads * busy / (1.0 - busy.min(0.999)))
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

/// Everybody but the load who waits for one of these events, too: background processes and other
/// applications.
fn beside<'a>(
    view: &PostgresEvidence<'a>,
    group: &WaitGroup,
) -> impl Iterator<Item = CitedRow<'a>> {
    let rows = view.rows("backends").into_iter();
    rows.filter(move |row| {
        let event = row.label("event").to_lowercase();
        let is_load = matches!(row.label("application"), "ours" | "watch");
        !is_load && row.count("sessions_mean") >= LEAST_BESIDE && group.has(&event)
    })
}

/// A class that was not divided into events shares its name with them and not their key.
fn main_key(group: &WaitGroup, main: &Wait) -> String {
    group
        .event
        .map_or_else(|| main.key.clone(), |event| event.part.clone())
}

fn rule(group: &WaitGroup) -> &'static str {
    group
        .event
        .map_or("other_waits", |event| event.rule.as_str())
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

/// `transactionid`, `tuple`: as the tables of locks name them.
fn lock_kinds(group: &WaitGroup) -> Vec<&str> {
    let kinds = group
        .waits
        .iter()
        .filter_map(|w| w.shown.strip_prefix("Lock:"));
    let mut kinds: Vec<&str> = kinds.collect();
    if group.has("lock") {
        kinds.extend([
            "transactionid",
            "tuple",
            "relation",
            "advisory",
            "object",
            "extend",
        ]);
    }
    kinds
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

/// Time that the client takes between two statements of a transaction, the way there and back left
/// out.
fn pause_ns(probe: &RepeatFacts<'_, '_>) -> f64 {
    kept_ns(probe) / round_trips::gaps(probe).max(1.0)
}

/// Time of a call for which its client keeps a transaction open, round trips left out.
fn kept_ns(probe: &RepeatFacts<'_, '_>) -> f64 {
    let open = probe
        .model
        .part("client.idle_in_transaction")
        .map_or(0.0, |p| p.ns);
    (open - round_trips::in_transactions_ns(probe)).max(0.0)
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
        WaitKind::Queue if rule(group) == "lwlock_waits" => limits.lwlock_share_ratio,
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
                || behind_others(group)
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

/// Returns true if commits queue behind the flushes of others, not only for their own.
fn behind_others(group: &WaitGroup) -> bool {
    let queue = group
        .waits
        .iter()
        .filter(|wait| wait.key == "lwlock.walwrite");
    queue.map(|wait| wait.sessions).sum::<f64>() >= 1.0
}
