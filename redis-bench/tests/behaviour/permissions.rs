//! Tests of a user without one of the permissions that a run uses: the run completes, or fails with
//! one sentence that names the command; no key is left, or it is told with the command that removes
//! it.
use std::time::Duration;

use crate::common::{self, bench};
use bench_report::{Report, WarningCode};
use test_support::{RunningProgram, TestDirectory, eventually, left_behind};
use testbed::Redis;

/// Runs of both scenarios with both clients. Half of the cache's keys are absent at first, so that
/// its fill removes keys.
const RUNS: [&str; 3] = [
    "cache --keys 700 --preload 0.5 --writes 0.2",
    "pool --workload get",
    "pool --workload set",
];
/// Flags of every run.
const FLAGS: &str = "--repeats 1 --warmup 0s --duration 150ms --users 4 --pool-size 2 -q \
                     --run-dir run --url";

/// Result of a run by a user without some permissions.
struct EndedRun {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    report: Report,
}

impl EndedRun {
    /// Returns the reason for which a part of the evidence about the first step is unavailable.
    fn unavailable(&self, part: &str) -> Option<&str> {
        let server = self.report.steps[0].server.as_ref()?;
        server.unavailable.get(part).map(String::as_str)
    }

    fn warning(&self, code: WarningCode) -> Option<&str> {
        let mut warnings = self.report.warnings.iter();
        let found = warnings.find(|warning| warning.code == code)?;
        Some(&found.message)
    }
}

/// Runs `redis-bench` as a user of `redis` who may do everything but what the ACL rules `rules` take
/// away.
fn run_without(redis: &Redis, rules: &[&str], args: &str) -> EndedRun {
    let mut user = redis::cmd("ACL");
    user.arg(&[
        "SETUSER",
        "app",
        "reset",
        "on",
        ">pw",
        "~plimsoll:*",
        "+@all",
    ]);
    user.arg(rules).exec(&mut common::connect(redis)).unwrap();
    let url = redis.url().replace("redis://", "redis://app:pw@");
    let place = TestDirectory::new();
    let words = args.split_whitespace().chain(FLAGS.split_whitespace());
    let words: Vec<&str> = words.chain([&*url]).collect();
    let output = bench(&place, &words).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    EndedRun {
        code: output.status.code(),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
        report: common::report(&place, words[0]),
    }
}

/// Asserts that the run measured both clients without an error, and left nothing.
fn assert_whole(run: &EndedRun, redis: &Redis, what: &str) {
    assert_eq!(run.code, Some(0), "{what}: {}", run.stderr);
    assert_eq!(run.report.steps.len(), 2, "{what}");
    for step in &run.report.steps {
        let operations = step.operations.values();
        let (succeeded, failed) = operations.fold((0, 0), |(ok, bad), operation| {
            (ok + operation.succeeded, bad + operation.failures())
        });
        assert!(succeeded > 0 && failed == 0, "{what}: {failed} failed");
    }
    assert_eq!(left_behind(&run.report), None, "{what}");
    assert_eq!(common::keys(redis), [""; 0], "{what}");
}

