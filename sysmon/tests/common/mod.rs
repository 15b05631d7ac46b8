//! Recorder that a test runs in a directory of its own, and helpers for its results.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout
)]

pub mod arrows;
pub mod beside;
pub mod counters;
pub mod load;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bench_report::{Report, Series};
use test_support::TestDirectory;

/// Usual file name of a report of `sysmon record`.
const REPORT: &str = "sysmon.record.json";

/// Temporary directory into which one test records.
pub struct Home(TestDirectory);

impl Home {
    pub fn new() -> Self {
        Self(TestDirectory::new())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn report_path(&self) -> PathBuf {
        self.path().join(REPORT)
    }

    pub fn marks_path(&self) -> PathBuf {
        self.path().join(format!("{REPORT}.marks"))
    }

    pub fn report(&self) -> Report {
        self.0.report(REPORT)
    }

    /// Returns the command `sysmon record` with `args`, which records into this directory; it is
    /// not started.
    pub fn command(&self, args: &[&str]) -> Command {
        self.command_of("record", &[&["--run-dir", "."], args].concat())
    }

    /// Returns the command `sysmon ACTION` with `args`, to be run in this directory; it is not
    /// started.
    pub fn command_of(&self, action: &str, args: &[&str]) -> Command {
        // A test that a script starts in the background ignores SIGINT, and the recorder would inherit that.
        let sysmon = [
            "--default-signal=INT,TERM",
            env!("CARGO_BIN_EXE_sysmon"),
            action,
        ];
        self.0.command("env", &[&sysmon, args].concat())
    }

    /// Runs `sysmon show` with `args` and returns what it prints. Panics if it fails.
    pub fn show(&self, args: &[&str]) -> String {
        let out = self.command_of("show", args).output().unwrap();
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{args:?}: {stderr}");
        String::from_utf8(out.stdout).unwrap()
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }
}

/// Returns a command that runs the shell script `script` with process ids and mounts of its own. In
/// the script, `"$@"` is `command`, and `as_nobody "$@"` runs it as user nobody. If the system does
/// not allow this, prints the reason and returns `None`.
pub fn alone(home: &Home, script: &str, command: &Command) -> Option<Command> {
    const PRIVATE: [&str; 3] = ["--mount", "--pid", "--fork"];
    let tried = Command::new("unshare").args(PRIVATE).arg("true").output();
    if !tried.is_ok_and(|out| out.status.success()) {
        println!("left out: this user may not make namespaces (unshare --mount --pid)");
        return None;
    }
    let script = format!("{AS_NOBODY}\n{script}");
    let mut inside = Command::new("unshare");
    inside
        .args(PRIVATE)
        .args(["--kill-child", "sh", "-c", &script, "sh"]);
    inside.arg(command.get_program()).args(command.get_args());
    inside.current_dir(home.path());
    inside.env("TMPDIR", home.path().join("tmp"));
    Some(inside)
}

const AS_NOBODY: &str =
    "as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups -- \"$@\"; }";

pub fn series<'a>(report: &'a Report, name: &str) -> impl Iterator<Item = &'a Series> {
    report.series.iter().filter(move |s| s.name == name)
}

pub fn mean(series: &Series) -> f64 {
    series.mean_between(0, u64::MAX).unwrap()
}
