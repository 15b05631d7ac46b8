//! One run with a planted cause: a throwaway server, the disturbance, the recorder, the load, and
//! the analyzer's assessment.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::Signal;
use serde_json::Value;
use test_support::{RunningProgram, TestDirectory};
use testbed::{Postgres, PostgresOptions};

use crate::beside;
use crate::common::tool;
use crate::planting::{Load, Planting};

/// Password of the throwaway servers, which listen only on this machine.
const PASSWORD: &str = "planted";
/// Duration of the load; it suffices for a hundred samples of the server, even if they are slow.
const DURATION: &str = "12s";

/// Runs a planting for the `nth` time; `nth` is the seed of the load. Returns the analyzer's
/// assessment, in JSON.
///
/// # Errors
/// Fails with the reason if the cause could not be planted, or if there is no assessment.
pub(crate) fn run(planting: &Planting, nth: usize) -> Result<Value, String> {
    let settings = planting.server.iter();
    let server = Postgres::start(&PostgresOptions {
        password: Some(PASSWORD.to_owned()),
        settings: settings
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..PostgresOptions::default()
    })
    .map_err(|error| error.to_string())?;
    let place = TestDirectory::new();
    psql(&server, &place, planting.setup)?;
    let mut guests = Vec::new();
    for beside in planting.beside {
        guests.extend(beside::start(beside, &server, &place)?);
    }
    std::fs::write(place.path().join("load.sql"), planting.script).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for beside in planting.beside {
            scope.spawn(|| beside::tend(beside, &server, &guests, &over));
        }
        let recorder = record(&place);
        let ran = load(&place, &server, &planting.load, nth);
        over.store(true, Ordering::Relaxed);
        end(recorder);
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        let report = place.path().join("run/db-pool-bench.sweep.json");
        if !report.exists() {
            return Err(format!("the bench left no report: {said}"));
        }
        assess(&place, planting.name)
    })
}

/// Returns the command of a program of the installed PostgreSQL with the environment variables for
/// a connection to `server`.
pub(crate) fn client(server: &Postgres, place: &TestDirectory, program: &str) -> Command {
    let mut command = place.command(server.bin_dir().join(program), &[]);
    command
        .env("PGHOST", "127.0.0.1")
        .env("PGPORT", server.port().to_string())
        .env("PGUSER", "plimsoll")
        .env("PGPASSWORD", PASSWORD);
    if program != "pg_receivewal" {
        command.env("PGDATABASE", "plimsoll");
    }
    command
}

/// Executes the statements in `sql` in order, and stops at the first error.
///
/// # Errors
/// Fails with the text on stderr if a statement fails.
pub(crate) fn psql(server: &Postgres, place: &TestDirectory, sql: &str) -> Result<(), String> {
    let script = place.path().join("sql");
    std::fs::write(&script, sql).map_err(|error| error.to_string())?;
    let mut command = client(server, place, "psql");
    command
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"])
        .arg(script);
    let output = command.output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    output.status.success().then_some(()).ok_or(said)
}

/// Starts the recorder of the machine, which writes into the directory `run` of `place`, and waits
/// 700 ms for its first sample.
pub(crate) fn record(place: &TestDirectory) -> RunningProgram {
    let args = ["record", "--run-dir", "run", "--interval", "500ms"];
    let recorder = RunningProgram::start(&mut tool(place, "sysmon", &args));
    // Time before the first sample must not be part of a step.
    std::thread::sleep(std::time::Duration::from_millis(700));
    recorder
}

/// Ends the recorder by SIGINT and waits until it has saved its recording.
pub(crate) fn end(recorder: RunningProgram) {
    recorder.signal(Signal::SIGINT);
    let ended = recorder.end();
    assert!(matches!(ended.code, Some(0 | 130)), "{ended:?}");
}

fn load(place: &TestDirectory, server: &Postgres, load: &Load, nth: usize) -> Output {
    let mut args = vec![
        "sweep".to_owned(),
        "--quiet".to_owned(),
        format!("--driver={}", load.driver),
        format!("--pool-sizes={}", load.pool),
        format!("--network-delay={}", load.network_delay),
        format!("--duration={DURATION}"),
        format!("--seed={nth}"),
    ];
    args.push(match load.rate {
        Some(rate) => format!("--rate={rate}"),
        None => format!("--users={}", load.users),
    });
    let fixed = "--run-dir run --script load.sql --repeats 1 --warmup 1s --most-connections 100%";
    args.extend(fixed.split(' ').map(str::to_owned));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut bench = tool(place, "db-pool-bench", &args);
    bench.env("DATABASE_URL", server.url()).output().unwrap()
}

/// Analyzes the run in `place` and returns the assessment, in JSON. A copy of the run's files is
/// kept under `name`.
///
/// # Errors
/// Fails with a sentence if the analyzer writes no valid assessment.
pub(crate) fn assess(place: &TestDirectory, name: &str) -> Result<Value, String> {
    let args = ["analyze", "run", "--no-html", "--quiet"];
    let output = tool(place, "bottleneck-analyzer", &args).output().unwrap();
    keep(place, name);
    let text = std::fs::read_to_string(place.path().join("run/assessment.json"));
    let said = String::from_utf8_lossy(&output.stderr);
    let text = text.map_err(|error| format!("no assessment ({error}): {said}"))?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

/// Copies the files of the run to a directory under `name` in Cargo's temporary directory, for
/// debugging. An older copy is replaced.
fn keep(place: &TestDirectory, name: &str) {
    let is_plain = |c: char| c.is_ascii_alphanumeric();
    let name: String = name
        .chars()
        .map(|c| if is_plain(c) { c } else { '-' })
        .collect();
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("plantings")
        .join(name);
    let _ = std::fs::remove_dir_all(&kept);
    std::fs::create_dir_all(&kept).unwrap();
    for entry in std::fs::read_dir(place.path().join("run"))
        .unwrap()
        .flatten()
    {
        let to = kept.join(entry.file_name());
        let _ = std::fs::copy(entry.path(), to);
    }
}
