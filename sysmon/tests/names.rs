//! Tests of the content of a recording: known names, plausible values, and nothing that was not
//! requested.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use bench_report::names::Place;
use bench_report::{Report, WarningCode};
use common::{Home, series};

#[test]
fn sampling_every_ten_milliseconds_gives_no_nonsense() {
    let home = Home::new();
    let out = home.run(&["--interval", "10ms", "--duration", "500ms", "--quiet"]);
    assert!(out.status.success());
    let report = home.report();
    let cores = report.environment.cores.unwrap() as f64;
    let mut looked_at = 0;
    for series in &report.series {
        let most = match series.name.as_str() {
            "process.cpu_cores" => cores + 0.2,
            name if name.ends_with("_ratio") => 1.0,
            _ => f64::INFINITY,
        };
        assert!(series.at_ns.is_sorted_by(|a, b| a < b), "{}", series.name);
        for value in series.max.iter().chain(&series.min).flatten() {
            assert!((0.0..=most).contains(value), "{} = {value}", series.name);
            looked_at += 1;
        }
    }
    assert!(looked_at > 0);
    let figures = &report.summary.figures;
    assert!(figures["samples"] + figures["missed_samples"] >= 50.0);
}

/// Names of all series that a recording may have, except for those of control groups.
const KNOWN: &[&str] = &[
    "cpu.busy_ratio",
    "cpu.user_ratio",
    "cpu.system_ratio",
    "cpu.iowait_ratio",
    "cpu.steal_ratio",
    "cpu.irq_ratio",
    "cpu.nice_ratio",
    "cpu.softirq_ratio",
    "cpu.guest_ratio",
    "cpu.idle_ratio",
    "load.runnable",
    "load.blocked",
    "load.average_1m",
    "load.average_5m",
    "load.average_15m",
    "load.tasks",
    "scheduler.context_switches_per_s",
    "scheduler.forks_per_s",
    "handles.open",
    "handles.most",
    "memory.cached_bytes",
    "memory.dirty_bytes",
    "memory.slab_bytes",
    "memory.slab_reclaimable_bytes",
    "memory.huge_anonymous_bytes",
    "memory.huge_total_bytes",
    "memory.huge_free_bytes",
    "memory.major_faults_per_s",
    "memory.oom_kills",
    "tcp.segments_sent_per_s",
    "tcp.established",
    "tcp.listen_overflows_per_s",
    "tcp.listen_drops_per_s",
    "tcp.sockets_in_use",
    "tcp.time_wait",
    "tcp.orphans",
    "tcp.sockets",
    "temperature.celsius",
    "cpu.clock_hertz",
    "disk.read_await_ns",
    "disk.write_await_ns",
    "disk.queue_length",
    "network.receive_packets_per_s",
    "network.transmit_packets_per_s",
    "memory.total_bytes",
    "memory.available_bytes",
    "memory.used_bytes",
    "memory.used_ratio",
    "swap.used_bytes",
    "swap.in_bytes_per_s",
    "swap.out_bytes_per_s",
    "disk.read_bytes_per_s",
    "disk.write_bytes_per_s",
    "disk.reads_per_s",
    "disk.writes_per_s",
    "disk.busy_ratio",
    "network.receive_bytes_per_s",
    "network.transmit_bytes_per_s",
    "network.drops_per_s",
    "network.errors_per_s",
    "tcp.retransmits_per_s",
    "pressure.cpu.some_ratio",
    "pressure.memory.some_ratio",
    "pressure.memory.full_ratio",
    "pressure.io.some_ratio",
    "pressure.io.full_ratio",
    "gpu.utilisation_ratio",
    "gpu.memory_busy_ratio",
    "gpu.memory_used_bytes",
    "gpu.memory_total_bytes",
    "gpu.power_watts",
    "gpu.temperature_celsius",
    "gpu.sm_clock_hertz",
    "process.cpu_cores",
    "process.rss_bytes",
    "process.children_cpu_cores",
    "process.minor_faults_per_s",
    "process.major_faults_per_s",
    "process.threads",
    "process.descriptors",
    "process.swap_bytes",
    "process.pss_bytes",
    "process.disk_read_bytes_per_s",
    "process.disk_write_bytes_per_s",
    "process.read_bytes_per_s",
    "process.write_bytes_per_s",
    "process.waiting_threads",
    "process.context_switches_per_s",
];

#[test]
fn what_is_recorded_has_the_names_that_the_analyzer_knows() {
    let home = Home::new();
    let out = home.run(&[
        "--interval",
        "200ms",
        "--duration",
        "1s",
        "--processes",
        "all",
        "--sockets",
        "--fields",
        "all,pss",
        "--format",
        "json",
    ]);
    let report: Report = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(report, home.report());
    assert_eq!(report.file_stem(), "sysmon.record");
    let missing = report
        .warnings
        .iter()
        .any(|w| w.code == WarningCode::EvidenceMissing);
    // A machine may have no disk, traffic or GPU; other figures are there, or are reported as absent.
    let may_lack = [
        "disk.",
        "network.",
        "gpu.",
        "temperature.",
        "cpu.clock",
        "memory.huge",
        "cgroup.",
    ];
    let optional = |name: &str| may_lack.iter().any(|kind| name.starts_with(kind));
    for name in KNOWN.iter().filter(|name| !optional(name)) {
        assert!(missing || series(&report, name).next().is_some(), "{name}");
    }
    for series in &report.series {
        let known = bench_report::names::find(Place::Series, &series.name);
        assert!(known.is_some(), "{}", series.name);
        assert!(series.len() <= 6 && series.mean.len() == series.len());
    }
    for name in [
        "own.cpu_ns",
        "own.cpu_per_sample_ns",
        "own.rss_max_bytes",
        "cpu.busy_ratio_mean",
    ] {
        assert!(report.summary.figures[name] >= 0.0, "{name}");
    }
    assert!(report.summary.figures["own.cpu_ns"] > 0.0);
}

#[test]
fn a_machine_without_gpu_says_so_and_is_not_warned_of() {
    let home = Home::new();
    let out = home.run(&["--interval", "100ms", "--duration", "1s"]);
    let report = home.report();
    let found = report.config["gpu"].as_str().unwrap();
    let recorded = report.series.iter().any(|s| s.name.starts_with("gpu."));
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(!found.is_empty());
    if found.starts_with("no NVIDIA") {
        assert!(!recorded && !text.contains("GPU"), "{text}");
        let mut warnings = report.warnings.iter();
        assert!(warnings.all(|w| !w.message.starts_with("gpu")));
    }
}

#[test]
fn without_processes_there_are_none() {
    let home = Home::new();
    let out = home.run(&[
        "--interval",
        "50ms",
        "--duration",
        "200ms",
        "--processes",
        "none",
    ]);
    let report = home.report();
    assert!(series(&report, "process.rss_bytes").next().is_none());
    assert!(series(&report, "memory.used_ratio").next().is_some());
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    assert!(
        text.contains("memory used") && !text.contains("memory max"),
        "{text}"
    );
}
