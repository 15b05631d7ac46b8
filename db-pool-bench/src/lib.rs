//! Tool that finds the PostgreSQL connection-pool size to run with, and shows where the time goes.
//! The wait for a connection is separated from the server's work, and each driver executes the same
//! requests.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::float_cmp
    )
)]

mod check;
mod cli;
#[cfg(test)]
#[path = "../tests/common/server.rs"]
mod common;
mod conditions;
mod connect;
mod context;
mod control;
mod defaults;
mod driver_order;
mod drivers;
mod exhaust;
mod failure;
#[cfg(test)]
mod golden;
mod lifecycle;
mod load_sharing;
mod observe;
mod one_pool;
mod protocol;
mod queue;
mod remedy;
mod results;
mod run_server;
mod scale;
mod server;
mod sweep;
mod target;
mod text;
mod time_shares;
mod wire;
mod worker;
mod workload_commands;
mod workloads;

use std::process::ExitCode;

use crate::cli::PoolBenchCli;

/// Counts the allocations of tests of code that must not allocate.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: test_support::CountingAllocator = test_support::CountingAllocator;

/// Parses the command line, runs the command that it names, and returns the exit code of the
/// process.
pub fn run() -> ExitCode {
    let cli: PoolBenchCli = bench_cli::parse();
    bench_cli::run("db-pool-bench", || cli.command.run())
}
