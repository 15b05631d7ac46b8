//! Tests of the `peers` command on a real Redis and a real PostgreSQL, with this project's benches
//! and minimal loops, which are built beside it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

const PEERS: &str = env!("CARGO_BIN_EXE_peers");

fn peers(output: &Path, pairs: &str) -> Command {
    contest("benchmark-set-50", output, pairs)
}

fn contest(name: &str, output: &Path, pairs: &str) -> Command {
    let mut command = Command::new(PEERS);
    command
        .args(["--only", name, "--seconds", "1", "--pairs", pairs])
        .arg("--output")
        .arg(output);
    command
}

fn results(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Returns the word in the results file for the way in which a contest ended.
fn outcome(contest: &Value) -> &str {
    contest["outcome"]["how"].as_str().unwrap()
}

fn pairs(contest: &Value) -> &[Value] {
    contest["pairs"].as_array().unwrap()
}

/// Asserts that both sides of every pair have a throughput and a CPU time above 0.
fn assert_measured(contest: &Value) {
    for measurement in pairs(contest)
        .iter()
        .flat_map(|pair| [&pair["ours"], &pair["peer"]])
    {
        for figure in ["operations_per_s", "cpu_per_operation_ns"] {
            assert!(measurement[figure].as_f64().unwrap() > 0.0, "{measurement}");
        }
    }
}

/// Returns the process ids of the living children of the process `parent`.
fn children(parent: u32) -> Vec<u32> {
    let parent = parent.to_string();
    let is_child = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name, in parentheses, may contain anything.
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        after_name.split_whitespace().nth(1) == Some(&parent)
    };
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(is_child)
        .collect()
}

#[test]
fn a_contest_on_a_real_server_has_its_line_and_its_pairs() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("new/bench.json");
    let ended = peers(&file, "2").output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{said}");
    let table = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(table.contains("redis-benchmark"), "{table}");
    let results = results(&file);
    let contest = &results["contests"][0];
    assert_eq!(outcome(contest), "measured");
    let firsts = pairs(contest)
        .iter()
        .map(|pair| pair["ours_first"].as_bool().unwrap());
    assert_eq!(firsts.collect::<Vec<_>>(), [true, false]);
    assert_measured(contest);
}

#[test]
fn a_pool_stands_beside_the_smallest_loop_and_recording_has_its_price() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bench.json");
    let ended = contest("deadpool-2", &file, "2").output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{said}");
    let results = results(&file);
    let contest = &results["contests"][0];
    assert_eq!(outcome(contest), "measured", "{said}");
    assert_measured(contest);
    let recorder = |figure: &str| results["recorder"][figure].as_f64().unwrap();
    let measured = contest["medians"]["ours_operations_per_s"]
        .as_f64()
        .unwrap();
    assert!((recorder("operations_per_s") - measured).abs() < 1e-6);
    assert!(recorder("ns_per_record") > 0.0);
    let table = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(table.contains("recorder: "), "{table}");
}

/// Runs the sampling contest `name` and asserts that it has figures and leaves no idle processes.
/// Returns false if it was not measured because its peer is not installed.
fn is_measured(name: &str) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bench.json");
    let before = processes();
    let ended = contest(name, &file, "2").output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    let results = results(&file);
    let contest = &results["contests"][0];
    if outcome(contest) == "missing_peer" {
        let reason = contest["outcome"]["reason"].as_str().unwrap();
        assert!(reason.contains("was not found"), "{reason}");
        return false;
    }
    assert_eq!(outcome(contest), "measured", "{said}");
    assert_eq!(contest["compared"], "cpu_time");
    assert_measured(contest);
    assert!(contest["cpu_verdict"].is_string() && contest["ratio"].is_object());
    let table = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(
        table.contains("CPU ratio") && table.contains(" a sample, expected"),
        "{table}"
    );
    let left = processes().saturating_sub(before);
    assert!(left < 200, "{left} more processes than before");
    true
}

fn processes() -> usize {
    fs::read_dir("/proc").unwrap().count()
}

/// Runs three sampling contests one after the other, because each counts the processes that it
/// leaves and others start hundreds.
#[test]
fn samples_of_the_recorder_stand_beside_sysinfo_psutil_and_pidstat() {
    assert!(is_measured("sample-host-sysinfo"));
    let has = |program: &str, args: &[&str]| {
        let tried = Command::new(program).args(args).output();
        tried.is_ok_and(|tried| tried.status.success())
    };
    let psutil = ["-c", "import psutil"];
    let has_psutil = has("/usr/bin/python3", &psutil) || has("python3", &psutil);
    assert_eq!(is_measured("sample-500-psutil"), has_psutil);
    assert_eq!(
        is_measured("sample-500-full-pidstat"),
        has("pidstat", &["-V"])
    );
}

#[test]
fn an_interrupt_keeps_the_pairs_and_leaves_no_process() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bench.json");
    let mut child = peers(&file, "1000")
        .args(["--half-width", "0.000001"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut lines = lines.map_while(Result::ok);
    let reached = lines.any(|line| line.contains("pair 1:"));
    assert!(reached, "it never measured a pair");
    let started = children(child.id());
    assert!(!started.is_empty(), "no server of its own");
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    lines.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let begun = Instant::now();
    while started
        .iter()
        .any(|pid| Path::new(&format!("/proc/{pid}")).exists())
    {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "one of {started:?} lives"
        );
        thread::sleep(Duration::from_millis(20));
    }
    let results = results(&file);
    let contest = &results["contests"][0];
    assert_eq!(outcome(contest), "interrupted");
    assert!(!pairs(contest).is_empty());
}

#[test]
fn without_the_peer_the_contest_is_left_out_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bench.json");
    let ended = peers(&file, "2")
        .env("PATH", directory.path())
        .output()
        .unwrap();
    let table = String::from_utf8_lossy(&ended.stdout).into_owned();
    let line =
        "benchmark-set-50: falls short: redis-benchmark was not found in PATH; it comes with";
    assert!(table.contains(line), "{table}");
    assert_eq!(ended.status.code(), Some(1), "nothing at all was measured");
    assert_eq!(outcome(&results(&file)["contests"][0]), "missing_peer");
}

#[test]
fn a_file_that_cannot_be_written_is_known_before_anything_is_measured() {
    let directory = tempfile::tempdir().unwrap();
    let ended = peers(directory.path(), "2").output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(
        said.contains("--output FILE") && !said.contains("pair"),
        "{said}"
    );
}
