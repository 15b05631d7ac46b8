//! What sessions wait for inside PostgreSQL, by event: what is waited for, who holds it, and
//! which statement waits.

use std::collections::BTreeMap;

use super::round_trips;
use super::statements::{self, short};
use crate::assessment::Evidence;
use crate::catalogue::events::{Event, Kind};
use crate::cost::{Cost, Look, Probe};
use crate::figures::{duration_ns, plain};
use crate::postgres::waits::{self, Wait};
use crate::postgres::{Holders, View};

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

/// Pauses between two statements below which a client is at work, not away.
const SHORT_PAUSE_NS: f64 = 1e6;

pub(super) fn look(probe: &Probe<'_, '_>) -> Vec<Look> {
    let Some(waits) = waits::of(&probe.view) else {
        return vec![Look::Unknown(
            "waits",
            "what sessions wait for inside the server: they were not sampled".to_owned(),
            "a role that may read pg_stat_activity (pg_read_all_stats)".to_owned(),
        )];
    };
    let mut looks: Vec<Look> = groups(waits)
        .iter()
        .filter_map(|group| {
            short_pauses(probe, group).or_else(|| Some(Look::Cost(cost(probe, group)?)))
        })
        .collect();
    looks.extend(MAIN.map(|(rule, statement)| {
        let evidence = probe.view.evidence("sessions.samples").into_iter();
        Look::Fine(rule, statement.to_owned(), evidence.collect())
    }));
    looks
}

/// Events that are counted together.
struct Group {
    event: Option<&'static Event>,
    waits: Vec<Wait>,
}

/// By entry of the catalogue; each event that is not in it by itself.
fn groups(waits: Vec<Wait>) -> Vec<Group> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for wait in waits {
        let event = wait.event();
        let key = event.map_or_else(|| wait.key.clone(), |event| event.part.clone());
        let group = groups.entry(key).or_insert_with(|| Group {
            event,
            waits: Vec::new(),
        });
        group.waits.push(wait);
    }
    groups.into_values().collect()
}

impl Group {
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

    fn kind(&self) -> Kind {
        self.event.map_or(Kind::Queue, |event| event.kind)
    }
}

fn cost(probe: &Probe<'_, '_>, group: &Group) -> Option<Cost> {
    if group.kind() == Kind::Background || ELSEWHERE.contains(&rule(group)) {
        return None;
    }
    let main = group.main()?;
    let own_ns = if group.has("client.idle_in_transaction") {
        kept_ns(probe)
    } else {
        time_in(probe, group)
    };
    let holders = Holders::of(&probe.view, &lock_kinds(group));
    let statement = statement(&probe.view, group, holders.as_ref());
    let named = thing(group, holders.as_ref());
    let title = title(group, &named, &statement, holders.as_ref());
    let mut evidence: Vec<Evidence> = group
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
    let (actions, rationale, restart) = advice(group, holders.as_ref());
    Some(Cost {
        rule: rule(group),
        key: main_key(group, main),
        thing: named,
        own_ns,
        least: least(probe, group),
        avoidable: avoidable(probe, group, own_ns),
        lower_bound: false,
        title,
        detail: detail(probe, group, holders.as_ref()),
        evidence,
        actions,
        rationale,
        restart,
    })
}

/// A client that sends its next statement at once makes round trips: it keeps nothing.
fn short_pauses(probe: &Probe<'_, '_>, group: &Group) -> Option<Look> {
    if !group.has("client.idle_in_transaction") || pause_ns(probe) >= SHORT_PAUSE_NS {
        return None;
    }
    let statement = format!(
        "between two statements of a transaction the client takes {}",
        duration_ns(pause_ns(probe))
    );
    let evidence = group.waits.iter().filter_map(|wait| wait.evidence.clone());
    Some(Look::Fine(
        "kept_transactions",
        statement,
        evidence.collect(),
    ))
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

/// A class that was not divided into events shares its name with them and not their key.
fn main_key(group: &Group, main: &Wait) -> String {
    group
        .event
        .map_or_else(|| main.key.clone(), |event| event.part.clone())
}

fn rule(group: &Group) -> &'static str {
    group
        .event
        .map_or("other_waits", |event| event.rule.as_str())
}

