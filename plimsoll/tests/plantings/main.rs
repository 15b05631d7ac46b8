//! Proving ground of the analyzer: causes that are planted on throwaway servers must be named first
//! and rightly, with the impact that taking the cause away gives back, and healthy runs must be
//! called healthy.
//!
//! Each file in `causes` is one planting. `make prove` carries all of them out, detached and
//! resumable (`scripts/prove`, docs/proving-ground.md); six that do not depend on the machine's
//! speed are tests like any other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

mod beside;
mod child;
#[path = "../common/mod.rs"]
mod common;
mod healthy;
mod judge;
mod measured_run;
mod planting;
mod planting_file;
mod proving_ground;
mod quiet_machine;
mod redis_words;
mod speedless;
mod stage;
mod summary;
mod target_server;
mod trial;
mod trial_log;

use std::collections::BTreeSet;
use std::path::Path;

use planting::DeclaredFigure;
use proving_ground::ProvingGround;
use trial_log::TrialLog;

/// Directories of the plantings that have three severities and can be taken away.
const THREE_SEVERITIES: [&str; 4] = ["postgres/", "machine/", "generator/", "redis/"];

#[test]
fn every_planting_is_declared_and_those_of_the_proving_ground_have_three_severities() {
    let files = planting_file::all();
    let with = |directory: &str| {
        files
            .iter()
            .filter(|file| file.id.starts_with(directory))
            .count()
    };
    assert_eq!(THREE_SEVERITIES.map(with), [14, 6, 2, 13]);
    for (directory, least) in [("wait-events/", 15), ("sqlstates/", 20), ("resources/", 8)] {
        assert!(with(directory) >= least, "{directory}: {}", with(directory));
    }
    let mut names = BTreeSet::new();
    for file in &files {
        let declared = file.with(&file.severities[0]).unwrap();
        assert!(
            names.insert(declared.name.clone()),
            "twice: {}",
            declared.name
        );
        assert!(
            !declared.finding.things.is_empty(),
            "{}: names nothing",
            file.id
        );
        let severities: BTreeSet<&str> = file.severities.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(severities.len(), file.severities.len(), "{}", file.id);
        let has_figure = declared.finding.figure != DeclaredFigure::None;
        for severity in &file.severities {
            assert_eq!(severity.share.is_some(), has_figure, "{}", file.id);
            let permitted = severity
                .share
                .is_none_or(|share| severity.tolerance < share);
            assert!(permitted, "{}: any figure is right", file.id);
        }
        if THREE_SEVERITIES
            .iter()
            .any(|directory| file.id.starts_with(directory))
        {
            assert_eq!(file.severities.len(), 3, "{}", file.id);
            assert!(
                file.is_removable || !has_figure,
                "{} cannot be taken away",
                file.id
            );
        }
    }
}

#[test]
#[ignore = "takes 80 minutes: make prove"]
fn prove() {
    let ground = ProvingGround::open();
    publish(&ground.prove());
}

#[test]
#[ignore = "needs the kept runs of make prove: make prove-judge"]
fn judge_again() {
    let ground = ProvingGround::open();
    publish(&ground.judge());
}

/// Prints the table, writes it into the documentation if it has all trials, and fails if a bound of
/// the proving ground does not hold.
fn publish(log: &TrialLog) {
    let trials = log.latest();
    let machine = bench_report::Environment::capture();
    let machine = format!(
        "{} cores, {}, Linux {}",
        machine.cores_available.unwrap_or(0),
        machine
            .cpu_model
            .as_deref()
            .unwrap_or("a CPU without a name"),
        machine.kernel.as_deref().unwrap_or("?")
    );
    let table = summary::table(&trials, &machine);
    println!("{table}");
    if std::env::var_os("PLIMSOLL_PLANTING").is_none() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/proving-ground.md");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, summary::placed(&text, &table).unwrap()).unwrap();
    }
    let totals = summary::totals(&trials);
    let again = "make prove does those again that do not count";
    assert_eq!(totals.without_count, 0, "{again}: {}", totals.told());
    assert!(totals.planted + totals.healthy > 0, "nothing was proved");
    assert_eq!(totals.false_alarms, 0, "false alarms: {}", totals.told());
    assert_eq!(totals.named, totals.planted, "not named: {}", totals.told());
    assert!(
        totals.right * 10 >= totals.planted * 9,
        "first and rightly: {}",
        totals.told()
    );
    assert!(
        totals.agreeing * 5 >= totals.compared * 4,
        "impact: {}",
        totals.told()
    );
}
