//! Tests of the tables in docs/redis-habits.md.

use std::ffi::OsString;

use bench_cli::UsageError;
use clap::Parser as _;

use super::translated;
use crate::cli::RedisBenchCli;

const DOCUMENT: &str = include_str!("../../../../docs/redis-habits.md");

fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

/// Returns the rows of the table under this heading of its second column, without their backticks.
fn rows(heading: &str) -> Vec<(&'static str, &'static str)> {
    let mut lines = DOCUMENT.lines();
    lines.find(|line| line.starts_with('|') && line.ends_with(&format!("| {heading} |")));
    let table = lines.skip(1).take_while(|line| line.starts_with('|'));
    let cells = table.map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let mut next = || cells.next().unwrap().trim_matches('`');
        (next(), next())
    });
    cells.collect()
}

fn parsed(words: Vec<OsString>) -> String {
    let words = std::iter::once(OsString::from("redis-bench")).chain(words);
    let cli = RedisBenchCli::try_parse_from(words);
    format!(
        "{:?}",
        cli.unwrap_or_else(|error| panic!("{error}")).command
    )
}

#[test]
fn each_row_of_the_table_is_the_same_run() {
    let rows = rows("redis-bench");
    assert!(rows.len() > 25, "{rows:?}");
    for (theirs, ours) in rows {
        let said = translated(words(theirs), false);
        let translated = said.unwrap_or_else(|UsageError(said)| panic!("{theirs}: {said}"));
        assert_eq!(parsed(translated), parsed(words(ours)), "{theirs}");
    }
}

#[test]
fn each_row_of_the_refusals_is_refused_with_its_words() {
    let rows = rows("Refusal");
    assert!(rows.len() > 30, "{rows:?}");
    for (theirs, told) in rows {
        let refused = translated(words(theirs), false);
        let Err(UsageError(said)) = refused else {
            panic!("{theirs} is accepted");
        };
        assert!(said.contains(told), "{theirs}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_port_is_no_second_server_beside_that_of_the_environment() {
    let UsageError(said) = translated(words("pool -p 6380"), true).unwrap_err();
    assert!(said.contains("REDIS_URL gives that too"), "{said}");
    assert!(translated(words("pool -c 5"), true).is_ok());
    // Words without flags of other tools, and those for no scenario, stay as they are.
    for line in ["pool --users 5", "generate man -d out", "--help"] {
        assert_eq!(translated(words(line), true).unwrap(), words(line));
    }
}

/// Planted: memtier has a flag of the same name, which is refused elsewhere.
#[test]
fn a_scenario_keeps_its_own_flags() {
    let own = words("replay --trace t.csv --requests 500");
    assert_eq!(translated(own.clone(), false).unwrap(), own);
    assert!(translated(words("pool --requests 500"), false).is_err());
}
