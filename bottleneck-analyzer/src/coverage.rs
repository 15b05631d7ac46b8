//! Test that every figure, column and series that a report can hold has a reader.
//!
//! A second process runs the tests of all planted runs, and records the names that are read while they
//! are assessed and shown.

use std::collections::BTreeSet;
use std::process::Command;

use bench_report::names::{self, reads};

/// Names that the analyzer does not read, each with the reason.
const UNREAD: &str = include_str!("../unread-names.txt");

/// Place and name of an entry of the registry, as in `server` and `waits.*_mean`.
type PlacedName = (String, String);

fn read_by_planted_runs() -> BTreeSet<PlacedName> {
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

/// Returns the listed names, each with its reason.
fn listed() -> Vec<(PlacedName, &'static str)> {
    let lines = UNREAD.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| match line.split('\t').collect::<Vec<_>>()[..] {
            [place, name, reason] => ((place.to_owned(), name.to_owned()), reason),
            _ => panic!("place, name and reason are separated by tabulators: {line}"),
        })
        .collect()
}

#[test]
#[ignore = "runs all tests of planted runs a second time, which takes minutes"]
fn every_name_that_a_report_can_hold_is_read_or_listed_with_the_reason() {
    let read = read_by_planted_runs();
    let listed: BTreeSet<PlacedName> = listed().into_iter().map(|(name, _)| name).collect();
    let known = names::all().map(|entry| (entry.place.to_string(), entry.pattern()));
    let missing: Vec<_> = known
        .filter(|name| !read.contains(name) && !listed.contains(name))
        .collect();
    assert!(
        missing.is_empty(),
        "nobody reads these, and they are not listed: {missing:#?}"
    );
    let stale: Vec<_> = listed.intersection(&read).collect();
    assert!(stale.is_empty(), "listed, but read: {stale:#?}");
}

#[test]
fn unread_names_exist_and_each_has_a_reason_and_at_most_a_tenth_is_unused() {
    let known: BTreeSet<PlacedName> = names::all()
        .map(|entry| (entry.place.to_string(), entry.pattern()))
        .collect();
    for (name, why) in listed() {
        assert!(known.contains(&name), "{name:?} is in no report");
        let kinds = ["shown: ", "unused: "];
        let told = kinds.iter().find_map(|kind| why.strip_prefix(kind));
        assert!(told.is_some_and(|why| why.len() > 10), "{name:?}: {why}");
    }
    let all = listed();
    let unused = all.iter().filter(|(_, why)| why.starts_with("unused: "));
    assert!(10 * unused.count() <= known.len());
}
