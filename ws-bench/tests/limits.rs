//! Servers and machines whose limit is known: the bench must find it, and whose it is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp
)]

mod common;

use std::os::unix::process::CommandExt as _;

use bench_report::{LimitOwner, Load, Status, StepEnd, WarningCode};
use common::{bench, errors, finish, held, level, limit, limit_of, report, said, server};
use nix::sys::resource::{Resource, setrlimit};
use test_support::{Ended, Place};
use testbed::{Faults, Proxy};

const SHORT: &[&str] = &["--duration", "300ms"];

#[test]
fn a_server_that_refuses_after_fifty_holds_fifty_and_it_is_its_limit() {
    let server = server(&["--refuse-after", "50"]);
    let place = Place::new();
    let output = finish(limit_of(&place, SHORT).args(["--url", server.url(), "--max", "1000"]));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = report(&place);
    let (value, owner, reason) = limit(&report);
    assert_eq!((value, owner), (50, LimitOwner::Target), "{reason}");
    assert!(reason.contains("503"), "{reason}");
    assert!(held(level(&report, 50)) && !held(level(&report, 51)));
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
    let place = Place::new();
    let output = finish(limit_of(&place, SHORT).args(["--max", "250"]));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = report(&place);
    let (value, owner, reason) = limit(&report);
    assert_eq!((value, owner), (250, LimitOwner::Bound), "{reason}");
    assert!(reason.contains("true limit is higher"), "{reason}");
    assert!(String::from_utf8_lossy(&output.stdout).contains(&report.summary.headline));
    assert!(place.left_behind().is_empty(), "{:?}", place.left_behind());
}

/// A limit of 130 open files leaves room for some 50 connections.
#[test]
fn our_own_limit_of_open_files_is_never_the_servers() {
    let server = server(&[]);
    let place = Place::new();
    let mut command = limit_of(&place, SHORT);
    command.args(["--url", server.url(), "--max", "1000"]);
    let few_files = || Ok(setrlimit(Resource::RLIMIT_NOFILE, 130, 130)?);
    // SAFETY: setrlimit is async-signal-safe and touches nothing of this process.
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

/// The plan fits, then the limit is lowered behind the bench's back: the system refuses sockets.
#[test]
#[cfg(target_os = "linux")]
fn a_descriptor_that_the_system_refuses_is_ours_too() {
    let server = server(&[]);
    let place = Place::new();
    let mut command = limit_of(
        &place,
        &["--duration", "1s", "--max", "3000", "--start", "100"],
    );
    let mut running = test_support::Running::start(command.args(["--url", server.url()]));
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
fn a_latency_bound_that_no_server_keeps_breaks_the_first_level() {
    let server = server(&[]);
    let place = Place::new();
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
    let place = Place::new();
    let many = ["--max", "2000", "--start", "2000", "--timeout", "30s"];
    let output = finish(
        limit_of(&place, SHORT)
            .args(many)
            .args(["--url", server.url()]),
    );
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = report(&place);
    let step = level(&report, 2_000);
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
fn a_report_has_a_step_for_each_level_with_phases_that_add_up() {
    let place = Place::new();
    let args = [
        "--max", "90", "--start", "10", "--factor", "3", "--rate", "500",
    ];
    let output = finish(limit_of(&place, SHORT).args(args).args(["--seed", "7"]));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = report(&place);
    let levels: Vec<_> = report
        .steps
        .iter()
        .map(|s| s.parameter("connections").unwrap())
        .collect();
    assert_eq!(levels, [10.0, 30.0, 90.0]);
    assert_eq!(report.config["seed"], 7);
    let opened: Vec<u64> = report
        .steps
        .iter()
        .map(|s| s.operations["connect"].succeeded)
        .collect();
    assert_eq!(
        opened,
        [10, 20, 60],
        "connections live on from level to level"
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
    let place = Place::new();
    let args = [
        "--max",
        "40",
        "--start",
        "20",
        "--users",
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
    let place = Place::new();
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

#[test]
#[ignore = "needs the common engine: the rules of a level are judged at its end"]
fn a_rule_ends_a_level_whose_server_freezes() {
    let server = server(&[]);
    let address = server.url().trim_start_matches("ws://");
    let address = address.split('/').next().unwrap();
    let proxy = Proxy::start(address.parse().unwrap(), Faults::default()).unwrap();
    let url = server.url().replace(address, &proxy.address().to_string());
    let place = Place::new();
    let args = [
        "--duration",
        "60s",
        "--timeout",
        "30s",
        "--max",
        "10",
        "--start",
        "10",
    ];
    let mut command = limit_of(&place, &args);
    command.args(["--stop-on", "p99>500ms", "--url", &url]);
    let mut running = test_support::Running::start(&mut command);
    running.wait_for("phase: measure");
    proxy.set(Faults {
        stall: true,
        ..Faults::default()
    });
    let Ended { said, .. } = running.end();
    let report = report(&place);
    let StepEnd::Stopped { rule, .. } = &report.steps[0].end else {
        panic!("{said}");
    };
    assert_eq!(rule, "p99>500ms");
    assert!(report.steps[0].window.measured_s() < 30.0, "{said}");
}
