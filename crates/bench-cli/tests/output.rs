//! Tests of a program's result and progress as they arrive in a file, a pipe and a terminal.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use std::fs::File;
use std::io::Read as _;
use std::process::Stdio;

use bench_report::{Report, Status, store};
use harness::{a_bench, ran, run};
use nix::pty::{Winsize, openpty};
use tempfile::tempdir;

const SECRET_URL: &str = "postgres://app:hunter2@db:5432/shop";

#[test]
fn in_a_pipe_the_result_is_on_stdout_and_plain_progress_on_stderr() {
    let home = tempdir().unwrap();
    let place = home.path().to_str().unwrap();
    let ran = run(&[
        "--url",
        SECRET_URL,
        "load",
        "--run-dir",
        place,
        "--pool-sizes",
        "16,2",
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(
        ran.stdout.lines().map(str::trim).collect::<Vec<_>>(),
        [
            "size  throughput                               target",
            "2       84.7 k/s  postgres://app:***@db:5432/shop",
            "16      84.7 k/s  postgres://app:***@db:5432/shop",
        ]
    );
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(lines[0], "phase: measure 8 users [2J");
    assert!(lines[1].starts_with("10s left, a message"), "{}", lines[1]);
    assert!(
        lines.contains(&"target postgres://app:***@db:5432/shop"),
        "{lines:?}"
    );
    let path = home.path().join("a-bench.sweep.json");
    assert_eq!(
        *lines.last().unwrap(),
        format!("Report: {}", path.display())
    );
    let ticks = lines.iter().filter(|line| line.contains("left, ")).count();
    assert!(
        ticks < 50,
        "a hundred ticks gave {ticks} lines, which ought to be a second apart"
    );
    assert!(!ran.stderr.contains(['\u{1b}', '\r']), "{}", ran.stderr);
    assert_eq!(store::load(&path).unwrap().status, Status::Complete);
}

#[test]
fn quiet_leaves_the_result_and_nothing_else() {
    let home = tempdir().unwrap();
    let path = home.path().join("mine.json");
    let ran = run(&["load", "--quiet", "--output", path.to_str().unwrap()]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.stdout.contains("84.7 k/s"), "{}", ran.stdout);
    assert!(path.is_file());
}

#[test]
fn json_is_the_report_that_was_saved() {
    let home = tempdir().unwrap();
    let path = home.path().join("mine.json");
    let ran = run(&[
        "load",
        "--format",
        "json",
        "--output",
        path.to_str().unwrap(),
    ]);
    let printed: Report = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(printed, store::load(&path).unwrap());
}

#[test]
fn a_place_that_cannot_be_written_is_told_before_any_load() {
    let home = tempdir().unwrap();
    let file = home.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    for place in [file.join("r.json"), home.path().to_owned()] {
        let ran = run(&["load", "--output", place.to_str().unwrap()]);
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        assert!(!ran.stderr.contains("phase"), "{}", ran.stderr);
        assert!(ran.stderr.contains("cannot write "), "{}", ran.stderr);
        assert!(
            ran.stderr.contains("Try: ") && ran.stderr.contains("--output"),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn on_a_terminal_of_80_columns_one_bar_is_redrawn_without_colours() {
    let screen = on_a_terminal("xterm-256color");
    assert!(screen.contains("measure"), "{screen:?}");
    assert!(screen.contains("left · a message"), "{screen:?}");
    assert!(
        screen.contains("\u{1b}["),
        "the bar moves the cursor: {screen:?}"
    );
    assert!(
        !screen.contains("[2J"),
        "a message clears no screen: {screen:?}"
    );
    let drawn = without_escapes(&screen);
    for row in rows_of_80(&drawn) {
        let known = ["measure", "target", "Report", " "];
        assert!(
            row.is_empty() || known.iter().any(|start| row.starts_with(start)),
            "a line ran over into {row:?}"
        );
    }
    let coloured = screen.split("\u{1b}[").skip(1).any(|rest| {
        rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';')
            .starts_with('m')
    });
    assert!(!coloured, "{screen:?}");
}

#[test]
fn a_terminal_that_cannot_move_its_cursor_gets_plain_lines() {
    let screen = on_a_terminal("dumb");
    assert!(screen.contains("phase: measure"), "{screen:?}");
    assert!(!screen.contains('\u{1b}'), "{screen:?}");
}

/// Returns the text that a run shows on a terminal of 80 columns, escape sequences included, with
/// `NO_COLOR` set. `kind` is the value of `TERM`.
fn on_a_terminal(kind: &str) -> String {
    let size = Winsize {
        ws_row: 24,
        ws_col: 80,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let pty = openpty(Some(&size), None).unwrap();
    let home = tempdir().unwrap();
    let mut command = a_bench();
    command
        .args(["--url", SECRET_URL, "load", "--output"])
        .arg(home.path().join("r.json"))
        .env("TERM", kind)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::from(pty.slave));
    let child = command.spawn().unwrap();
    // The command holds the other end of the terminal, which would keep reading from ending.
    drop(command);
    let mut seen = Vec::new();
    // Reading a terminal to its end gives an error on Linux once all programs have closed it.
    let _ = File::from(pty.master).read_to_end(&mut seen);
    let ended = ran(&child.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    let seen = String::from_utf8_lossy(&seen).into_owned();
    assert!(!seen.contains("hunter2"), "{seen:?}");
    seen
}

/// Splits output into the rows that a terminal of 80 columns shows, which breaks a line after each
/// 80 characters.
fn rows_of_80(drawn: &str) -> Vec<String> {
    drawn
        .split(['\n', '\r'])
        .flat_map(|line| {
            let line: Vec<char> = line.chars().collect();
            let rows: Vec<String> = line.chunks(80).map(|row| row.iter().collect()).collect();
            rows
        })
        .collect()
}

fn without_escapes(screen: &str) -> String {
    let mut parts = screen.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push('\n');
        plain.push_str(
            part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';')
                .get(1..)
                .unwrap_or(""),
        );
    }
    plain
}
