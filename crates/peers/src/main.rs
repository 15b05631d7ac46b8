//! Measures the benches beside their peers, each pair on one throwaway server: pgbench, Redis'
//! own benchmark, and the smallest loop that the same crate allows.
//!
//! A load generator that is slower than it needs to be measures itself. How much slower ours are
//! is a ratio of runs that follow each other closely (`pairs`), since absolute rates say more
//! about the minute and the machine. It is a benchmark: a ratio that falls short fails nothing.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod bench;
mod cli;
mod contest;
mod context;
mod idle;
mod minimal;
mod pairs;
mod plan;
mod postgres;
mod program;
mod recorder;
mod redis;
mod results;
mod sampling;
mod table;
mod verdict;

use std::process::ExitCode;

use crate::cli::PeersCli;

fn main() -> ExitCode {
    let cli = bench_cli::parse::<PeersCli>();
    bench_cli::run("peers", || bench::run(&cli))
}
