//! Tests of a wall clock that is set during a recording: an hour ahead, then two hours back. No
//! recorded time may change.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::fs;
use std::process::{Command, Stdio};

use bench_report::clock::monotonic_ns;
use bench_report::{Report, WarningCode};
use common::arrows::{self, RawFile};
use common::beside::total;
use common::counters::number_after;
use common::{Home, series};
use nix::sys::signal::Signal;
use serde_json::Value;
use test_support::{RunningProgram, eventually};

const SECOND_NS: u64 = 1_000_000_000;
const INTERVAL_NS: u64 = 50_000_000;

/// Returns the path of faketime's library, which shows a program another wall clock. `None` if it
/// is not installed and the environment allows that, which `make test` reports; otherwise panics.
fn library() -> Option<String> {
    // The program `faketime` knows the path of its library.
    let mut ask = Command::new("faketime");
    ask.args(["-f", "+0", "printenv", "LD_PRELOAD"]);
    if let Ok(asked) = ask.stderr(Stdio::null()).output() {
        let found = String::from_utf8(asked.stdout).unwrap();
        assert!(asked.status.success() && !found.trim().is_empty());
        return Some(found.trim().to_owned());
    }
    let allowed = std::env::var_os("PLIMSOLL_WITHOUT_FAKETIME").is_some();
    assert!(
        allowed,
        "install faketime, or set PLIMSOLL_WITHOUT_FAKETIME to leave this out"
    );
    None
}

/// Recorder whose wall clock a test sets, while its monotonic clock is the machine's.
struct Faked {
    home: Home,
    recorder: RunningProgram,
}

impl Faked {
    fn start(library: &str, args: &[&str]) -> Self {
        let home = Home::new();
        let clock = home.path().join("clock");
        fs::write(&clock, "+0").unwrap();
        // Does not use env(1), which would load the library as well.
        let mut command = Command::new(env!("CARGO_BIN_EXE_sysmon"));
        command
            .args(["record", "--run-dir", "."])
            .args(args)
            .current_dir(home.path())
            .env("LD_PRELOAD", library)
            .env("FAKETIME_TIMESTAMP_FILE", clock)
            .envs([
                ("FAKETIME_NO_CACHE", "1"),
                ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
                ("NO_FAKE_STAT", "1"),
            ]);
        let recorder = RunningProgram::start(&mut command);
        Self { home, recorder }
    }

    fn raw(&self) -> Vec<RawFile> {
        let files = arrows::files(&self.home.report_path());
        let read = files.iter().filter_map(|file| RawFile::read(file).ok());
        read.collect()
    }

    /// Waits until the recorder has written samples to disk that it took more than a second after
    /// this call.
    fn go_on(&self) {
        let from_ns = monotonic_ns();
        eventually("it goes on", || {
            last_ns(&self.raw()).is_some_and(|last| last > from_ns + SECOND_NS)
        });
    }

    fn set(&self, offset: &str) {
        // The new time is visible at once, because it is read at every access to the clock.
        let new = self.home.path().join("new");
        fs::write(&new, offset).unwrap();
        fs::rename(new, self.home.path().join("clock")).unwrap();
    }
}

/// Returns the time of the last reading in all parts, in nanoseconds of the monotonic clock; `None`
/// if there is none.
fn last_ns(parts: &[RawFile]) -> Option<u64> {
    parts.iter().filter_map(RawFile::last_ns).max()
}

