//! Tests of the suite's exit code: tools that fail, stop rules that end a bench, and directories
//! with files of another run.

use std::fs;
use std::process::Output;

use crate::common::{RUN, report, said, suite_with, tool};
use bench_report::Status;
use bench_report::manifest::{self, PartStatus};
use nix::sys::signal::Signal;
use test_support::{Ended, RunningProgram, TestDirectory};
use testbed::{Redis, RedisOptions};

fn run_with_broken(place: &TestDirectory, broken: &str) -> Output {
    let plimsoll = suite_with(place, broken, Some("exit 1"));
    place.command(plimsoll, &RUN).output().unwrap()
}

#[test]
fn a_recorder_that_dies_fails_the_run_and_stops_no_bench() {
    let place = TestDirectory::new();
    let output = run_with_broken(&place, "sysmon");
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("sysmon.record ended with code 1"), "{said}");
    let bench = report(&place.path().join("run"), "redis-bench.cache");
    assert_eq!(bench.status, Status::Complete);
}

#[test]
fn an_analysis_that_fails_fails_the_run_and_shows_no_page() {
    let place = TestDirectory::new();
    let output = run_with_broken(&place, "bottleneck-analyzer");
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(!said.contains("report.html"), "{said}");
}

/// The server does not know GET and is no throwaway one, so a stop rule ends the bench at 10 %
/// errors.
#[test]
fn a_guard_that_ends_a_bench_ends_in_its_own_code() {
    let redis = Redis::start(&RedisOptions {
        settings: vec![("rename-command".to_owned(), "GET \"\"".to_owned())],
        ..RedisOptions::default()
    });
    let redis = redis.unwrap();
    let place = TestDirectory::new();
    let mut command = tool(&place, "plimsoll", &RUN);
    let output = command.env("REDIS_URL", redis.url()).output().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("redis-bench.cache was ended by a guard"),
        "{said}"
    );
    let directory = place.path().join("run");
    assert_eq!(
        report(&directory, "redis-bench.cache").status,
        Status::Stopped
    );
    assert!(directory.join("assessment.json").exists(), "{said}");
}

#[test]
fn a_directory_that_holds_another_run_is_refused_and_left_as_it_is() {
    let place = TestDirectory::new();
    let directory = place.path().join("run");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("ws-bench.limit.json"), "of last week").unwrap();
    let output = tool(&place, "plimsoll", &RUN).output().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("run already holds ws-bench.limit.json") && said.contains("--run-dir"),
        "{said}"
    );
    let names: Vec<_> = fs::read_dir(&directory).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
    let kept = fs::read_to_string(directory.join("ws-bench.limit.json")).unwrap();
    assert_eq!(kept, "of last week");
}

#[test]
fn a_tool_that_is_not_there_fails_its_part_and_stops_no_other() {
    for missing in ["redis-bench", "sysmon"] {
        let place = TestDirectory::new();
        let plimsoll = suite_with(&place, missing, None);
        let args = [&RUN[..], &["--only", "ws-bench"]].concat();
        let output = place.command(plimsoll, &args).output().unwrap();
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let note = format!("was not run: cannot find {missing}");
        assert!(said.contains(&note), "{said}");
        let directory = place.path().join("run");
        let bench = report(&directory, "ws-bench.limit");
        assert_eq!(bench.status, Status::Complete);
        assert!(directory.join("assessment.json").exists(), "{said}");
        let parts = manifest::read(&directory).unwrap();
        let part = parts.iter().find(|part| part.tool == missing).unwrap();
        assert!(
            matches!(part.status, PartStatus::Skipped { .. }),
            "{part:?}"
        );
    }
}

#[test]
fn an_interrupt_ends_the_analysis_too() {
    let place = TestDirectory::new();
    let plimsoll = suite_with(&place, "bottleneck-analyzer", Some("exec sleep 60"));
    let mut running = RunningProgram::start(&mut place.command(plimsoll, &RUN));
    running.wait_for("phase: analyze");
    running.signal(Signal::SIGINT);
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("interrupted; what was measured"), "{said}");
    assert_eq!(place.left_behind(), Vec::<String>::new());
}
