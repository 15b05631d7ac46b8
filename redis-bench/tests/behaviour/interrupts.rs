//! Tests of a signal in any phase of a run: the run must end in order within 3 s, with a valid
//! report and nothing left on the server.
use std::process::Command;
use std::time::Duration;

use crate::common::{self, bench, report};
use bench_report::{Report, Status};
use nix::sys::signal::Signal;
use test_support::{Ended, RunningProgram, TestDirectory, ending_bound, eventually, left_behind};
use testbed::{Faults, Proxy, Redis};

const PHASES: [&str; 7] = [
    "start", "connect", "prepare", "warm-up", "measure", "drain", "save",
];

/// Returns the flags of a run that is long enough to be interrupted in `phase`; for `drain` and
/// `save` those of a short run, which reaches these phases by itself.
fn args(phase: &str) -> Vec<&'static str> {
    let brief = matches!(phase, "drain" | "save");
    let duration = if brief { "300ms" } else { "20s" };
    vec![
        "cache",
        "--keys",
        "20k",
        "--preload",
        // Trials find the rate of a steady state before the first step.
        if phase == "prepare" { "steady" } else { "1" },
        "--repeats",
        if brief { "1" } else { "3" },
        "--warmup",
        "500ms",
        "--duration",
        duration,
        "--run-dir",
        "run",
    ]
}

fn signal_of(n: usize) -> Signal {
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP][n % 3]
}

#[test]
fn a_signal_in_any_phase_leaves_a_report_and_no_key() {
    let redis = common::redis();
    for (n, phase) in PHASES.into_iter().enumerate() {
        let place = TestDirectory::new();
        let mut running =
            RunningProgram::start(bench(&place, &args(phase)).env("REDIS_URL", redis.url()));
        running.wait_for(&format!("phase: {phase}"));
        dwell(phase);
        running.signal(signal_of(n));
        end(running, &place, phase);
        assert_eq!(common::keys(&redis), Vec::<String>::new(), "{phase}");
    }
}

#[test]
fn a_signal_in_any_phase_leaves_no_throwaway_server() {
    for (n, phase) in PHASES.into_iter().enumerate() {
        let place = TestDirectory::new();
        let mut running = RunningProgram::start(&mut bench(&place, &args(phase)));
        running.wait_for(&format!("phase: {phase}"));
        dwell(phase);
        running.signal(signal_of(n + 1));
        end(running, &place, phase);
        assert_eq!(
            place.left_behind_after(Duration::from_secs(10)),
            [""; 0],
            "{phase}"
        );
    }
}

/// Waits 300 ms in phases with load, so that there is something to report when the signal is sent.
fn dwell(phase: &str) {
    if matches!(phase, "warm-up" | "measure") {
        std::thread::sleep(Duration::from_millis(300));
    }
}

fn end(running: RunningProgram, place: &TestDirectory, phase: &str) {
    let Ended { code, took, said } = running.end();
    assert!(took <= ending_bound(), "{phase}: {took:?}\n{said}");
    let report = report(place, "cache");
    // A signal in the last moments may come after everything is done.
    let late = matches!(phase, "drain" | "save") && report.status == Status::Complete;
    let wanted = if late { Some(0) } else { Some(130) };
    assert_eq!(code, wanted, "{phase}: {said}");
    assert!(
        late || report.status == Status::Interrupted,
        "{phase}: {:?}",
        report.status
    );
    assert!(
        !said.contains("panicked") && !said.contains("warning: "),
        "{said}"
    );
    if phase == "measure" {
        assert!(report.steps[0].operations.values().any(|o| o.succeeded > 0));
    }
}

#[test]
fn where_the_server_stands_still_what_is_left_is_told() {
    let redis = common::redis();
    let place = TestDirectory::new();
    let mut running =
        RunningProgram::start(bench(&place, &args("measure")).env("REDIS_URL", redis.url()));
    running.wait_for("phase: measure");
    redis.pause();
    running.signal(Signal::SIGINT);
    let ended = running.end();
    redis.resume();
    ended.assert_interrupted("the server stands still");
    let report = report(&place, "cache");
    assert_eq!(report.status, Status::Interrupted);
    assert_the_rest_can_be_removed(&report, &redis);
}

/// Starts a run whose server is stopped from the end of its only step on. Returns the run when its
/// clean-up has begun.
fn cleans_up_in_vain(place: &TestDirectory, redis: &Redis) -> RunningProgram {
    let mut args = args("save");
    args.extend(["--client", "multiplexed"]);
    let mut running = RunningProgram::start(bench(place, &args).env("REDIS_URL", redis.url()));
    running.wait_for("phase: drain");
    redis.pause();
    running.wait_for("phase: save");
    running
}

