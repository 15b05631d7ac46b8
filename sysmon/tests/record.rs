//! Tests of how `sysmon record` ends, and of the exit code of the command that it runs.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::float_cmp)]

mod common;

use std::path::Path;
use std::process::Command;

use bench_report::Status;
use common::{Home, series};
use nix::sys::signal::Signal;
use test_support::{RunningProgram, eventually};

#[test]
fn the_commands_code_is_handed_on() {
    for (command, expected) in [
        (&["true"][..], 0),
        (&["sh", "-c", "exit 7"], 7),
        (&["sh", "-c", "kill -9 $$"], 137),
        (&["sh", "-c", "kill -TERM $$"], 143),
        (&["no-such-program-anywhere"], 127),
        (&["/"], 126),
    ] {
        let home = Home::new();
        let out = home.run(&[&["--"], command].concat());
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(expected), "{command:?}: {stderr}");
        if expected == 126 || expected == 127 {
            let told = format!("cannot run {}", command[0]);
            assert!(
                stderr.contains(&told) && stderr.contains("Try: "),
                "{stderr}"
            );
            // A mistyped name leaves nothing behind and removes nothing.
            let raw = home.path().join("sysmon.record.arrows");
            assert!(!home.report_path().exists() && !raw.exists());
        } else {
            let report = home.report();
            assert_eq!(report.status, Status::Complete);
            assert_eq!(
                report.summary.figures["command.exit_code"],
                f64::from(expected)
            );
        }
    }
}

#[test]
fn stdout_around_a_command_is_the_commands() {
    let home = Home::new();
    let out = home.run(&["--", "echo", "its own"]);
    assert_eq!(out.stdout, b"its own\n");
    assert!(String::from_utf8_lossy(&out.stderr).contains("own cost: "));
    let quiet = home.run(&["--quiet", "--", "echo", "its own"]);
    assert!(quiet.stderr.is_empty());
}

#[test]
fn the_command_has_the_limits_that_we_were_given() {
    let home = Home::new();
    let recorder = home.command(&["--processes", "all", "--", "sh", "-c", "ulimit -Sn"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -Sn 200; exec \"$@\"", "sh"]);
    shell.arg(recorder.get_program()).args(recorder.get_args());
    let out = shell.current_dir(home.path()).output().unwrap();
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert_eq!(String::from_utf8_lossy(&out.stdout), "200\n", "{stderr}");
}

#[test]
fn an_own_failure_is_told_from_the_commands() {
    let home = Home::new();
    let blocked = home.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let output = format!("--output={}/r.json", blocked.display());
    for (args, expected) in [(&[output.as_str(), "--", "true"][..], 125), (&[&output], 1)] {
        let out = home.run(args);
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(expected), "{stderr}");
        assert!(
            stderr.contains("cannot") && stderr.contains("Try: "),
            "{stderr}"
        );
    }
}

/// Starts a recorder with `args`, and waits until its report exists. By then it handles signals.
fn begin(home: &Home, args: &[&str]) -> RunningProgram {
    let recorder = RunningProgram::start(&mut home.command(args));
    eventually("it records", || home.report_path().exists());
    recorder
}

#[test]
fn a_signal_is_the_normal_end_only_where_no_other_was_planned() {
    for sent in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        for (args, expected, status) in [
            (&["--interval", "50ms"][..], 0, Status::Complete),
            (&["--interval", "1h"], 0, Status::Complete),
            (&["--duration", "10m"], 130, Status::Interrupted),
        ] {
            let home = Home::new();
            let recorder = begin(&home, args);
            recorder.signal(sent);
            assert_eq!(recorder.end().code, Some(expected), "{sent} {args:?}");
            assert_eq!(home.report().status, status);
        }
    }
}

#[test]
fn under_nohup_a_terminal_that_is_closed_ends_nothing() {
    let home = Home::new();
    let recorder = home.command(&["--interval", "50ms"]);
    let mut nohup = Command::new("nohup");
    nohup.arg(recorder.get_program()).args(recorder.get_args());
    let mut recorder = RunningProgram::start(nohup.current_dir(home.path()));
    eventually("it records", || home.marks_path().exists());
    recorder.signal(Signal::SIGHUP);
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(recorder.runs());
    recorder.signal(Signal::SIGTERM);
    assert_eq!(recorder.end().code, Some(0));
}

/// Starts a recorder with the command `sh -c script`, and waits until the shell has created the
/// file `ready`, which contains its process id.
fn around(home: &Home, script: &str) -> RunningProgram {
    let script = format!("echo $$ > pid; mv pid ready; {script}");
    let command = ["--quiet", "--", "sh", "-c", &script];
    let recorder = RunningProgram::start(&mut home.command(&command));
    eventually("the command runs", || home.path().join("ready").exists());
    recorder
}

#[test]
fn a_signal_reaches_the_command() {
    for (sent, expected) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let home = Home::new();
        let recorder = around(&home, "exec sleep 60");
        recorder.signal(sent);
        assert_eq!(recorder.end().code, Some(expected), "{sent}");
        let pid = std::fs::read_to_string(home.path().join("ready")).unwrap();
        assert!(!Path::new("/proc").join(pid.trim()).exists());
        assert_eq!(home.report().status, Status::Interrupted);
    }
}

#[test]
fn a_command_that_handles_the_signal_keeps_its_code() {
    let home = Home::new();
    let script = "trap 'exit 42' TERM; echo $$ > handles; while :; do sleep 0.05; done";
    let recorder = around(&home, script);
    eventually("the trap is set", || home.path().join("handles").exists());
    recorder.signal(Signal::SIGTERM);
    assert_eq!(recorder.end().code, Some(42));
}

#[test]
fn a_kill_leaves_a_readable_report_with_what_was_saved() {
    let home = Home::new();
    let recorder = begin(&home, &["--interval", "50ms"]);
    assert_eq!(home.report().status, Status::Interrupted);
    eventually("a save on the way", || !home.report().series.is_empty());
    recorder.signal(Signal::SIGKILL);
    assert_eq!(recorder.end().code, None);
    let report = home.report();
    assert_eq!(report.status, Status::Interrupted);
    assert!(report.summary.figures["samples"] > 2.0);
    assert!(series(&report, "memory.used_ratio").next().is_some());
}

/// Checks that a second signal, which arrives while the report is being saved, loses nothing.
/// `timeout` sends a signal twice (to its child and to the child's group), and the kernel sends one
/// for each thread of a parent that dies.
#[test]
fn a_wish_to_end_that_arrives_twice_costs_no_save() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        for _ in 0..5 {
            let home = Home::new();
            let recorder = begin(&home, &["--interval", "1h", "--no-raw"]);
            for _ in 0..2 {
                recorder.signal(signal);
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            assert_eq!(recorder.end().code, Some(0), "{signal}");
            assert_eq!(home.report().status, Status::Complete, "{signal}");
        }
    }
}
