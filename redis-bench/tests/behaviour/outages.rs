//! Tests of a server that fails during the load: it stands still, hangs for good, is killed or
//! restarted, has no memory left, or takes no more clients. The run ends by itself and tells what
//! happened, by the kinds of its errors and in words, and no key is left that it does not name.
use std::time::Duration;

use crate::common::{self, bench};
use bench_report::{Report, Status, StepEnd, WarningCode};
use nix::sys::signal::Signal;
use test_support::{Ended, RunningProgram, TestDirectory, left_behind};
use testbed::{Redis, RedisOptions, TestbedError};

/// Time for which a server stands still.
const STANDSTILL: Duration = Duration::from_secs(1);

/// Starts a server with these settings.
fn start(settings: &[(&str, &str)]) -> Redis {
    try_start(settings).unwrap()
}

fn try_start(settings: &[(&str, &str)]) -> Result<Redis, TestbedError> {
    let settings = settings.iter();
    Redis::start(&RedisOptions {
        settings: settings
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..RedisOptions::default()
    })
}

/// Run whose server failed during the load.
struct FailedRun {
    ended: Ended,
    report: Report,
}

impl FailedRun {
    /// Returns stdout and stderr as one line.
    fn told(&self) -> String {
        let words: Vec<&str> = self.ended.said.split_whitespace().collect();
        words.join(" ")
    }

    /// Returns the number of requests that failed with `kind`.
    fn failed(&self, kind: &str) -> u64 {
        let operations = self.report.steps[0].operations.values();
        operations.filter_map(|one| one.errors.get(kind)).sum()
    }

    /// Returns the number of requests that failed with any kind.
    fn failures(&self) -> u64 {
        let operations = self.report.steps[0].operations.values();
        operations.map(bench_report::Operation::failures).sum()
    }

    /// Asserts that a stop rule ended the only step.
    fn assert_stopped(&self) {
        assert_eq!(self.ended.code, Some(3), "{}", self.ended.said);
        assert_eq!(self.report.status, Status::Stopped);
        let end = &self.report.steps[0].end;
        assert!(matches!(end, StepEnd::Stopped { .. }), "{end:?}");
    }

    /// Asserts that the text contains the warning that the server was away, with these words.
    fn assert_away(&self, words: &str) {
        let mut warnings = self.report.warnings.iter();
        let away = warnings.find(|warning| warning.code == WarningCode::TargetAway);
        let message = &away
            .unwrap_or_else(|| panic!("{}", self.ended.said))
            .message;
        assert!(message.contains(words), "{message}");
        assert!(self.told().contains(words), "{}", self.ended.said);
    }
}

/// Runs one step of `pool` with `client` and the command `workload` for `duration` on the server at
/// `url`, and calls `fail` when requests are being made.
fn run(
    url: &str,
    (client, workload, duration): (&str, &str, &str),
    fail: impl FnOnce(&mut RunningProgram),
) -> FailedRun {
    let place = TestDirectory::new();
    let args = [
        "pool",
        "--client",
        client,
        "--workload",
        workload,
        "--users",
        "4",
        "--think-time",
        "1ms",
        "--duration",
        duration,
        "--warmup",
        "0s",
        "--repeats",
        "1",
        "--run-dir",
        "run",
        "--url",
        url,
    ];
    let mut running = RunningProgram::start(&mut bench(&place, &args));
    running.wait_for("phase: measure");
    std::thread::sleep(Duration::from_millis(300));
    fail(&mut running);
    let ended = running.end();
    assert!(!ended.said.contains("panicked"), "{}", ended.said);
    FailedRun {
        ended,
        report: common::report(&place, "pool"),
    }
}

#[test]
fn a_server_that_stands_still_for_a_second_makes_its_requests_late_and_none_fail() {
    for client in ["pooled", "multiplexed"] {
        let redis = common::redis();
        let run = run(redis.url(), (client, "get", "3s"), |_| {
            redis.pause();
            std::thread::sleep(STANDSTILL);
            redis.resume();
        });
        assert_eq!(run.ended.code, Some(0), "{}", run.ended.said);
        assert_eq!(run.failures(), 0);
        let operation = &run.report.steps[0].operations["get"];
        let longest_ns = operation.latency().unwrap().max_ns;
        assert!(longest_ns >= 900_000_000, "{client}: {longest_ns} ns");
        assert_eq!(left_behind(&run.report), None);
        assert_eq!(common::keys(&redis), [""; 0]);
    }
}

#[test]
fn a_server_that_hangs_for_good_is_told_with_what_was_never_answered() {
    let redis = common::redis();
    let run = run(redis.url(), ("multiplexed", "set", "1s"), |_| redis.pause());
    redis.resume();
    assert_eq!(run.report.steps[0].censored(), 4, "{}", run.ended.said);
    assert_eq!(run.failures(), 0);
    run.assert_away("was away when the step ended");
    run.assert_away("4 never got an answer");
    let left = left_behind(&run.report).unwrap();
    assert!(left.contains("no answer for 2s"), "{left}");
    assert_eq!(common::keys(&redis).len(), 64, "the keys that are named");
}

