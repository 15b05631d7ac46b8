//! `sysmon record` on this machine: it tells the truth, ends as it should, and keeps secrets.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp)]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use bench_report::{Report, Series, Status, WarningCode, clock, store};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Far beyond what any machine needs; a test that waits longer has found a hang.
const HANG: Duration = Duration::from_mins(1);
const SECRET: &str = "hunter2hunter2";

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn report_path(&self) -> PathBuf {
        self.0.path().join("sysmon.record.json")
    }

    fn report(&self) -> Report {
        store::load(&self.report_path()).unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sysmon"));
        command.arg("record").arg("--run-dir").arg(self.0.path());
        command.args(args).stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Starts it and waits until it records.
    fn start(&self, args: &[&str]) -> Running {
        let mut child = self
            .command(args)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        stderr.read_line(&mut line).unwrap();
        assert!(line.contains("record"), "{line}");
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        Running(child)
    }
}

/// A recorder that does not outlive a test that fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn signal(child: &Running, signal: Signal) {
    kill(Pid::from_raw(child.0.id().cast_signed()), signal).unwrap();
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < HANG, "{what} did not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn code(child: &mut Running) -> Option<i32> {
    until("the end", || child.0.try_wait().unwrap()).code()
}

fn series<'a>(report: &'a Report, name: &str) -> impl Iterator<Item = &'a Series> {
    report.series.iter().filter(move |s| s.name == name)
}

fn mean(series: &Series) -> f64 {
    series.mean_between(0, u64::MAX).unwrap()
}

#[test]
#[ignore = "the child of the test below"]
fn burn_one_core_for_two_seconds() {
    let begin = Instant::now();
    let mut spins = 0u64;
    while begin.elapsed() < Duration::from_secs(2) {
        spins = std::hint::black_box(spins + 1);
    }
    let cpu_ns = clock::process_cpu_ns();
    let told = format!(
        "{} {cpu_ns} {}",
        std::process::id(),
        begin.elapsed().as_nanos()
    );
    std::fs::write(std::env::var("SYSMON_TEST_TOLD").unwrap(), told).unwrap();
    assert!(cpu_ns > 0 && spins > 0);
}

#[test]
fn a_burnt_core_is_seen_and_put_on_the_process_that_burnt_it() {
    let home = Home::new();
    let told = home.0.path().join("told");
    let me = std::env::current_exe().unwrap();
    let status = home
        .command(&["--interval", "100ms", "--quiet", "--"])
        .arg(me)
        .args(["--ignored", "--exact", "burn_one_core_for_two_seconds"])
        .env("SYSMON_TEST_TOLD", &told)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let told = std::fs::read_to_string(told).unwrap();
    let told: Vec<f64> = told.split(' ').map(|n| n.parse().unwrap()).collect();
    let [pid, cpu_ns, wall_ns] = told[..] else {
        panic!("{told:?}")
    };

    let report = home.report();
    let pid = format!("{pid:.0}");
    let seen = series(&report, "process.cpu_cores")
        .find(|s| s.labels["pid"] == pid)
        .unwrap();
    let ratio = mean(seen) / (cpu_ns / wall_ns);
    assert!((0.85..=1.15).contains(&ratio), "seen ÷ own = {ratio}");
    let ratio = report.summary.figures["command.cpu_ns"] / cpu_ns;
    assert!(
        (0.85..=1.15).contains(&ratio),
        "command.cpu_ns ÷ own = {ratio}"
    );
}

/// Busy and all CPU time of the machine, in ticks, as proc(5) has it.
fn ticks() -> (f64, f64) {
    let text = std::fs::read_to_string("/proc/stat").unwrap();
    let fields = text.lines().next().unwrap().split_whitespace().skip(1);
    let t: Vec<f64> = fields.map(|n| n.parse().unwrap()).collect();
    (t[0] + t[1] + t[2] + t[5] + t[6], t[..8].iter().sum())
}

