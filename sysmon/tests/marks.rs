//! Tests of `sysmon mark`: a named instant is added to the intended recording, and to no other.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use std::process::Output;

use bench_report::clock::monotonic_ns;
use common::Home;
use nix::sys::signal::Signal;
use test_support::{RunningProgram, eventually};

/// Starts a recorder and waits until it accepts marks. It samples once an hour, so a mark is exact
/// only if it has the time of `sysmon mark`.
fn begin(home: &Home) -> RunningProgram {
    let recorder =
        RunningProgram::start(&mut home.command(&["--interval", "1h", "--processes", "none"]));
    eventually("it takes marks", || home.marks_path().exists());
    recorder
}

fn mark(home: &Home, args: &[&str]) -> Output {
    home.command_of("mark", args).output().unwrap()
}

fn stderr(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

#[test]
fn two_marks_stand_in_the_report_at_their_time() {
    let home = Home::new();
    let recorder = begin(&home);
    let mut around = Vec::new();
    let pid = recorder.id().to_string();
    for (name, recording) in [("deploy 1.4", "."), ("to redis://:hunter2@db/0", &pid)] {
        let before_ns = monotonic_ns();
        let out = mark(&home, &[name, "--recording", recording]);
        assert!(out.status.success(), "{}", stderr(&out));
        around.push(before_ns..=monotonic_ns());
    }
    recorder.signal(Signal::SIGINT);
    let ended = recorder.end();
    assert_eq!(ended.code, Some(0));
    assert!(
        ended.said.contains("marks: deploy 1.4 (after "),
        "{}",
        ended.said
    );
    let report = home.report();
    let names: Vec<&str> = report.marks.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["deploy 1.4", "to redis://:***@db/0"]);
    for (mark, around) in report.marks.iter().zip(around) {
        assert!(around.contains(&mark.at_ns), "{mark:?} {around:?}");
    }
    assert!(!home.marks_path().exists());
}

#[test]
fn where_several_record_one_must_be_named() {
    let (one, other) = (Home::new(), Home::new());
    let recorders = [begin(&one), begin(&other)];
    let out = mark(&one, &["deploy"]);
    let said = stderr(&out);
    assert_eq!(out.status.code(), Some(2), "{said}");
    for (home, recorder) in [(&one, &recorders[0]), (&other, &recorders[1])] {
        let report = home.report_path().canonicalize().unwrap();
        let listed = format!("process {} into {}", recorder.id(), report.display());
        assert!(said.contains(&listed), "{said}");
    }
    assert!(said.contains("Try: --recording "), "{said}");
    let path = other.report_path();
    let out = mark(&one, &["deploy", "--recording", path.to_str().unwrap()]);
    assert!(out.status.success(), "{}", stderr(&out));
    for recorder in recorders {
        recorder.signal(Signal::SIGTERM);
        recorder.end();
    }
    assert!(one.report().marks.is_empty());
    assert_eq!(other.report().marks.len(), 1);
}

#[test]
fn what_cannot_be_marked_is_one_clear_sentence() {
    let home = Home::new();
    let own = std::process::id().to_string();
    let long = "x".repeat(121);
    for (args, code, sentence) in [
        (
            &["deploy", "--recording", "r.json"][..],
            1,
            "no recording into r.json is under way",
        ),
        (
            &["deploy", "--recording", "."],
            1,
            "no recording into . is under way",
        ),
        (
            &["deploy", "--recording", &own],
            1,
            "records nothing that you may mark",
        ),
        (&[" "], 2, "a mark needs a name"),
        (&["a\nb"], 2, "U+000A is not allowed"),
        (&[&long], 2, "at most 120 characters, not 121"),
        (&[], 2, "required"),
    ] {
        let out = mark(&home, args);
        let said = stderr(&out);
        assert_eq!(out.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(sentence), "{args:?}: {said}");
        assert!(!said.contains("panicked") && out.stdout.is_empty());
    }
}

#[test]
fn a_killed_recording_takes_no_marks_and_its_place_is_taken_over() {
    let home = Home::new();
    let killed = begin(&home);
    killed.signal(Signal::SIGKILL);
    killed.end();
    assert!(home.marks_path().exists());
    let out = mark(&home, &["too late", "--recording", "."]);
    assert_eq!(out.status.code(), Some(1));
    assert!(stderr(&out).contains("no recording into . is under way"));
    let next = RunningProgram::start(&mut home.command(&["--interval", "1h"]));
    eventually("it takes marks", || {
        mark(&home, &["in time", "--recording", "."])
            .status
            .success()
    });
    next.signal(Signal::SIGINT);
    next.end();
    let report = home.report();
    assert_eq!(report.marks.len(), 1);
    assert_eq!(report.marks[0].name, "in time");
}
