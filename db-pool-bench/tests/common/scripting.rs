//! Helpers for tests with scripts: files in a directory of the test, pgbench, and runs of the
//! program.
#![allow(dead_code)] // Each test file uses its part.

use std::process::Command;

use bench_report::{Report, Step};
use test_support::TestDirectory;
use testbed::Postgres;

use crate::common::{PASSWORD, Talk, postgres, report, sweep};

/// Runs pgbench of the installed PostgreSQL with `args`; it must succeed. Returns the text on
/// stdout and on stderr.
pub(crate) fn pgbench(server: &Postgres, args: &[&str]) -> (String, String) {
    let output = Command::new(server.bin_dir().join("pgbench"))
        .args(args)
        .env("PGPASSWORD", PASSWORD)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{args:?}: {out}{err}");
    (out, err)
}

/// Starts a server with the tables of `pgbench -i` in its database. `scale` is the number of
/// branches.
pub(crate) fn with_pgbench_tables(scale: &str) -> Postgres {
    let server = postgres(&[]);
    pgbench(&server, &["-i", "-q", "-s", scale, server.url()]);
    server
}

/// Returns the text that `pgbench --show-script` prints for the built-in script `name`, on both
/// streams.
pub(crate) fn shipped(server: &Postgres, name: &str) -> String {
    let show = format!("--show-script={name}");
    let (out, err) = pgbench(server, &[&show]);
    out + &err
}

pub(crate) fn run(place: &TestDirectory, server: &Postgres, args: &str) -> (Report, String) {
    run_to(0, place, server, args)
}

/// Runs a sweep with `args` to its end and asserts the exit code `code`. Returns the report, and
/// the text on stdout and stderr.
pub(crate) fn run_to(
    code: i32,
    place: &TestDirectory,
    server: &Postgres,
    args: &str,
) -> (Report, String) {
    let output = sweep(place, args)
        .env("DATABASE_URL", server.url())
        .output()
        .unwrap();
    let said =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    (report(place), said)
}

/// Runs a sweep whose script has an error. Returns the exit code, and the text on stderr.
pub(crate) fn refused(place: &TestDirectory, server: &Postgres, args: &str) -> (i32, String) {
    let output = sweep(place, args)
        .args(["--quiet"])
        .env("DATABASE_URL", server.url())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains("panicked"), "{said}");
    (output.status.code().unwrap(), said)
}

pub(crate) fn write(place: &TestDirectory, name: &str, text: &str) {
    std::fs::write(place.path().join(name), text).unwrap();
}

pub(crate) fn figure(talk: &Talk, sql: &str) -> i64 {
    talk.names(&format!("SELECT ({sql})::text"))[0]
        .parse()
        .unwrap()
}

pub(crate) fn succeeded(steps: &[Step]) -> u64 {
    let operations = steps.iter().flat_map(|step| step.operations.values());
    operations.map(|operation| operation.succeeded).sum()
}