/// Mean time that a call spends in these events, as the time model has it.
fn time_in(probe: &Probe<'_, '_>, group: &Group) -> f64 {
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
fn lock_kinds(group: &Group) -> Vec<&str> {
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
fn statement(view: &View<'_>, group: &Group, holders: Option<&Holders>) -> String {
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
        (None, None) if matches!(group.kind(), Kind::Wasted | Kind::Read) => longest(view),
        (None, None) => String::new(),
    }
}

/// The statement that takes more than half of the time of all statements, where there is one.
fn longest(view: &View<'_>) -> String {
    let all = statements::of_load(view).unwrap_or_default();
    let most = all.first().filter(|statement| statement.share > 0.5);
    most.map_or(String::new(), |statement| statement.text().to_owned())
}

/// `Lock:advisory, advisory lock 42`.
fn thing(group: &Group, holders: Option<&Holders>) -> String {
    let mut parts = vec![group.names()];
    parts.extend(holders.map(|h| h.thing.clone()).filter(|t| !t.is_empty()));
    if let Some(stranger) = holders.and_then(|h| h.stranger.clone()) {
        parts.push(format!("held by {}", or_somebody(&stranger)));
    }
    parts.join(", ")
}

fn or_somebody(application: &str) -> &str {
    if application.is_empty() {
        "a session without an application name"
    } else {
        application
    }
}

fn title(group: &Group, named: &str, statement: &str, holders: Option<&Holders>) -> String {
    let what = match (group.event, group.main()) {
        (Some(event), _) => event.title.clone(),
        (None, main) => format!(
            "Sessions wait for {}, an event that is not in the catalogue",
            main.map_or("", |wait| &wait.shown)
        ),
    };
    let stranger = holders.and_then(|h| h.stranger.as_deref());
    let what = match stranger {
        Some(who) => format!(
            "{what}: {} holds it and is no part of the load",
            or_somebody(who)
        ),
        None => what,
    };
    let which = if statement.is_empty() {
        named.to_owned()
    } else {
        format!("{named}; {}", short(statement))
    };
    format!("{what} ({which})")
}

fn detail(probe: &Probe<'_, '_>, group: &Group, holders: Option<&Holders>) -> String {
    let mut text = match group.event {
        Some(event) => format!("Likely cause: {}. ", event.cause),
        None => "What it means is not known here. ".to_owned(),
    };
    text += &format!(
        "On average {} sessions of the load are in it.",
        plain(group.sessions())
    );
    if let Some(sentence) = holders.map(Holders::sentence).filter(|s| !s.is_empty()) {
        text += &format!(" {sentence}");
    } else if let Some(event) = group.event {
        text += &format!(" Confirmed by: {}.", event.confirms);
    }
    if group.has("timeout.pgsleep") {
        text += &who_sleeps(&probe.view);
    }
    if group.kind() == Kind::Parallel {
        text += &what_workers_do(&probe.view);
    }
    if group.has("client.idle_in_transaction") {
        text += &format!(
            " Between two statements the client takes {} on average.",
            duration_ns(pause_ns(probe))
        );
    }
    text
}

/// The event that the load's parallel workers wait for most.
fn what_workers_do(view: &View<'_>) -> String {
    let most = view
        .figures_below("waits.parallel.")
        .max_by(|a, b| a.1.total_cmp(&b.1));
    let Some((name, sessions)) = most else {
        return String::new();
    };
    let event = name
        .trim_start_matches("waits.parallel.")
        .trim_end_matches("_mean");
    format!(
        " {} of the workers wait for {} on average.",
        plain(sessions),
        event.replacen('.', ":", 1)
    )
}

/// Triggers and functions that may be what sleeps.
fn who_sleeps(view: &View<'_>) -> String {
    let slow = view.rows("functions").into_iter();
    let slow = slow.filter(|f| !f.label("function").contains("pg_stat_"));
    let slow = slow.max_by(|a, b| a.count("self_ns").total_cmp(&b.count("self_ns")));
    let triggers: Vec<String> = view
        .rows("triggers")
        .iter()
        .map(|t| {
            format!(
                "{} on {} calls {}",
                t.label("trigger"),
                t.label("relation"),
                t.label("function")
            )
        })
        .take(3)
        .collect();
    let mut text = String::new();
    if let Some(function) = slow.filter(|f| f.count("calls") > 0.0) {
        text += &format!(
            " Function {} takes {} of its own at each call.",
            function.label("function"),
            duration_ns(function.count("self_ns") / function.count("calls"))
        );
    }
    if !triggers.is_empty() {
        text += &format!(" Triggers: {}.", triggers.join("; "));
    }
    text
}

/// Time that the client takes between two statements of a transaction, the way there and back left
/// out.
fn pause_ns(probe: &Probe<'_, '_>) -> f64 {
    kept_ns(probe) / round_trips::gaps(probe).max(1.0)
}

/// Time of a call for which its client keeps a transaction open, round trips left out.
fn kept_ns(probe: &Probe<'_, '_>) -> f64 {
    let open = probe
        .model
        .part("client.idle_in_transaction")
        .map_or(0.0, |p| p.ns);
    (open - round_trips::in_transactions_ns(probe)).max(0.0)
}

/// The share of the time in service from which an event is told; no share is enough where hardly
/// a session was ever seen in it.
fn least(probe: &Probe<'_, '_>, group: &Group) -> f64 {
    let limits = &probe.facts.thresholds.waits;
    if group.kind() != Kind::Wasted && group.sessions() < LEAST_SESSIONS {
        return f64::INFINITY;
    }
    match group.kind() {
        Kind::Durable | Kind::Read => limits.io_share_ratio,
        Kind::Queue if rule(group) == "lwlock_waits" => limits.lwlock_share_ratio,
        _ => limits.lock_share_ratio,
    }
}

/// Whether the time could be avoided. Waiting for its own workers is what a session should do; a
/// commit that waits for nobody else's is what durability costs; a client between two statements
/// of a transaction is away only where it takes long.
fn avoidable(probe: &Probe<'_, '_>, group: &Group, own_ns: f64) -> bool {
    match group.kind() {
        Kind::Queue | Kind::Wasted | Kind::Read => true,
        Kind::Parallel | Kind::Background => false,
        Kind::Durable => {
            let outside = group.waits.iter().any(|wait| wait.key.starts_with("ipc."));
            outside
                || behind_others(group)
                || own_ns >= probe.facts.thresholds.waits.slow_commit_ms * 1e6
        }
        Kind::Client if group.has("client.idle_in_transaction") => {
            pause_ns(probe) >= SHORT_PAUSE_NS
        }
        Kind::Client => !probe
            .view
            .step
            .generator
            .is_saturated(probe.facts.thresholds.cpu.generator_ratio),
    }
}

/// Whether commits queue behind the flushes of others, not only for their own.
fn behind_others(group: &Group) -> bool {
    let queue = group
        .waits
        .iter()
        .filter(|wait| wait.key == "lwlock.walwrite");
    queue.map(|wait| wait.sessions).sum::<f64>() >= 1.0
}

fn advice(group: &Group, holders: Option<&Holders>) -> (Vec<String>, String, bool) {
    let Some(event) = group.event else {
        let action = format!(
            "look up {} in PostgreSQL's table of wait events",
            group.names()
        );
        return (
            vec![action],
            "what a session waits for is what to lessen".to_owned(),
            false,
        );
    };
    let mut actions: Vec<String> = Vec::new();
    let mostly = holders.map_or("", Holders::mostly);
    let stranger = holders.and_then(|h| h.stranger.as_deref());
    if let Some(who) = stranger {
        actions.push(format!(
            "end that transaction of {}, or keep it out of the load",
            or_somebody(who)
        ));
    }
    if mostly.starts_with("idle in transaction") {
        actions.push("let the client commit before it does anything else".to_owned());
    } else if mostly.starts_with("committing") {
        actions.push(
            "shorten the commit: fewer and larger ones, or a faster disk for the log".to_owned(),
        );
    } else if mostly.starts_with("running") {
        actions.push(
            "make the holder's statement faster, or move it out of the transaction".to_owned(),
        );
    }
    actions.extend(event.actions.iter().cloned());
    let rationale = match event.kind {
        Kind::Queue => "a session that waits does nothing; what the holder does sets the pace",
        Kind::Wasted => "the answer does not need this time",
        Kind::Durable => "a flush costs the same for one row and for many",
        Kind::Read => "a page in memory costs a thousandth of one that is read",
        Kind::Client => "a connection that waits for its client serves nobody else",
        Kind::Parallel | Kind::Background => "the time is spent elsewhere",
    };
    (actions, rationale.to_owned(), event.restart)
}
