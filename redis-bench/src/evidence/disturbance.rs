//! Events at the server that disturbed a step, from the evidence about it: its figures then tell of
//! the event as much as of the load.

use bench_cli::table;
use bench_report::names::redis::{clients, commands, saving};
use bench_report::names::{self, FigureName};
use bench_report::{EvidenceRow, ServerEvidence, Step};

use super::interval::FAILED_OVER;

/// Shortest time without an answer that is told, in nanoseconds; a busy machine causes shorter
/// pauses.
const STALL_NS: f64 = 100e6;
/// Smallest share of a stall's length for which the generator stood still itself, if the stall is
/// its own and not the server's.
const OWN_STALL_RATIO: f64 = 0.5;
/// Smallest share of expired keys among all keys that is told.
const STALE_RATIO: f64 = 0.1;
/// Smallest time in commands of other clients that is told, as a share of the time in all commands
/// and of the step.
const OTHERS_OF_COMMANDS: f64 = 0.05;
const OTHERS_OF_STEP: f64 = 0.01;
/// Name of the step parameter with a limit of the server's memory, which the step is about: its
/// evictions are wanted.
pub(crate) const MEMORY_LIMIT: &str = "memory_limit";
/// Commands that keep all other clients waiting on purpose.
const PAUSING: [&str; 3] = ["client|pause", "failover", "cluster|failover"];

/// Returns the events that disturbed `step`, each as a part of a sentence. Empty if there were none,
/// or if nothing is known of the server.
pub(crate) fn disturbances(step: &Step) -> Vec<String> {
    let Some(server) = &step.server else {
        return Vec::new();
    };
    let mut events = saves(server);
    let counts: [(FigureName, &str, &str); 3] = [
        (
            names::redis::AOF_DELAYED_FSYNC,
            "write",
            "waited for a flush of the append-only file",
        ),
        (names::redis::EVICTED_KEYS, "key", "evicted"),
        (
            names::redis::REJECTED_CONNECTIONS,
            "connection",
            "refused at maxclients",
        ),
    ];
    let is_wanted = |figure: FigureName| {
        figure == names::redis::EVICTED_KEYS && step.parameters.contains_key(MEMORY_LIMIT)
    };
    let told = counts
        .into_iter()
        .filter(|(figure, ..)| !is_wanted(*figure));
    let counted = told.filter_map(|(figure, thing, what)| {
        let count = server.value(figure).filter(|count| *count > 0.0)?;
        Some(format!("{} {what}", table::counted(count as u64, thing)))
    });
    events.extend(counted);
    if server.value(names::redis::ROLE_CHANGED) == Some(1.0) {
        events.push("its role changed, as in a failover".to_owned());
    }
    events.extend(failover(server));
    events.extend(expiry_lag(server));
    events.extend(monitors(server));
    events.extend(pauses(server));
    events.extend(others(server));
    events.extend(stall(server, step.generator.worst_stall_ns as f64));
    events
}

/// Returns the addresses of the primary before and after a failover, of which the evidence tells
/// nothing else.
fn failover(server: &ServerEvidence) -> Option<String> {
    let why = server.unavailable.get("info")?;
    let servers = why.strip_prefix(FAILED_OVER)?;
    Some(format!("another primary took over in a failover{servers}"))
}

/// Returns the child processes that saved data, each kind with the time for which it was seen; if
/// none was seen, the forks that were counted.
fn saves(server: &ServerEvidence) -> Vec<String> {
    let mut kinds: Vec<(&str, f64)> = Vec::new();
    for row in server.rows(saving::TABLE).unwrap_or_default() {
        let (Some(what), Some(from), Some(to)) = (
            row.label(saving::WHAT),
            row.value(saving::FROM_NS),
            row.value(saving::TO_NS),
        ) else {
            continue;
        };
        match kinds.iter_mut().find(|(known, _)| *known == what) {
            Some((_, ns)) => *ns += to - from,
            None => kinds.push((what, to - from)),
        }
    }
    let seen = kinds.iter().map(|(what, ns)| match *ns as u64 {
        0 => format!("a {what}, seen once"),
        ns => format!("a {what} for {}", table::duration_ns(ns)),
    });
    let forks = server
        .value(names::redis::FORKS)
        .filter(|forks| kinds.is_empty() && *forks > 0.0);
    let fork = forks.map(|forks| {
        let counted = table::counted(forks as u64, "fork");
        match server.value(names::redis::LATEST_FORK_US) {
            Some(us) => {
                let long = table::duration_ns((us * 1e3) as u64);
                format!("{counted}, the last of {long}")
            }
            None => counted,
        }
    });
    seen.chain(fork).collect()
}

