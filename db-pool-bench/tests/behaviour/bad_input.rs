//! Tests of wrong input to `db-pool-bench`: the program prints one clear sentence with what to do,
//! ends with the right exit code, and prints no backtrace.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use crate::common::{PASSWORD, REPORT, Talk, postgres, sweep};
use test_support::TestDirectory;

/// Runs `command` with `--quiet`. Returns the exit code and the text on stderr. Panics if stdout is
/// not empty, or if stderr contains a trace of a panic or the password.
fn refused(place: &TestDirectory, command: &mut Command) -> (i32, String) {
    let output = command.arg("--quiet").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    for trace in [
        "panicked",
        "RUST_BACKTRACE",
        "stack backtrace",
        "internal error",
        "Caused by",
        PASSWORD,
    ] {
        assert!(!said.contains(trace), "{trace:?} in: {said}");
    }
    assert!(output.stdout.is_empty(), "stdout is for results");
    if let Ok(report) = std::fs::read_to_string(place.path().join(REPORT)) {
        assert!(!report.contains(PASSWORD));
    }
    (output.status.code().unwrap(), said)
}

/// Returns the exit code and the text on stderr of a short sweep at the address `url`, which must
/// print no result.
fn refused_at(url: &str) -> (i32, String) {
    refused_with(url, "")
}

fn refused_with(url: &str, args: &str) -> (i32, String) {
    let place = TestDirectory::new();
    let args = format!("--driver deadpool --pool-sizes 1 --duration 100ms {args}");
    refused(&place, sweep(&place, &args).env("DATABASE_URL", url))
}

#[test]
fn wrong_usage_is_told_from_the_rest_by_its_exit_code() {
    for (args, sentence) in [
        ("--bogus", "--bogus"),
        ("--driver odbc", "direct, deadpool, sqlx"),
        ("--workload fast", "point-select"),
        ("--pool-sizes 0", "whole number"),
        ("--pool-sizes 2,x", "whole number"),
        ("--duration -5s", "write a time"),
        ("--checkout-timeout 0s", "write a time"),
        ("--network-delay 1us", "whole number of milliseconds"),
        ("--users 4 --rate 100", "exclude each other"),
        ("--find-rate p99<50ms --rate 100", "--rate sets one"),
        ("--find-rate p99<50ms --users 4", "users who wait"),
        (
            "--find-rate p99<50ms --objective p99<1s",
            "a further --find-rate",
        ),
        ("--find-rate 50ms", "write p99<20ms"),
        ("--table pgbench_accounts --workload mixed", "point-select"),
        ("--stop-on slow", "errors>10%"),
        ("--recycle clean", "fast, verified"),
        ("--driver wire,direct --recycle fast", "about pools"),
        ("--driver deadpool --idle-timeout 1s", "sqlx alone"),
        ("--pool-sizes 2,8 --pool-min 4", "smallest pool"),
    ] {
        let place = TestDirectory::new();
        let (code, said) = refused(&place, &mut sweep(&place, args));
        assert_eq!(code, 2, "{args}: {said}");
        assert!(said.contains(sentence), "{args}: {said}");
    }
}

#[test]
fn an_address_of_another_kind_is_wrong_usage() {
    for url in [
        "mysql://app:Zq7hunter2qZ@db/shop",
        "Zq7hunter2qZ",
        "postgres://app:Zq7hunter2qZ@db/shop?sslmode=verify-full&sslrootcert=/none",
    ] {
        let (code, said) = refused_at(url);
        assert_eq!(code, 2, "{url}: {said}");
        assert!(
            said.contains("postgres://") || said.contains("sslmode"),
            "{said}"
        );
    }
}

#[test]
fn a_server_that_is_not_there_is_named_with_a_command_that_looks_for_it() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let (code, said) = refused_at(&format!("postgres://app:{PASSWORD}@127.0.0.1:{port}/shop"));
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains(&format!("postgres://app@127.0.0.1:{port}/shop")),
        "{said}"
    );
    assert!(
        said.contains("refused") && said.contains("pg_isready -h 127.0.0.1"),
        "{said}"
    );
}

#[test]
fn a_login_or_a_table_that_is_wrong_is_told_from_a_server_that_is_down() {
    let server = postgres(&[]);
    let right = server.url().to_owned();
    let wrong_password = right.replace(PASSWORD, "other");
    let (code, said) = refused_at(&wrong_password);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("password authentication failed") && said.contains("PGPASSWORD"),
        "{said}"
    );

    let no_database = right.trim_end_matches("plimsoll").to_owned() + "nowhere";
    let (code, said) = refused_at(&no_database);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("\"nowhere\" does not exist") && said.contains("--list"),
        "{said}"
    );

    Talk::to(&right).execute(&format!("CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'"));
    let (code, said) = refused_at(&right.replace("//plimsoll:", "//reader:"));
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("permission denied for database") && said.contains("may create a schema"),
        "{said}"
    );

    let (code, said) = refused_with(&right, "--workload point-select --table nothing");
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("nothing") && said.contains("pgbench -i"),
        "{said}"
    );
}

#[test]
fn a_report_that_cannot_be_written_is_told_before_any_load() {
    let args = "--pool-sizes 1 --output /proc/none/report.json";
    let output = sweep(&TestDirectory::new(), args).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("/proc/none") && said.contains("--output"),
        "{said}"
    );
    assert!(!Path::new("/proc/none").exists());
}