/// Code of a warning, and words of its message.
type ToldDoubt = (WarningCode, &'static str);

/// Permission that is missing, the part of the evidence that is then unavailable, if any, and a part
/// of the warning about it, if there is one.
const NOT_NEEDED: [(&str, Option<&str>, Option<ToldDoubt>); 9] = [
    (
        "-info",
        Some("info"),
        Some((WarningCode::EvidenceMissing, "'info' command")),
    ),
    // Every user may send HELLO; the rule has no effect.
    ("-hello", None, None),
    (
        "-ping",
        None,
        Some((WarningCode::ServerDiffers, "may not run PING")),
    ),
    (
        "-unwatch",
        None,
        Some((WarningCode::ServerDiffers, "may not run UNWATCH")),
    ),
    ("-config", Some("settings"), None),
    ("-slowlog", Some("slowlog"), None),
    ("-latency", Some("latency_histogram"), None),
    ("-client", Some("clients"), None),
    ("-scan", None, None),
];

#[test]
fn without_a_permission_that_is_not_needed_a_run_completes() {
    let redis = common::redis();
    for (rule, part, doubt) in NOT_NEEDED {
        for args in RUNS {
            let what = format!("{rule}, {args}");
            let run = run_without(&redis, &[rule], args);
            assert_whole(&run, &redis, &what);
            if let Some(part) = part {
                let why = run.unavailable(part).unwrap_or_else(|| panic!("{what}"));
                let named = format!("'{}", &rule[1..]);
                assert!(
                    why.starts_with("NOPERM") && why.contains(&named),
                    "{what}: {why}"
                );
            }
            let Some((code, words)) = doubt else {
                assert_eq!(run.warning(WarningCode::ServerDiffers), None, "{what}");
                continue;
            };
            let told = run.warning(code).unwrap_or_else(|| panic!("{what}"));
            assert!(told.contains(words), "{what}: {told}");
            if code == WarningCode::ServerDiffers {
                let shown = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(shown.contains(words), "{what}: {}", run.stdout);
            }
        }
    }
}

#[test]
fn without_info_the_version_is_known_and_the_limits_are_not() {
    let redis = common::redis();
    let run = run_without(&redis, &["-info"], RUNS[1]);
    assert!(run.report.environment.versions.contains_key("redis"));
    let mut warnings = run.report.warnings.iter();
    let unchecked = warnings.find(|warning| warning.message.contains("maxclients and memory"));
    assert!(unchecked.is_some(), "{:?}", run.report.warnings);
}

/// Everything of the category of dangerous commands, which hosted servers often deny: INFO, CONFIG,
/// SLOWLOG, LATENCY, CLIENT LIST, ROLE and KEYS.
#[test]
fn without_dangerous_commands_a_run_completes() {
    let redis = common::redis();
    for args in RUNS {
        let run = run_without(&redis, &["-@dangerous"], args);
        assert_whole(&run, &redis, args);
    }
}

#[test]
fn without_unlink_absent_keys_are_removed_by_another_command() {
    let redis = common::redis();
    for args in RUNS {
        let run = run_without(&redis, &["-unlink"], args);
        assert_whole(&run, &redis, args);
    }
}

#[test]
fn a_permission_that_the_load_needs_is_named_once_with_its_rule() {
    let redis = common::redis();
    for (rule, args, command) in [
        ("-set", RUNS[0], "SET"),
        ("-set", RUNS[2], "SET"),
        ("-get", RUNS[1], "GET"),
    ] {
        let run = run_without(&redis, &[rule], args);
        let what = format!("{rule}, {args}: {} {}", run.stdout, run.stderr);
        assert!(matches!(run.code, Some(1 | 3)), "{what}");
        let told = format!("{}\n{}", run.stdout, run.stderr);
        let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
        let remedy = format!("a user who may {command} (ACL SETUSER NAME ~plimsoll:* +");
        assert_eq!(told.matches(&remedy).count(), 1, "{what}");
        assert_eq!(common::keys(&redis), [""; 0], "{what}");
    }
}

/// With RESP3 the driver logs in by HELLO, which every user may send.
#[test]
fn a_resp3_connection_needs_no_further_permission() {
    let redis = common::redis();
    let mut user = redis::cmd("ACL");
    user.arg(&["SETUSER", "app", "reset", "on", ">pw", "~plimsoll:*"]);
    user.arg(&["+@read", "+@write", "+ping", "+unwatch"]);
    user.exec(&mut common::connect(&redis)).unwrap();
    let url = redis.url().replace("redis://", "redis://app:pw@") + "?protocol=3";
    let place = TestDirectory::new();
    let args: Vec<&str> = RUNS[0].split(' ').chain(FLAGS.split_whitespace()).collect();
    let mut command = bench(&place, &args);
    let output = command.arg(url).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(common::keys(&redis), [""; 0]);
}

/// The user may write and nothing else. `SET` with a life of 1 ms is the last way to remove a key.
#[test]
fn a_user_who_may_only_write_leaves_no_key() {
    let redis = common::redis();
    let run = run_without(&redis, &["-@all", "+set", "+get"], RUNS[2]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(common::keys(&redis), [""; 0]);
}

/// All permissions are taken away during the load.
#[test]
fn keys_that_the_user_may_not_remove_are_counted_and_told_by_a_quiet_run_too() {
    let redis = common::redis();
    let mut admin = common::connect(&redis);
    let rights = |rules: &[&str], admin: &mut redis::Connection| {
        let mut user = redis::cmd("ACL");
        user.arg(&["SETUSER", "app"])
            .arg(rules)
            .exec(admin)
            .unwrap();
    };
    rights(&["on", "nopass", "~plimsoll:*", "+@all"], &mut admin);
    let url = redis.url().replace("redis://", "redis://app@");
    let place = TestDirectory::new();
    let args = "pool -q --client multiplexed --repeats 1 --duration 20s --run-dir run --url";
    let args: Vec<&str> = args.split(' ').chain([&*url]).collect();
    let running = RunningProgram::start(bench(&place, &args).env("REDISCLI_AUTH", "any"));
    eventually("the load has begun", || common::keys(&redis).len() == 64);
    rights(&["-@all", "+exists"], &mut admin);
    let ended = running.end();
    assert_eq!(ended.code, Some(3), "{}", ended.said);
    let report = common::report(&place, "pool");
    let told = left_behind(&report).unwrap();
    assert!(
        told.contains("NOPERM") && told.contains("64 of 64 keys still there"),
        "{told}"
    );
    let command = told.split("with: ").nth(1).unwrap();
    assert!(ended.said.contains(command), "{}", ended.said);
    assert!(command.starts_with("redis-cli "), "{command}");
}
