//! Compares the benches with similar programs ("peers"), each pair on one throwaway server:
//! pgbench, Redis' own benchmark, uWebSockets' load test, and the smallest loop on the same library.
//!
//! A load generator that is slower than necessary measures itself. The slowdown of ours is given as
//! a ratio of runs that follow each other closely (`pairs`), because absolute rates depend on the
//! moment and the machine. This is a benchmark: a ratio below expectation is no failure.

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
mod websocket;

use std::process::ExitCode;

use crate::cli::PeersCli;

fn main() -> ExitCode {
    let cli = bench_cli::parse::<PeersCli>();
    bench_cli::run("peers", || bench::run(&cli))
}
