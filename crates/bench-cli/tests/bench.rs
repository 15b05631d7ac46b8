//! Tests of a bench's report after each way in which a bench can end.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bench_cli::Exit;
use bench_cli::bench::Bench;
use bench_cli::explain;
use bench_cli::flags::OutputFlags;
use bench_report::manifest::PartStatus;
use bench_report::{Operation, Status, Step, Warning, WarningCode, store};
use test_support::empty_step;

fn begin(home: &tempfile::TempDir) -> (Bench, PathBuf) {
    let flags = OutputFlags {
        run_dir: Some(home.path().to_owned()),
        quiet: true,
        ..OutputFlags::default()
    };
    let bench = Bench::begin("a-bench", "1", "sweep", &flags, BTreeMap::new()).unwrap();
    (bench, home.path().join("a-bench.sweep.json"))
}

#[test]
fn an_error_on_the_way_leaves_a_report_marked_failed_with_its_doubts() {
    let home = tempfile::tempdir().unwrap();
    let (mut bench, path) = begin(&home);
    assert_eq!(store::load(&path).unwrap().status, Status::Interrupted);
    bench.warn(Warning::new(WarningCode::LeftBehind, "a doubt"));
    drop(bench);
    let report = store::load(&path).unwrap();
    assert_eq!(report.status, Status::Failed);
    assert_eq!(report.warnings.len(), 1);
}

#[test]
fn an_error_after_a_signal_leaves_a_report_marked_interrupted() {
    let home = tempfile::tempdir().unwrap();
    let (bench, path) = begin(&home);
    bench.cancel.cancel();
    drop(bench);
    assert_eq!(store::load(&path).unwrap().status, Status::Interrupted);
}

/// Returns a step in which one request was made and succeeded.
fn answered(name: &str) -> Step {
    let operation = Operation {
        attempted: 1,
        succeeded: 1,
        ..Operation::default()
    };
    Step {
        operations: BTreeMap::from([("get".to_owned(), operation)]),
        ..empty_step(name)
    }
}

#[test]
fn what_was_finished_stays_as_it_was_saved() {
    let home = tempfile::tempdir().unwrap();
    let (mut bench, path) = begin(&home);
    bench.push_step(answered("only"), Vec::new(), Vec::new());
    assert_eq!(bench.finish("").unwrap(), Exit::Done);
    assert_eq!(store::load(&path).unwrap().status, Status::Complete);
}

#[test]
fn a_run_that_made_no_request_has_failed_and_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let (mut bench, path) = begin(&home);
    bench.push_step(empty_step("too short"), Vec::new(), Vec::new());
    let error = explain(&bench.finish("").unwrap_err());
    assert!(
        error.starts_with("no request was made") && error.contains("\nTry: a higher rate"),
        "{error}"
    );
    let report = store::load(&path).unwrap();
    assert_eq!((report.status, report.steps.len()), (Status::Failed, 1));
    let parts = bench_report::manifest::read(path.parent().unwrap()).unwrap();
    assert_eq!(parts[0].status, PartStatus::Done { exit_code: 1 });
}

#[test]
fn a_run_whose_directory_is_lost_goes_on_and_fails_only_once_its_result_is_shown() {
    let home = tempfile::tempdir().unwrap();
    let run = home.path().join("run");
    let flags = OutputFlags {
        run_dir: Some(run.clone()),
        quiet: true,
        ..OutputFlags::default()
    };
    let mut bench = Bench::begin("a-bench", "1", "sweep", &flags, BTreeMap::new()).unwrap();
    std::fs::remove_dir_all(&run).unwrap();
    std::fs::write(&run, "in its place").unwrap();
    for name in ["first", "second"] {
        bench.push_step(answered(name), Vec::new(), Vec::new());
    }
    let error = format!("{:#}", bench.finish("").unwrap_err());
    let spare = error.split("it is in ").nth(1).unwrap();
    let spare = Path::new(spare.split(" instead").next().unwrap());
    let report = store::load(spare).unwrap();
    std::fs::remove_dir_all(spare.parent().unwrap()).unwrap();
    assert_eq!((report.status, report.steps.len()), (Status::Complete, 2));
}

#[test]
fn a_directory_that_is_removed_meanwhile_is_made_again() {
    let home = tempfile::tempdir().unwrap();
    let (mut bench, path) = begin(&home);
    std::fs::remove_dir_all(home.path()).unwrap();
    bench.push_step(answered("only"), Vec::new(), Vec::new());
    assert_eq!(bench.finish("").unwrap(), Exit::Done);
    assert_eq!(store::load(&path).unwrap().steps.len(), 1);
    let parts = bench_report::manifest::read(path.parent().unwrap()).unwrap();
    let done = PartStatus::Done { exit_code: 0 };
    assert_eq!(
        parts.iter().map(|part| &part.status).collect::<Vec<_>>(),
        [&done]
    );
}
