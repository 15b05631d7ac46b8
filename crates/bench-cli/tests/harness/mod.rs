//! Start of the example program `a_bench` by tests, and its output.
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::PathBuf;
use std::process::{Command, Output};

/// Exit code and output of one run of the example program. The code is `None` if a signal ended
/// it.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Returns the command that starts `examples/a_bench`, which `cargo test -p bench-cli` builds
/// beside the tests; `--test NAME` alone does not rebuild it. Panics if it was not built.
pub(crate) fn a_bench() -> Command {
    let own = std::env::current_exe().unwrap();
    let beside: PathBuf = own.ancestors().nth(2).unwrap().join("examples/a_bench");
    assert!(
        beside.is_file(),
        "{} is missing; build it with: cargo build -p bench-cli --examples",
        beside.display()
    );
    let mut command = Command::new(beside);
    command.env("RUST_BACKTRACE", "1").env_remove("A_BENCH_URL");
    command
}

/// Runs the example program with these arguments to its end.
pub(crate) fn run(words: &[&str]) -> Ran {
    ran(&a_bench().args(words).output().unwrap())
}

/// Converts the output of a finished program to text; panics if it is not UTF-8.
pub(crate) fn ran(output: &Output) -> Ran {
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout.clone()).unwrap(),
        stderr: String::from_utf8(output.stderr.clone()).unwrap(),
    }
}
