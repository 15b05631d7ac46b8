//! Tests with servers and machines whose limit is known: the bench must find the limit and its
//! owner.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp
)]

#[path = "../common/mod.rs"]
mod common;
mod generator;

use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bench_report::{LimitOwner, Load, Status, StepEnd, WarningCode};
use common::{bench, errors, finish, held, limit, limit_of, report, said, server, step_of};
use nix::sys::resource::{Resource, setrlimit};
use test_support::{Ended, RunningProgram, TestDirectory};
use tokio_tungstenite::tungstenite::accept;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

const SHORT: &[&str] = &["--duration", "300ms"];

#[test]
fn a_server_that_refuses_after_fifty_holds_fifty_and_it_is_its_limit() {
    let server = server(&["--refuse-after", "50"]);
    let place = TestDirectory::new();
    let output = finish(limit_of(&place, SHORT).args(["--url", server.url(), "--max", "1000"]));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = report(&place);
    let (value, owner, reason) = limit(&report);
    assert_eq!((value, owner), (50, LimitOwner::Target), "{reason}");
    assert!(reason.contains("503"), "{reason}");
    assert!(held(step_of(&report, 50)) && !held(step_of(&report, 51)));
    assert!(errors(&report, "connect", "http.503") > 0);
    assert_eq!(report.status, Status::Complete);
    assert!(
        report.steps[0]
            .failures
            .iter()
            .any(|f| f.phase == "upgrade")
    );
}

#[test]
fn reaching_max_is_no_limit_of_anybody() {
    let place = TestDirectory::new();
    let output = finish(limit_of(&place, SHORT).args(["--max", "250"]));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = report(&place);
    let (value, owner, reason) = limit(&report);
    assert_eq!((value, owner), (250, LimitOwner::Bound), "{reason}");
    assert!(reason.contains("true limit is higher"), "{reason}");
    assert!(String::from_utf8_lossy(&output.stdout).contains(&report.summary.headline));
    assert!(place.left_behind().is_empty(), "{:?}", place.left_behind());
}

/// Checks the owner of the limit if the bench may open only 130 files, which is enough for about 50
/// connections.
#[test]
fn our_own_limit_of_open_files_is_never_the_servers() {
    let server = server(&[]);
    let place = TestDirectory::new();
    let mut command = limit_of(&place, SHORT);
    command.args(["--url", server.url(), "--max", "1000"]);
    let few_files = || Ok(setrlimit(Resource::RLIMIT_NOFILE, 130, 130)?);
    // SAFETY: setrlimit is async-signal-safe and changes nothing in this process.
    unsafe { command.pre_exec(few_files) };
    let output = finish(&mut command);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = report(&place);
    let (value, owner, reason) = limit(&report);
    assert_eq!(owner, LimitOwner::Generator, "{reason}");
    assert!((1..130).contains(&value), "{value}");
    assert!(reason.contains("130 files"), "{reason}");
    assert!(reason.contains("prlimit"), "{reason}");
    let warning = report
        .warnings
        .iter()
        .find(|w| w.code == WarningCode::LimitTooLow);
    assert_eq!(warning.unwrap().threshold, Some(1_000.0));
    assert!(report.steps.iter().all(held), "planned no more than fits");
}

/// Checks the owner of the limit if the system refuses sockets. The planned connections fit at
/// first; then the limit of open files is lowered without the bench's knowledge.
#[test]
#[cfg(target_os = "linux")]
fn a_descriptor_that_the_system_refuses_is_ours_too() {
    let server = server(&[]);
    let place = TestDirectory::new();
    let mut command = limit_of(
        &place,
        &["--duration", "1s", "--max", "3000", "--start", "100"],
    );
    let mut running = test_support::RunningProgram::start(command.args(["--url", server.url()]));
    running.wait_for("phase: measure");
    let pid = running.id().to_string();
    let lowered = std::process::Command::new("prlimit")
        .args(["--pid", &pid, "--nofile=250:250"])
        .status();
    assert!(lowered.unwrap().success());
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(0), "{said}");
    let report = report(&place);
    let (value, owner, reason) = limit(&report);
    assert_eq!(owner, LimitOwner::Generator, "{reason}");
    assert!(reason.contains("emfile"), "{reason}");
    assert!((100..250).contains(&value), "{value}");
}

