//! Catalogue of PostgreSQL's wait events.

use std::sync::OnceLock;

use serde::Deserialize;

use super::matches;
use crate::assessment::Rule;

const TABLE: &str = include_str!("../../wait-events.toml");

/// Kinds of waiting time, which decide from which share on a wait is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WaitKind {
    /// Waiting for something that other sessions hold, such as a lock.
    Queue,
    /// Time that is not needed for the answer, such as sleeping.
    Wasted,
    /// Waiting until the log of a commit is on disk.
    Durable,
    /// Reading pages that are not in memory.
    Read,
    /// Waiting for the client to read or send, or for the network.
    Client,
    /// Waiting for parallel workers of the same session.
    Parallel,
    /// Idle time of background processes, which is not reported.
    Background,
}

/// Entry of the catalogue about one or several wait events that are counted together.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaitEvent {
    /// Names of events, each `type.event` in lower case. A `*` at the end of a name stands for any text.
    names: Vec<String>,
    /// Name of the rule that reports these events.
    pub(crate) rule: Rule,
    /// Kind of waiting time of these events.
    pub(crate) kind: WaitKind,
    /// Title of the time model's part for these events, as in `waiting for row locks`.
    pub(crate) part: String,
    /// Title of a finding about these events, without a full stop.
    pub(crate) title: String,
    /// Likely cause of the waits, in words.
    pub(crate) cause: String,
    /// Caches of transaction states (SLRU) that the event belongs to, by their names in `pg_stat_slru`: the
    /// names up to version 16, and those from version 17 on.
    #[serde(default)]
    pub(crate) slru: Vec<String>,
    /// Measurement that confirms the cause, in words.
    pub(crate) confirms: String,
    /// Recommended actions, in order.
    pub(crate) actions: Vec<String>,
    /// True if at least one action needs a restart of the server.
    #[serde(default)]
    pub(crate) restart: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventFile {
    event: Vec<WaitEvent>,
}

fn all() -> &'static [WaitEvent] {
    static EVENTS: OnceLock<Vec<WaitEvent>> = OnceLock::new();
    // A test checks that the embedded table can be parsed.
    EVENTS
        .get_or_init(|| toml::from_str::<EventFile>(TABLE).map_or_else(|_| Vec::new(), |t| t.event))
}

