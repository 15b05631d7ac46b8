//! Tests of a search whose connections are held by several worker processes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp
)]

mod common;

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use bench_report::{LimitOwner, Status, WarningCode};
use common::{bench, errors, finish, held, limit, limit_of, report, said, server, step_of};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use test_support::{Ended, RunningProgram, TestDirectory, eventually};

const SHORT: &[&str] = &["--duration", "300ms"];

/// Returns the process ids of the workers of a running program, in ascending order.
fn workers(running: &RunningProgram) -> Vec<i32> {
    let is_worker = |pid: &i32| {
        let shown = std::fs::read_to_string(format!("/proc/{pid}/cmdline"));
        shown.is_ok_and(|shown| shown.ends_with("ws-bench\0worker\0"))
    };
    running.children().into_iter().filter(is_worker).collect()
}

#[test]
fn workers_find_the_limit_of_a_server_that_refuses_after_fifty_as_one_process_does() {
    let server = server(&["--refuse-after", "50"]);
    let place = TestDirectory::new();
    let mut command = limit_of(&place, SHORT);
    command.args([
        "--url",
        server.url(),
        "--max",
        "1000",
        "--start",
        "10",
        "--workers",
        "3",
    ]);
    let output = finish(&mut command);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = report(&place);
    let (value, owner, reason) = limit(&report);
    assert_eq!((value, owner), (50, LimitOwner::Target), "{reason}");
    assert!(reason.contains("503"), "{reason}");
    assert!(held(step_of(&report, 50)) && !held(step_of(&report, 51)));
    assert!(errors(&report, "connect", "http.503") > 0);
    assert_eq!(
        (report.status, &report.config["workers"]),
        (Status::Complete, &3.into())
    );
    let opened = step_of(&report, 20).operations["connect"].succeeded;
    assert_eq!(opened, 10, "those of the step before live on");
    for step in report.steps.iter().filter(|step| held(step)) {
        let echo = &step.operations["echo"];
        assert_eq!(
            (echo.attempted, echo.succeeded),
            (600, 600),
            "2,000/s over 300 ms"
        );
        assert_eq!(
            step.figures["checked_connections"],
            step.figures["open_connections"]
        );
        assert!(step.figures["client.rss_bytes"] > 0.0 && step.server.is_some());
        assert!(step.generator.parent_cpu_ns.is_some());
    }
}

#[test]
fn each_worker_has_its_own_limit_of_open_files_and_the_verdict_says_so() {
    let server = server(&[]);
    let place = TestDirectory::new();
    let mut command = limit_of(&place, SHORT);
    command.args(["--url", server.url(), "--max", "1000", "--workers", "4"]);
    let few_files = || Ok(setrlimit(Resource::RLIMIT_NOFILE, 130, 130)?);
    // SAFETY: setrlimit is async-signal-safe and changes nothing in this process.
    unsafe { command.pre_exec(few_files) };
    let output = finish(&mut command);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = report(&place);
    let (value, owner, reason) = limit(&report);
    assert_eq!(owner, LimitOwner::Generator, "{reason}");
    let whose = "each of the 4 worker processes may open 130 files";
    assert!(reason.contains(whose), "{reason}");
    assert!(
        (131..520).contains(&value),
        "more than one process: {value}"
    );
    assert!(report.steps.iter().all(held), "planned no more than fits");
}

/// Checks the owner of the limit if the system refuses sockets to one worker. The limits allow the
/// plan at first; then the limit of open files of that worker is lowered without its knowledge.
#[test]
#[cfg(target_os = "linux")]
fn a_descriptor_that_the_system_refuses_one_worker_is_told_with_its_name() {
    let server = server(&[]);
    let place = TestDirectory::new();
    let mut command = limit_of(
        &place,
        &[
            "--duration",
            "1s",
            "--max",
            "3000",
            "--start",
            "100",
            "--workers",
            "2",
        ],
    );
    let mut running = RunningProgram::start(command.args(["--url", server.url()]));
    running.wait_for("phase: measure");
    let workers = workers(&running);
    assert_eq!(workers.len(), 2);
    let pid = workers[1].to_string();
    let lowered = Command::new("prlimit")
        .args(["--pid", &pid, "--nofile=150:150"])
        .status();
    assert!(lowered.unwrap().success());
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(0), "{said}");
    let report = report(&place);
    let (value, owner, reason) = limit(&report);
    assert_eq!(owner, LimitOwner::Generator, "{reason}");
    assert!(
        reason.contains("emfile") && reason.contains("worker "),
        "{reason}"
    );
    assert!((100..300).contains(&value), "{value}");
}

#[test]
fn a_killed_worker_is_named_and_the_run_has_failed() {
    let place = TestDirectory::new();
    // Without a URL, the workers must use the throwaway server of their parent.
    let args = ["--duration", "3s", "--max", "400", "--workers", "2"];
    let mut running = RunningProgram::start(&mut limit_of(&place, &args));
    running.wait_for("phase: measure");
    let workers = workers(&running);
    assert_eq!(workers.len(), 2);
    std::thread::sleep(std::time::Duration::from_millis(500));
    kill(Pid::from_raw(workers[1]), Signal::SIGKILL).unwrap();
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(1), "{said}");
    let killed = format!("(pid {}) was killed by signal 9", workers[1]);
    assert!(said.contains(&killed), "{said}");
    let report = report(&place);
    assert_eq!((report.status, report.steps.len()), (Status::Failed, 1));
    let lost = |w: &&bench_report::Warning| w.code == WarningCode::WorkerLost;
    let lost = report.warnings.iter().find(lost).unwrap();
    assert!(lost.message.contains(&killed), "{lost:?}");
    eventually("the other worker has exited", || {
        kill(Pid::from_raw(workers[0]), None).is_err()
    });
}

#[test]
fn the_command_by_hand_is_refused() {
    let place = TestDirectory::new();
    let mut by_hand = bench(&place, &["worker"]);
    by_hand.stdin(std::process::Stdio::null());
    let Ended { code, said, .. } = RunningProgram::start(&mut by_hand).end();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("worker processes of --workers"), "{said}");
}
