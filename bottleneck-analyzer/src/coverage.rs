//! Test that every figure, column and series that a report can hold has a reader.
//!
//! What is read is recorded while all planted runs are assessed and shown, in a second process that runs
//! those tests.

use std::collections::BTreeSet;
use std::process::Command;

use bench_report::names::{self, reads};

/// Names that no rule reads, with the reason: place and name, with `*` for the part that differs.
const UNREAD: &str = include_str!("../unread-names.txt");

fn read_by_planted_runs() -> BTreeSet<(String, String)> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("reads");
    let ran = Command::new(std::env::current_exe().unwrap())
        .args(["planted::", "--quiet"])
        .env(reads::FILE, &file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}");
    let lines = std::fs::read_to_string(&file).unwrap();
    let pairs = lines.lines().filter_map(|line| line.split_once('\t'));
    pairs
        .map(|(place, name)| (place.to_owned(), name.to_owned()))
        .collect()
}

/// Returns place, name and reason of each line of the list.
fn listed() -> Vec<(String, String, String)> {
    let lines = UNREAD
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'));
    lines
        .map(|line| {
            let parts: Vec<&str> = line.split('\t').collect();
            let [place, name, reason] = parts.as_slice() else {
                panic!("place, name and reason are separated by tabulators: {line}");
            };
            assert!(reason.len() > 10, "{line}");
            (
                (*place).to_owned(),
                (*name).to_owned(),
                (*reason).to_owned(),
            )
        })
        .collect()
}

#[test]
fn every_name_that_a_report_can_hold_is_read_or_listed_with_the_reason() {
    let read = read_by_planted_runs();
    let listed: BTreeSet<(String, String)> = listed()
        .into_iter()
        .map(|(place, name, _)| (place, name))
        .collect();
    let known: BTreeSet<(String, String)> = names::all()
        .map(|entry| (entry.place.to_string(), entry.pattern()))
        .collect();
    let missing: Vec<_> = known
        .iter()
        .filter(|k| !read.contains(k) && !listed.contains(k))
        .collect();
    assert!(
        missing.is_empty(),
        "nobody reads these, and they are not listed: {missing:#?}"
    );
    let stale: Vec<_> = listed
        .iter()
        .filter(|l| read.contains(l) || !known.contains(l))
        .collect();
    assert!(
        stale.is_empty(),
        "listed as unread, but read or unknown: {stale:#?}"
    );
}
