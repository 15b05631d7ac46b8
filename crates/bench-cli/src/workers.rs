//! Worker processes of a bench: copies of the program on this host that make its load together.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use clap::{Args, Parser};
use load_engine::{WorkerProcesses, WorkerScenario, serve_worker};
use nix::sys::signal::Signal;
use serde_json::json;

use crate::Exit;
use crate::command_line::{read_words, words};
use crate::flags;

/// Hidden subcommand that makes the program run as a worker process.
const SUBCOMMAND: &str = "worker";
/// Flags that are removed from the command line passed to workers, each with a value. Workers do
/// not need them, because each step's plan includes the load.
const LOAD_FLAGS: [&str; 2] = ["--rate", "--users"];

/// Flag that sets the number of worker processes on this host.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "Load")]
pub struct WorkerFlags {
    /// Number of processes that make the load together and share its users, connections and threads
    /// [default: this one makes it]
    #[arg(long, value_parser = flags::count, value_name = "N")]
    pub workers: Option<u64>,
}

/// Starts `count` copies of this program as worker processes. They receive this program's command
/// line through a pipe and not as arguments, and without the flags of the load: a curve's file may
/// be a pipe, which only the parent can read. The workers are killed when this process ends.
///
/// # Errors
///
/// Fails if a worker cannot be started, refuses its parent, does not answer, or has another clock.
pub fn start(count: u64, version: &str) -> anyhow::Result<WorkerProcesses> {
    let program = std::env::current_exe().context("cannot find the program to start as worker")?;
    let words = words()
        .into_iter()
        .map(|word| word.to_string_lossy().into_owned());
    let setup = json!(without_load(words));
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

/// Returns `words`, the arguments of a command line, without [`LOAD_FLAGS`] and their values.
fn without_load(words: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut words = words.into_iter();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        if LOAD_FLAGS.contains(&word.as_str()) {
            // Skips the flag's value, which is the next argument.
            words.next();
            continue;
        }
        let name = word.split_once('=').map(|(name, _)| name);
        if !name.is_some_and(|name| LOAD_FLAGS.contains(&name)) {
            kept.push(word);
        }
    }
    kept
}

/// Runs this process as a worker of the process that started it: takes orders on stdin, makes
/// load, and answers on stdout, until stdin is closed. `make` creates the scenario from the
/// command line of the parent.
///
/// # Errors
///
/// Fails if no orders arrive, or if the parent has another version.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_told_the_command_line_without_a_load_that_they_would_read_again() {
        let told = |line: &str| without_load(line.split(' ').map(str::to_owned)).join(" ");
        for (line, wanted) in [
            (
                "bench cache --rate file:/dev/stdin --workers 2",
                "bench cache --workers 2",
            ),
            (
                "bench cache --users=file:/dev/fd/63 --keys 5",
                "bench cache --keys 5",
            ),
            (
                "bench pool --spawn-rate 5 --users 9",
                "bench pool --spawn-rate 5",
            ),
            (
                "bench pool --url redis://h/?a=--rate",
                "bench pool --url redis://h/?a=--rate",
            ),
        ] {
            assert_eq!(told(line), wanted);
        }
    }
}
