//! Measures the benches beside their peers.

use std::process::ExitCode;

use clap::Parser as _;
use peers::PeersCli;

fn main() -> ExitCode {
    let cli = PeersCli::parse();
    bench_cli::run("peers", || peers::run(&cli))
}