#[test]
fn a_wall_clock_that_is_set_moves_no_time_no_rate_and_no_gap() {
    let Some(library) = library() else {
        println!("left out: there is no faketime");
        return;
    };
    let switches = number_after("/proc/stat", "ctxt ");
    let began_ns = monotonic_ns();
    let at_first = switches();
    let args = ["--interval=50ms", "--processes=none", "--rotate-age=1s"];
    let faked = Faked::start(&library, &args);
    faked.go_on();
    let (first_ns, before) = (monotonic_ns(), switches());
    faked.set("+3600");
    faked.go_on();
    let mut mark = faked
        .home
        .command_of("mark", &["deploy", "--recording", "."]);
    assert!(mark.output().unwrap().status.success());
    faked.set("-3600");
    faked.go_on();
    let (last_ns, after) = (monotonic_ns(), switches());
    faked.recorder.signal(Signal::SIGTERM);
    let Faked { home, recorder } = faked;
    assert_eq!(recorder.end().code, Some(0));
    let (ended_ns, at_last) = (monotonic_ns(), switches());
    let whole = began_ns..ended_ns;

    let report = home.report();
    assert!(whole.contains(&report.clock.monotonic_ns));
    assert!((last_ns - first_ns..ended_ns - began_ns).contains(&report.duration_ns));
    for series in &report.series {
        assert!(series.at_ns.is_sorted_by(|a, b| a < b), "{}", series.name);
        assert!(series.at_ns.iter().all(|at_ns| whole.contains(at_ns)));
    }
    let rate = series(&report, "scheduler.context_switches_per_s").next();
    let total_seen = total(rate.unwrap());
    // The first sample after the first wait was taken before the end of that wait.
    let done = (after - before - 1.0)..(at_last - at_first + 1.0);
    assert!(
        done.contains(&total_seen),
        "{total_seen} is not in {done:?}"
    );
    every_sample_is_there(&report);
    let [mark] = report.marks.as_slice() else {
        panic!("{:?}", report.marks);
    };
    assert!((first_ns..last_ns).contains(&mark.at_ns));

    let told = report
        .warnings
        .iter()
        .filter(|w| w.code == WarningCode::ClockStepped);
    let told: Vec<&str> = told.map(|warning| warning.message.as_str()).collect();
    let [told] = told[..] else { panic!("{told:?}") };
    assert!(
        told.starts_with("the wall clock went 60.0 min ahead"),
        "{told}"
    );
    assert!(told.contains("the first of 2 such steps"), "{told}");
    files_turn_by_their_age(&home, whole.end - whole.start);
    is_shown_as_it_was(&home, &report);
}

/// Asserts that no sample was missed or taken twice because of the clock: taken and missed ones
/// together are as many as the intervals in the recorded time.
fn every_sample_is_there(report: &Report) {
    let memory = series(report, "memory.used_ratio").next().unwrap();
    let span_ns = memory.at_ns.last().unwrap() - memory.at_ns[0];
    let due = span_ns / INTERVAL_NS + 1;
    let figures = &report.summary.figures;
    let seen = (figures["samples"] + figures["missed_samples"]) as u64;
    // The last sample is taken at the end, before it is due.
    assert!((due - 1..=due + 1).contains(&seen), "{seen} of {due}");
}

fn files_turn_by_their_age(home: &Home, took_ns: u64) {
    let files = arrows::files(&home.report_path());
    let most = took_ns.div_ceil(SECOND_NS) as usize + 1;
    assert!((2..=most).contains(&files.len()), "{files:?}");
    for file in files {
        let part = RawFile::read(&file).unwrap();
        for points in part.series.values() {
            assert!(points.is_sorted_by(|(a, _), (b, _)| a < b));
        }
    }
}

fn is_shown_as_it_was(home: &Home, report: &Report) {
    let shown = |file: &str| -> Value {
        let args = ["--series=load.tasks", "--points", "--format=json", file];
        serde_json::from_str(&home.show(&args)).unwrap()
    };
    let [of_report, of_raw] = [".", "sysmon.record.*.arrows"].map(shown);
    assert_eq!(of_report["duration_ns"], report.duration_ns);
    assert_eq!(of_report["started_at"], of_raw["started_at"]);
    assert_eq!(
        of_report["points"][0]["at_ns"],
        of_raw["points"][0]["at_ns"]
    );
    assert_eq!(of_report["points"][0]["mean"], of_raw["points"][0]["mean"]);
    let notes = of_raw["notes"].as_array().unwrap();
    let hour = |note: &Value| note.as_str().unwrap().contains("min");
    assert!(!notes.iter().any(hour), "{notes:?}");

    let csv = home.show(&["--series=load.tasks", "--points", "--format=csv", "."]);
    let start = humantime::parse_rfc3339(&report.started_at).unwrap();
    for line in csv.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let time = humantime::parse_rfc3339(fields[0]).unwrap();
        let elapsed_s: f64 = fields[1].parse().unwrap();
        let since = time.duration_since(start).unwrap().as_secs_f64();
        assert!((since - elapsed_s).abs() < 0.002, "{line}");
        assert!(elapsed_s * 1e9 <= report.duration_ns as f64, "{line}");
    }
}
