//! Tests of interrupts at random instants: every tool must save a valid report and leave nothing
//! behind.
//!
//! `make test` tries ten instants, `make soak` fifty (`PLIMSOLL_SOAK=50`). The seed is printed, and
//! `PLIMSOLL_SEED` repeats it.

use std::time::Duration;

use crate::common::{reports, tool};
use bench_report::{Report, Status};
use nix::sys::signal::Signal;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use test_support::{Ended, RunningProgram, TestDirectory, contention, ending_bound};

/// Name of a tool, and its arguments.
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

/// Latest time of the signal after the tool's first line; the longest of these runs last a little
/// longer.
const LATEST: Duration = Duration::from_secs(5);

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

fn interrupt((name, args): Case, signal: Signal, delay: Duration) {
    let place = TestDirectory::new();
    let mut running = RunningProgram::start(&mut tool(&place, name, args));
    // sysmon has no phases, but it prints its first line only after it handles signals.
    running.wait_for("");
    std::thread::sleep(delay);
    running.signal(signal);
    let Ended { code, took, said } = running.end();
    let told = format!("{name} {signal} after {delay:?} (ended after {took:?}):\n{said}");
    println!("{name} {signal} after {delay:?}: {code:?}, {took:?}");
    assert!(took <= ending_bound(), "too slow: {told}");
    assert!(
        !said.contains("panicked") && !said.contains("stack backtrace"),
        "{told}"
    );
    let wanted = match code {
        Some(130) => Status::Interrupted,
        Some(0) => Status::Complete,
        code => panic!("exit code {code:?}: {told}"),
    };
    let reports = reports(&place.path().join("run"));
    if name == "plimsoll" {
        assert_suite(&reports, wanted, &told);
    } else {
        let all: Vec<Status> = reports.iter().map(|report| report.status).collect();
        assert_eq!(all, [wanted], "{told}");
    }
    let left = place.left_behind_after(Duration::from_secs(1).mul_f64(contention()));
    assert!(left.is_empty(), "left behind {left:?}: {told}");
}

/// Asserts that the recorder and every bench that the suite started have written a report. Only the
/// last bench was interrupted and has the status `wanted`, unless the signal arrived just after it
/// had ended. `told` is the suite's output.
fn assert_suite(reports: &[Report], wanted: Status, told: &str) {
    let began = |report: &&str| told.contains(&format!("\nphase: {report} "));
    let benches: Vec<&str> = ["db-pool-bench", "redis-bench", "ws-bench"]
        .into_iter()
        .filter(began)
        .collect();
    let of = |name: &str| {
        let mut found = reports.iter().filter(|report| report.tool.name == name);
        let report = found.next().unwrap_or_else(|| panic!("no {name}: {told}"));
        report.status
    };
    if benches.is_empty() {
        return assert!(reports.is_empty(), "reports of what never began: {told}");
    }
    assert_eq!(of("sysmon"), Status::Complete, "{told}");
    assert_eq!(reports.len(), benches.len() + 1, "{told}");
    let (last, before) = benches.split_last().unwrap();
    for name in before {
        assert_eq!(of(name), Status::Complete, "{told}");
    }
    let last = of(last);
    assert!(last == wanted || last == Status::Complete, "{told}");
}

#[test]
fn killed_outright_a_tool_leaves_no_throwaway_server() {
    for (name, args) in CASES.iter().filter(|(name, _)| *name != "sysmon") {
        let place = TestDirectory::new();
        let mut running = RunningProgram::start(&mut tool(&place, name, args));
        running.wait_for(match *name {
            "plimsoll" => "phase: db-pool-bench",
            _ => "phase: measure",
        });
        running.signal(Signal::SIGKILL);
        running.end();
        let left = place.left_behind_after(Duration::from_secs(20));
        assert!(left.is_empty(), "{name} left behind {left:?}");
    }
}
