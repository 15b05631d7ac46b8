//! Helpers of the tests: servers, the program, and its report.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs
)]

pub(crate) mod cluster;

use std::process::Command;
use std::time::Duration;

use bench_report::{Report, ServerEvidence};
use test_support::{RunningProgram, TestDirectory};
use testbed::{Redis, RedisOptions};

pub(crate) const PASSWORD: &str = "hunter2-%/s3cret";

pub(crate) fn redis() -> Redis {
    Redis::start(&RedisOptions::default()).unwrap()
}

pub(crate) fn redis_with_password() -> Redis {
    Redis::start(&RedisOptions {
        password: Some(PASSWORD.to_owned()),
        ..RedisOptions::default()
    })
    .unwrap()
}

pub(crate) fn connect(redis: &Redis) -> redis::Connection {
    let client = redis::Client::open(redis.url()).unwrap();
    client.get_connection().unwrap()
}

pub(crate) fn keys(redis: &Redis) -> Vec<String> {
    let mut keys: Vec<String> = redis::cmd("KEYS")
        .arg("*")
        .query(&mut connect(redis))
        .unwrap();
    keys.sort_unstable();
    keys
}

/// Returns the command `redis-bench` with `args`, to be run in `place`.
pub(crate) fn bench(place: &TestDirectory, args: &[&str]) -> Command {
    place.command(env!("CARGO_BIN_EXE_redis-bench"), args)
}

/// Reads the report of `scenario` that a run with `--run-dir run` wrote in `place`. Panics if there
/// is none.
pub(crate) fn report(place: &TestDirectory, scenario: &str) -> Report {
    place.report(format!("run/redis-bench.{scenario}.json"))
}

/// Runs `redis-bench` with `args`, on the server at `url` if given, asserts the exit code `code`,
/// and returns the text on stderr. Panics if stdout is not empty, or if stderr contains a password
/// or a trace of a panic.
pub(crate) fn told(place: &TestDirectory, url: Option<&str>, args: &[&str], code: i32) -> String {
    let mut command = bench(place, args);
    if let Some(url) = url {
        command.env("REDIS_URL", url);
    }
    let output = assert_cmd::Command::from_std(command).assert().code(code);
    let output = output.get_output();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.stdout.is_empty(), "{args:?}");
    for unwanted in [
        "panicked",
        "backtrace",
        "hunter2",
        "s3cret",
        "RUST_BACKTRACE",
    ] {
        assert!(!stderr.contains(unwanted), "{args:?}: {stderr}");
    }
    stderr
}

/// Watches the server at `url` by `observe` with `args`, while `meanwhile` runs from the first reading on,
/// and returns what the program said and the evidence.
pub(crate) fn watched(url: &str, args: &str, meanwhile: impl FnOnce()) -> (String, ServerEvidence) {
    let place = TestDirectory::new();
    let words = ["observe", "--run-dir", "run", "--url", url].into_iter();
    let words: Vec<&str> = words.chain(args.split_whitespace()).collect();
    let mut running = RunningProgram::start(&mut bench(&place, &words));
    running.wait_for("phase: measure");
    // Waits until the server was read for the first time.
    std::thread::sleep(Duration::from_millis(300));
    meanwhile();
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let mut report = report(&place, "observe");
    (ended.said, report.steps.remove(0).server.unwrap())
}
