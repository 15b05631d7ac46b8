//! Finds the PostgreSQL connection-pool size to run with.

use std::process::ExitCode;

use bench_cli::Exit;
use clap::CommandFactory as _;
use db_pool_bench::cli::{Cli, Command};
use db_pool_bench::{catalogue, check, exhaust, lifecycle, observe, scale, sweep};

fn main() -> ExitCode {
    let cli: Cli = bench_cli::parse();
    bench_cli::run("db-pool-bench", || match cli.command {
        Command::Sweep(flags) => sweep::run(&flags),
        Command::Scale(flags) => scale::run(&flags),
        Command::Exhaust(flags) => exhaust::run(&flags),
        Command::Lifecycle(flags) => lifecycle::run(&flags),
        Command::Observe(flags) => observe::run(&flags),
        Command::Workload(flags) => catalogue::run(&flags),
        Command::Check(flags) => check::run(&flags),
        Command::Generate { what } => {
            bench_cli::generate::print(&mut Cli::command(), &what)?;
            Ok(Exit::Done)
        }
    })
}
