//! Test of one process that cannot be read among many that can.

use std::fs;
use std::path::Path;

use bench_report::{Report, Tool};
use host_metrics::source::Roots;
use host_metrics::source::process::ProcessFields;

use crate::follow::FollowOptions;
use crate::recording::LiveRecording;
use crate::settings::SamplingSettings;

/// Writes the process `pid` into a made-up tree under `root`. Its transfers can be read only if
/// `if_readable` is set.
fn process(root: &Path, pid: u32, if_readable: bool) {
    let own = root.join(format!("proc/{pid}"));
    fs::create_dir_all(&own).unwrap();
    let line = format!("{pid} (server) S 1 1 1 0 -1 0 0 0 0 0 5 5 0 0 20 0 1 0 {pid} 0 9 ");
    fs::write(own.join("stat"), line + &"0 ".repeat(30) + "\n").unwrap();
    let io = "rchar: 1\nwchar: 1\nread_bytes: 1\nwrite_bytes: 1\n";
    // Root may read every file, so a directory stands for a file that cannot be read.
    if if_readable {
        fs::write(own.join("io"), io).unwrap();
    } else {
        fs::create_dir(own.join("io")).unwrap();
    }
}

#[test]
fn one_process_of_many_that_tells_nothing_is_one_of_many() {
    let root = tempfile::tempdir().unwrap();
    for pid in 1..=130 {
        process(root.path(), pid, pid != 77);
    }
    let mut recording = LiveRecording::begin(&SamplingSettings {
        roots: Roots::under(root.path()),
        follow: Some(FollowOptions {
            most: 512,
            fields: ProcessFields {
                io: true,
                ..ProcessFields::default()
            },
            ..FollowOptions::default()
        }),
        ..SamplingSettings::host()
    });
    for _ in 0..3 {
        recording.sample();
    }
    let tool = Tool {
        name: "sysmon".into(),
        version: "0".into(),
        commit: None,
    };
    let mut report = Report::begin(tool, "test".into(), "record");
    recording.fill(&mut report);
    let told: Vec<&str> = report.warnings.iter().map(|w| w.message.as_str()).collect();
    let io = told.iter().find(|m| m.starts_with("process.io")).unwrap();
    let expected = "process.io is absent for 1 of 130 processes: cannot read ";
    assert!(
        io.starts_with(expected) && io.contains("proc/77/io"),
        "{io}"
    );
}
