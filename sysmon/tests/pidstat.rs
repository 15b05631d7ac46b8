//! Comparison with pidstat, which reads the same counters in its own way: both must agree on the
//! time that pidstat observed.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::collections::HashMap;
use std::process::Command;

use common::beside::{Beside, agrees, total};
use common::counters::wall_s;
use common::load::Load;
use common::series;
use host_metrics::source::process::ProcessFields;
use sysmon::settings::SamplingSettings;

/// Returns true if pidstat is installed. Returns false if it is not and the environment allows
/// that, which `make test` reports; otherwise panics.
fn is_installed() -> bool {
    if Command::new("pidstat").arg("-V").output().is_ok() {
        return true;
    }
    let allowed = std::env::var_os("PLIMSOLL_WITHOUT_PIDSTAT").is_some();
    assert!(
        allowed,
        "install sysstat, or set PLIMSOLL_WITHOUT_PIDSTAT to leave this out"
    );
    false
}

/// Runs pidstat for `seconds` seconds. Returns the figures of each second and process, by the names
/// of pidstat's columns.
fn pidstat(pids: &[u32], seconds: u32) -> Vec<HashMap<String, String>> {
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    let watch = Command::new("pidstat")
        .args(["-u", "-r", "-d", "-h", "-p", &pids.join(","), "1"])
        .arg(seconds.to_string())
        .envs([("LC_ALL", "C"), ("S_TIME_FORMAT", "ISO")])
        .output()
        .unwrap();
    assert!(watch.status.success());
    let text = String::from_utf8(watch.stdout).unwrap();
    let mut names = Vec::new();
    let mut figures = Vec::new();
    for line in text.lines().skip(1) {
        let words = line.split_whitespace().map(str::to_owned);
        match line.strip_prefix('#') {
            Some(_) => names = words.skip(1).collect(),
            None if line.is_empty() => {}
            None => figures.push(names.iter().cloned().zip(words).collect()),
        }
    }
    figures
}

#[test]
fn pidstat_says_the_same_of_a_process_that_burns_and_one_that_writes() {
    const SECONDS: u32 = 2;
    if !is_installed() {
        println!("left out: there is no pidstat");
        return;
    }
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = home.path().join("written");
    // Far more work than can be done meanwhile; the loads end with the test.
    let burner = Load::start(&["burn", "600000"]);
    let writer = Load::start(&["write", path.to_str().unwrap(), "60000"]);
    let pids = [burner.pid(), writer.pid()];
    let fields = ProcessFields {
        io: true,
        ..ProcessFields::default()
    };
    let mut beside = Beside::begin(&SamplingSettings::following(&pids, fields), vec![wall_s()]);
    let watched = pidstat(&pids, SECONDS);
    beside.sample();
    assert_eq!(watched.len(), 2 * SECONDS as usize, "{watched:?}");

    // The recording has what pidstat saw, and what was done before and after pidstat observed.
    let unwatched_s = beside.grown(0).end() - f64::from(SECONDS);
    let report = beside.report();
    let of = |load: &Load, column: &str| -> f64 {
        let pid = load.pid().to_string();
        let lines = watched.iter().filter(|line| line["PID"] == pid);
        lines.map(|line| line[column].parse::<f64>().unwrap()).sum()
    };
    let recorded = |load: &Load, name: &str| {
        let pid = load.pid().to_string();
        let mut all = series(&report, name);
        all.find(|s| s.labels["pid"] == pid).unwrap().clone()
    };
    let cpu_s = of(&burner, "%CPU") / 100.0;
    let seen_s = total(&recorded(&burner, "process.cpu_cores"));
    agrees("CPU, s", seen_s, cpu_s..=cpu_s + unwatched_s, 0.05, 0.02);
    let written = of(&writer, "kB_wr/s") * 1024.0;
    if written > 0.0 {
        let rate = written / f64::from(SECONDS);
        let most = written + 2.0 * rate * unwatched_s;
        let seen = total(&recorded(&writer, "process.disk_write_bytes_per_s"));
        agrees("bytes to disk", seen, written..=most, 0.05, 0.0);
    }
    let resident = of(&burner, "RSS") * 1024.0 / f64::from(SECONDS);
    let seen = recorded(&burner, "process.rss_bytes");
    let seen = seen.mean.last().unwrap().unwrap();
    agrees("resident", seen, resident..=resident, 0.05, 0.0);
}
