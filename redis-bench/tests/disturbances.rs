//! Tests of events at the server that disturb a step, on real servers: each is named in the text
//! below the table and in the report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use bench_report::{Report, WarningCode};
use common::bench;
use redis::Connection;
use test_support::{RunningProgram, TestDirectory};
use testbed::{Redis, RedisOptions};

/// Number of steps of a run whose only step is disturbed.
const ONE_STEP: &str = "1";

/// Runs steps of `pool` on `redis`, and calls `event` 300 ms after the first measured part has begun,
/// when the server was read for the first time. Returns stdout as one line, and the report.
fn run(redis: &Redis, steps: &str, event: impl FnOnce(&mut Connection)) -> (String, Report) {
    let place = TestDirectory::new();
    let args = [
        "pool",
        "--client",
        "multiplexed",
        "--rate",
        "300",
        "--duration",
        "1500ms",
        "--warmup",
        "0s",
        "--repeats",
        steps,
        "--run-dir",
        "run",
        "--url",
        redis.url(),
    ];
    let mut admin = common::connect(redis);
    let mut running = RunningProgram::start(&mut bench(&place, &args));
    running.wait_for("phase: measure");
    std::thread::sleep(Duration::from_millis(300));
    event(&mut admin);
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let words: Vec<&str> = ended.said.split_whitespace().collect();
    (words.join(" "), common::report(&place, "pool"))
}

/// Returns the message that an event disturbed the server.
fn told(report: &Report) -> Option<&str> {
    let mut warnings = report.warnings.iter();
    let found = warnings.find(|warning| warning.code == WarningCode::DisturbedServer)?;
    Some(&found.message)
}

/// Asserts that `words` are in the text and in the report's warning.
fn assert_told((text, report): &(String, Report), words: &str) {
    let message = told(report).unwrap_or_else(|| panic!("{words}: {text}"));
    assert!(message.contains(words), "{words}: {message}");
    assert!(text.contains(words), "{words}: {text}");
}

/// A busy machine may delay an answer, which looks like a stall of the server.
#[test]
fn a_quiet_run_names_no_event() {
    let (text, report) = run(&common::redis(), ONE_STEP, |_| ());
    let message = told(&report).unwrap_or_default();
    let events = message.trim_start_matches("the server was disturbed: ");
    assert!(
        events
            .split("; ")
            .all(|event| event.is_empty() || event.starts_with("it answered nobody")),
        "{text}"
    );
}

#[test]
fn a_snapshot_is_named() {
    let run = run(&common::redis(), ONE_STEP, |admin| {
        redis::cmd("BGSAVE").exec(admin).unwrap();
    });
    let message = told(&run.1).unwrap().to_owned();
    let is_named = message.contains("a snapshot") || message.contains("1 fork");
    assert!(is_named, "{message}");
    assert!(run.0.contains(&message), "{}", run.0);
}

#[test]
fn evictions_are_named() {
    let settings = [("maxmemory", "8mb"), ("maxmemory-policy", "allkeys-lru")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let redis = Redis::start(&RedisOptions {
        settings: settings.into(),
        ..RedisOptions::default()
    })
    .unwrap();
    let run = run(&redis, ONE_STEP, |admin| {
        let value = "x".repeat(100_000);
        let mut fill = redis::pipe();
        for index in 0..150 {
            fill.cmd("SET").arg(index).arg(&value).ignore();
        }
        fill.exec(admin).unwrap();
    });
    assert_told(&run, "keys evicted");
}

#[test]
fn a_client_that_monitors_is_named() {
    let redis = common::redis();
    let mut monitor = TcpStream::connect(("127.0.0.1", redis.port())).unwrap();
    monitor.write_all(b"MONITOR\r\n").unwrap();
    let reader = monitor.try_clone().unwrap();
    std::thread::spawn(move || std::io::copy(&mut &reader, &mut std::io::sink()));
    assert_told(&run(&redis, ONE_STEP, |_| ()), "1 client ran MONITOR");
}

#[test]
fn a_pause_of_all_clients_is_named() {
    let run = run(&common::redis(), ONE_STEP, |admin| {
        let mut pause = redis::cmd("CLIENT");
        pause.arg("PAUSE").arg(400).exec(admin).unwrap();
    });
    assert_told(&run, "CLIENT PAUSE kept clients waiting");
    assert_told(&run, "it answered nobody for");
}

#[test]
fn a_script_of_somebody_else_that_blocks_is_named_with_its_time() {
    /// Asks for the time until 400 ms have passed, and at most five million times, because Redis 7.2 and
    /// later stop the clock of a script.
    const SPIN: &str = "local now = function() local t = redis.call('TIME') \
                        return t[1] * 1000000 + t[2] end \
                        local till = now() + 400000 \
                        for i = 1, 5000000 do if now() >= till then return 1 end end";
    let run = run(&common::redis(), ONE_STEP, |admin| {
        redis::cmd("EVAL").arg(SPIN).arg(0).exec(admin).unwrap();
    });
    assert_told(&run, "commands of other clients took");
    assert_told(&run, "it answered nobody for");
}

#[test]
fn refused_connections_are_named() {
    let redis = common::redis();
    let run = run(&redis, ONE_STEP, |admin| {
        let limit = |most: &str, admin: &mut Connection| {
            let mut limit = redis::cmd("CONFIG");
            limit.arg(&["SET", "maxclients", most]).exec(admin).unwrap();
        };
        limit("1", admin);
        let client = redis::Client::open(redis.url()).unwrap();
        for _ in 0..3 {
            assert!(client.get_connection().is_err());
        }
        limit("1000", admin);
    });
    assert_told(&run, "3 connections refused at maxclients");
}

#[test]
fn a_reset_of_the_counters_is_named() {
    let (text, report) = run(&common::redis(), ONE_STEP, |admin| {
        redis::cmd("CONFIG").arg("RESETSTAT").exec(admin).unwrap();
    });
    let mut warnings = report.warnings.iter();
    let reset = warnings.find(|warning| warning.message.contains("was reset meanwhile"));
    assert!(reset.is_some(), "{text}");
    assert!(text.contains("was reset meanwhile"), "{text}");
}

/// Warnings below the table show the worst of several steps; each has a line of its own too.
#[test]
fn each_of_several_disturbed_steps_is_named_with_its_number() {
    let redis = common::redis();
    let mut monitor = TcpStream::connect(("127.0.0.1", redis.port())).unwrap();
    monitor.write_all(b"MONITOR\r\n").unwrap();
    let reader = monitor.try_clone().unwrap();
    std::thread::spawn(move || std::io::copy(&mut &reader, &mut std::io::sink()));
    let (text, _) = run(&redis, "2", |_| ());
    for step in ["step 1 (", "step 2 ("] {
        let line = text
            .split("Disturbed: ")
            .find(|line| line.starts_with(step));
        assert!(line.unwrap().contains("1 client ran MONITOR"), "{text}");
    }
}
