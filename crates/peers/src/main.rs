//! Measures the benches beside their peers.

use std::process::ExitCode;

use peers::PeersCli;

fn main() -> ExitCode {
    let cli = bench_cli::parse::<PeersCli>();
    bench_cli::run("peers", || peers::run(&cli))
}