/// The second step cannot be prepared.
#[test]
fn a_server_that_hangs_ends_a_run_of_several_steps_with_a_sentence() {
    let redis = common::redis();
    let clients = "pooled,multiplexed";
    let run = run(redis.url(), (clients, "set", "1s"), |_| redis.pause());
    redis.resume();
    assert_eq!(run.ended.code, Some(1), "{}", run.ended.said);
    assert_eq!(run.report.status, Status::Failed);
    let told = run.told();
    assert!(
        told.contains("cannot write the keys of a run") && told.contains("no answer in time"),
        "{told}"
    );
    assert!(left_behind(&run.report).is_some(), "{told}");
}

#[test]
fn a_server_that_is_killed_is_told_by_the_kinds_of_its_errors_and_stops_the_run() {
    for client in ["pooled", "multiplexed"] {
        let mut redis = common::redis();
        let url = redis.url().to_owned();
        let run = run(&url, (client, "set", "20s"), |_| redis.kill());
        run.assert_stopped();
        assert!(run.failed("refused") > 0, "{}", run.ended.said);
        let kinds = ["refused", "closed", "reset"];
        let known: u64 = kinds.iter().map(|kind| run.failed(kind)).sum();
        assert_eq!(known, run.failures(), "{}", run.ended.said);
        run.assert_away("was away when the step ended (Connection refused");
        let told = run.told();
        assert_eq!(told.matches("Try: redis-cli").count(), 1, "{told}");
        assert!(
            told.contains("INFO server: whether the server runs"),
            "{told}"
        );
        let left = left_behind(&run.report).unwrap();
        assert!(left.contains("Connection refused"), "{left}");
    }
}

/// `DEBUG RESTART` makes the server execute itself anew, on the same port and without its keys.
#[test]
fn a_server_that_is_restarted_is_told_and_its_keys_are_missing() {
    for (client, workload) in [
        ("pooled", "set"),
        ("multiplexed", "set"),
        ("multiplexed", "get"),
    ] {
        // Before version 7 there is no such setting, and DEBUG is always permitted.
        let debug = [("enable-debug-command", "local")];
        let redis = try_start(&debug).unwrap_or_else(|_| start(&[]));
        let mut admin = common::connect(&redis);
        let run = run(redis.url(), (client, workload, "2s"), |_| {
            // The connection ends without an answer.
            let _ = redis::cmd("DEBUG").arg("RESTART").exec(&mut admin);
        });
        run.assert_away("was restarted during the step");
        let lost = ["refused", "closed", "reset", "missing_key"];
        let known: u64 = lost.iter().map(|kind| run.failed(kind)).sum();
        assert_eq!(known, run.failures(), "{}", run.ended.said);
        assert!(known > 0, "{}", run.ended.said);
        if workload == "get" {
            assert!(run.failed("missing_key") > 0, "{}", run.ended.said);
            run.assert_stopped();
        } else {
            assert_eq!(run.ended.code, Some(0), "{}", run.ended.said);
        }
        assert_eq!(left_behind(&run.report), None);
        assert_eq!(common::keys(&redis), [""; 0]);
    }
}

#[test]
fn a_server_without_memory_is_told_by_its_code_with_a_remedy_and_nothing_is_left() {
    for client in ["pooled", "multiplexed"] {
        let redis = start(&[("maxmemory-policy", "noeviction")]);
        let mut admin = common::connect(&redis);
        let run = run(redis.url(), (client, "set", "20s"), |_| {
            let mut limit = redis::cmd("CONFIG");
            limit.arg(&["SET", "maxmemory", "1mb"]);
            limit.exec(&mut admin).unwrap();
        });
        run.assert_stopped();
        assert_eq!(run.failed("response.OOM"), run.failures());
        let told = run.told();
        assert!(told.contains("a larger maxmemory at the server"), "{told}");
        assert_eq!(left_behind(&run.report), None);
        assert_eq!(common::keys(&redis), [""; 0], "keys can be removed");
    }
}

#[test]
fn a_server_without_room_for_the_keys_is_told_before_the_load() {
    let redis = start(&[("maxmemory-policy", "noeviction"), ("maxmemory", "512kb")]);
    let place = TestDirectory::new();
    let args = ["pool", "--run-dir", "run", "--url", redis.url()];
    let output = bench(&place, &args).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("maxmemory") && stderr.contains("Try: "),
        "{stderr}"
    );
    assert_eq!(common::keys(&redis), [""; 0]);
}

