//! What the tests share: the binary, its servers, and the reports that it writes.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs
)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::{Duration, Instant};

use bench_report::{LimitOwner, Report, Step, StepEnd};
use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use testbed::WebSocketServer;

/// Far longer than anything takes; only a failing test waits for so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_ws-bench"))
}

/// An echo server of our own with these further arguments.
pub(crate) fn server(args: &[&str]) -> WebSocketServer {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    WebSocketServer::start(binary(), &args).unwrap()
}

/// A private working directory in which the bench runs.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// `ws-bench` with these arguments, in this place, untouched by the environment.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(args)
            .current_dir(self.path())
            .env("TMPDIR", self.path())
            .env_remove("WS_URL")
            .env_remove("PLIMSOLL_THROWAWAY")
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::null());
        command
    }

    /// `ws-bench limit` with a report in `run`, and no latency that would break a level only
    /// because this machine is slow.
    pub(crate) fn limit(&self, args: &[&str]) -> Command {
        let mut command = self.command(&["limit", "--run-dir", "run", "--latency-bound", "30s"]);
        command.args(args);
        command
    }

    pub(crate) fn report(&self) -> Report {
        bench_report::store::load(&self.report_path()).unwrap()
    }

    pub(crate) fn report_path(&self) -> PathBuf {
        self.path().join("run/ws-bench.limit.json")
    }

    /// Processes that live in this place; zombies count as gone.
    pub(crate) fn processes(&self) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let at_home = std::fs::read_link(entry.path().join("cwd"))
                .is_ok_and(|cwd| cwd.starts_with(self.path()));
            let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let zombie = stat
                .rsplit(')')
                .next()
                .is_some_and(|rest| rest.starts_with(" Z"));
            if at_home && !zombie {
                let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                found.push(String::from_utf8_lossy(&line).replace('\0', " "));
            }
        }
        found
    }
}

/// Runs to the end; fails where the program panicked.
pub(crate) fn finish(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let said = said(&output);
    assert!(!said.contains("internal error"), "{said}");
    output
}

pub(crate) fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stderr),
        String::from_utf8_lossy(&output.stdout)
    )
}

/// A bench at work whose progress is followed.
pub(crate) struct Running {
    pub(crate) child: Child,
    stderr: BufReader<ChildStderr>,
    pub(crate) said: String,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let said = String::new();
        Self {
            child,
            stderr,
            said,
        }
    }

    /// Reads on until a line begins with `wanted`.
    pub(crate) fn wait_for(&mut self, wanted: &str) {
        loop {
            let mut line = String::new();
            let length = self.stderr.read_line(&mut line).unwrap();
            self.said.push_str(&line);
            assert!(length > 0, "it ended before {wanted:?}: {}", self.said);
            if line.starts_with(wanted) {
                return;
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Waits for the end: exit code, how long that took from now, and what was said.
    pub(crate) fn end(mut self) -> (Option<i32>, Duration, String) {
        let started = Instant::now();
        self.stderr.read_to_string(&mut self.said).unwrap();
        let status = self.child.wait().unwrap();
        (status.code(), started.elapsed(), self.said)
    }
}

/// The level of so many connections that ran last.
pub(crate) fn level(report: &Report, connections: u64) -> &Step {
    let wanted = Some(connections as f64);
    let found = |step: &&Step| step.parameter("connections") == wanted;
    report.steps.iter().rev().find(found).unwrap()
}

pub(crate) fn held(step: &Step) -> bool {
    step.end == StepEnd::Completed
}

/// What limited, as value, owner and reason.
pub(crate) fn limit(report: &Report) -> (u64, LimitOwner, &str) {
    let limit = report.summary.limit.as_ref().unwrap();
    assert_eq!(limit.parameter, "connections");
    (limit.value as u64, limit.owner, &limit.reason)
}

/// Errors of one operation over all steps.
pub(crate) fn errors(report: &Report, operation: &str, kind: &str) -> u64 {
    let of = |step: &Step| step.operations.get(operation)?.errors.get(kind).copied();
    report.steps.iter().filter_map(of).sum()
}

/// How many times longer than alone a thread takes now, because others want the processors.
pub(crate) fn contention() -> f64 {
    let used = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap());
    let (wall, before) = (Instant::now(), used());
    let mut x = 1u64;
    while wall.elapsed() < Duration::from_millis(30) {
        x = std::hint::black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
    let spent = used().saturating_sub(before);
    (wall.elapsed().as_secs_f64() / spent.as_secs_f64()).max(1.0)
}
