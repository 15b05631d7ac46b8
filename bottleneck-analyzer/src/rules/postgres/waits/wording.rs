//! Wording of findings about waits: title, explanation and advice.

use super::client_pauses::pause_ns;
use super::wait_group::WaitGroup;
use crate::catalogue::events::WaitKind;
use crate::cost::RepeatFacts;
use crate::figures::{duration_ns, plain};
use crate::outside_transfers::OutsideTransfers;
use crate::postgres::{CitedRow, LockHolders, PostgresEvidence};
use crate::rules::postgres::statements::short;
use bench_report::names::postgres_tables;

pub(super) fn or_somebody(application: &str) -> &str {
    if application.is_empty() {
        "a session without an application name"
    } else {
        application
    }
}

pub(super) fn title(
    group: &WaitGroup,
    named: &str,
    statement: &str,
    holders: Option<&LockHolders>,
) -> String {
    let what = match (group.event, group.main()) {
        (Some(event), _) => event.title.clone(),
        (None, main) => format!(
            "Sessions wait for {}, an event that is not in the catalogue",
            main.map_or("", |wait| &wait.shown)
        ),
    };
    let outsider = holders.and_then(|h| h.outsider.as_deref());
    let what = match outsider {
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

pub(super) fn detail(
    repeat: &RepeatFacts<'_, '_>,
    group: &WaitGroup,
    holders: Option<&LockHolders>,
) -> String {
    let mut text = match group.event {
        Some(event) => format!("Likely cause: {}. ", event.cause),
        None => "This version does not know what it means. ".to_owned(),
    };
    text += &format!(
        "On average {} sessions of the load are in this state.",
        plain(group.sessions())
    );
    if let Some(sentence) = holders.map(LockHolders::sentence).filter(|s| !s.is_empty()) {
        text += &format!(" {sentence}");
    } else if let Some(event) = group.event {
        text += &format!(" To confirm: see {}.", event.confirms);
    }
    text += &beside_the_load(&repeat.server, group);
    if group.has("timeout.pgsleep") {
        text += &who_sleeps(&repeat.server);
    }
    if group.kind() == WaitKind::Parallel {
        text += &what_workers_do(&repeat.server);
    }
    if group.has("client.idle_in_transaction") {
        text += &format!(
            " Between two statements of a transaction the client takes {} on average.",
            duration_ns(pause_ns(repeat))
        );
    }
    text
}

/// Describes background processes and other applications that wait for the same events as the load;
/// empty if there are none.
fn beside_the_load(server: &PostgresEvidence<'_>, group: &WaitGroup) -> String {
    let told: Vec<String> = group
        .beside_load(server)
        .map(|row| format!("{} {}", who(&row), plain(row.count("sessions_mean"))))
        .collect();
    if told.is_empty() {
        return String::new();
    }
    format!(
        " Sessions that are not the load's wait for it too, on average: {}.",
        told.join(", ")
    )
}

/// Describes the program outside the run that makes most of the disks' bytes, as a sentence that begins with
/// a space.
pub(super) fn beside_on_the_disk(transfers: &OutsideTransfers<'_>) -> String {
    format!(
        " {} takes no part in the run and {} on this machine; programs outside the run transfer {}.",
        transfers.who(),
        transfers.does(),
        transfers.share_words()
    )
}

/// Returns the advice about the program that makes most of the disks' bytes.
pub(super) fn advice_about(transfers: &OutsideTransfers<'_>) -> String {
    format!(
        "stop {}, limit it, or move it to another disk than the server's, and repeat the run",
        transfers.name()
    )
}

/// Returns the name of the application in `row`, else its kind of process, else words for an
/// unnamed session.
pub(super) fn who(row: &CitedRow<'_>) -> String {
    let names = [row.label("application"), row.label("backend_type")];
    let first = names.into_iter().find(|name| !name.is_empty());
    or_somebody(first.unwrap_or_default()).to_owned()
}

/// Returns the figure of the event that the load's parallel workers wait for most, with its value; `None` if none
/// was sampled.
pub(super) fn longest_of_workers<'a>(server: &PostgresEvidence<'a>) -> Option<(&'a String, f64)> {
    let waits = server.figures_below("waits.parallel.");
    waits.max_by(|a, b| a.1.total_cmp(&b.1))
}

/// Describes the event that the load's parallel workers wait for most; empty if none was sampled.
fn what_workers_do(server: &PostgresEvidence<'_>) -> String {
    let Some((name, sessions)) = longest_of_workers(server) else {
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

/// Describes triggers and functions of the database that may contain the sleep; empty if it has
/// none.
fn who_sleeps(server: &PostgresEvidence<'_>) -> String {
    let slow = server.rows(postgres_tables::functions::TABLE).into_iter();
    let slow = slow.filter(|f| !f.label("function").contains("pg_stat_"));
    let slow = slow.max_by(|a, b| a.count("self_ns").total_cmp(&b.count("self_ns")));
    let triggers: Vec<String> = server
        .rows(postgres_tables::triggers::TABLE)
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
            " Function {} takes {} at each call, without the functions that it calls.",
            function.label("function"),
            duration_ns(function.count("self_ns") / function.count("calls"))
        );
    }
    if !triggers.is_empty() {
        text += &format!(" Triggers: {}.", triggers.join("; "));
    }
    text
}

pub(super) fn advice(
    group: &WaitGroup,
    holders: Option<&LockHolders>,
) -> (Vec<String>, String, bool) {
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
    let mostly = holders.map_or("", LockHolders::mostly);
    let outsider = holders.and_then(|h| h.outsider.as_deref());
    if let Some(who) = outsider {
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
        WaitKind::Queue => "a session that waits does nothing; what the holder does sets the pace",
        WaitKind::Wasted => "the answer does not need this time",
        WaitKind::Durable => "a flush costs the same for one row and for many",
        WaitKind::Read => "a page in memory costs a thousandth of one that is read",
        WaitKind::Client => "a connection that waits for its client serves nobody else",
        WaitKind::Parallel | WaitKind::Background => "the time is spent elsewhere",
    };
    (actions, rationale.to_owned(), event.restart)
}
