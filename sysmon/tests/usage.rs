//! Tests of the messages of `sysmon record` about wrong usage, and of what they must not reveal.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use common::Home;

const SECRET: &str = "hunter2hunter2";

#[test]
fn no_secret_of_the_command_line_is_kept() {
    let home = Home::new();
    let named = format!("PGPASSWORD={SECRET}");
    let url = format!("postgres://app:{SECRET}@db/shop");
    let words = [
        "--",
        "sh",
        "-c",
        "sleep 0.1",
        "sh",
        "--password",
        SECRET,
        &named,
        &url,
    ];
    let out = home.run(&words);
    assert!(out.status.success());
    let text = std::fs::read_to_string(home.report_path()).unwrap();
    assert!(text.contains("--password") && text.contains("***"));
    assert!(!text.contains(SECRET));
    assert!(!String::from_utf8_lossy(&out.stderr).contains(SECRET));

    let out = home.run(&["--", &format!("no-such://a:{SECRET}@b")]);
    assert_eq!(out.status.code(), Some(127));
    assert!(!String::from_utf8_lossy(&out.stderr).contains(SECRET));
    assert!(
        !std::fs::read_to_string(home.report_path())
            .unwrap()
            .contains(SECRET)
    );
}

#[test]
fn wrong_usage_is_one_clear_sentence() {
    for (args, sentence) in [
        (&["--interval", "1ms"][..], "10ms is the shortest"),
        (&["--interval", "0s"], "longer than zero"),
        (&["--interval=-1s"], "cannot be negative"),
        (&["--duration", "soon"], "is not a time"),
        (&["--duration", "1s", "--", "true"], "cannot be used with"),
        (&["--processes", "some"], "none, top, all"),
        (&["--follow", "pid:x"], "write a name, pid:NUMBER"),
        (&["--growth", "x%"], "write one such as 10%"),
        (&["--fields", "frob"], "descriptors"),
        (&["--top", "0"], "1 or more"),
        (&["--top", "513"], "512 is the most"),
        (&["--frobnicate"], "--frobnicate"),
        (&["true"], "unexpected argument"),
    ] {
        let home = Home::new();
        let out = home.run(args);
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(sentence), "{args:?}: {stderr}");
        assert!(!stderr.contains("panicked") && out.stdout.is_empty());
        assert!(!home.report_path().exists());
    }
}

#[test]
fn every_help_has_examples_and_fits_a_common_terminal() {
    let home = Home::new();
    for words in [
        &["--help"][..],
        &["record", "--help"],
        &["watch", "--help"],
        &["export", "--help"],
        &["show", "--help"],
        &["mark", "--help"],
    ] {
        let mut command = home.command_of(words[0], &words[1..]);
        let out = command.env("COLUMNS", "80").output().unwrap();
        let help = String::from_utf8(out.stdout).unwrap();
        assert_eq!(out.status.code(), Some(0), "{words:?}");
        let (_, examples) = help.split_once("Examples:\n").unwrap();
        for line in examples.lines() {
            let whole = line.starts_with("  sysmon ") || line.starts_with("  ssh ");
            assert!(whole, "{words:?} has a broken line: {line}");
        }
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{words:?}: {line}");
        }
    }
}
