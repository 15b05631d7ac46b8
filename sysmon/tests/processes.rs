//! Processes of this machine whose doings are known: found by whatever they were asked for by,
//! with what was asked for and nothing else, their children counted, their secrets kept.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bench_report::{Report, Series};
use common::{Home, mean, series};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use test_support::eventually;

const SECRET: &str = "hunter2hunter2";

/// A process that, with its children, does not outlive a test that fails.
struct Planted(Child);

impl Drop for Planted {
    fn drop(&mut self) {
        let group = Pid::from_raw(self.0.id().cast_signed());
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

impl Planted {
    /// This test's own program as `act`, told that it was started for `home`.
    fn start(home: &Home, act: &str) -> Self {
        Self::begin(home, &mut actor(home, act))
    }

    /// `command` in a group of its own, once it has said that it acts.
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

fn actor(home: &Home, act: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", act]);
    command.env("SYSMON_TEST_HOME", home.path());
    command
}

/// Says that the act begins, and where its place is; `None` when nobody started it as an actor.
fn stage() -> Option<std::path::PathBuf> {
    let home = std::env::var_os("SYSMON_TEST_HOME").map(std::path::PathBuf::from)?;
    File::create(home.join("acts")).unwrap();
    Some(home)
}

fn of<'a>(report: &'a Report, name: &str, label: &str, value: &str) -> Option<&'a Series> {
    series(report, name).find(|s| s.labels.get(label).is_some_and(|of| of == value))
}

/// What a rate adds up to, over the times between its points.
fn total(series: &Series) -> f64 {
    let steps = series.at_ns.windows(2).zip(series.mean.iter().skip(1));
    steps
        .map(|(at, mean)| mean.unwrap_or(0.0) * (at[1] - at[0]) as f64 / 1e9)
        .sum()
}

#[test]
#[ignore = "an actor"]
fn spin_with_open_files_and_threads() {
    let Some(home) = stage() else { return };
    let files: Vec<File> = (0..100).map(|_| File::open("/dev/null").unwrap()).collect();
    let sleepers: Vec<_> = (0..8)
        .map(|_| std::thread::spawn(|| std::thread::sleep(Duration::from_mins(1))))
        .collect();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_mins(1) && home.exists() {
        for _ in 0..1_000_000 {
            std::hint::spin_loop();
        }
    }
    assert_eq!((files.len(), sleepers.len()), (100, 8));
}

#[test]
fn what_is_asked_for_is_read_and_nothing_else() {
    let home = Home::new();
    let spinner = Planted::start(&home, "spin_with_open_files_and_threads");
    let target = format!("pid:{}", spinner.pid());
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
    let find = |name: &str| of(&report, name, "pid", &spinner.pid());
    let read = |name: &str| mean(find(name).unwrap());
    // Beside the eight: the thread that acts and, on more than one core, the one that waits for it.
    let threads = read("process.threads");
    assert!((9.0..=10.0).contains(&threads), "{threads}");
    let open = read("process.descriptors");
    assert!((100.0..120.0).contains(&open), "{open}");
    // It never rests: it runs, or it waits for a CPU.
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
    assert_eq!(pids, [&spinner.pid()], "--follow alone follows nobody else");
    let tree = |name: &str| mean(of(&report, name, "follow", &target).unwrap());
    assert!((tree("tree.processes") - 1.0).abs() < 1e-9);
    assert!((tree("tree.threads") - threads).abs() < 1e-9);
}

#[test]
#[ignore = "an actor"]
fn write_sixty_four_megabytes() {
    let Some(home) = stage() else { return };
    let mut file = File::create(home.join("written")).unwrap();
    let piece = vec![7; 1_000_000];
    std::thread::sleep(Duration::from_millis(500));
    for _ in 0..64 {
        file.write_all(&piece).unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(500));
}

/// A rate belongs to the time between two reads, which a busy machine moves within their ticks:
/// of three recordings one must add up to what was written.
#[test]
fn bytes_written_are_put_on_the_process_that_wrote_them() {
    let mut found = Vec::new();
    for _ in 0..3 {
        found.push(bytes_seen_of_sixty_four_megabytes());
        if (0.9 * 64e6..1.05 * 64e6).contains(found.last().unwrap()) {
            return;
        }
    }
    panic!("in each of three recordings: {found:?}");
}

fn bytes_seen_of_sixty_four_megabytes() -> f64 {
    let home = Home::new();
    let me = std::env::current_exe().unwrap();
    let mut recorder = home.command(&["--interval", "200ms", "--quiet", "--fields", "io", "--"]);
    recorder
        .arg(me)
        .args(["--ignored", "--exact", "write_sixty_four_megabytes"]);
    recorder
        .env("SYSMON_TEST_HOME", home.path())
        .stdout(Stdio::null());
    assert!(recorder.status().unwrap().success());
    let report = home.report();
    let written = series(&report, "process.write_bytes_per_s");
    written.map(total).fold(0.0, f64::max)
}

#[test]
fn two_hundred_short_lived_children_are_counted_with_their_parent() {
    let home = Home::new();
    let child = "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done";
    let parent =
        "sleep 0.4; n=0; while [ $n -lt 200 ]; do n=$((n+1)); sh -c \"$1\"; done; sleep 0.4";
    let flags = ["--interval", "200ms", "--quiet", "--fields", "children"];
    let follow = ["--follow", "command:the-parent-of-many"];
    let command = ["--", "sh", "-c", parent, "the-parent-of-many", child];
    assert!(
        home.run(&[&flags[..], &follow, &command].concat())
            .status
            .success()
    );
    let report = home.report();
    let used_s = report.summary.figures["command.cpu_ns"] / 1e9;
    let children = series(&report, "process.children_cpu_cores").map(total);
    let children = children.fold(0.0, f64::max);
    let tree = total(of(&report, "tree.cpu_cores", "follow", follow[1]).unwrap());
    for seen_s in [children, tree] {
        assert!(
            (0.8..1.1).contains(&(seen_s / used_s)),
            "{seen_s} of {used_s} s"
        );
    }
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
    // Who listens on the port is the more exact answer.
    let seen = of(&report, "process.rss_bytes", "follow", &port).unwrap();
    assert_eq!(seen.labels["name"], "redis-server");
    assert!(mean(of(&report, "tree.rss_bytes", "follow", &port).unwrap()) > 0.0);
}

#[test]
fn command_lines_are_redacted_and_left_out_when_told_so() {
    let home = Home::new();
    let mut shell = Command::new("sh");
    // The shell stays beside its child, because a command follows.
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
#[ignore = "an actor"]
fn hold_two_more_megabytes_every_tenth_of_a_second() {
    let Some(home) = stage() else { return };
    let mut held = Vec::new();
    while home.exists() && held.len() < 300 {
        held.push(vec![1_u8; 2_000_000]);
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(held.iter().all(|piece| piece[0] == 1));
}

#[test]
fn a_process_that_holds_more_and_more_is_said_to_grow() {
    let home = Home::new();
    let grower = Planted::start(&home, "hold_two_more_megabytes_every_tenth_of_a_second");
    let target = format!("pid:{}", grower.pid());
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
    assert_eq!(found.labels["pid"], grower.pid());
    assert_eq!(found.verdict, bench_report::GrowthVerdict::Growing);
    assert!(found.per_s > 1e6 && found.grown > 20e6, "{found:?}");
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(text.contains("growing"), "{text}");
}

/// A made-up tree with as many processes as wanted, each the child of the one before.
fn chain(root: &Path, length: u32) {
    for pid in 1..=length {
        let directory = root.join(format!("proc/{pid}"));
        std::fs::create_dir_all(&directory).unwrap();
        // The last is the parent of the first, so that the chain is a ring.
        let parent = if pid == 1 { length } else { pid - 1 };
        let mut line = format!("{pid} (ring) S {parent}");
        line.push_str(&" 0".repeat(17));
        let _ = writeln!(line, " {pid} 0 5 0 0");
        std::fs::write(directory.join("stat"), line).unwrap();
    }
}

#[test]
fn a_ring_of_parents_is_a_tree_all_the_same() {
    use sysmon::follow::Following;
    use sysmon::recording::{Recording, Settings};
    let root = tempfile::tempdir().unwrap();
    chain(root.path(), 3);
    let mut recording = Recording::begin(&Settings {
        roots: sysmon::source::Roots::under(root.path()),
        follow: Some(Following {
            targets: vec!["ring".parse().unwrap()],
            ..Following::default()
        }),
        ..Settings::host()
    });
    recording.sample();
    let mut spreads = recording.board().spreads();
    let (.., processes) = spreads
        .find(|(name, ..)| *name == "tree.processes")
        .unwrap();
    assert_eq!(processes.max(), Some(3.0));
}
