//! Tests of wrong usage and missing servers of `ws-bench`: one clear sentence, a remedy, and the
//! right exit code.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::net::TcpListener;

use assert_cmd::assert::OutputAssertExt as _;
use bench_report::Status;
use common::{REPORT, bench, finish, limit_of, report, said};
use test_support::TestDirectory;

/// Runs `ws-bench` with `args` in a directory of its own, which it returns. Asserts the exit code,
/// that the output contains all of `wanted`, and that the program did not panic.
fn fails(args: &[&str], code: i32, wanted: &[&str]) -> TestDirectory {
    let place = TestDirectory::new();
    let output = finish(&mut bench(&place, args));
    let said = said(&output);
    output.assert().code(code);
    for text in wanted {
        assert!(said.contains(text), "{args:?}: no {text:?} in: {said}");
    }
    for accident in ["panicked", "backtrace", "Error {", "Os {"] {
        assert!(!said.contains(accident), "{args:?}: {said}");
    }
    place
}

#[test]
fn wrong_usage_is_code_2_with_what_would_be_right() {
    let cases: &[(&[&str], &[&str])] = &[
        (
            &["limit", "--url", "http://127.0.0.1:1/"],
            &["http", "ws://127.0.0.1:9001/"],
        ),
        (
            &["limit", "--url", "wss://127.0.0.1:1/"],
            &["TLS", "not supported", "ws://"],
        ),
        (&["limit", "--url", "nonsense"], &["no URL", "ws://"]),
        (&["limit", "--max", "0"], &["--max", "1 or more"]),
        (&["limit", "--max=-5"], &["--max"]),
        (&["limit", "--duration=-2s"], &["--duration", "500ms"]),
        (&["limit", "--factor", "1"], &["--factor", "1.01"]),
        (
            &["limit", "--find-rate", "p99<50ms"],
            &["--latency-bound", "redis-bench cache", "stay open"],
        ),
        (
            &["limit", "--users", "100"],
            &["--users", "--talkers", "--max"],
        ),
        (&["limit", "--rate", "fast"], &["--rate", "500"]),
        (
            &["limit", "--stop-on", "tired"],
            &["--stop-on", "errors>10%"],
        ),
        (&["limit", "--message-size", "3"], &["16 bytes"]),
        (&["limit", "--nonsense"], &["--nonsense"]),
        (&["serve", "--listen", "here"], &["--listen"]),
        (
            &["serve", "--refuse-after", "0"],
            &["--refuse-after", "1 or more"],
        ),
        (&["serve", "--mode", "shout"], &["--mode", "broadcast"]),
        (&["serve", "--chunks", "5"], &["--mode stream"]),
        (
            &["serve", "--mode", "broadcast", "--chunk-interval", "1s"],
            &["--mode stream"],
        ),
        (&["serve", "--delay", "soon"], &["--delay", "exp:20ms"]),
        (&["serve", "--drop-rate", "2"], &["--drop-rate", "0 to 1"]),
        (
            &["serve", "--max-age", "1s", "--close-code", "999"],
            &["--close-code", "1000 to 4999"],
        ),
        (
            &["serve", "--close-code", "4000"],
            &["--close-after", "--max-age"],
        ),
        (
            &["serve", "--subprotocol", "a b"],
            &["graphql-transport-ws"],
        ),
        (&["serve", "--tls-cert", "a.pem"], &["--tls-key"]),
        (&["dance"], &["dance"]),
    ];
    for (args, wanted) in cases {
        let place = fails(args, 2, wanted);
        assert!(
            !place.path().join("reports").exists(),
            "{args:?} began a report"
        );
    }
}

#[test]
fn the_server_can_be_named_by_the_environment() {
    let place = TestDirectory::new();
    let output = finish(bench(&place, &["limit"]).env("WS_URL", "http://127.0.0.1:1/"));
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
}

#[test]
fn a_refused_connection_names_the_server_and_a_remedy() {
    // The port is bound but nobody listens on it, so no other program can take it meanwhile.
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", socket.local_addr().unwrap());
    drop(socket);
    let args = ["limit", "--run-dir", "run", "--url", &url];
    let place = fails(&args, 1, &["cannot connect", &url, "refused", "Try: "]);
    let report = report(&place);
    assert_eq!(report.status, Status::Failed);
    assert!(report.steps.is_empty() && report.summary.limit.is_none());
}

#[test]
fn a_host_that_does_not_exist_is_named() {
    let args = [
        "limit",
        "--run-dir",
        "run",
        "--url",
        "ws://no-such-host.invalid:9/",
    ];
    fails(&args, 1, &["no-such-host.invalid", "Try: "]);
}

#[test]
fn a_password_in_the_url_is_shown_to_nobody() {
    let url = "ws://app:hunter2@127.0.0.1:1/";
    let place = fails(
        &["limit", "--run-dir", "run", "--url", url],
        1,
        &["127.0.0.1:1"],
    );
    let report = std::fs::read_to_string(place.path().join(REPORT)).unwrap();
    assert!(!report.contains("hunter2"));
    let again = finish(&mut bench(
        &place,
        &["limit", "--run-dir", "run", "--url", url],
    ));
    assert!(!said(&again).contains("hunter2"), "{}", said(&again));
}

#[test]
fn a_report_that_cannot_be_written_is_found_out_before_any_load() {
    let place = TestDirectory::new();
    std::fs::write(place.path().join("file"), "").unwrap();
    let output = finish(&mut bench(
        &place,
        &["limit", "--output", "file/report.json"],
    ));
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("file"), "{}", said(&output));
}

#[test]
fn the_report_goes_to_stdout_when_it_is_asked_for() {
    let place = TestDirectory::new();
    let args = [
        "--max",
        "10",
        "--duration",
        "200ms",
        "--format",
        "json",
        "--quiet",
    ];
    let output = finish(&mut limit_of(&place, &args));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let printed: bench_report::Report = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, report(&place));
}

#[test]
fn help_has_examples_and_completions_can_be_had() {
    for command in ["limit", "serve"] {
        let output = finish(&mut bench(&TestDirectory::new(), &[command, "--help"]));
        assert_eq!(output.status.code(), Some(0));
        assert!(said(&output).contains("Examples:"), "{}", said(&output));
    }
    let output = finish(&mut bench(&TestDirectory::new(), &["generate", "bash"]));
    assert!(said(&output).contains("ws-bench"));
}

#[test]
fn the_help_of_serve_fits_a_common_terminal() {
    let place = TestDirectory::new();
    let output = finish(bench(&place, &["serve", "--help"]).env("COLUMNS", "80"));
    let help = String::from_utf8(output.stdout).unwrap();
    for line in help.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let (_, examples) = help.split_once("Examples:\n").unwrap();
    let whole = |line: &str| line.starts_with("  ws-bench serve");
    assert!(examples.lines().all(whole), "{examples}");
}

#[test]
fn a_certificate_that_cannot_be_used_is_named() {
    let args = ["serve", "--tls-cert", "no.pem", "--tls-key", "no.key"];
    fails(&args, 1, &["TLS", "no.pem"]);
}

#[test]
fn help_shows_no_address_of_the_environment() {
    let place = TestDirectory::new();
    let mut command = bench(&place, &["limit", "--help"]);
    let output = finish(command.env("WS_URL", "ws://app:hunter2@127.0.0.1:1/"));
    let said = said(&output);
    assert!(
        said.contains("WS_URL") && !said.contains("hunter2"),
        "{said}"
    );
    output.assert().code(0);
}
