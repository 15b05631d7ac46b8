//! The command line of `ws-bench`; everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = bench_cli::parse::<ws_bench::cli::WsCli>();
    bench_cli::run("ws-bench", || ws_bench::run(&cli))
}