#[test]
fn clean_up_hears_a_signal_too() {
    let redis = common::redis();
    let place = TestDirectory::new();
    let running = cleans_up_in_vain(&place, &redis);
    running.signal(Signal::SIGTERM);
    let ended = running.end();
    redis.resume();
    ended.assert_interrupted("while it cleans up");
    assert_the_rest_can_be_removed(&report(&place, "cache"), &redis);
}

#[test]
fn clean_up_gives_a_silent_server_up_by_itself() {
    let redis = common::redis();
    let place = TestDirectory::new();
    let Ended { code, took, said } = cleans_up_in_vain(&place, &redis).end();
    redis.resume();
    assert!(took <= ending_bound(), "{took:?}\n{said}");
    assert_eq!(code, Some(0), "what was measured is whole: {said}");
    let report = report(&place, "cache");
    assert_eq!(report.status, Status::Complete);
    let told = left_behind(&report).unwrap();
    assert!(told.contains("no answer for 2s"), "{told}");
    assert_the_rest_can_be_removed(&report, &redis);
}

/// Asserts that the command in the report removes the keys that remained on the server. Without
/// `redis-cli`, only the beginning of the command is checked.
fn assert_the_rest_can_be_removed(report: &Report, redis: &Redis) {
    let told = left_behind(report).unwrap();
    let command = told.split("with: ").nth(1).unwrap();
    if Command::new("redis-cli").arg("--version").output().is_err() {
        // Some packages of the server have no redis-cli; the command then cannot be tried.
        assert!(command.starts_with("redis-cli "), "{command}");
        return;
    }
    let done = Command::new("sh").args(["-c", command]).output().unwrap();
    assert!(done.status.success(), "{command}: {done:?}");
    assert_eq!(common::keys(redis), Vec::<String>::new(), "{command}");
}

/// The proxy holds back the last writes of the fill until the clean-up has removed all keys.
#[test]
fn what_the_fill_still_has_on_its_way_is_removed_or_told() {
    const HELD_BACK: Duration = Duration::from_millis(400);
    let redis = common::redis();
    let server = redis.url().split(['/', '@']).nth(2).unwrap();
    let proxy = Proxy::start(server.parse().unwrap(), Faults::default()).unwrap();
    let place = TestDirectory::new();
    let args = ["cache", "--keys", "2M", "--run-dir", "run"];
    let url = format!("redis://{}/", proxy.address());
    let mut running = RunningProgram::start(bench(&place, &args).env("REDIS_URL", url));
    running.wait_for("phase: prepare");
    let mut connection = common::connect(&redis);
    let mut keys = || -> u64 { redis::cmd("DBSIZE").query(&mut connection).unwrap() };
    eventually("the keyspace fills", || keys() > 0);
    proxy.set(Faults {
        delay: HELD_BACK,
        ..Faults::default()
    });
    eventually("what comes next is held back", || {
        let before = keys();
        std::thread::sleep(HELD_BACK / 8);
        keys() == before
    });
    proxy.set(Faults::default());
    running.signal(Signal::SIGINT);
    running.end().assert_interrupted("the fill is on its way");
    std::thread::sleep(2 * HELD_BACK);
    let told = left_behind(&report(&place, "cache")).is_some();
    assert!(told || keys() == 0, "{} keys that nobody tells of", keys());
}

#[test]
fn a_server_that_never_answers_keeps_nobody_from_leaving() {
    let redis = common::redis();
    redis.pause();
    let place = TestDirectory::new();
    let mut running =
        RunningProgram::start(bench(&place, &args("connect")).env("REDIS_URL", redis.url()));
    running.wait_for("phase: connect");
    std::thread::sleep(Duration::from_millis(200));
    running.signal(Signal::SIGTERM);
    let ended = running.end();
    redis.resume();
    ended.assert_interrupted("the server never answers");
    assert_eq!(report(&place, "cache").status, Status::Interrupted);
}

#[test]
fn keys_of_a_run_that_is_killed_have_a_bounded_life() {
    /// Two ways to connect, three repeats of a step of 20.5 s each, and an hour.
    const BOUND_MS: i64 = 2 * 3 * 20_500 + 3_600_000;
    for workload in ["set", "get"] {
        let redis = common::redis();
        let place = TestDirectory::new();
        let mut args = args("measure");
        drop(args.splice(..5, ["pool", "--workload", workload]));
        let mut running = RunningProgram::start(bench(&place, &args).env("REDIS_URL", redis.url()));
        running.wait_for("phase: measure");
        dwell("measure");
        running.signal(Signal::SIGKILL);
        running.end();
        let left = common::keys(&redis);
        assert!(!left.is_empty(), "a killed run removes nothing");
        let mut connection = common::connect(&redis);
        for key in left {
            let mut life = redis::cmd("PTTL");
            let life_ms: i64 = life.arg(&key).query(&mut connection).unwrap();
            let bounded = (1..=BOUND_MS).contains(&life_ms);
            assert!(bounded, "{workload}, {key}: {life_ms} ms");
        }
    }
}
