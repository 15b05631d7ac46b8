//! Directory in which a documented command is run: the files that commands name exist, the servers
//! do not.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use test_support::{RunningProgram, TIMEOUT, TestDirectory, eventually};

use crate::common::binary;
use crate::documents::root;
use crate::shell_command::ShellCommand;

/// Texts with which a program that runs until Ctrl-C reports that it is working.
const AT_WORK: [&str; 4] = [
    "listening on ",
    "recording into ",
    "phase: record",
    "serving http",
];
/// Texts in failures that the machine causes: no server at an address, an address that cannot be
/// used, or another program listening there.
const AWAY: [&str; 4] = [
    "refused",
    "cannot start a throwaway Redis",
    "annot assign requested address",
    "already in use",
];
/// Text of the error about a command that draws but whose stdout is no terminal.
const NO_TERMINAL: &str = "stdout is no terminal";
/// Path of the reports that commands name, relative to the directory.
const NIGHTLY: &str = "reports/nightly";
/// Names and texts of the scripts that commands name; the last one needs `--define tenants=…`.
const SCRIPTS: [(&str, &str); 3] = [
    ("browse.sql", "SELECT 1;\n"),
    ("buy.sql", "SELECT 2;\n"),
    ("checkout.sql", "\\set n random(1, :tenants)\nSELECT :n;\n"),
];
/// Names and texts of the traces of caches that commands name.
const TRACES: [(&str, &str); 4] = [
    ("cluster052.csv", "0,a,1,5,3,get,0\n1,a,1,5,3,set,60\n"),
    ("day.csv", "0,a,1,5,3,get,0\n1,a,1,5,3,set,60\n"),
    ("kvcache.csv", "key,op,size\na,GET,5\na,SET,5\n"),
    (
        "monitor.txt",
        "OK\n1.5 [0 127.0.0.1:5] \"GET\" \"a\"\n1.6 [0 127.0.0.1:5] \"GET\" \"a\"\n",
    ),
];
/// Path of the trace that others are copies of, in the repository.
const TRACE: &str = "redis-bench/src/replay/sample/zipf.oracleGeneral.zst";

/// Runs a command until it ends; a program that reports that it is working is interrupted by
/// SIGINT.
///
/// # Errors
/// Fails with the exit code and the printed text if the command was refused, which includes a
/// panic. A missing server, a missing terminal and a gate that fails are no refusals.
pub(crate) fn run(command: &ShellCommand) -> Result<(), String> {
    let place = TestDirectory::new();
    let mut script = command.script();
    let recorder = (command.line.starts_with("sysmon mark")).then(|| record(&place));
    match &recorder {
        None => furnish(&place),
        // Others may record on this machine, and their recordings are not to be marked.
        Some(_) if !script.contains("--recording") => {
            script.push_str(&format!(" --recording {NIGHTLY}"));
        }
        Some(recorder) => script = script.replace("4711", &recorder.id().to_string()),
    }
    let said = [
        place.path().join("stdout.txt"),
        place.path().join("stderr.txt"),
    ];
    let [stdout, stderr] = said.each_ref().map(|path| File::create(path).unwrap());
    let child = shell(&place, &script).stdout(stdout).stderr(stderr).spawn();
    let read = || {
        said.each_ref()
            .map(|path| fs::read_to_string(path).unwrap_or_default())
            .concat()
    };
    let (code, was_at_work) = end(child.unwrap(), || {
        AT_WORK.iter().any(|word| read().contains(word))
    });
    if let Some(recorder) = recorder {
        recorder.signal(Signal::SIGINT);
        recorder.end();
    }
    let said = read();
    let is_away = AWAY.iter().any(|word| said.contains(word));
    let accepted = match code {
        Some(0) => true,
        Some(130) => was_at_work,
        Some(3) => command.line.contains("--gate"),
        Some(1) => is_away,
        Some(2) => said.contains(NO_TERMINAL),
        _ => false,
    };
    if accepted && !said.contains("panicked") {
        return Ok(());
    }
    Err(format!("exit code {code:?}: {said}"))
}

/// Returns a shell command that runs `script` in `place`, with environment variables of servers
/// that do not answer, and `T` as a time one minute from now in Unix seconds.
fn shell(place: &TestDirectory, script: &str) -> Command {
    let programs = binary("plimsoll").parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    let soon = SystemTime::now() + Duration::from_mins(1);
    let soon = soon.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let mut command = place.command("sh", &["-c", script]);
    command
        .env("PATH", format!("{programs}:{path}"))
        .env("HOME", place.path())
        .env("T", soon.as_secs().to_string())
        .env("DATABASE_URL", "postgres://app@127.0.0.1:1/shop")
        .env("REDIS_URL", "redis://127.0.0.1:1/")
        .env("WS_URL", "ws://127.0.0.1:1/");
    if ["--maxmemory", "--recovery"]
        .iter()
        .any(|flag| script.contains(flag))
    {
        // Is for a throwaway server only, which is not there either.
        command
            .env_remove("REDIS_URL")
            .env("PLIMSOLL_REDIS_BIN", place.path().join("no-redis"));
    }
    command
}

