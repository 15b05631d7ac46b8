//! Measures the benches beside their peers.

use std::process::ExitCode;

use clap::Parser as _;
use peers::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    bench_cli::run("peers", || peers::run(&cli))
}
