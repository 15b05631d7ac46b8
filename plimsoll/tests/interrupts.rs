//! Interrupted at any instant, every tool saves a valid report and leaves nothing behind.
//!
//! Ten instants in `make test`, fifty in `make soak` (`PLIMSOLL_SOAK=50`); the seed is printed,
//! and `PLIMSOLL_SEED` repeats it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod common;

use std::time::Duration;

use bench_report::Status;
use common::{Place, Running, contention, reports};
use nix::sys::signal::Signal;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

/// A tool and its arguments.
type Case = (&'static str, &'static [&'static str]);

const CASES: &[Case] = &[
    (
        "db-pool-bench",
        &[
            "sweep",
            "--pool-sizes",
            "2,4",
            "--driver",
            "direct,deadpool,sqlx",
            "--workload",
            "mixed",
            "--repeats",
            "1",
            "--warmup",
            "200ms",
            "--duration",
            "500ms",
            "--run-dir",
            "run",
        ],
    ),
    (
        "redis-bench",
        &[
            "cache",
            "--client",
            "pooled,multiplexed",
            "--repeats",
            "2",
            "--warmup",
            "200ms",
            "--duration",
            "500ms",
            "--run-dir",
            "run",
        ],
    ),
    (
        "ws-bench",
        &[
            "limit",
            "--max",
            "800",
            "--duration",
            "500ms",
            "--run-dir",
            "run",
        ],
    ),
    (
        "sysmon",
        &[
            "record",
            "--duration",
            "4s",
            "--interval",
            "100ms",
            "--run-dir",
            "run",
        ],
    ),
    (
        "plimsoll",
        &["run", "--profile", "smoke", "--run-dir", "run"],
    ),
];

/// From the first sign of life; the last of these runs take a little longer.
const LATEST: Duration = Duration::from_secs(5);
/// From the signal to the end.
const BOUND: Duration = Duration::from_secs(3);

#[test]
fn interrupted_at_any_instant_a_tool_saves_its_report_and_leaves_nothing() {
    let number = |name: &str| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let instants = number("PLIMSOLL_SOAK").unwrap_or(10);
    let seed = number("PLIMSOLL_SEED").unwrap_or_else(rand::random);
    println!("PLIMSOLL_SEED={seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    for n in 0..instants as usize {
        let case = CASES[n % CASES.len()];
        let signal = if random.random() {
            Signal::SIGINT
        } else {
            Signal::SIGTERM
        };
        let delay = LATEST.mul_f64(random.random());
        interrupt(case, signal, delay);
    }
}

fn interrupt((tool, args): Case, signal: Signal, delay: Duration) {
    let place = Place::new();
    let mut running = Running::start(&mut place.command(tool, args));
    // sysmon has no phases; what it says first is said once it follows signals.
    assert!(running.wait_for(""), "{tool} said nothing");
    std::thread::sleep(delay);
    running.signal(signal);
    let (status, ended_after, said) = running.end();
    let told = format!("{tool} {signal} after {delay:?} (ended after {ended_after:?}):\n{said}");
    println!("{tool} {signal} after {delay:?}: {status}, {ended_after:?}");
    assert!(
        ended_after <= BOUND.mul_f64(contention()),
        "too slow: {told}"
    );
    let reports = reports(&place.path().join("run"));
    let own = tool != "plimsoll";
    // The suite's own start makes no report; whatever one of its tools began is valid.
    assert!(
        !own || reports.len() == 1,
        "{} reports: {told}",
        reports.len()
    );
    let wanted = match status.code() {
        Some(130) => Status::Interrupted,
        Some(0) => Status::Complete,
        code => panic!("exit code {code:?}: {told}"),
    };
    for report in &reports {
        let status = report.status;
        assert!(!own || status == wanted, "{status:?}: {told}");
    }
    assert!(
        !said.contains("panicked") && !said.contains("stack backtrace"),
        "{told}"
    );
    let left = place.left_behind_after(Duration::from_secs(1).mul_f64(contention()));
    assert!(left.is_empty(), "left behind {left:?}: {told}");
}

#[test]
fn killed_outright_a_tool_leaves_no_throwaway_server() {
    for (tool, args) in CASES.iter().filter(|(tool, _)| *tool != "sysmon") {
        let place = Place::new();
        let mut running = Running::start(&mut place.command(tool, args));
        let begun = if *tool == "plimsoll" {
            "phase: db-pool-bench"
        } else {
            "phase: measure"
        };
        assert!(
            running.wait_for(begun),
            "{tool} ended too soon: {}",
            running.said
        );
        running.signal(Signal::SIGKILL);
        let _ = running.child.wait();
        let left = place.left_behind_after(Duration::from_secs(20));
        assert!(left.is_empty(), "{tool} left behind {left:?}");
    }
}
