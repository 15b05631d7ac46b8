//! Command `workload`: lists built-in workloads, creates and drops tables that outlive a run, checks scripts,
//! and suggests a mix from a server's statistics.

mod check;
mod describe;
mod flags;
mod query_template;
mod server_connection;
mod suggest;
mod tables;

use bench_cli::Exit;

pub(crate) use flags::{WorkloadCommand, WorkloadCommandFlags};

use server_connection::ServerConnection;

/// Runs a `workload` subcommand with these flags and returns the exit code.
///
/// # Errors
/// Fails on wrong usage, without a server that the subcommand needs, or on a script with an error.
pub(crate) fn run(flags: &WorkloadCommandFlags) -> anyhow::Result<Exit> {
    match &flags.command {
        WorkloadCommand::List => describe::list(),
        WorkloadCommand::Describe { name } => describe::one(*name),
        WorkloadCommand::Init(flags) => tables::init(flags),
        WorkloadCommand::Drop(flags) => tables::drop(flags),
        WorkloadCommand::Check(flags) => check::run(flags),
        WorkloadCommand::Suggest(flags) => suggest::run(flags),
    }?;
    Ok(Exit::Done)
}
