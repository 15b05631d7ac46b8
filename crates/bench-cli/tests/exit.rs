//! Tests of exit codes, and of errors as the user sees them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use std::io::Read as _;
use std::process::Stdio;

use harness::{a_bench, ran, run};

const SECRET_URL: &str = "postgres://app:hunter2@db:5432/shop";

#[test]
fn each_way_to_end_has_its_code_and_no_words() {
    for (how, code) in [
        ("done", 0),
        ("gate", 3),
        ("interrupted", 130),
        ("handed", 42),
    ] {
        let ran = run(&["end", how]);
        assert_eq!(ran.code, Some(code), "{how}");
        assert_eq!(
            (ran.stdout.as_str(), ran.stderr.as_str()),
            ("", ""),
            "{how}"
        );
    }
}

#[test]
fn an_error_is_one_sentence_with_a_remedy_and_without_the_password() {
    let ran = run(&["--url", SECRET_URL, "fail", "refused"]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.stdout, "");
    assert_eq!(
        ran.stderr,
        "a-bench: cannot connect to postgres://app:***@db:5432/shop: connection refused.\n\
         Try: psql postgres://app:***@db:5432/shop\n"
    );
}

#[test]
fn each_kind_of_failure_has_its_code_and_none_a_backtrace() {
    for (why, code) in [
        ("refused", 1),
        ("broken-server", 1),
        ("hostile", 1),
        ("usage", 2),
        ("interrupted", 130),
        ("panic", 101),
    ] {
        let ran = run(&["--url", SECRET_URL, "fail", why]);
        assert_eq!(ran.code, Some(code), "{why}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("a-bench: "), "{why}: {}", ran.stderr);
        for never in ["hunter2", "backtrace", "stack", "panicked", "\u{1b}", "\r"] {
            assert!(
                !ran.stderr.contains(never),
                "{why} has {never:?}: {}",
                ran.stderr
            );
        }
        assert!(ran.stderr.lines().count() <= 2, "{why}: {}", ran.stderr);
    }
}

#[test]
fn a_panic_says_where_it_was_and_that_it_is_ours() {
    let ran = run(&["fail", "panic"]);
    assert!(ran.stderr.contains("internal error at "), "{}", ran.stderr);
    assert!(ran.stderr.contains("a_bench.rs:"), "{}", ran.stderr);
    assert!(ran.stderr.contains("please report it"), "{}", ran.stderr);
}

#[test]
fn wrong_usage_has_code_2_and_says_what_to_write() {
    for (words, said) in [
        (&["load", "--bogus"][..], "--bogus"),
        (
            &["load", "--duration", "-5s"],
            "cannot be negative, as -5s is",
        ),
        (&["load", "--duration", "soon"], "write a time such as"),
        (&["load", "--pool-sizes", "2,0"], "1 or more, not 0"),
        (&["load", "--pool-sizes", "-2"], "1 or more, not -2"),
        (&["load", "--format", "xml"], "possible values: text, json"),
        (&["generate", "tcsh"], "bash, zsh, fish"),
        (&[], "Usage"),
    ] {
        let ran = run(words);
        assert_eq!(ran.code, Some(2), "{words:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{words:?}");
        assert!(ran.stderr.contains(said), "{words:?}: {}", ran.stderr);
    }
}

#[test]
fn no_secret_that_was_typed_or_exported_is_quoted_back() {
    let wrong = "app:hunter2@db/shop?password=hunter2";
    for words in [
        &["--url", SECRET_URL, "load", "--bogus"][..],
        &["load", SECRET_URL],
        &["--format", SECRET_URL, "load"],
        &["load", "--format", SECRET_URL],
        &["load", "--duration", "password=hunter2"],
        &["--help"],
        &["load", "--help"],
    ] {
        let ran = ran(&a_bench()
            .args(words)
            .env("A_BENCH_URL", SECRET_URL)
            .output()
            .unwrap());
        assert!(!(ran.stdout + &ran.stderr).contains("hunter2"), "{words:?}");
    }
    let ran = run(&["--url", wrong, "end", "done"]);
    assert_eq!(ran.code, Some(2));
    assert!(!ran.stderr.contains("password=hunter2"), "{}", ran.stderr);
}

#[test]
fn help_and_version_are_results() {
    for words in [&["--help"][..], &["load", "--help"], &["--version"]] {
        let ran = run(words);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{words:?}");
        assert!(
            !ran.stdout.is_empty() && !ran.stdout.contains('\u{1b}'),
            "{words:?}"
        );
    }
}

#[test]
fn a_reader_that_leaves_early_changes_neither_code_nor_peace() {
    let mut child = a_bench()
        .arg("lines")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 2];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let ended = ran(&child.wait_with_output().unwrap());
    assert_eq!(&first, b"0\n");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(3), ""));
}

#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let full = std::fs::File::create("/dev/full").unwrap();
    let ended = ran(&a_bench().arg("lines").stdout(full).output().unwrap());
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("cannot write the result to stdout"),
        "{}",
        ended.stderr
    );
}

#[test]
fn completions_and_the_manual_page_come_from_the_same_table() {
    for what in ["bash", "zsh", "fish", "man"] {
        let ran = run(&["generate", what]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{what}");
        assert!(
            ran.stdout.contains("load") && !ran.stdout.contains("***"),
            "{what}"
        );
    }
}

#[test]
fn completions_and_pages_are_written_where_a_package_wants_them() {
    let place = tempfile::tempdir().unwrap();
    let to = place.path().join("deep/er");
    let expected: [(&str, &[&str]); 4] = [
        ("bash", &["a-bench.bash"]),
        ("zsh", &["_a-bench"]),
        ("fish", &["a-bench.fish"]),
        (
            "man",
            &["a-bench.1", "a-bench-load.1", "a-bench-generate.1"],
        ),
    ];
    for (what, files) in expected {
        let ran = run(&["generate", what, "--to", to.to_str().unwrap()]);
        assert_eq!(
            (ran.code, ran.stdout + &ran.stderr),
            (Some(0), String::new()),
            "{what}"
        );
        for file in files {
            assert!(to.join(file).metadata().unwrap().len() > 0, "{file}");
        }
    }
    let file = to.join("a-bench.1");
    let ran = run(&["generate", "man", "--to", file.to_str().unwrap()]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr.contains("Try: name a directory"),
        "{}",
        ran.stderr
    );
}