fn expiry_lag(server: &ServerEvidence) -> Option<String> {
    let stale = server.value(names::redis::EXPIRED_STALE_RATIO)?;
    (stale > STALE_RATIO).then(|| {
        let share = table::ratio(stale);
        format!("{share} of the keys had expired and were still kept")
    })
}

fn monitors(server: &ServerEvidence) -> Option<String> {
    let rows = server.rows(clients::TABLE)?.iter();
    let monitors = rows.filter(|row| row.label(clients::KIND) == Some("monitor"));
    let count: f64 = monitors.filter_map(|row| row.value(clients::CLIENTS)).sum();
    (count > 0.0).then(|| format!("{} ran MONITOR", table::counted(count as u64, "client")))
}

fn pauses(server: &ServerEvidence) -> Option<String> {
    let mut rows = server.rows(commands::TABLE)?.iter();
    let name = rows.find_map(|row| {
        let name = row.label(commands::COMMAND)?;
        let is_called = row.value(commands::CALLS)? > 0.0;
        (is_called && PAUSING.contains(&name)).then_some(name)
    })?;
    let command = name.replace('|', " ").to_uppercase();
    Some(format!("{command} kept clients waiting"))
}

/// Returns the time in commands of other clients, if it is a considerable part of the time in all
/// commands and of the step, with the command that took most of it.
fn others(server: &ServerEvidence) -> Option<String> {
    let rows = server.rows(commands::TABLE)?;
    let usec = |row: &EvidenceRow| row.value(commands::USEC).unwrap_or(0.0);
    let all: f64 = rows.iter().map(usec).sum();
    let of_others = || {
        let rows = rows.iter();
        rows.filter(|row| row.label(commands::WHOSE) == Some("others"))
    };
    let theirs: f64 = of_others().map(usec).sum();
    let step_us = server.value(names::redis::INTERVAL_S)? * 1e6;
    let most = of_others().max_by(|a, b| usec(a).total_cmp(&usec(b)))?;
    if theirs < OTHERS_OF_COMMANDS * all || theirs < OTHERS_OF_STEP * step_us {
        return None;
    }
    let command = most
        .label(commands::COMMAND)?
        .replace('|', " ")
        .to_uppercase();
    let long = table::duration_ns((theirs * 1e3) as u64);
    Some(format!(
        "commands of other clients took {long}, {command} most of it"
    ))
}

/// Returns the longest time without an answer, if it was long and the generator did not stand still
/// itself, for `own_stall_ns` nanoseconds.
fn stall(server: &ServerEvidence, own_stall_ns: f64) -> Option<String> {
    let longest_ns = server.value(names::redis::ANSWER_MOST_NS)?;
    let is_own = own_stall_ns >= OWN_STALL_RATIO * longest_ns;
    (longest_ns >= STALL_NS && !is_own).then(|| {
        let long = table::duration_ns(longest_ns as u64);
        format!("it answered nobody for {long}")
    })
}

#[cfg(test)]
mod tests {
    use test_support::empty_step;

    use super::*;

    fn of(figures: &[(FigureName, f64)]) -> Vec<String> {
        let mut server = ServerEvidence::default();
        for (name, value) in figures {
            server.figure(*name, *value);
        }
        disturbances(&Step {
            server: Some(server),
            ..empty_step("pool of 8")
        })
    }

