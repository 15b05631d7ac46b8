//! Tests with processes of this machine whose activities are known. They are found by name, id,
//! port or command line, with the requested figures and no others; their children are counted, and
//! their secrets are masked.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use bench_report::{Report, Series};
use common::load::Load;
use common::{Home, mean, series};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use test_support::eventually;

const SECRET: &str = "hunter2hunter2";

/// Process in a group of its own; dropping this value kills it and its children, even if the test
/// fails.
struct Planted(Child);

impl Drop for Planted {
    fn drop(&mut self) {
        let group = Pid::from_raw(self.0.id().cast_signed());
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

impl Planted {
    /// Starts `command` in a process group of its own, and waits until it has created the file
    /// `acts`.
    fn begin(home: &Home, command: &mut Command) -> Self {
        let command = command.process_group(0).stdin(Stdio::null());
        let planted = Self(command.stdout(Stdio::null()).spawn().unwrap());
        eventually("it acts", || home.path().join("acts").exists());
        planted
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

fn of<'a>(report: &'a Report, name: &str, label: &str, value: &str) -> Option<&'a Series> {
    series(report, name).find(|s| s.labels.get(label).is_some_and(|of| of == value))
}

#[test]
fn what_is_asked_for_is_read_and_nothing_else() {
    let home = Home::new();
    let spinner = Load::start(&["crowd", "100", "9"]);
    eventually("it spins", || spinner.done().is_some());
    let pid = spinner.pid().to_string();
    let target = format!("pid:{pid}");
    let flags = [
        "--interval",
        "200ms",
        "--duration",
        "2s",
        "--quiet",
        "--follow",
        &target,
    ];
    let groups = ["--fields", "threads,descriptors,scheduler"];
    assert!(home.run(&[&flags[..], &groups].concat()).status.success());
    let report = home.report();
    let find = |name: &str| of(&report, name, "pid", &pid);
    let read = |name: &str| mean(find(name).unwrap());
    // Nine threads, one of which uses a CPU, and the one that waits for the test.
    let threads = read("process.threads");
    assert!((threads - 10.0).abs() < 1e-9, "{threads}");
    let open = read("process.descriptors");
    assert!((100.0..120.0).contains(&open), "{open}");
    // The thread never sleeps: it runs, or it waits for a CPU.
    let on_its_feet = read("process.cpu_cores") + read("process.waiting_threads");
    assert!((0.7..1.15).contains(&on_its_feet), "{on_its_feet}");
    for name in [
        "process.swap_bytes",
        "process.read_bytes_per_s",
        "process.pss_bytes",
    ] {
        assert!(find(name).is_none(), "{name} was not asked for");
    }
    assert!(find("process.cpu_cores").unwrap().error_max.is_some());
    let pids: Vec<_> = series(&report, "process.rss_bytes")
        .map(|s| &s.labels["pid"])
        .collect();
    assert_eq!(pids, [&pid], "--follow alone follows nobody else");
    let tree = |name: &str| mean(of(&report, name, "follow", &target).unwrap());
    assert!((tree("tree.processes") - 1.0).abs() < 1e-9);
    assert!((tree("tree.threads") - threads).abs() < 1e-9);
}

#[test]
fn a_server_is_found_by_name_and_by_the_port_it_listens_on() {
    let home = Home::new();
    let redis = testbed::Redis::start(&testbed::RedisOptions::default()).unwrap();
    let port = format!("port:{}", redis.port());
    let follow = format!("redis-server,{port}");
    let flags = [
        "--interval",
        "100ms",
        "--duration",
        "500ms",
        "--quiet",
        "--follow",
    ];
    assert!(
        home.run(&[&flags[..], &[&follow]].concat())
            .status
            .success()
    );
    let report = home.report();
    // The process that listens on the port is the more exact match.
    let seen = of(&report, "process.rss_bytes", "follow", &port).unwrap();
    assert_eq!(seen.labels["name"], "redis-server");
    assert!(mean(of(&report, "tree.rss_bytes", "follow", &port).unwrap()) > 0.0);
}

#[test]
fn command_lines_are_redacted_and_left_out_when_told_so() {
    let home = Home::new();
    let mut shell = Command::new("sh");
    // The shell stays beside its child, because another command follows.
    let line = "touch acts; sleep 60; true";
    shell.args(["-c", line, "shop-worker", "--password", SECRET]);
    let worker = Planted::begin(&home, shell.current_dir(home.path()));
    for (flag, recorded) in [(None, true), (Some("--no-command-lines"), false)] {
        let target = "command:shop-worker --password";
        let flags = [
            "--interval",
            "100ms",
            "--duration",
            "300ms",
            "--quiet",
            "--follow",
            target,
        ];
        assert!(
            home.run(&[&flags[..], flag.as_slice()].concat())
                .status
                .success()
        );
        let report = home.report();
        let seen = of(&report, "process.rss_bytes", "pid", &worker.pid()).unwrap();
        let command = seen.labels.get("command");
        assert_eq!(command.is_some(), recorded, "{command:?}");
        assert!(
            command.is_none_or(|line| line.contains("--password ***")),
            "{command:?}"
        );
        let sleeper = series(&report, "process.rss_bytes").find(|s| s.labels["name"] == "sleep");
        assert_eq!(
            sleeper.unwrap().labels["follow"],
            target,
            "its child is part of it"
        );
        let text = std::fs::read_to_string(home.report_path()).unwrap();
        assert!(!text.contains(SECRET));
    }
}

#[test]
fn a_process_that_holds_more_and_more_is_said_to_grow() {
    let home = Home::new();
    let grower = Load::start(&["grow", "20"]);
    let pid = grower.pid().to_string();
    let target = format!("pid:{pid}");
    let flags = [
        "--interval",
        "100ms",
        "--duration",
        "4s",
        "--follow",
        &target,
    ];
    let out = home.run(&[&flags[..], &["--growth", "20MB"]].concat());
    let report = home.report();
    let growth = report.summary.growth.iter();
    let mut growth = growth.filter(|growing| growing.series == "process.rss_bytes");
    let found = growth.next().unwrap();
    assert_eq!(found.labels["pid"], pid);
    assert_eq!(found.verdict, bench_report::GrowthVerdict::Growing);
    assert!(found.per_s > 1e6 && found.grown > 20e6, "{found:?}");
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(text.contains("growing"), "{text}");
}

#[test]
fn who_was_asked_for_and_never_seen_is_named() {
    let home = Home::new();
    let mut sleeper = Command::new("sleep").arg("600").spawn().unwrap();
    let known = format!("pid:{}", sleeper.id());
    let follow = format!("no-such-server,{known},port:1");
    let out = home.run(&["--duration", "200ms", "--follow", &follow]);
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    let warnings = home.report().warnings;
    let messages = warnings.iter().map(|warning| warning.message.as_str());
    let unseen: Vec<_> = messages.filter(|m| m.starts_with("--follow")).collect();
    let unseen_of = |target| format!("--follow {target}: no such process was seen");
    assert_eq!(unseen, ["no-such-server", "port:1"].map(unseen_of));
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(text.contains(&unseen_of("port:1")), "{text}");
    assert!(text.contains(&format!("{known} memory")), "{text}");
}
