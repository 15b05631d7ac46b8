//! Tests of `sysmon show` for raw samples: complete, still being written, or cut short by a kill.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use common::Home;
use nix::sys::signal::Signal;
use serde_json::Value;
use test_support::{RunningProgram, eventually};

/// Returns the figures of each series that `sysmon show` finds in `file`, with name and labels of
/// the series as one text.
fn figures(home: &Home, file: &str) -> Vec<(String, Value)> {
    let json = home.show(&[file, "--format", "json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    let all = json["series"].as_array().unwrap().iter();
    all.map(|s| (format!("{} {}", s["name"], s["labels"]), s.clone()))
        .collect()
}

#[test]
fn raw_samples_of_a_short_recording_tell_what_its_report_tells() {
    let home = Home::new();
    let args = [
        "--duration",
        "600ms",
        "--interval",
        "50ms",
        "--processes",
        "none",
    ];
    assert!(home.run(&args).status.success());
    let report = figures(&home, "sysmon.record.json");
    let raw = figures(&home, "sysmon.record.arrows");
    assert!(report.len() > 20 && report.len() == raw.len());
    for ((name, of_report), (same_name, of_samples)) in report.iter().zip(&raw) {
        assert_eq!(name, same_name);
        for figure in [
            "points",
            "min",
            "mean",
            "p50",
            "p99",
            "max",
            "missing_ratio",
        ] {
            let [a, b] = [of_report, of_samples].map(|s| s[figure].as_f64().unwrap());
            let same = (a - b).abs() <= 1e-9 * a.abs().max(1.0);
            assert!(same, "{name} {figure}: {a} in the report, {b} of samples");
        }
    }
}

#[test]
fn a_recording_that_was_killed_is_shown_as_far_as_it_went() {
    let home = Home::new();
    let raw = "sysmon.record.arrows";
    let recorder =
        RunningProgram::start(&mut home.command(&["--interval", "20ms", "--follow", "sysmon"]));
    let samples = |args: &[&str]| {
        let args = [&["--series", "^load.tasks", "--format", "csv"], args].concat();
        let out = home.command_of("show", &args).output().unwrap();
        let csv = String::from_utf8(out.stdout).unwrap();
        let line = csv.lines().nth(1).map(str::to_owned);
        line.map_or(0, |line| {
            line.split(',').nth(3).unwrap().parse::<u64>().unwrap()
        })
    };
    eventually("samples are on disk", || samples(&[raw]) >= 10);
    let first = samples(&[raw]);
    eventually("another batch is", || samples(&[raw]) > first);
    assert!(
        home.show(&[raw])
            .contains("Still being recorded by process ")
    );
    let mark = home
        .command_of("mark", &["deploy 1.4", "--recording", "."])
        .output();
    assert!(mark.unwrap().status.success());
    let saved = || home.command_of("show", &["."]).output().unwrap().status;
    eventually("the report has readings as well", || saved().success());
    let before = samples(&[raw]);
    recorder.signal(Signal::SIGKILL);
    recorder.end();

    assert!(samples(&[raw]) >= before);
    let text = home.show(&[raw]);
    assert_eq!(text.matches("the recorder was killed").count(), 1, "{text}");
    for told in [
        "memory.used ",
        "process.cpu sysmon",
        "tree.cpu sysmon",
        "deploy 1.4",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let whole = std::fs::read(home.path().join(raw)).unwrap();
    let torn = whole.len() - whole.len().min(100);
    std::fs::write(home.path().join(raw), &whole[..torn]).unwrap();
    let text = home.show(&[raw]);
    assert!(
        text.contains("Torn: the recorder was killed while it wrote"),
        "{text}"
    );
    assert!(text.contains("memory.used "), "{text}");
    assert!(home.show(&["."]).contains("Interrupted before its end"));
}