#[test]
fn the_machines_busy_share_agrees_with_proc_stat() {
    let home = Home::new();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let (before, after) = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        let before = ticks();
        let out = home.run(&["--interval", "250ms", "--duration", "2s", "--quiet"]);
        let after = ticks();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(out.status.success());
        (before, after)
    });
    let report = home.report();
    let all_cores = series(&report, "cpu.busy_ratio")
        .find(|s| s.labels.is_empty())
        .unwrap();
    let seen = mean(all_cores);
    // Our own window holds the recording's: what lies outside it may have been busy or not.
    let (busy, total) = (after.0 - before.0, after.1 - before.1);
    let first = series(&report, "memory.total_bytes").next().unwrap().at_ns[0];
    let recorded_s = (all_cores.at_ns.last().unwrap() - first) as f64 / 1e9;
    let cores = series(&report, "cpu.busy_ratio").count() as f64 - 1.0;
    let inside = (recorded_s * cores * 100.0).min(total);
    let outside = total - inside;
    let (least, most) = ((busy - outside) / inside, busy / inside);
    assert!(
        least - 0.05 <= seen && seen <= most + 0.05,
        "{least} <= {seen} <= {most}"
    );
    assert!(seen > 0.0);
}

#[test]
fn the_commands_code_is_handed_on() {
    for (command, expected) in [
        (&["true"][..], 0),
        (&["sh", "-c", "exit 7"], 7),
        (&["sh", "-c", "kill -9 $$"], 137),
        (&["sh", "-c", "kill -TERM $$"], 143),
        (&["no-such-program-anywhere"], 127),
        (&["/"], 126),
    ] {
        let home = Home::new();
        let out = home.run(&[&["--"], command].concat());
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(expected), "{command:?}: {stderr}");
        let report = home.report();
        if expected == 126 || expected == 127 {
            assert_eq!(report.status, Status::Failed);
            assert!(
                stderr.contains(&format!("cannot run {}", command[0])),
                "{stderr}"
            );
        } else {
            assert_eq!(report.status, Status::Complete);
            assert_eq!(
                report.summary.figures["command.exit_code"],
                f64::from(expected)
            );
        }
    }
}

#[test]
fn stdout_around_a_command_is_the_commands() {
    let home = Home::new();
    let out = home.run(&["--", "echo", "its own"]);
    assert_eq!(out.stdout, b"its own\n");
    assert!(String::from_utf8_lossy(&out.stderr).contains("own cost: "));
    let quiet = home.run(&["--quiet", "--", "echo", "its own"]);
    assert!(quiet.stderr.is_empty());
}

#[test]
fn an_own_failure_is_told_from_the_commands() {
    let home = Home::new();
    let blocked = home.0.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let output = format!("--output={}/r.json", blocked.display());
    for (args, expected) in [(&[output.as_str(), "--", "true"][..], 125), (&[&output], 1)] {
        let out = home.run(args);
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(expected), "{stderr}");
        assert!(
            stderr.contains("cannot") && stderr.contains("Try: "),
            "{stderr}"
        );
    }
}

#[test]
fn a_signal_is_the_normal_end_only_where_no_other_was_planned() {
    for sent in [Signal::SIGINT, Signal::SIGTERM] {
        for (args, expected, status) in [
            (&["--interval", "50ms"][..], 0, Status::Complete),
            (&["--interval", "1h"], 0, Status::Complete),
            (&["--duration", "10m"], 130, Status::Interrupted),
        ] {
            let home = Home::new();
            let mut child = home.start(args);
            signal(&child, sent);
            assert_eq!(code(&mut child), Some(expected), "{sent} {args:?}");
            assert_eq!(home.report().status, status);
        }
    }
}

/// A test that a script runs in the background has SIGINT ignored, and so would the command.
const DEFAULT: &str = "--default-signal=INT,TERM";

