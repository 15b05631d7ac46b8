//! One run: a throwaway server, the disturbances, the recorder, the load, and the analyzer's
//! assessment of the kept files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use test_support::TestDirectory;

use crate::beside::{self, Guest};
use crate::child::Child;
use crate::common::binary;
use crate::measured_run::MeasuredRun;
use crate::planting::{DeclaredFigure, Load, Planting};
use crate::target_server::TargetServer;

/// Time from the start of the recorder to its first sample, which must precede every step.
const FIRST_SAMPLE: Duration = Duration::from_millis(700);
/// Longest time that a bench may take beside its load: a server of its own, data, the drain.
const BESIDE_THE_LOAD: Duration = Duration::from_mins(2);

/// One run of a planting.
pub(crate) struct RunPlan<'a> {
    pub(crate) planting: &'a Planting,
    /// Mean pause of each user between two calls, exponentially distributed; zero for none.
    pub(crate) pause: Duration,
    /// Length of the measured part.
    pub(crate) seconds: u32,
    pub(crate) seed: u64,
    /// True if the machine is recorded at the same time.
    pub(crate) is_recorded: bool,
    /// Directory in which the reports are kept.
    pub(crate) kept: &'a Path,
}

/// Returns the path of one of the programs: in the directory `PLIMSOLL_PROVE_PROGRAMS`, where a
/// detached run has copies, or where Cargo built them.
pub(crate) fn program(name: &str) -> PathBuf {
    match std::env::var_os("PLIMSOLL_PROVE_PROGRAMS") {
        Some(directory) => Path::new(&directory).join(name),
        None => binary(name),
    }
}

/// Carries out one run and keeps its reports.
///
/// # Errors
/// Fails with the reason if the cause could not be planted, or if the bench left no report.
pub(crate) fn run(plan: &RunPlan<'_>) -> Result<(), String> {
    let place = TestDirectory::new();
    remember(place.path());
    let server = TargetServer::start(&plan.planting.server, &place)?;
    let mut guests = Vec::new();
    for beside in &plan.planting.beside {
        guests.extend(beside::start(beside, &server, &place)?);
    }
    let recorder = plan.is_recorded.then(|| record(&place));
    let mut load = start_load(plan, &server, &place);
    let ended = tended(plan, &server, &guests, &mut load);
    if let Some(recorder) = recorder {
        end(recorder)?;
    }
    drop(guests);
    keep(&place, plan.kept);
    let said = fs::read_to_string(place.path().join("said")).unwrap_or_default();
    ended.map_err(|error| format!("{error}: {said}"))?;
    let has_report = MeasuredRun::has_report(plan.kept, &plan.planting.load.tool);
    has_report
        .then_some(())
        .ok_or_else(|| format!("the bench left no report: {said}"))
}

/// Waits until the load has ended, while stops of the server, the load or a standby are made.
fn tended(
    plan: &RunPlan<'_>,
    server: &TargetServer,
    guests: &[Guest],
    load: &mut Child,
) -> Result<(), String> {
    let over = AtomicBool::new(false);
    let bound = Duration::from_secs(u64::from(plan.seconds)) * 4 + BESIDE_THE_LOAD;
    let pid = load.pid();
    std::thread::scope(|scope| {
        for beside in &plan.planting.beside {
            let over = &over;
            scope.spawn(move || beside::tend(beside, server, guests, pid, over));
        }
        let ended = load.wait(bound);
        over.store(true, Ordering::Relaxed);
        ended
    })
}

