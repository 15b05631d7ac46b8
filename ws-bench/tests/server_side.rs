//! Tests of what a report contains about the server's process: its identity, and its use of
//! resources in the measured part of a step.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use bench_report::Report;
use common::{finish, limit_of, report, server};
use nix::time::{ClockId, clock_gettime};
use test_support::{Ended, RunningProgram, TestDirectory};
use tokio_tungstenite::tungstenite::accept;

const SHORT: &[&str] = &["--duration", "300ms", "--max", "10"];

fn server_process(report: &Report) -> (u64, &str) {
    let process = &report.config["server_process"];
    (
        process["pid"].as_u64().unwrap(),
        process["name"].as_str().unwrap(),
    )
}

#[test]
fn a_local_server_is_named_with_its_process() {
    let server = server(&[]);
    let place = TestDirectory::new();
    finish(limit_of(&place, SHORT).args(["--url", server.url()]));
    let report = report(&place);
    let (pid, name) = server_process(&report);
    assert_eq!((pid, name), (u64::from(server.pid()), "ws-bench"));
}

#[test]
fn a_throwaway_server_is_named_too() {
    let place = TestDirectory::new();
    finish(&mut limit_of(&place, SHORT));
    let report = report(&place);
    assert_eq!(server_process(&report).1, "ws-bench");
}

/// Keeps the calling thread busy until it has used `time` of CPU time.
fn burn(time: Duration) {
    let used = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap());
    let until = used() + time;
    while used() < until {
        std::hint::black_box(0);
    }
}

/// CPU time in milliseconds that a server must use before its next echo, and CPU time that it has
/// used so.
#[derive(Debug, Default)]
struct Fuel {
    asked: AtomicU64,
    burnt: AtomicU64,
}

/// Starts an echo server in this process that uses the CPU time in `fuel` before its next echo.
/// Returns its URL.
fn burns_before_its_echo(fuel: &Arc<Fuel>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let fuel = Arc::clone(fuel);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let fuel = Arc::clone(&fuel);
            thread::spawn(move || {
                let mut socket = accept(stream).unwrap();
                while let Ok(message) = socket.read() {
                    let ms = fuel.asked.swap(0, Ordering::Relaxed);
                    burn(Duration::from_millis(ms));
                    fuel.burnt.fetch_add(ms, Ordering::Relaxed);
                    if message.is_binary() && socket.send(message).is_err() {
                        return;
                    }
                }
            });
        }
    });
    url
}

/// Checks that CPU time outside the measured part does not count. One user has one connection. 1 s
/// of CPU time is spent on an echo of the warm-up, and 2 s on an echo that is due within the
/// measured 0.5 s and arrives long after it.
#[test]
fn its_cpu_time_is_that_of_the_measured_part() {
    let fuel = Arc::new(Fuel::default());
    let url = burns_before_its_echo(&fuel);
    let place = TestDirectory::new();
    let mut command = limit_of(&place, &["--max", "1", "--start", "1", "--talkers", "1"]);
    command.args(["--think-time", "10ms", "--warmup", "2s"]);
    command.args(["--duration", "500ms", "--timeout", "60s", "--url", &url]);
    let mut running = RunningProgram::start(&mut command);
    running.wait_for("phase: warm-up");
    fuel.asked.store(1_000, Ordering::Relaxed);
    running.wait_for("phase: measure");
    fuel.asked.store(2_000, Ordering::Relaxed);
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(fuel.burnt.load(Ordering::Relaxed), 3_000, "{said}");
    let report = report(&place);
    let server = report.steps[0].server.as_ref().unwrap();
    let used_ns = server.figures["server.cpu_ns"];
    // One thread uses the CPU, at most for the measured time.
    assert!(used_ns <= 1.5e9, "{used_ns} ns of CPU in 0.5 s");
}
