//! What became of a run shows in its exit code: tools that fail, guards that end a bench, and
//! directories that hold another run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Output;

use bench_report::Status;
use common::{binary, report, tool};
use test_support::{Place, copy_program};
use testbed::{Redis, RedisOptions};

const RUN: [&str; 7] = [
    "run",
    "--profile",
    "smoke",
    "--only",
    "redis-bench",
    "--run-dir",
    "run",
];

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stderr) + &text(&output.stdout)
}

/// The suite's binaries in `place`, of which `broken` fails at once without a word.
fn with_broken(place: &Place, broken: &str) -> PathBuf {
    let bin = place.path().join("bin");
    fs::create_dir(&bin).unwrap();
    for name in ["redis-bench", "sysmon", "bottleneck-analyzer"] {
        let program = if name == broken {
            PathBuf::from("/bin/false")
        } else {
            binary(name)
        };
        symlink(program, bin.join(name)).unwrap();
    }
    // A program finds its siblings by where it really is, so a link to it would not do.
    let plimsoll = bin.join("plimsoll");
    copy_program(&binary("plimsoll"), &plimsoll);
    plimsoll
}

fn run_with_broken(place: &Place, broken: &str) -> Output {
    let plimsoll = with_broken(place, broken);
    place.command(plimsoll, &RUN).output().unwrap()
}

#[test]
fn a_recorder_that_dies_fails_the_run_and_stops_no_bench() {
    let place = Place::new();
    let output = run_with_broken(&place, "sysmon");
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("sysmon.record ended with code 1"), "{said}");
    let bench = report(&place.path().join("run"), "redis-bench.cache");
    assert_eq!(bench.status, Status::Complete);
}

#[test]
fn an_analysis_that_fails_fails_the_run_and_shows_no_page() {
    let place = Place::new();
    let output = run_with_broken(&place, "bottleneck-analyzer");
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(!said.contains("report.html"), "{said}");
}

/// On a server that is not ours, and knows no GET, a bench stops at 10 % errors.
#[test]
fn a_guard_that_ends_a_bench_ends_in_its_own_code() {
    let redis = Redis::start(&RedisOptions {
        settings: vec![("rename-command".to_owned(), "GET \"\"".to_owned())],
        ..RedisOptions::default()
    });
    let redis = redis.unwrap();
    let place = Place::new();
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
    let place = Place::new();
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
