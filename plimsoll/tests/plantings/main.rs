//! Tests of the analyzer with ten kinds of cause that are drawn with a committed seed and planted
//! on throwaway servers; the expected finding of each was declared before its first run. Also tests
//! with ten healthy runs. `make prove` runs the long tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

mod beside;
#[path = "../common/mod.rs"]
mod common;
mod draw;
mod further;
mod healthy;
mod judge;
mod machine;
mod planting;
mod sqlstates;
mod stage;
mod wait_events;

use std::collections::BTreeSet;

/// Number of runs of each planted cause.
const RUNS: usize = 3;
/// Share of all runs, from 0 to 1, whose first finding must be the declared one.
const LEAST_RIGHT: f64 = 0.8;

#[test]
fn the_draw_is_ten_different_kinds_from_large_lists_as_the_documentation_declares_them() {
    let lists = [wait_events::ALL, sqlstates::ALL, machine::ALL];
    let all: BTreeSet<&str> = lists
        .iter()
        .flat_map(|list| list.iter())
        .map(|p| p.name)
        .collect();
    let listed: usize = lists.iter().map(|list| list.len()).sum();
    assert_eq!(all.len(), listed, "no name twice");
    assert!(listed >= 50, "{listed}");
    let drawn = draw::drawn();
    let names: BTreeSet<&str> = drawn.iter().map(|planting| planting.name).collect();
    assert_eq!(names.len(), 10, "{names:?}");
    let documented = include_str!("../../../docs/plantings.md");
    for planting in &drawn {
        let row = planting.row();
        assert!(documented.contains(&row), "docs/plantings.md lacks: {row}");
    }
}

/// `PLIMSOLL_PLANTING` selects, from the whole lists, the plantings whose names contain its value.
#[test]
#[ignore = "takes a quarter of an hour: make prove"]
fn what_is_planted_is_named_first_and_rightly() {
    let plantings = match std::env::var("PLIMSOLL_PLANTING") {
        Err(_) => draw::drawn(),
        Ok(words) => {
            let lists = [wait_events::ALL, sqlstates::ALL, machine::ALL, further::ALL].concat();
            lists
                .into_iter()
                .filter(|p| p.name.contains(&words))
                .collect()
        }
    };
    let (mut right, mut runs) = (0_u32, 0_u32);
    for planting in &plantings {
        let mut row = planting.row();
        for nth in 1..=RUNS {
            let outcome = judge::judge(planting, stage::run(planting, nth));
            println!("{}: {}", planting.name, outcome.told());
            row.push_str(&format!(" {} |", outcome.cell()));
            right += u32::from(outcome.is_right);
            runs += 1;
        }
        println!("{row}");
    }
    println!("{right} of {runs} named first and rightly");
    assert!(
        f64::from(right) >= LEAST_RIGHT * f64::from(runs),
        "{right} of {runs}"
    );
}

#[test]
#[ignore = "takes five minutes: make prove"]
fn ten_healthy_runs_are_called_healthy() {
    let mut unwell = Vec::new();
    for (tool, words) in healthy::RUNS {
        let complaints = healthy::complaints(tool, words);
        println!("{tool} {words}: {complaints:?}");
        if !complaints.is_empty() {
            unwell.push((words, complaints));
        }
    }
    assert!(unwell.is_empty(), "{unwell:#?}");
}
