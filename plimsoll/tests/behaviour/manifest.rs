//! Tests of a run's manifest: its content after a crash, a kill or a missing report. The analyzer
//! must conclude nothing from an incomplete run.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::{RUN, binary, report, said, suite_with, tool};
use bench_report::manifest::{self, Part, PartStatus};
use test_support::{TestDirectory, eventually};
use testbed::{Redis, RedisOptions};

fn part(directory: &Path, name: &str) -> Part {
    let parts = manifest::read(directory).unwrap();
    let found = parts.iter().find(|part| part.name() == name).cloned();
    found.unwrap_or_else(|| panic!("no {name} in {parts:?}"))
}

/// Runs `analyze --gate` on the directory `run`, with a bound that a slow machine keeps. Returns the printed text,
/// and the exit code.
fn judged(place: &TestDirectory) -> (String, Option<i32>) {
    let limits = place.path().join("limits.toml");
    std::fs::write(&limits, "[objectives]\nredis_p90_ms = 60000.0\n").unwrap();
    let args = ["analyze", "--gate", "--thresholds", "limits.toml", "run"];
    let output = tool(place, "bottleneck-analyzer", &args).output().unwrap();
    (said(&output), output.status.code())
}

/// Returns the command that records the machine while the shell script `script` runs, and writes
/// into the directory `run`.
fn recorded(place: &TestDirectory, script: &str) -> Command {
    let args = ["record", "--run-dir", "run", "-q", "--", "sh", "-c", script];
    tool(place, "sysmon", &args)
}

#[test]
fn a_bench_that_ends_without_a_report_leaves_a_run_of_which_nothing_can_be_told() {
    for (script, status, reason) in [
        (
            "exit 0",
            PartStatus::Done { exit_code: 0 },
            "redis-bench.cache wrote no report",
        ),
        (
            "exit 7",
            PartStatus::Done { exit_code: 7 },
            "redis-bench.cache ended with code 7",
        ),
        (
            "kill -9 $$",
            PartStatus::Killed { signal: 9 },
            "redis-bench.cache was killed by signal 9",
        ),
    ] {
        let place = TestDirectory::new();
        let plimsoll = suite_with(&place, "redis-bench", Some(script));
        let output = place.command(plimsoll, &RUN).output().unwrap();
        let text = said(&output);
        assert_eq!(output.status.code(), Some(1), "{script}: {text}");
        let directory = place.path().join("run");
        let bench = part(&directory, "redis-bench.cache");
        assert_eq!(
            (bench.status, &*bench.started_by),
            (status, "plimsoll"),
            "{text}"
        );
        let recorder = part(&directory, "sysmon.record");
        assert_eq!(recorder.status, PartStatus::Done { exit_code: 0 }, "{text}");
        let (text, code) = judged(&place);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            text.contains("CANNOT TELL") && text.contains(reason),
            "{script}: {text}"
        );
        assert_eq!(code, Some(3), "{script}");
    }
}

#[test]
fn a_whole_run_has_a_whole_manifest_and_its_gates_hold() {
    let place = TestDirectory::new();
    let output = tool(&place, "plimsoll", &RUN).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let parts = manifest::read(&place.path().join("run")).unwrap();
    assert_eq!(parts.len(), 2, "{parts:?}");
    for part in &parts {
        assert_eq!(part.status, PartStatus::Done { exit_code: 0 }, "{part:?}");
        assert_eq!(part.started_by, "plimsoll");
        assert_eq!(part.profile.as_deref(), Some("smoke"));
    }
    let (text, code) = judged(&place);
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn a_suite_that_is_killed_leaves_what_it_did_not_come_to() {
    let place = TestDirectory::new();
    let args = ["run", "--profile", "smoke", "--run-dir", "run"];
    let mut suite = tool(&place, "plimsoll", &args).spawn().unwrap();
    let directory = place.path().join("run");
    let started = Instant::now();
    let begun = || {
        let parts = manifest::read(&directory).unwrap_or_default();
        let runs = |part: &Part| part.tool == "db-pool-bench" && part.status == PartStatus::Running;
        parts.iter().any(runs)
    };
    while !begun() {
        assert!(started.elapsed() < Duration::from_mins(1), "it never began");
        std::thread::sleep(Duration::from_millis(20));
    }
    suite.kill().unwrap();
    suite.wait().unwrap();
    assert_eq!(
        part(&directory, "redis-bench.cache").status,
        PartStatus::Planned
    );
    assert_eq!(
        part(&directory, "ws-bench.limit").status,
        PartStatus::Planned
    );
    // The processes that it had started end with it.
    assert_eq!(
        place.left_behind_after(Duration::from_mins(1)),
        Vec::<String>::new()
    );
    let (text, code) = judged(&place);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("redis-bench.cache was to be run and was never started"),
        "{text}"
    );
    assert_eq!(code, Some(3));
}

