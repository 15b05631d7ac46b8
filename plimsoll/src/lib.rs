//! Suite of all benches: runs them one after the other while the machine is recorded, then shows
//! the analyzer's findings.
//!
//! Each tool runs as a process of its own, as a user would run it: the suite measures exactly what
//! the tool measures, and a tool that crashes does not affect the others.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod cli;
mod doctor;
mod failure_cause;
mod list;
mod log_copy;
mod profile;
mod run_directory;
mod run_parts;
mod server_check;
mod servers;
mod suite;
mod tool_process;

use std::path::Path;
use std::process::ExitCode;

use bench_cli::Exit;
use bench_report::Environment;

use crate::cli::{PlimsollCli, PlimsollCommand};
use crate::doctor::NamedServers;

/// Parses the command line of the process and runs the command that it names. Prints results and
/// errors, and returns the exit code for `main`. Wrong usage ends the process.
pub fn run() -> ExitCode {
    let cli: PlimsollCli = bench_cli::parse();
    bench_cli::run("plimsoll", || match cli.command {
        PlimsollCommand::Run(flags) => suite::run(&flags),
        PlimsollCommand::List => {
            bench_cli::output::print(&list::text()?)?;
            Ok(Exit::Done)
        }
        PlimsollCommand::Doctor => examine_this_machine(),
    })
}

fn examine_this_machine() -> anyhow::Result<Exit> {
    let environment = Environment::capture();
    let servers = NamedServers::from_environment();
    let checks = doctor::examine(Path::new("/"), &environment, &servers);
    let (text, can_run) = doctor::text(&checks);
    bench_cli::output::print(&text)?;
    Ok(if can_run { Exit::Done } else { Exit::Code(1) })
}
