//! Worker processes of a bench: copies of the program that make its load together.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use child_process::Signal;
use clap::{Args, Parser};
use load_engine::{WorkerProcesses, WorkerScenario, serve_worker};
use serde_json::json;

use crate::Exit;
use crate::command_line::read_words;
use crate::flags;

/// Hidden subcommand with which a worker process is started.
const SUBCOMMAND: &str = "worker";

/// Flags of worker processes.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "Load")]
pub struct WorkerFlags {
    /// Number of processes that make the load together and share its users, connections and threads
    /// [default: this one makes it]
    #[arg(long, value_parser = flags::count, value_name = "N")]
    pub workers: Option<u64>,
}

/// Starts `count` copies of this program as workers. They get this program's command line through a
/// pipe, not as their own, and die with this process.
///
/// # Errors
/// Fails if one cannot be started, or is of no use.
pub fn start(count: u64, version: &str) -> anyhow::Result<WorkerProcesses> {
    let program = std::env::current_exe().context("cannot find the program to start as worker")?;
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let setup = json!(words.collect::<Vec<_>>());
    let workers = WorkerProcesses::start(count, version, &setup, |_| {
        let mut command = Command::new(&program);
        command
            .arg(SUBCOMMAND)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        child_process::spawn(command, Some(Signal::SIGKILL))
    })?;
    Ok(workers)
}

/// Makes load as a worker of the process that has started this one: takes orders on stdin. `make`
/// makes the scenario from the command line of that process.
///
/// # Errors
/// Fails if nobody gives orders, or the parent is of another version.
pub fn serve<C: Parser, S: WorkerScenario>(
    version: &str,
    make: impl FnOnce(C) -> Result<S, String>,
) -> anyhow::Result<Exit> {
    serve_worker(
        std::io::stdin(),
        &mut std::io::stdout(),
        version,
        |setup, _| {
            let words: Vec<String> =
                serde_json::from_value(setup).map_err(|error| error.to_string())?;
            let words = words.into_iter().map(OsString::from);
            let cli = read_words(words).map_err(|error| error.to_string())?;
            make(cli)
        },
    )?;
    Ok(Exit::Done)
}
