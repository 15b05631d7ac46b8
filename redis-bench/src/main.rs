//! Loads Redis the way applications use it.

use std::process::ExitCode;

use redis_bench::cli::Cli;

fn main() -> ExitCode {
    let cli = bench_cli::parse::<Cli>();
    bench_cli::run("redis-bench", || redis_bench::run(&cli))
}
