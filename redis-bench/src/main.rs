//! Loads Redis the way applications use it.

use std::process::ExitCode;

use redis_bench::cli::RedisBenchCli;

fn main() -> ExitCode {
    let cli = bench_cli::parse::<RedisBenchCli>();
    bench_cli::run("redis-bench", || redis_bench::run(&cli))
}
