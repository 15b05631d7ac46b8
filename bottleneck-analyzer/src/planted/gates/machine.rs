//! Tests of gates on the machine, its processes, and what a server tells.

use bench_report::{Report, Series};

use super::super::common::{Plant, SECOND, START};
use super::{judged, outcome, reason};
use crate::assessment::GateOutcome::{Fail, Pass, Unknown};

/// Returns a recording of 40 s in which the series `name` grows from 2 GB by `bytes`, with a ripple
/// of 20 MB up and down.
fn grows(name: &str, labels: &[(&str, &str)], bytes: f64) -> Report {
    let mut report = Plant::default().sysmon();
    let mut series = Series::new(name);
    for (key, value) in labels {
        series = series.label(key, *value);
    }
    for i in 0..400u64 {
        let ripple = if i % 2 == 0 { -2e7 } else { 2e7 };
        let value = 2e9 + bytes * i as f64 / 400.0 + ripple;
        series.push(START + (i + 1) * SECOND / 10, Some(value));
    }
    let is_same = |other: &Series| (&other.name, &other.labels) == (&series.name, &series.labels);
    report.series.retain(|other| !is_same(other));
    report.series.push(series);
    report
}

#[test]
fn growth_of_memory_is_judged_with_its_error() {
    let machine = |bytes| {
        let recording = grows("memory.used_bytes", &[], bytes);
        let run = [Plant::default().postgres(), recording];
        judged(&run, "memory growth < 500MB", "")
    };
    for (bytes, wanted) in [(1e8, Pass), (5.5e8, Unknown), (1e9, Fail), (-4e8, Pass)] {
        assert_eq!(machine(bytes).outcome, wanted, "{bytes}");
    }
    let gate = machine(1e9);
    // Nine tenths lie between the middles of the first and the last tenth of the load.
    let (low, measured, high) = (
        gate.low.unwrap(),
        gate.measured.unwrap(),
        gate.high.unwrap(),
    );
    assert!((measured / 9e8 - 1.0).abs() < 0.05, "{gate:?}");
    assert!(low < measured - 3e7 && high > measured + 3e7, "{gate:?}");
    // An older recording has only the memory that is left.
    let left = [
        Plant::default().postgres(),
        grows("memory.available_bytes", &[], -1e9),
    ];
    let left = judged(&left, "memory growth < 500MB", "");
    assert_eq!(
        (left.outcome, left.measured > Some(8e8)),
        (Fail, true),
        "{left:?}"
    );
    let process = |name: &str, bytes| {
        let labels = [("pid", "77"), ("name", "server")];
        let recording = grows("process.rss_bytes", &labels, bytes);
        let run = [Plant::default().postgres(), recording];
        judged(
            &run,
            "memory growth < 500MB",
            &format!("process = \"{name}\""),
        )
    };
    assert_eq!(process("server", 1e9).outcome, Fail);
    assert_eq!(process("server", 1e8).outcome, Pass);
    let other = process("backend", 1e9);
    assert_eq!(other.outcome, Unknown);
    assert!(
        reason(&other).contains("sysmon record --follow backend"),
        "{other:?}"
    );
    let unrecorded = judged(&[Plant::default().postgres()], "memory growth < 500MB", "");
    assert_eq!(unrecorded.outcome, Unknown);
}

/// Memory grows by 1 GB in the first 40 s, in which PostgreSQL is loaded. The load on Redis begins after 60 s.
#[test]
fn growth_is_judged_over_the_load_that_a_gate_is_about() {
    let plant = Plant::default();
    let mut recording = plant.sysmon();
    let mut series = Series::new("memory.used_bytes");
    for tenth in 1..=1_000u64 {
        let ripple = if tenth % 2 == 0 { -2e7 } else { 2e7 };
        let value = 2e9 + 1e9 * tenth.min(400) as f64 / 400.0 + ripple;
        series.push(START + tenth * SECOND / 10, Some(value));
    }
    recording.series.push(series);
    let run = [plant.postgres(), plant.redis(), recording];
    for (about, wanted) in [
        ("component = \"postgres\"", Fail),
        ("component = \"redis\"", Pass),
        ("component = \"machine\"", Fail),
        ("", Fail),
    ] {
        let found = judged(&run, "memory growth < 500MB", about);
        assert_eq!(found.outcome, wanted, "{about}: {found:?}");
    }
}

#[test]
fn a_process_that_was_not_there_all_the_time_is_not_judged() {
    let labels = [("pid", "77"), ("name", "server")];
    let mut recording = grows("process.rss_bytes", &labels, 1e8);
    let series = recording.series.last_mut().unwrap();
    for column in [&mut series.mean, &mut series.min, &mut series.max] {
        column[200..].fill(None);
    }
    let run = [Plant::default().postgres(), recording];
    let gate = judged(&run, "memory growth < 500MB", "process = \"server\"");
    assert_eq!(gate.outcome, Unknown);
    assert!(
        reason(&gate).starts_with("not the same processes"),
        "{gate:?}"
    );
}

#[test]
fn figures_of_the_machine_the_cache_the_connections_and_the_pool_pass_and_fail() {
    let plant = Plant::default();
    let run = [
        plant.postgres(),
        plant.redis(),
        plant.websocket(),
        plant.sysmon(),
    ];
    for (pass, fail) in [
        ("cpu < 90%", "cpu < 10%"),
        ("memory < 95%", "memory < 10%"),
        ("hit ratio > 80%", "hit ratio > 99%"),
        ("connected > 95%", "connected >= 100%"),
        ("pool use <= 100%", "pool use < 50%"),
    ] {
        assert_eq!(outcome(&run, pass, ""), Pass, "{pass}");
        let failed = judged(&run, fail, "");
        let wanted = if fail.starts_with("connected") {
            Pass
        } else {
            Fail
        };
        assert_eq!(failed.outcome, wanted, "{failed:?}");
    }
    let bare = [plant.postgres()];
    for bound in [
        "cpu < 90%",
        "memory < 95%",
        "hit ratio > 80%",
        "connected > 95%",
    ] {
        assert_eq!(outcome(&bare, bound, ""), Unknown, "{bound}");
    }
}
