//! Tests of `sysmon record` and the raw samples beside its report, also if the recorder is killed.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use common::Home;
use common::arrows::{self, RawFile};
use nix::sys::signal::Signal;
use test_support::{RunningProgram, contention, eventually};

fn file(home: &Home) -> PathBuf {
    arrows::single(&home.report_path())
}

#[test]
fn raw_samples_hold_every_reading_of_the_report_and_the_file_is_closed() {
    let home = Home::new();
    let own = std::process::id().to_string();
    let follow = format!("--follow=pid:{own}");
    let out = home.run(&["--duration=1s", "--interval=50ms", "--fields=all", &follow]);
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let (report, raw) = (home.report(), RawFile::read(&file(&home)).unwrap());
    assert!(raw.is_closed);
    assert_eq!(raw.header["run_id"], report.run_id);
    assert_eq!(raw.header.get("boot_id"), report.clock.boot_id.as_ref());
    let monotonic_ns = report.clock.monotonic_ns.to_string();
    assert_eq!(raw.header["monotonic_ns"], monotonic_ns);
    assert_eq!(raw.header["started_at"], report.started_at);
    assert_eq!(raw.header["interval_ns"], "50000000");
    assert_eq!(report.config["raw"], "sysmon.record.arrows");

    let mut found: BTreeMap<_, BTreeMap<u64, f64>> = BTreeMap::new();
    for (series, points) in raw.series {
        found.entry(series).or_default().extend(points);
    }
    // A process that changes its name keeps the old one in what was written before. This process does not
    // change its name, but the recorders that it starts do.
    let keeps_its_name =
        |labels: &BTreeMap<String, String>| labels.get("pid").is_none_or(|pid| *pid == own);
    let series = report.series.into_iter();
    let series: Vec<_> = series.filter(|s| keeps_its_name(&s.labels)).collect();
    assert!(series.iter().any(|s| s.name == "process.descriptors"));
    assert!(series.iter().any(|s| s.name == "cpu.busy_ratio"));
    for series in series {
        let told = series.at_ns.iter().zip(&series.mean);
        let told: Vec<(u64, f64)> = told.filter_map(|(at, v)| Some((*at, (*v)?))).collect();
        let key = (series.name, series.labels);
        let raw = &found[&key];
        // In the report a rate stands at the instant of its own read, in raw samples at the end of the tick.
        assert_eq!(raw.len(), told.len(), "{key:?}");
        for ((at_ns, value), raw) in told.into_iter().zip(raw.values()) {
            // Parsing JSON may round the last digit.
            let off = (raw - value).abs();
            assert!(off <= 1e-12 * value.abs(), "{key:?} at {at_ns}: {off}");
        }
    }
    let rows: usize = found.values().map(BTreeMap::len).sum();
    assert!(report.summary.figures["raw.rows"] as usize >= rows);
    assert!(report.summary.figures["raw.dropped_samples"] == 0.0);
}

#[test]
fn a_kill_loses_at_most_a_second_and_an_interval() {
    for (interval, interval_ns, ticks) in [("20ms", 20_000_000, 60), ("600ms", 600_000_000, 2)] {
        let home = Home::new();
        let recorder = RunningProgram::start(&mut home.command(&["--interval", interval]));
        eventually("some is on disk", || {
            let recording = RawFile::read(&file(&home)).ok();
            recording.is_some_and(|r| r.series.values().any(|points| points.len() >= ticks))
        });
        // Waits for an arbitrary time.
        std::thread::sleep(Duration::from_millis(u64::from(recorder.id() % 500)));
        let slower = contention();
        let killed_ns = monotonic_ns();
        recorder.signal(Signal::SIGKILL);
        assert_eq!(recorder.end().code, None);
        let recording = RawFile::read(&file(&home)).unwrap();
        assert!(!recording.is_closed);
        let lost_ns = killed_ns.saturating_sub(recording.last_ns().unwrap());
        let most_ns = f64::from(1_000_000_000 + interval_ns) * slower;
        assert!(
            (lost_ns as f64) < most_ns,
            "{interval}: {lost_ns} ns are lost"
        );
    }
}

#[test]
fn a_recording_without_end_turns_its_files_and_removes_its_own_only() {
    let home = Home::new();
    let earlier = arrows::part(&home.report_path(), 1);
    fs::write(&earlier, "of an earlier recording").unwrap();
    let args = [
        "--interval",
        "10ms",
        "--rotate-size",
        "16KiB",
        "--keep",
        "2",
    ];
    let recorder = RunningProgram::start(&mut home.command(&args));
    let files = || arrows::files(&home.report_path());
    eventually("it turned its files", || {
        files().contains(&arrows::part(&home.report_path(), 5))
    });
    recorder.signal(Signal::SIGTERM);
    assert_eq!(recorder.end().code, Some(0));
    let (kept, ours) = (files(), files().split_off(1));
    assert_eq!(kept[0], earlier);
    assert_eq!(
        fs::read_to_string(&earlier).unwrap(),
        "of an earlier recording"
    );
    assert_eq!(ours.len(), 2, "{ours:?}");
    let parts = ours.iter().map(|file| RawFile::read(file).unwrap());
    let parts: Vec<RawFile> = parts.collect();
    assert!(parts.iter().all(|part| part.is_closed));
    let number = |part: &RawFile| part.header["part"].parse::<u64>().unwrap();
    assert_eq!(number(&parts[0]) + 1, number(&parts[1]));
    assert!(parts[0].last_ns() < parts[1].last_ns());
    assert_eq!(home.report().config["raw"], "sysmon.record.*.arrows");
}

#[test]
fn no_raw_samples_are_kept_where_none_are_wanted() {
    let home = Home::new();
    let out = home.run(&["--duration", "100ms", "--no-raw", "--processes", "none"]);
    assert!(out.status.success());
    assert_eq!(arrows::files(&home.report_path()), Vec::<PathBuf>::new());
    let report = home.report();
    assert!(!report.config.contains_key("raw"));
    assert!(!report.summary.figures.contains_key("raw.rows"));
}

#[test]
fn a_place_that_takes_no_raw_samples_is_told_before_the_recording() {
    let home = Home::new();
    fs::create_dir(file(&home)).unwrap();
    let out = home.run(&["--duration", "10m"]);
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("sysmon.record.arrows") && stderr.contains("--no-raw"),
        "{stderr}"
    );
}