#[test]
fn a_latency_bound_that_no_server_keeps_breaks_the_first_step() {
    let server = server(&[]);
    let place = TestDirectory::new();
    let mut command = bench(
        &place,
        &["limit", "--run-dir", "run", "--latency-bound", "1ns"],
    );
    command
        .args(SHORT)
        .args(["--max", "20", "--url", server.url()]);
    let output = finish(&mut command);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = report(&place);
    let (value, _, reason) = limit(&report);
    assert_eq!(value, 0);
    assert!(reason.contains("p99 of the echo"), "{reason}");
    assert!(matches!(&report.steps[0].end, StepEnd::Stopped { rule, .. } if rule == "p99>1ns"));
}

#[test]
fn two_thousand_connections_at_once_are_each_echoed_and_none_is_lost() {
    let server = server(&[]);
    let place = TestDirectory::new();
    let many = ["--max", "2000", "--start", "2000", "--timeout", "30s"];
    let output = finish(
        limit_of(&place, SHORT)
            .args(many)
            .args(["--url", server.url()]),
    );
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = report(&place);
    let step = step_of(&report, 2_000);
    assert!(held(step), "{:?}", step.end);
    assert_eq!(step.operations["connect"].succeeded, 2_000);
    assert_eq!(step.figures["open_connections"], 2_000.0);
    assert_eq!(step.figures["checked_connections"], 2_000.0);
    assert_eq!(step.figures["lost_connections"], 0.0);
    assert!(step.operations["echo"].errors.is_empty());
    let files = step.server.as_ref().unwrap().figures["server.open_files"];
    assert!(files >= 2_000.0, "the server had {files} files open");
}

#[test]
fn a_report_has_a_step_for_each_step_with_phases_that_add_up() {
    let place = TestDirectory::new();
    let args = [
        "--max", "90", "--start", "10", "--factor", "3", "--rate", "500",
    ];
    let output = finish(limit_of(&place, SHORT).args(args).args(["--seed", "7"]));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = report(&place);
    let steps: Vec<_> = report
        .steps
        .iter()
        .map(|s| s.parameter("connections").unwrap())
        .collect();
    assert_eq!(steps, [10.0, 30.0, 90.0]);
    assert_eq!(report.config["seed"], 7);
    let opened: Vec<u64> = report
        .steps
        .iter()
        .map(|s| s.operations["connect"].succeeded)
        .collect();
    assert_eq!(
        opened,
        [10, 20, 60],
        "connections live on from step to step"
    );
    for step in &report.steps {
        assert!(matches!(step.load, Load::Open { rate_per_s, .. } if rate_per_s == 500.0));
        let window = step.window;
        assert!(window.start_ns <= window.measure_start_ns);
        assert!(window.measure_start_ns < window.measure_end_ns);
        assert!(window.measure_end_ns <= window.end_ns);
        let connect = &step.operations["connect"];
        assert!(connect.checkout.is_none(), "there is no pool");
        let whole = connect.call.as_ref().unwrap();
        for phase in ["tcp", "upgrade"] {
            let p50 = step.figures[&format!("connect.{phase}_p50_ns")];
            assert!(p50 > 0.0 && p50 <= whole.max_ns as f64, "{phase}: {p50}");
        }
        let echo = &step.operations["echo"];
        assert_eq!(echo.attempted, 150, "500/s over 300 ms");
        let mean = |times: &Option<bench_report::Histogram>| times.as_ref().unwrap().mean_ns;
        let parts = mean(&echo.pacing_lag) + mean(&echo.backlog) + mean(&echo.call);
        let ratio = parts / mean(&echo.response);
        assert!((0.99..1.01).contains(&ratio), "{ratio}");
        let server = &step.server.as_ref().unwrap().figures;
        assert!(server["server.rss_bytes"] > 0.0);
    }
    assert!(
        report
            .series
            .iter()
            .any(|s| s.name == "open_connections" && !s.is_empty())
    );
}