/// Waits for the end of `child`, which receives SIGINT as soon as `is_at_work` returns true, and is
/// killed after a time-out. Returns its exit code, `None` without one, and whether it received
/// SIGINT.
fn end(mut child: Child, is_at_work: impl Fn() -> bool) -> (Option<i32>, bool) {
    let (started, mut asked) = (Instant::now(), false);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return (status.code(), asked);
        }
        if !asked && is_at_work() {
            kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
            asked = true;
        }
        if started.elapsed() > TIMEOUT {
            let _ = child.kill();
            let _ = child.wait();
            return (None, asked);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Starts a recording in the background that accepts marks, and waits until it does.
fn record(place: &TestDirectory) -> RunningProgram {
    let args = ["record", "--processes", "none", "--run-dir", NIGHTLY];
    let recorder = RunningProgram::start(&mut place.command(binary("sysmon"), &args));
    let marks = place.path().join(NIGHTLY).join("sysmon.record.json.marks");
    eventually("it takes marks", || marks.exists());
    recorder
}

/// Creates the files that commands name in `place`.
fn furnish(place: &TestDirectory) {
    let at = |name: &str| place.path().join(name);
    symlink(root().join("examples"), at("examples")).unwrap();
    fs::write(at("Makefile"), "test:\n\t@true\n").unwrap();
    for (name, script) in SCRIPTS.into_iter().chain(TRACES) {
        fs::write(at(name), script).unwrap();
    }
    fs::copy(root().join(TRACE), at("zipf.oracleGeneral.zst")).unwrap();
    let smoke = root().join("reports/examples/smoke");
    let thresholds = root().join("bottleneck-analyzer/thresholds.toml");
    fs::copy(thresholds, at("mine.toml")).unwrap();
    for run in [
        NIGHTLY,
        "reports/20260314-091500-7f3a",
        "reports/examples/smoke",
    ] {
        copy_all(&smoke, &at(run));
    }
    let sweep = "db-pool-bench.sweep.json";
    fs::copy(smoke.join(sweep), at(sweep)).unwrap();
    for recording in ["before", "after", "a"] {
        copy_all(RECORDING.path(), &at(recording));
    }
    for file in files(RECORDING.path()).iter().filter(|file| is_raw(file)) {
        fs::copy(file, at(NIGHTLY).join(file.file_name().unwrap())).unwrap();
    }
    for worker in 0..2 {
        share_of(&smoke, worker, &at(&worker.to_string()));
    }
}

/// Directory of a recording of a command that runs for 0.3 s, with its raw samples in one file. Beside
/// it lies the numbered file of raw samples of a second such recording, which rotates its files. The
/// directory is created at the first use.
static RECORDING: LazyLock<TestDirectory> = LazyLock::new(|| {
    let place = TestDirectory::new();
    for (directory, flags) in [("rotated", "--rotate-age 1s"), (".", "--quiet")] {
        let words = format!("record --interval 100ms --run-dir {directory} {flags} -- sleep 0.3");
        let words: Vec<&str> = words.split(' ').collect();
        let output = place.command(binary("sysmon"), &words).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    for file in files(&place.path().join("rotated")) {
        if is_raw(&file) {
            fs::copy(&file, place.path().join(file.file_name().unwrap())).unwrap();
        }
    }
    place
});

/// Writes into `directory`, which must not exist, a report as of the given worker of two workers on
/// different hosts, made from a report in `smoke`.
fn share_of(smoke: &Path, worker: u64, directory: &Path) {
    let name = "redis-bench.cache.json";
    let text = fs::read_to_string(smoke.join(name)).unwrap();
    let mut report: serde_json::Value = serde_json::from_str(&text).unwrap();
    report["config"]["worker"] = json!({"i": worker, "n": 2, "plan_hash": "7f3a"});
    fs::create_dir(directory).unwrap();
    fs::write(directory.join(name), report.to_string()).unwrap();
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in files(from) {
        fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
    }
}

/// Returns true if `file` contains raw samples, by its extension.
fn is_raw(file: &Path) -> bool {
    file.extension().is_some_and(|e| e == "arrows")
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.is_file()).collect()
}