    #[test]
    fn counts_and_shares_of_what_disturbs_are_told_and_zeros_are_not() {
        let quiet = [
            (names::redis::EVICTED_KEYS, 0.0),
            (names::redis::FORKS, 0.0),
            (names::redis::ROLE_CHANGED, 0.0),
            (names::redis::EXPIRED_STALE_RATIO, 0.02),
            (names::redis::ANSWER_MOST_NS, 4e6),
        ];
        assert_eq!(of(&quiet), [""; 0]);
        for (figures, wanted) in [
            (&[(names::redis::EVICTED_KEYS, 31.0)][..], "31 keys evicted"),
            (&[(names::redis::EVICTED_KEYS, 1.0)], "1 key evicted"),
            (
                &[(names::redis::AOF_DELAYED_FSYNC, 2.0)],
                "2 writes waited for a flush of the append-only file",
            ),
            (
                &[(names::redis::REJECTED_CONNECTIONS, 7.0)],
                "7 connections refused at maxclients",
            ),
            (
                &[(names::redis::EXPIRED_STALE_RATIO, 0.25)],
                "25.0 % of the keys had expired and were still kept",
            ),
            (
                &[
                    (names::redis::FORKS, 2.0),
                    (names::redis::LATEST_FORK_US, 12_000.0),
                ],
                "2 forks, the last of 12.0 ms",
            ),
            (
                &[(names::redis::ROLE_CHANGED, 1.0)],
                "its role changed, as in a failover",
            ),
            (
                &[(names::redis::ANSWER_MOST_NS, 512e6)],
                "it answered nobody for 512 ms",
            ),
        ] {
            assert_eq!(of(figures), [wanted]);
        }
        assert_eq!(disturbances(&empty_step("pool of 8")), [""; 0]);
    }

    #[test]
    fn a_stall_of_the_generator_is_not_the_servers() {
        let mut server = ServerEvidence::default();
        server.figure(names::redis::ANSWER_MOST_NS, 512e6);
        assert!(stall(&server, 100e6).is_some());
        assert_eq!(stall(&server, 400e6), None);
    }

    #[test]
    fn child_processes_are_told_by_kind_with_the_time_they_were_seen() {
        let row = |what: &str, from_ns, to_ns| {
            EvidenceRow::new(
                [(saving::WHAT, what.to_owned())],
                [(saving::FROM_NS, from_ns), (saving::TO_NS, to_ns)],
            )
        };
        let mut server = ServerEvidence::default();
        server.figure(names::redis::FORKS, 3.0);
        let rows = vec![
            row("snapshot", 1e9, 1.5e9),
            row("snapshot", 3e9, 3.7e9),
            row("module's child", 4e9, 4e9),
        ];
        server.table(saving::TABLE, rows);
        assert_eq!(
            saves(&server),
            ["a snapshot for 1.20 s", "a module's child, seen once"]
        );
    }

    #[test]
    fn commands_of_others_are_told_by_their_time_and_a_pause_by_its_command() {
        let row = |command: &str, whose: &str, usec| {
            EvidenceRow::new(
                [
                    (commands::COMMAND, command.to_owned()),
                    (commands::WHOSE, whose.to_owned()),
                ],
                [(commands::CALLS, 3.0), (commands::USEC, usec)],
            )
        };
        let with = |rows: Vec<EvidenceRow>| {
            let mut server = ServerEvidence::default();
            server.figure(names::redis::INTERVAL_S, 2.0);
            server.table(commands::TABLE, rows);
            server
        };
        let load = || row("get", "load", 400_000.0);
        let spinning = with(vec![load(), row("eval", "others", 60_000.0)]);
        assert_eq!(
            others(&spinning).unwrap(),
            "commands of other clients took 60.0 ms, EVAL most of it"
        );
        let little = with(vec![row("get", "load", 4.0), row("dbsize", "others", 60.0)]);
        assert_eq!(others(&little), None);
        let few = with(vec![load(), row("dbsize", "others", 20_500.0)]);
        assert_eq!(others(&few), None);
        let paused = with(vec![load(), row("client|pause", "others", 2.0)]);
        assert_eq!(
            pauses(&paused).unwrap(),
            "CLIENT PAUSE kept clients waiting"
        );
        assert_eq!(pauses(&spinning), None);
    }
}
