//! Tests with servers that are killed or stand still in the middle of a step.

use std::thread;
use std::time::Duration;

use bench_report::{LimitOwner, Report, Status};
use test_support::{Ended, RunningProgram, TestDirectory};
use testbed::WebSocketServer;

use crate::common::{HANG, errors, limit, limit_of, report, server};

/// Runs a search of one step, and calls `fell`, which kills or stops the server, in the middle of
/// its measurement. Returns the report and the output. Panics if the program fails or hangs.
fn fell_over(fell: impl FnOnce(&mut WebSocketServer)) -> (Report, String) {
    let mut server = server(&[]);
    let place = TestDirectory::new();
    let args = [
        "--max",
        "50",
        "--start",
        "50",
        "--duration",
        "2s",
        "--timeout",
        "1s",
    ];
    let mut running = RunningProgram::start(limit_of(&place, &args).args(["--url", server.url()]));
    running.wait_for("phase: measure");
    thread::sleep(Duration::from_millis(300));
    fell(&mut server);
    let Ended { code, took, said } = running.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(took < HANG, "{said}");
    (report(&place), said)
}

#[test]
fn a_server_that_is_killed_is_counted_by_kind_and_ends_the_search() {
    let (report, said) = fell_over(WebSocketServer::kill);
    let step = &report.steps[0];
    let echo = &step.operations["echo"];
    assert!(echo.succeeded > 0, "it worked before");
    assert!(step.figures["lost_connections"] >= 49.0, "{said}");
    let (value, owner, reason) = limit(&report);
    assert_eq!((value, owner), (0, LimitOwner::Target), "{reason}");
    assert!(reason.contains("answered nobody any more"), "{reason}");
    assert_eq!(report.status, Status::Complete);
}

#[test]
fn a_server_that_stands_still_is_a_time_out_and_no_hang() {
    let (report, said) = fell_over(|server| WebSocketServer::pause(server));
    assert!(errors(&report, "echo", "timeout.echo") > 0, "{said}");
    let step = &report.steps[0];
    assert_eq!(
        step.figures["lost_connections.timeout.echo"], 50.0,
        "{said}"
    );
    let (value, owner, _) = limit(&report);
    assert_eq!((value, owner), (0, LimitOwner::Target));
}
