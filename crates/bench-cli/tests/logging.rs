//! Tests of log messages as the user sees them: on stderr, masked, and with the requested
//! verbosity.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use std::io::{Read as _, Seek as _};

use harness::{Ran, a_bench, ran};

fn logged(words: &[&str], variable: Option<&str>) -> Ran {
    let mut bench = a_bench();
    bench.arg("log").args(words).env_remove("RUST_LOG");
    if let Some(value) = variable {
        bench.env("RUST_LOG", value);
    }
    let ran = ran(&bench.output().unwrap());
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{words:?}");
    for never in ["hunter2", "\u{1b}", "\r"] {
        assert!(!ran.stderr.contains(never), "{words:?}: {}", ran.stderr);
    }
    ran
}

/// Returns the level of each shown message of the test, in the order of the lines; a level occurs
/// once for each message.
fn levels(ran: &Ran) -> Vec<&str> {
    let planted = ran.stderr.lines().filter(|line| line.contains("planted"));
    planted
        .filter_map(|line| Some(line.split_once(':')?.0))
        .collect()
}

#[test]
fn a_warning_is_one_masked_line_beside_the_progress() {
    let ran = logged(&[], None);
    assert_eq!(
        ran.stderr,
        "phase: measure\n\
         error: planted error: cannot connect to postgres://app:***@db/shop\n\
         warning: planted warning (password=***, pid=7): cannot connect to postgres://app:***@db/shop\n"
    );
}

#[test]
fn flags_and_the_variable_say_how_many_are_shown() {
    for (words, variable, expected) in [
        (&["-q"][..], None, &["error"][..]),
        (&["-v"], None, &["error", "warning", "info", "warning"]),
        (
            &["-vv"],
            None,
            &["error", "warning", "info", "debug", "warning"],
        ),
        (
            &[],
            Some("debug"),
            &["error", "warning", "info", "debug", "warning"],
        ),
        (
            &["-q"],
            Some("debug"),
            &["error", "warning", "info", "debug", "warning"],
        ),
        (&["-vv"], Some("off"), &[]),
        (&[], Some("a_bench=info"), &["error", "warning", "info"]),
        (&[], Some(""), &["error", "warning"]),
    ] {
        let ran = logged(words, variable);
        assert_eq!(
            levels(&ran),
            expected,
            "{words:?} {variable:?}: {}",
            ran.stderr
        );
    }
}

#[test]
fn details_name_their_module_and_a_message_is_one_line() {
    let ran = logged(&["-q", "-vv"], None);
    let line = |level: &str| {
        ran.stderr
            .lines()
            .find(|line| line.starts_with(level))
            .unwrap()
    };
    assert!(
        line("debug").starts_with("debug: a_bench: planted detail"),
        "{}",
        ran.stderr
    );
    assert!(
        line("info").starts_with("info: planted information [2J: "),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_variable_that_is_not_understood_is_told_and_left_out() {
    let ran = logged(&[], Some("a_bench=loud"));
    assert!(
        ran.stderr
            .starts_with("warning: RUST_LOG is not understood"),
        "{}",
        ran.stderr
    );
    assert_eq!(levels(&ran), ["error", "warning"]);
}

#[test]
fn on_a_terminal_a_message_stands_above_the_bar() {
    let terminal = nix::pty::openpty(None, None).unwrap();
    let mut command = a_bench();
    command
        .arg("log")
        .env_remove("RUST_LOG")
        .env("TERM", "xterm");
    let mut child = command
        .stderr(std::process::Stdio::from(terminal.slave))
        .spawn()
        .unwrap();
    drop(command);
    assert!(child.wait().unwrap().success());
    let mut shown = Vec::new();
    // Reading the terminal to its end gives an error once the last program has closed it.
    let _ = std::fs::File::from(terminal.master).read_to_end(&mut shown);
    let shown = String::from_utf8_lossy(&shown).into_owned();
    let line = "warning: planted warning (password=***, pid=7)";
    let before = &shown[..shown.find(line).unwrap_or_else(|| panic!("{shown:?}"))];
    assert!(
        before.ends_with(['\n', '\r'])
            || before.ends_with("\u{1b}[2K")
            || before.ends_with("\u{1b}[J"),
        "{shown:?}"
    );
}

#[test]
fn messages_wait_until_a_full_screen_view_is_closed() {
    let mut both = tempfile::tempfile().unwrap();
    let status = a_bench()
        .args(["log", "--hold", "-q"])
        .env_remove("RUST_LOG")
        .stdout(both.try_clone().unwrap())
        .stderr(both.try_clone().unwrap())
        .status()
        .unwrap();
    assert!(status.success());
    let mut text = String::new();
    both.seek(std::io::SeekFrom::Start(0)).unwrap();
    both.read_to_string(&mut text).unwrap();
    assert_eq!(
        text,
        "the view\nerror: planted error: cannot connect to postgres://app:***@db/shop\n"
    );
}
