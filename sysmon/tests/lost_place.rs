//! Tests of a recording whose directory is removed or replaced, or whose disk is full. The problem
//! must be reported at once, no measurement may be lost, and a command's exit code must be
//! returned.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::float_cmp)]

mod common;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bench_report::{Report, Status, store};
use common::arrows::RawFile;
use common::{Home, alone, series};
use nix::sys::signal::Signal;
use test_support::{RunningProgram, eventually};

/// Starts a recorder with the report `run/r.json` and the arguments `more`, and waits until it has
/// saved its first samples.
fn begin(home: &Home, more: &[&str]) -> RunningProgram {
    let args = [&["--output", "run/r.json", "--interval", "50ms"], more].concat();
    let recorder = RunningProgram::start(&mut home.command_of("record", &args));
    let report = home.path().join("run/r.json");
    eventually("it saves", || {
        store::load(&report).is_ok_and(|report| !report.series.is_empty())
    });
    recorder
}

/// Returns the directory that the recorder created for a report elsewhere, in its directory for
/// temporary files; `None` if there is none.
fn spare(home: &Home) -> Option<PathBuf> {
    let entries = fs::read_dir(home.path().join("tmp")).unwrap();
    let ours = |name: &str| name.starts_with("plimsoll-");
    let mut found = entries.map(|entry| entry.unwrap().path());
    found.find(|path| ours(path.file_name().unwrap().to_str().unwrap()))
}

/// Removes the directory with its content, and repeats that if the recorder creates a file in it
/// meanwhile.
fn remove(directory: &Path) {
    eventually("it is removed", || fs::remove_dir_all(directory).is_ok());
}

fn samples(report: &Report) -> f64 {
    report.summary.figures["samples"]
}

#[test]
fn a_directory_that_is_removed_is_made_again_with_report_and_raw_samples() {
    let home = Home::new();
    let recorder = begin(&home, &["--duration", "10m"]);
    let run = home.path().join("run");
    let before = samples(&store::load(&run.join("r.json")).unwrap());
    remove(&run);
    eventually("the raw samples are back", || run.join("r.arrows").exists());
    eventually("the report is back", || run.join("r.json").exists());
    eventually("marks reach it again", || run.join("r.json.marks").exists());
    recorder.signal(Signal::SIGINT);
    let ended = recorder.end();
    assert_eq!(ended.code, Some(130));
    for told in [
        "the file of raw samples was removed or moved",
        "Report: run/r.json",
    ] {
        assert!(ended.said.contains(told), "{}", ended.said);
    }
    let report = store::load(&run.join("r.json")).unwrap();
    assert!(samples(&report) > before);
    let raw = RawFile::read(&run.join("r.arrows")).unwrap();
    assert!(raw.is_closed);
    let ticks = raw.series.values().map(Vec::len).max();
    assert!(
        ticks.unwrap() as f64 >= samples(&report) - 1.0,
        "{ticks:?} of {}, from the first on",
        samples(&report)
    );
    assert_eq!(spare(&home), None);
}

#[test]
fn a_directory_that_is_renamed_is_made_again_with_report_and_raw_samples() {
    let home = Home::new();
    let mut recorder = begin(&home, &[]);
    let run = home.path().join("run");
    let renamed = home.path().join("renamed");
    fs::rename(&run, &renamed).unwrap();
    recorder.wait_for("warning: the file of raw samples was removed or moved; it is put back");
    recorder.signal(Signal::SIGINT);
    assert_eq!(recorder.end().code, Some(0));
    let ticks = |directory: &Path| {
        let raw = RawFile::read(&directory.join("r.arrows")).unwrap();
        let ticks = raw.series.values().map(Vec::len).max();
        (raw.is_closed, ticks.unwrap())
    };
    let (is_closed, whole) = ticks(&run);
    let report = store::load(&run.join("r.json")).unwrap();
    assert_eq!((is_closed, report.status), (true, Status::Complete));
    assert!(whole as f64 >= samples(&report) - 1.0, "from the first on");
    // The directory that was moved away has not changed since.
    assert!(ticks(&renamed).1 < whole);
}

