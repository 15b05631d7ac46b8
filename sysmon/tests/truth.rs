//! Known loads on this machine: what a recording says of them agrees with what they counted
//! themselves.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::process::Stdio;
use std::time::{Duration, Instant};

use bench_report::clock;
use common::{Home, mean, series};

#[test]
#[ignore = "the child of the test below"]
fn burn_one_core_for_two_seconds() {
    let begin = Instant::now();
    let mut spins = 0u64;
    while begin.elapsed() < Duration::from_secs(2) {
        spins = std::hint::black_box(spins + 1);
    }
    let cpu_ns = clock::process_cpu_ns();
    let told = format!(
        "{} {cpu_ns} {}",
        std::process::id(),
        begin.elapsed().as_nanos()
    );
    std::fs::write(std::env::var("SYSMON_TEST_TOLD").unwrap(), told).unwrap();
    assert!(cpu_ns > 0 && spins > 0);
}

#[test]
fn a_burnt_core_is_seen_and_put_on_the_process_that_burnt_it() {
    let home = Home::new();
    let told = home.path().join("told");
    let me = std::env::current_exe().unwrap();
    let status = home
        .command(&["--interval", "100ms", "--quiet", "--"])
        .arg(me)
        .args(["--ignored", "--exact", "burn_one_core_for_two_seconds"])
        .env("SYSMON_TEST_TOLD", &told)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let told = std::fs::read_to_string(told).unwrap();
    let told: Vec<f64> = told.split(' ').map(|n| n.parse().unwrap()).collect();
    let [pid, cpu_ns, wall_ns] = told[..] else {
        panic!("{told:?}")
    };

    let report = home.report();
    let pid = format!("{pid:.0}");
    let seen = series(&report, "process.cpu_cores")
        .find(|s| s.labels["pid"] == pid)
        .unwrap();
    let ratio = mean(seen) / (cpu_ns / wall_ns);
    assert!((0.85..=1.15).contains(&ratio), "seen ÷ own = {ratio}");
    let ratio = report.summary.figures["command.cpu_ns"] / cpu_ns;
    assert!(
        (0.85..=1.15).contains(&ratio),
        "command.cpu_ns ÷ own = {ratio}"
    );
}

/// Busy and all CPU time of the machine, in ticks, as proc(5) has it.
fn ticks() -> (f64, f64) {
    let text = std::fs::read_to_string("/proc/stat").unwrap();
    let fields = text.lines().next().unwrap().split_whitespace().skip(1);
    let t: Vec<f64> = fields.map(|n| n.parse().unwrap()).collect();
    (t[0] + t[1] + t[2] + t[5] + t[6], t[..8].iter().sum())
}

#[test]
fn the_machines_busy_share_agrees_with_proc_stat() {
    let home = Home::new();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let (before, after) = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        let before = ticks();
        let out = home.run(&["--interval", "250ms", "--duration", "2s", "--quiet"]);
        let after = ticks();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(out.status.success());
        (before, after)
    });
    let report = home.report();
    let all_cores = series(&report, "cpu.busy_ratio")
        .find(|s| s.labels.is_empty())
        .unwrap();
    let seen = mean(all_cores);
    // Our own window holds the recording's: what lies outside it may have been busy or not.
    let (busy, total) = (after.0 - before.0, after.1 - before.1);
    let first = series(&report, "memory.total_bytes").next().unwrap().at_ns[0];
    let recorded_s = (all_cores.at_ns.last().unwrap() - first) as f64 / 1e9;
    let cores = series(&report, "cpu.busy_ratio").count() as f64 - 1.0;
    let inside = (recorded_s * cores * 100.0).min(total);
    let outside = total - inside;
    let (least, most) = ((busy - outside) / inside, busy / inside);
    assert!(
        least - 0.05 <= seen && seen <= most + 0.05,
        "{least} <= {seen} <= {most}"
    );
    assert!(seen > 0.0);
}
