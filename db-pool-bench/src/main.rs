//! Finds the PostgreSQL connection-pool size to run with.

use std::process::ExitCode;

use db_pool_bench::cli::{PoolBenchCli, PoolBenchCommand};
use db_pool_bench::{check, exhaust, lifecycle, observe, scale, sweep, workload_commands};

fn main() -> ExitCode {
    let cli: PoolBenchCli = bench_cli::parse();
    bench_cli::run("db-pool-bench", || match cli.command {
        PoolBenchCommand::Sweep(flags) => sweep::run(&flags),
        PoolBenchCommand::Scale(flags) => scale::run(&flags),
        PoolBenchCommand::Exhaust(flags) => exhaust::run(&flags),
        PoolBenchCommand::Lifecycle(flags) => lifecycle::run(&flags),
        PoolBenchCommand::Observe(flags) => observe::run(&flags),
        PoolBenchCommand::Workload(flags) => workload_commands::run(&flags),
        PoolBenchCommand::Check(flags) => check::run(&flags),
    })
}