#[test]
fn what_stands_in_the_directorys_place_is_not_touched_and_the_report_goes_elsewhere() {
    let home = Home::new();
    let mut recorder = begin(&home, &["--no-raw"]);
    let run = home.path().join("run");
    remove(&run);
    fs::write(&run, "somebody's").unwrap();
    let warning = recorder.wait_for("warning: cannot save the report: cannot write run: ");
    recorder.signal(Signal::SIGINT);
    let ended = recorder.end();
    assert_eq!(ended.code, Some(1), "{}", ended.said);
    let spare = spare(&home).unwrap().join("r.json");
    let told = format!("it is in {} instead", spare.display());
    assert!(warning.trim_end().ends_with(&told), "at once: {warning}");
    assert!(ended.said.contains(&told), "and in the end: {}", ended.said);
    let times = ended.said.matches("warning: cannot save").count();
    assert_eq!(times, 1, "{}", ended.said);
    assert!(ended.said.contains(" memory used "), "the result is shown");
    assert_eq!(store::load(&spare).unwrap().status, Status::Complete);
    assert_eq!(fs::read_to_string(&run).unwrap(), "somebody's");
}

#[test]
fn the_report_returns_to_its_place_once_that_can_be_written() {
    let home = Home::new();
    let recorder = begin(&home, &["--no-raw"]);
    let run = home.path().join("run");
    remove(&run);
    fs::write(&run, "").unwrap();
    eventually("it is elsewhere", || spare(&home).is_some());
    fs::remove_file(&run).unwrap();
    recorder.signal(Signal::SIGINT);
    let ended = recorder.end();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert!(ended.said.contains("is made again"), "{}", ended.said);
    assert_eq!(spare(&home), None);
    let report = store::load(&run.join("r.json")).unwrap();
    assert_eq!(report.status, Status::Complete);
}

/// Checks that the command's exit code is returned whatever happens to the report: the command
/// fills a small disk of its own, on which the report is.
#[test]
fn around_a_command_that_fills_the_disk_its_code_is_handed_on() {
    let script = "mount -t tmpfs -o size=700k none full && exec \"$@\"";
    let fill = "sleep 0.3; dd if=/dev/zero of=full/fill bs=1k 2>/dev/null; sleep 1; exit";
    for (code, quiet) in [(0, "--quiet"), (7, "--no-command-lines")] {
        let home = Home::new();
        fs::create_dir(home.path().join("full")).unwrap();
        let fill = format!("{fill} {code}");
        let place = ["--output", "full/r.json", "--interval", "20ms", quiet];
        let recorder =
            home.command_of("record", &[&place[..], &["--", "sh", "-c", &fill]].concat());
        let Some(mut recorder) = alone(&home, script, &recorder) else {
            return;
        };
        let out = recorder.output().unwrap();
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(code), "{stderr}");
        assert!(
            stderr.contains("warning: cannot save the report"),
            "{stderr}"
        );
        assert!(stderr.contains("No space left"), "{stderr}");
        let spare = spare(&home).unwrap().join("r.json");
        assert!(stderr.contains(&spare.display().to_string()), "{stderr}");
        let report = store::load(&spare).unwrap();
        assert_eq!(report.status, Status::Complete);
        assert_eq!(report.summary.figures["command.exit_code"], f64::from(code));
        assert!(series(&report, "memory.used_ratio").next().is_some());
    }
}

#[test]
fn a_second_recorder_into_the_same_report_is_refused() {
    let home = Home::new();
    let first =
        RunningProgram::start(&mut home.command(&["--interval", "1h", "--processes", "none"]));
    eventually("it records", || home.marks_path().exists());
    let second = home.run(&["--duration", "1s"]);
    let stderr = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{stderr}");
    let told = format!("process {} records into", first.id());
    assert!(
        stderr.contains(&told) && stderr.contains("Try: "),
        "{stderr}"
    );
    first.signal(Signal::SIGINT);
    assert_eq!(first.end().code, Some(0));
    assert_eq!(home.report().status, Status::Complete);
    let raw = RawFile::read(&home.path().join("sysmon.record.arrows")).unwrap();
    assert!(raw.is_closed);
}

#[test]
fn a_report_that_goes_into_a_pipe_has_no_raw_samples_beside_it() {
    let home = Home::new();
    let pipe = home.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    // The pipe is open for the whole recording, however often the report is saved.
    let held = File::options().read(true).write(true).open(&pipe).unwrap();
    let mut reader = Command::new("cat")
        .arg(&pipe)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut recorder = home.command_of("record", &["--output", "pipe", "--duration", "200ms"]);
    let out = recorder.output().unwrap();
    drop(held);
    reader.wait().unwrap();
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(0), "{stderr}");
    let names = fs::read_dir(home.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let names: Vec<_> = names
        .filter(|name| name != "tmp" && name != "pipe")
        .collect();
    assert!(names.is_empty(), "{names:?}");
}
