//! Six plantings that do not depend on the machine's speed, as tests like any other.
//!
//! Their causes are times that somebody waits on purpose (a lock held while its holder sleeps, a
//! pause, a sleep) or failures in a fixed share of the calls, all far longer or more frequent than
//! what a slow machine adds. What is asserted is a problem with the declared rule and things and a
//! share of at least the bound, which is far below the declared one. That it comes first is not
//! asserted: on a machine that other tests keep busy, a second cause may be there in truth.

use std::time::Duration;

use crate::judge::findings_that_name;
use crate::planting_file;
use crate::stage::{self, RunPlan};

/// Length of the measured part: the shortest in which the analyzer judges sampled sessions.
const SECONDS: u32 = 6;

/// Carries out the planting `id` with a severity, and asserts that its finding is a problem with at
/// least the share `least`, from 0 to 1.
fn assert_named(id: &str, severity: &str, least: f64) {
    let file = planting_file::all()
        .into_iter()
        .find(|file| file.id == id)
        .unwrap();
    let severity = file
        .severities
        .iter()
        .find(|known| known.name == severity)
        .unwrap();
    let planting = file.with(severity).unwrap();
    let kept = tempfile::tempdir().unwrap();
    let plan = RunPlan {
        planting: &planting,
        pause: Duration::ZERO,
        seconds: SECONDS,
        seed: 1,
        is_recorded: false,
        kept: kept.path(),
    };
    stage::run(&plan).unwrap();
    let assessment = stage::assess(kept.path()).unwrap();
    let named = findings_that_name(&assessment, &planting.finding);
    let is_told = |share: Option<f64>| share.is_some_and(|share| share >= least);
    assert!(
        named
            .iter()
            .any(|f| f["kind"] == "problem" && is_told(f["impact"]["ratio"].as_f64())),
        "{id}: {named:#?} among {:#}",
        assessment["findings"]
    );
}

#[test]
fn an_advisory_lock_that_is_held_while_its_holder_sleeps_is_named() {
    assert_named("postgres/advisory-lock", "strong", 0.4);
}

#[test]
fn a_table_that_another_application_locks_is_named_with_the_application() {
    assert_named("postgres/table-lock", "strong", 0.3);
}

#[test]
fn transactions_that_pause_are_named() {
    assert_named("postgres/idle-in-transaction", "strong", 0.3);
}

#[test]
fn a_trigger_that_sleeps_is_named_with_its_statement() {
    assert_named("postgres/sleeping-trigger", "strong", 0.4);
}

#[test]
fn statements_that_time_out_are_named_with_the_server_s_words() {
    assert_named("postgres/statement-timeouts", "strong", 0.3);
}

#[test]
fn errors_that_a_trigger_raises_are_named_with_its_words() {
    assert_named("postgres/errors-by-a-trigger", "strong", 0.3);
}