#[test]
fn a_bench_that_is_killed_is_seen_to_be_unfinished() {
    let redis = Redis::start(&RedisOptions::default()).unwrap();
    let place = TestDirectory::new();
    let args = ["cache", "--duration", "60s", "--run-dir", "run", "-q"];
    let mut command = tool(&place, "redis-bench", &args);
    let mut bench = command.env("REDIS_URL", redis.url()).spawn().unwrap();
    let directory = place.path().join("run");
    eventually("its manifest is written", || {
        !manifest::read(&directory).unwrap_or_default().is_empty()
    });
    bench.kill().unwrap();
    bench.wait().unwrap();
    let left = part(&directory, "redis-bench.cache");
    assert_eq!(
        (left.status, &*left.started_by),
        (PartStatus::Running, "user")
    );
    let (text, code) = judged(&place);
    assert!(text.contains("redis-bench.cache is unfinished"), "{text}");
    assert_eq!(code, Some(3));
}

/// Recording and bench write into one directory and belong to one run, also if the command changes
/// its working directory.
#[test]
fn a_bench_in_a_recording_is_part_of_its_run() {
    let redis = Redis::start(&RedisOptions::default()).unwrap();
    let bench = binary("redis-bench");
    let bench = bench.display();
    let quick = "cache --client pooled --repeats 1 --warmup 100ms --duration 1s -q";
    let script = format!("cd / && {bench} {quick} && {bench} {quick} >/dev/null");
    for (flags, directory) in [(&["--run-dir", "run"][..], Some("run")), (&[], None)] {
        let place = TestDirectory::new();
        let mut args = vec!["record"];
        args.extend(flags);
        args.extend(["-q", "--", "sh", "-c", &script]);
        let mut command = tool(&place, "sysmon", &args);
        let output = command.env("REDIS_URL", redis.url()).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let directory = directory.map_or_else(
            || {
                let runs: Vec<_> = fs::read_dir(place.path().join("reports"))
                    .unwrap()
                    .collect();
                assert_eq!(runs.len(), 1, "{runs:?}");
                runs[0].as_ref().unwrap().path()
            },
            |name| place.path().join(name),
        );
        let recording = report(&directory, "sysmon.record");
        for stem in ["redis-bench.cache", "redis-bench.cache.2"] {
            assert_eq!(report(&directory, stem).run_id, recording.run_id);
        }
        let parts = manifest::read(&directory).unwrap();
        assert_eq!(parts.len(), 3, "{parts:?}");
        for part in parts {
            assert_eq!(part.status, PartStatus::Done { exit_code: 0 }, "{part:?}");
            let starter = if part.tool == "sysmon" {
                "user"
            } else {
                "sysmon"
            };
            assert_eq!(part.started_by, starter);
            assert_eq!(part.run_id, recording.run_id);
        }
    }
}

/// Both benches belong to one run, but each has its own schema or keys, and removes only those.
#[test]
fn two_benches_at_once_in_a_recording_do_not_touch_each_other() {
    let redis = Redis::start(&RedisOptions::default()).unwrap();
    let postgres = testbed::Postgres::start(&testbed::PostgresOptions::default()).unwrap();
    let tail = "--repeats 1 --warmup 100ms --duration 1s -q";
    let cache = format!(
        "{} cache --client pooled {tail}",
        binary("redis-bench").display()
    );
    let sweep = format!(
        "{} sweep --driver deadpool --pool-sizes 2 --workload mixed {tail}",
        binary("db-pool-bench").display()
    );
    let both = |command: &str| {
        format!("{command} >/dev/null & a=$!; {command} >/dev/null || exit 1; wait $a")
    };
    for command in [cache, sweep] {
        let place = TestDirectory::new();
        let mut record = recorded(&place, &both(&command));
        record.env("REDIS_URL", redis.url());
        record.env("DATABASE_URL", postgres.url());
        let output = record.output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let reports = crate::common::reports(&place.path().join("run"));
        assert_eq!(reports.len(), 3);
        let steps = reports.iter().flat_map(|report| &report.steps);
        let failed = steps.filter(|step| step.error_ratio() != Some(0.0));
        assert_eq!(failed.count(), 0);
    }
}

#[test]
fn a_command_that_fails_in_a_recording_keeps_the_verdict_from_being_told() {
    let place = TestDirectory::new();
    let output = recorded(&place, "sleep 0.3; exit 7").output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", said(&output));
    let (text, code) = judged(&place);
    assert!(text.contains("sysmon.record ended with code 7"), "{text}");
    assert_eq!(code, Some(3));
}

#[test]
fn a_failed_benchs_own_cause_is_told() {
    let place = TestDirectory::new();
    let args = [
        "run",
        "--profile",
        "smoke",
        "--only",
        "db-pool-bench",
        "--run-dir",
        "run",
    ];
    let mut command = tool(&place, "plimsoll", &args);
    let output = command
        .env("DATABASE_URL", "postgres://app:hunter2@127.0.0.1:1/shop")
        .output()
        .unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let mut lines = text.lines();
    let note = lines.find(|line| line.starts_with("db-pool-bench.sweep ended with code 1"));
    let note = note.unwrap_or_else(|| panic!("{text}"));
    assert!(
        note.contains("refused") && note.contains("127.0.0.1:1"),
        "{note}"
    );
    assert!(
        note.contains("Try: ") && !text.contains("hunter2"),
        "{note}"
    );
}