#[test]
fn users_who_wait_for_their_echo_make_a_closed_loop() {
    let place = TestDirectory::new();
    let args = [
        "--max",
        "40",
        "--start",
        "20",
        "--talkers",
        "30",
        "--think-time",
        "5ms",
    ];
    let output = finish(limit_of(&place, SHORT).args(args).args(["--repeats", "2"]));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = report(&place);
    let told: Vec<_> = report
        .steps
        .iter()
        .map(|s| (s.name.as_str(), s.repeat))
        .collect();
    let (low, high) = ("20 connections", "40 connections");
    assert_eq!(told, [(low, 0), (low, 1), (high, 0), (high, 1)]);
    for (step, talkers) in report.steps.iter().zip([20, 20, 30, 30]) {
        assert!(matches!(step.load, Load::Closed { users, .. } if users == talkers));
        assert!(step.operations["echo"].response.is_none(), "nothing is due");
        assert!(step.operations["echo"].call.is_some());
    }
    assert!(
        !report.steps[1].operations.contains_key("connect"),
        "nothing was left to open"
    );
}

#[test]
fn the_shared_runtime_does_the_same() {
    let place = TestDirectory::new();
    let args = ["--max", "100", "--start", "50", "--runtime", "shared"];
    let output = finish(limit_of(&place, SHORT).args(args));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = report(&place);
    assert_eq!(limit(&report).0, 100);
    assert!(
        report
            .steps
            .iter()
            .all(|step| step.figures["lost_connections"] == 0.0)
    );
}

/// Starts an echo server that accepts every connection and closes those beyond `limit` open ones a
/// moment later. Returns its URL.
fn drops_beyond(limit: u64) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let open = Arc::new(AtomicU64::new(0));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let open = Arc::clone(&open);
            thread::spawn(move || {
                let before = open.fetch_add(1, Ordering::SeqCst);
                serve(stream, before < limit);
                open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    url
}

fn serve(stream: TcpStream, stays: bool) {
    let Ok(mut socket) = accept(stream) else {
        return;
    };
    if !stays {
        thread::sleep(Duration::from_millis(50));
        let frame = CloseFrame {
            code: 1013.into(),
            reason: "full".into(),
        };
        let _ = socket.close(Some(frame));
    }
    while let Ok(message) = socket.read() {
        if message.is_binary() && socket.send(message).is_err() {
            return;
        }
    }
}

/// Checks that losses of one step do not count in the next. After the step of 100 broke, 50
/// connections are open; the next step uses these, and loses none of them.
#[test]
fn connections_that_a_step_lost_are_not_charged_to_the_next() {
    let place = TestDirectory::new();
    let url = drops_beyond(50);
    let args = ["--max", "400", "--start", "100", "--duration", "500ms"];
    let output = finish(limit_of(&place, &args).args(["--url", &url]));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = report(&place);
    let (value, owner, reason) = limit(&report);
    assert_eq!((value, owner), (50, LimitOwner::Target), "{reason}");
    let key = step_of(&report, 50);
    assert!(held(key), "{:?}", key.end);
    assert_eq!(key.figures["checked_connections"], 50.0);
    assert_eq!(key.figures["lost_connections"], 0.0);
}

/// Checks that a rule of the user ends a step soon after the server hangs, however long the step
/// is.
#[test]
fn a_stop_rule_ends_a_step_whose_server_hangs() {
    let server = server(&[]);
    let place = TestDirectory::new();
    let args = [
        "--url",
        server.url(),
        "--max",
        "50",
        "--start",
        "50",
        "--duration",
        "20s",
        "--timeout",
        "20s",
        "--stop-on",
        "p99>500ms",
    ];
    let mut running = RunningProgram::start(&mut limit_of(&place, &args));
    running.wait_for("phase: measure");
    thread::sleep(Duration::from_millis(300));
    server.pause();
    let hung = Instant::now();
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(0), "{said}");
    // The bound, 2 s to notice, and 2 s for the end of the run.
    let bound = Duration::from_millis(500) + Duration::from_secs(4);
    assert!(hung.elapsed() < bound, "{:?}: {said}", hung.elapsed());
    assert!(matches!(
        report(&place).steps[0].end,
        StepEnd::Stopped { .. }
    ));
}