fn start_load(plan: &RunPlan<'_>, server: &TargetServer, place: &TestDirectory) -> Child {
    let load = &plan.planting.load;
    let mut arguments: Vec<String> = load
        .arguments
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    arguments.extend(offered(load, plan.pause));
    if !load.script.is_empty() {
        fs::write(place.path().join("load.sql"), &load.script).unwrap();
        arguments.extend(["--script".to_owned(), "load.sql".to_owned()]);
    }
    // The load goes on whatever fails, because a share of failures needs many calls.
    if plan.planting.finding.figure == DeclaredFigure::Requests {
        arguments.push("--stop-on=errors>99%".to_owned());
    }
    let takes_most = load.tool == "db-pool-bench";
    let most = takes_most.then_some("--most-connections 100%").into_iter();
    let fixed = ["--quiet --run-dir run --repeats 1 --warmup 1s"]
        .into_iter()
        .chain(most);
    arguments.extend(fixed.flat_map(|words| words.split(' ').map(str::to_owned)));
    arguments.push(format!("--duration={}s", plan.seconds));
    arguments.push(format!("--seed={}", plan.seed));
    let bench = program(&load.tool);
    let mut command = if load.cpus.is_empty() {
        place.command(bench, &[])
    } else {
        let mut bound = place.command("taskset", &["-c", &load.cpus]);
        bound.arg(bench);
        bound
    };
    command.args(arguments);
    command.envs(server.address());
    Child::start(command, Some(&place.path().join("said")))
}

/// Returns the arguments with the planting's load; users pause for `pause` between two calls.
fn offered(load: &Load, pause: Duration) -> Vec<String> {
    match (load.rate, load.users) {
        // No bench plans fewer than one arrival per second.
        (Some(rate), _) => vec![format!("--rate={:.0}", rate.max(1.0))],
        (None, Some(users)) if pause.is_zero() => vec![format!("--users={users}")],
        (None, Some(users)) => vec![
            format!("--users={users}"),
            format!("--think-time=exp:{}us", pause.as_micros().max(1)),
        ],
        (None, None) => Vec::new(),
    }
}

/// Starts the recorder of the machine, which writes into the directory `run` of `place`, and waits
/// for its first sample.
pub(crate) fn record(place: &TestDirectory) -> Child {
    let command = place.command(
        program("sysmon"),
        &[
            "record",
            "--run-dir",
            "run",
            "--interval",
            "500ms",
            "--fields",
            "io",
        ],
    );
    let recorder = Child::start(command, Some(&place.path().join("recorder")));
    std::thread::sleep(FIRST_SAMPLE);
    recorder
}

/// Ends the recorder by SIGINT and waits until it has saved its recording.
///
/// # Errors
/// Fails with a sentence if it does not end.
pub(crate) fn end(mut recorder: Child) -> Result<(), String> {
    recorder.signal(Signal::SIGINT);
    recorder.wait(Duration::from_secs(20))
}

/// Analyzes the kept reports of a run, and returns the assessment, in JSON.
///
/// # Errors
/// Fails with a sentence if the analyzer writes no valid assessment.
pub(crate) fn assess(kept: &Path) -> Result<Value, String> {
    let path = kept.join("assessment.json");
    let _ = fs::remove_file(&path);
    let mut command = std::process::Command::new(program("bottleneck-analyzer"));
    command
        .arg("analyze")
        .arg(kept)
        .args(["--no-html", "--quiet"]);
    let output = command.output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    let text =
        fs::read_to_string(path).map_err(|error| format!("no assessment ({error}): {said}"))?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

/// Moves the files of the run from `place` to the directory `kept`, which is emptied before.
pub(crate) fn keep(place: &TestDirectory, kept: &Path) {
    let _ = fs::remove_dir_all(kept);
    fs::create_dir_all(kept).unwrap();
    for name in files(&place.path().join("run")) {
        let _ = fs::copy(place.path().join("run").join(&name), kept.join(name));
    }
}

/// Lists the names of the files in a directory; empty if there is none.
fn files(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// Writes down the directory of the run that begins, so that the next harness removes it if this
/// one is killed.
pub(crate) fn remember(place: &Path) {
    if let Some(state) = std::env::var_os("PLIMSOLL_PROVE_STATE") {
        let _ = fs::write(Path::new(&state).join("place"), place.display().to_string());
    }
}