/// A failover makes the server a replica of another one.
#[test]
fn a_server_that_becomes_a_replica_is_told_by_its_code_and_its_role() {
    let redis = common::redis();
    let mut admin = common::connect(&redis);
    let replicate = |primary: [&str; 2], admin: &mut redis::Connection| {
        redis::cmd("REPLICAOF").arg(&primary).exec(admin).unwrap();
    };
    let run = run(redis.url(), ("multiplexed", "set", "20s"), |_| {
        replicate(["127.0.0.1", "1"], &mut admin);
    });
    run.assert_stopped();
    assert!(run.failed("response.READONLY") > 0, "{}", run.ended.said);
    assert_eq!(run.failed("response.READONLY"), run.failures());
    let told = run.told();
    assert!(
        told.contains("its role changed, as in a failover"),
        "{told}"
    );
    assert!(told.contains("this server is a replica"), "{told}");
    let left = left_behind(&run.report).unwrap();
    assert!(
        left.contains("READONLY") && left.contains("64 of 64 keys still there"),
        "{left}"
    );
    assert_eq!(common::keys(&redis).len(), 64, "the keys that are named");
    replicate(["NO", "ONE"], &mut admin);
}

/// The connections of the load are ended, and all that may exist is that of the test. The server
/// closes new ones at once, often before the load can read why.
#[test]
fn a_server_that_takes_no_more_clients_is_told_and_names_the_keys_that_stay() {
    for client in ["pooled", "multiplexed"] {
        let redis = common::redis();
        let mut admin = common::connect(&redis);
        let run = run(redis.url(), (client, "set", "20s"), |_| {
            let mut limit = redis::pipe();
            limit.cmd("CONFIG").arg(&["SET", "maxclients", "1"]);
            limit.cmd("CLIENT").arg(&["KILL", "TYPE", "normal"]);
            limit.exec(&mut admin).unwrap();
        });
        run.assert_stopped();
        let kinds = ["closed", "reset", "response.maxclients"];
        let known: u64 = kinds.iter().map(|kind| run.failed(kind)).sum();
        assert_eq!(known, run.failures(), "{}", run.ended.said);
        run.assert_away("max number of clients");
        let told = run.told();
        assert!(told.contains("a larger maxclients at the server"), "{told}");
        let left = left_behind(&run.report).unwrap();
        assert!(left.contains("max number of clients"), "{left}");
        let keys = redis::cmd("DBSIZE");
        let keys: u64 = keys.query(&mut admin).unwrap();
        assert_eq!(keys, 64, "the keys that are named");
    }
}

#[test]
fn a_server_that_has_all_its_clients_is_told_before_the_load() {
    let redis = start(&[("maxclients", "2")]);
    let _first = common::connect(&redis);
    let _second = common::connect(&redis);
    let place = TestDirectory::new();
    let args = ["pool", "--run-dir", "run", "--url", redis.url()];
    let output = bench(&place, &args).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("max number of clients"), "{stderr}");
    assert!(
        stderr.contains("a larger maxclients at the server"),
        "{stderr}"
    );
}

/// The limit is met before the first step begins, and by nobody but the load: 16 users open a connection
/// for each request, and the server has one place for them.
#[test]
fn what_the_server_counted_is_read_although_it_takes_no_more_clients() {
    let redis = common::redis();
    let mut admin = common::connect(&redis);
    let place = TestDirectory::new();
    let flags = "pool --client per-request --users 16 --warmup 1s --duration 2s --repeats 1 \
                 --stop-on errors>99% --run-dir run --url";
    let args: Vec<&str> = flags.split_whitespace().chain([redis.url()]).collect();
    let mut running = RunningProgram::start(&mut bench(&place, &args));
    running.wait_for("phase: warm-up");
    let mut limit = redis::cmd("CONFIG");
    limit
        .arg(&["SET", "maxclients", "3"])
        .exec(&mut admin)
        .unwrap();
    let ended = running.end();
    let report = common::report(&place, "pool");
    let server = report.steps[0].server.as_ref().unwrap();
    assert!(!server.unavailable.contains_key("info"), "{}", ended.said);
    let refused = server.value(bench_report::names::redis::REJECTED_CONNECTIONS);
    assert!(refused.unwrap() > 100.0, "{refused:?}: {}", ended.said);
    assert!(
        ended.said.contains("connections refused at maxclients"),
        "{}",
        ended.said
    );
}

#[test]
fn a_signal_during_an_outage_still_ends_the_run() {
    let mut redis = common::redis();
    let url = redis.url().to_owned();
    let run = run(&url, ("multiplexed", "set", "20s"), |running| {
        redis.kill();
        running.signal(Signal::SIGINT);
    });
    assert!(
        matches!(run.ended.code, Some(130 | 3)),
        "{}",
        run.ended.said
    );
    assert!(left_behind(&run.report).is_some());
}