/// Finds the entry of an event by its key (`type.event` in lower case); `None` if the catalogue has
/// none. An exact name takes precedence over a pattern.
pub(crate) fn find(key: &str) -> Option<&'static WaitEvent> {
    let exact = all().iter().find(|e| e.names.iter().any(|n| n == key));
    exact.or_else(|| {
        let means = |e: &&WaitEvent| e.names.iter().any(|n| matches(n, key));
        all().iter().find(means)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_read_and_says_something_of_each_entry() {
        let table: EventFile = toml::from_str(TABLE).unwrap();
        assert!(table.event.len() > 40);
        for event in table.event {
            let told = [&event.part, &event.title, &event.cause, &event.confirms];
            assert!(told.iter().all(|text| !text.is_empty()), "{event:?}");
            assert!(
                event.kind == WaitKind::Background || !event.actions.is_empty(),
                "{event:?}"
            );
            let lower = |name: &String| *name == name.to_lowercase();
            assert!(event.names.iter().all(lower), "{event:?}");
        }
    }

    #[test]
    fn no_name_stands_in_two_entries() {
        let mut names: Vec<&String> = all().iter().flat_map(|e| &e.names).collect();
        let before = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), before);
    }

    /// Wait events of PostgreSQL 13 to 18, a line each with the versions that have the name.
    const NAMES: &str = include_str!("wait-event-names.txt");

    /// Returns the events of `NAMES` that a version from 13 to 18 has, each as `type.event`.
    fn events_of(version: u32) -> Vec<&'static str> {
        let lines = NAMES.lines().filter(|line| !line.starts_with('#'));
        let named = lines.map(|line| line.split_once(' ').unwrap());
        let has = |versions: &str| {
            let (first, last) = versions.split_once('-').unwrap();
            (first.parse().unwrap()..=last.parse().unwrap()).contains(&version)
        };
        named
            .filter(|(_, versions)| has(versions))
            .map(|(n, _)| n)
            .collect()
    }

    /// An entry for a whole type, such as `lwlock.*`, is for events of later versions only.
    #[test]
    fn each_event_of_each_version_has_an_entry_about_more_than_its_type() {
        for (version, least) in [
            (13, 220),
            (14, 230),
            (15, 235),
            (16, 240),
            (17, 260),
            (18, 270),
        ] {
            let events = events_of(version);
            assert!(events.len() > least, "{version}: {}", events.len());
            for name in events {
                let key = name.to_lowercase();
                let kind = format!("{}.*", key.split('.').next().unwrap());
                let counted = |means: &dyn Fn(&String) -> bool| {
                    all().iter().filter(|e| e.names.iter().any(means)).count()
                };
                let exact = counted(&|n| *n == key);
                let entries = if exact > 0 {
                    exact
                } else {
                    counted(&|n| *n != kind && matches(n, &key))
                };
                // The main loops of all background processes are one entry.
                let idle = kind == "activity.*";
                assert!(entries == 1 || idle, "{version} {name}: {entries} entries");
                assert!(find(&key).is_some(), "{version} {name}");
            }
        }
    }

    #[test]
    fn each_name_of_an_entry_means_an_event_of_some_version() {
        // Versions up to 12, later ones than 18, and extensions have these; the last two are not the server's.
        let others = [
            "buffer.",
            "lwlock.buffer_",
            "lwlock.lock_",
            "lwlock.proc_array",
            "lwlock.clogcontrollock",
            "lwlock.subtranscontrollock",
            "lwlock.predicate_lock_manager",
            "lwlock.pg_stat_statements",
            "client.idle_in_transaction",
            "other_wait",
        ];
        let known: Vec<String> = (13..=18)
            .flat_map(events_of)
            .map(str::to_lowercase)
            .collect();
        for name in all().iter().flat_map(|e| &e.names) {
            let is_type = !name.contains('.');
            let is_other = others.iter().any(|other| name.starts_with(other));
            let means = known.iter().any(|event| matches(name, event));
            assert!(is_type || is_other || means, "{name}");
        }
    }

    /// PostgreSQL 13 to 16 spells the event in one way, PostgreSQL 17 and later in another.
    #[test]
    fn both_spellings_of_an_event_are_one_entry() {
        for (old, new) in [
            ("IO.WALSync", "IO.WalSync"),
            ("IO.BufFileWrite", "IO.BuffileWrite"),
            ("IPC.ProcArrayGroupUpdate", "IPC.ProcarrayGroupUpdate"),
            ("IPC.BufferIO", "IPC.BufferIo"),
            ("Client.SSLOpenServer", "Client.SslOpenServer"),
            ("LWLock.BufferContent", "Buffer.BufferExclusive"),
            ("IO.DataFileRead", "IO.AioIoCompletion"),
        ] {
            let find = |name: &str| find(&name.to_lowercase()).unwrap();
            assert_eq!(find(old).title, find(new).title, "{old} {new}");
        }
    }

    #[test]
    fn an_exact_name_comes_before_a_pattern_and_a_stranger_is_none() {
        for (key, rule, kind) in [
            ("lock.advisory", "lock_waits", WaitKind::Queue),
            ("lock.somethingnew", "lock_waits", WaitKind::Queue),
            ("lwlock.walwrite", "commit_waits", WaitKind::Durable),
            ("lwlock.lockmanager", "lwlock_waits", WaitKind::Queue),
            ("timeout.pgsleep", "sleeps", WaitKind::Wasted),
            (
                "extension.postgresfdwgetresult",
                "other_waits",
                WaitKind::Queue,
            ),
            ("ipc.executegather", "parallel_queries", WaitKind::Parallel),
            ("client.clientwrite", "client_waits", WaitKind::Client),
        ] {
            let event = find(key).unwrap();
            assert_eq!((event.rule.name(), event.kind), (rule, kind), "{key}");
        }
        assert!(find("ipc.neverheardof").is_none());
    }
}
