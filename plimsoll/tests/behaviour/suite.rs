//! Tests of the whole suite, run as a newcomer runs it.

use std::path::Path;
use std::process::Output;

use crate::common::{RUN, report, tool};
use bench_report::Status;
use test_support::{Ended, RunningProgram, TestDirectory};
use testbed::{Redis, RedisOptions};

fn run(place: &TestDirectory, args: &[&str]) -> Output {
    tool(place, "plimsoll", args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Returns path and content, as text, of every file below `directory`.
fn files(directory: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((
                path.display().to_string(),
                text(&std::fs::read(&path).unwrap()),
            ));
        }
    }
    found
}

#[test]
fn one_command_runs_everything_on_servers_of_its_own_and_ends_with_findings() {
    let place = TestDirectory::new();
    let output = run(&place, &["run", "--profile", "smoke", "--run-dir", "run"]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(
        output.status.success(),
        "{:?}\n{stdout}\n{stderr}",
        output.status
    );
    let directory = place.path().join("run");
    let mut run_ids = Vec::new();
    for stem in [
        "db-pool-bench.sweep",
        "redis-bench.cache",
        "ws-bench.limit",
        "sysmon.record",
    ] {
        let report = report(&directory, stem);
        assert_eq!(report.status, Status::Complete, "{stem}");
        assert!(
            !report.steps.is_empty() || !report.series.is_empty(),
            "{stem} is empty"
        );
        run_ids.push(report.run_id);
    }
    run_ids.dedup();
    assert_eq!(
        run_ids.len(),
        1,
        "reports of one run share its name: {run_ids:?}"
    );
    let assessment: serde_json::Value =
        bench_report::store::load_json(&directory.join("assessment.json")).unwrap();
    assert!(
        assessment["schema"]
            .as_str()
            .unwrap()
            .starts_with("plimsoll.assessment/")
    );
    let page = std::fs::read_to_string(directory.join("report.html")).unwrap();
    assert!(
        page.contains("<html") && !page.contains("src=\"http"),
        "one offline page"
    );
    assert!(
        stdout.contains("report.html"),
        "the page's path is shown: {stdout}"
    );
    assert!(stderr.contains("left"), "the time left is shown: {stderr}");
    let widest = stdout
        .lines()
        .filter(|l| !l.starts_with("Report:"))
        .map(|l| l.chars().count())
        .max();
    assert!(widest.unwrap() <= 80, "{stdout}");
    assert_eq!(place.left_behind(), Vec::<String>::new());
}

#[test]
fn a_component_that_fails_stops_no_other_and_shows_no_secret() {
    let place = TestDirectory::new();
    let mut command = tool(
        &place,
        "plimsoll",
        &["run", "--profile", "smoke", "--run-dir", "run"],
    );
    let output = command
        .env("DATABASE_URL", "postgres://app:hunter2@127.0.0.1:1/shop")
        .output()
        .unwrap();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{stdout}\n{stderr}");
    assert!(
        stderr.contains("db-pool-bench.sweep ended with code 1"),
        "{stderr}"
    );
    let directory = place.path().join("run");
    assert_eq!(
        report(&directory, "redis-bench.cache").status,
        Status::Complete
    );
    assert!(!stdout.contains("hunter2") && !stderr.contains("hunter2"));
    for (path, content) in files(&directory) {
        assert!(!content.contains("hunter2"), "a password in {path}");
    }
    assert_eq!(place.left_behind(), Vec::<String>::new());
}

/// Returns true if the arguments of any process of the machine contain `secret`.
fn shown_in_process_list(secret: &str) -> bool {
    std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        text(&line).contains(secret)
    })
}

#[test]
fn a_password_that_works_is_nowhere_to_be_seen() {
    let place = TestDirectory::new();
    let password = "Hunter2Hunter2";
    let options = RedisOptions {
        password: Some(password.to_owned()),
        ..RedisOptions::default()
    };
    let redis = Redis::start(&options).unwrap();
    let mut command = tool(&place, "plimsoll", &RUN);
    let mut running = RunningProgram::start(command.env("REDIS_URL", redis.url()));
    let mut looks = 0;
    while running.runs() {
        assert!(
            !shown_in_process_list(password),
            "a password in the process list"
        );
        looks += 1;
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(looks > 10, "only {looks} looks");
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains(password), "{said}");
    for (path, content) in files(&place.path().join("run")) {
        assert!(!content.contains(password), "a password in {path}");
    }
}

#[test]
fn only_runs_what_was_asked_for() {
    let place = TestDirectory::new();
    let args = [
        "run",
        "--profile",
        "smoke",
        "--only",
        "redis-bench",
        "--run-dir",
        "run",
        "--quiet",
    ];
    let output = run(&place, &args);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(place.path().join("run/redis-bench.cache.json").exists());
    assert!(!place.path().join("run/db-pool-bench.sweep.json").exists());
}

#[test]
fn wrong_usage_gets_one_sentence_with_a_remedy() {
    let place = TestDirectory::new();
    for (args, wanted) in [
        (&["run", "--profile", "fast"][..], "quick"),
        (&["run", "--only", "mysql-bench"], "redis-bench"),
        (&["run", "--profil", "quick"], "--profile"),
        (&["walk"], "--help"),
    ] {
        let output = run(&place, args);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(wanted), "{args:?}: {stderr}");
        assert!(
            !stderr.contains("panicked") && !stderr.contains("backtrace"),
            "{stderr}"
        );
    }
    let output = run(&place, &["run", "--run-dir", "/proc/none"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
}

#[test]
fn list_and_doctor_tell_without_running_anything() {
    let place = TestDirectory::new();
    let list = text(&run(&place, &["list"]).stdout);
    assert!(
        list.contains("quick") && list.contains("redis-bench cache"),
        "{list}"
    );
    assert!(list.lines().all(|l| l.chars().count() <= 80), "{list}");
    let doctor = run(&place, &["doctor"]);
    assert!(doctor.status.success(), "{}", text(&doctor.stdout));
    assert!(text(&doctor.stdout).contains("open files"));
    assert_eq!(place.left_behind(), Vec::<String>::new());
}