#[test]
fn a_signal_reaches_the_command() {
    for (sent, expected) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let home = Home::new();
        let mut child = home
            .command(&["--", "env", DEFAULT, "sh", "-c", "echo $$; exec sleep 60"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map(Running)
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.0.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        signal(&child, sent);
        assert_eq!(code(&mut child), Some(expected), "{sent}");
        assert!(!Path::new("/proc").join(line.trim()).exists());
        assert_eq!(home.report().status, Status::Interrupted);
    }
}

#[test]
fn a_command_that_handles_the_signal_keeps_its_code() {
    let home = Home::new();
    let script = "trap 'exit 42' TERM; echo ready; while :; do sleep 0.05; done";
    let mut child = home
        .command(&["--", "sh", "-c", script])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map(Running)
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    signal(&child, Signal::SIGTERM);
    assert_eq!(code(&mut child), Some(42));
}

#[test]
fn a_kill_leaves_a_readable_report_with_what_was_saved() {
    let home = Home::new();
    let mut child = home.start(&["--interval", "50ms"]);
    assert_eq!(home.report().status, Status::Interrupted);
    until("a save on the way", || {
        (!home.report().series.is_empty()).then_some(())
    });
    signal(&child, Signal::SIGKILL);
    assert_eq!(code(&mut child), None);
    let report = home.report();
    assert_eq!(report.status, Status::Interrupted);
    assert!(report.summary.figures["samples"] > 2.0);
    assert!(series(&report, "memory.used_ratio").next().is_some());
}

#[test]
fn no_secret_of_the_command_line_is_kept() {
    let home = Home::new();
    let named = format!("PGPASSWORD={SECRET}");
    let url = format!("postgres://app:{SECRET}@db/shop");
    let words = [
        "--",
        "sh",
        "-c",
        "sleep 0.1",
        "sh",
        "--password",
        SECRET,
        &named,
        &url,
    ];
    let out = home.run(&words);
    assert!(out.status.success());
    let text = std::fs::read_to_string(home.report_path()).unwrap();
    assert!(text.contains("--password") && text.contains("***"));
    assert!(!text.contains(SECRET));
    assert!(!String::from_utf8_lossy(&out.stderr).contains(SECRET));

    let out = home.run(&["--", &format!("no-such://a:{SECRET}@b")]);
    assert_eq!(out.status.code(), Some(127));
    assert!(!String::from_utf8_lossy(&out.stderr).contains(SECRET));
    assert!(
        !std::fs::read_to_string(home.report_path())
            .unwrap()
            .contains(SECRET)
    );
}

#[test]
fn wrong_usage_is_one_clear_sentence() {
    for (args, sentence) in [
        (&["--interval", "1ms"][..], "10ms is the shortest"),
        (&["--interval", "0s"], "longer than zero"),
        (&["--interval=-1s"], "cannot be negative"),
        (&["--duration", "soon"], "is not a time"),
        (&["--duration", "1s", "--", "true"], "cannot be used with"),
        (&["--processes", "some"], "none, top, all"),
        (&["--top", "0"], "1 or more"),
        (&["--top", "513"], "512 is the most"),
        (&["--frobnicate"], "--frobnicate"),
        (&["true"], "unexpected argument"),
    ] {
        let home = Home::new();
        let out = home.run(args);
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(sentence), "{args:?}: {stderr}");
        assert!(!stderr.contains("panicked") && out.stdout.is_empty());
        assert!(!home.report_path().exists());
    }
}

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

/// Every name that a recording may have.
const KNOWN: &[&str] = &[
    "cpu.busy_ratio",
    "cpu.user_ratio",
    "cpu.system_ratio",
    "cpu.iowait_ratio",
    "cpu.steal_ratio",
    "cpu.irq_ratio",
    "load.runnable",
    "memory.total_bytes",
    "memory.available_bytes",
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
    // A machine may have no disk, traffic or GPU; all else is there, or its absence is named.
    let may_lack = ["disk.", "network.", "gpu."];
    let optional = |name: &str| may_lack.iter().any(|kind| name.starts_with(kind));
    for name in KNOWN.iter().filter(|name| !optional(name)) {
        assert!(missing || series(&report, name).next().is_some(), "{name}");
    }
    for series in &report.series {
        assert!(KNOWN.contains(&series.name.as_str()), "{}", series.name);
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
