//! Test of the analyzer's list of wait events against a real server of any version.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeSet;

use common::{Talk, postgres};

const LIST: &str = include_str!("../../bottleneck-analyzer/src/catalogue/wait-event-names.txt");
/// Major version from which on the server lists the names of its wait events.
const LISTS: u32 = 17;

/// Returns the events of the list that the server of major version `version` has.
fn listed(version: u32) -> BTreeSet<String> {
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    let named = lines.map(|line| line.split_once(' ').unwrap());
    let has = |versions: &str| {
        let (first, last) = versions.split_once('-').unwrap();
        (first.parse().unwrap()..=last.parse().unwrap()).contains(&version)
    };
    let found = named.filter(|(_, versions)| has(versions));
    found.map(|(name, _)| name.to_owned()).collect()
}

/// A server from version 17 on has a view of all names. An older one shows those that its processes wait for.
#[test]
fn the_list_has_the_names_of_the_events_of_this_server() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    let version: u32 = talk.names("SELECT current_setting('server_version_num')")[0]
        .parse()
        .unwrap();
    let version = version / 10_000;
    let listed = listed(version);
    let seen = "SELECT DISTINCT wait_event_type || '.' || wait_event FROM pg_stat_activity
                 WHERE wait_event IS NOT NULL";
    let seen: BTreeSet<String> = talk.names(seen).into_iter().collect();
    assert!(seen.len() >= 3, "{seen:?}");
    let mut told = seen;
    if version >= LISTS {
        // Extensions add names of their own.
        let all = "SELECT type || '.' || name FROM pg_wait_events
                    WHERE type <> 'InjectionPoint' AND (type <> 'Extension' OR name = 'Extension')";
        told = talk.names(all).into_iter().collect();
        let gone: Vec<_> = listed.difference(&told).collect();
        assert!(gone.is_empty(), "{version} does not have {gone:?}");
    }
    let missing: Vec<_> = told.difference(&listed).collect();
    assert!(
        missing.is_empty(),
        "{version} has {missing:?}, which are not listed"
    );
}
