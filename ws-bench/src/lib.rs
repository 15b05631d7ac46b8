//! Finds how many WebSocket connections a server holds, and whose limit it was.
//!
//! Scenario `limit` raises the number of open connections step by step. Connections stay open from
//! step to step, and some of them send messages. All are checked before a step counts as held. The
//! result names the owner of the limit: the server, the network, or this generator. Scenario
//! `throughput` measures messages per second and their round trips. `serve` is a test server: echo,
//! broadcast or stream, with faults on request.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::float_cmp
    )
)]

#[cfg(test)]
#[path = "../tests/autobahn/mod.rs"]
mod autobahn;
mod cli;
mod connection;
#[cfg(test)]
mod golden;
mod limit;
mod load;
mod machine;
mod serve;
mod server;
mod throughput;

use std::process::ExitCode;

use bench_cli::flags::Format;
use bench_cli::load::seed_or_drawn;
use bench_cli::{Exit, Remedy as _, output, run_scenario, workers};

use crate::cli::{LimitArgs, ServeArgs, ThroughputArgs, WsCli, WsCommand};
use crate::limit::limit_run::LimitRun;
use crate::limit::settings::DEFAULTS;
use crate::load::worker::WsWorker;
use crate::serve::ServeError;
use crate::throughput::throughput_run::ThroughputRun;

#[cfg(test)]
#[global_allocator]
static ALLOCATOR: test_support::CountingAllocator = test_support::CountingAllocator;

/// Parses the command line, runs the command that it names, and returns the exit code of the
/// program.
pub fn run() -> ExitCode {
    let cli: WsCli = bench_cli::parse();
    bench_cli::run("ws-bench", || run_command(&cli.command))
}

fn run_command(command: &WsCommand) -> anyhow::Result<Exit> {
    match command {
        WsCommand::Limit(args) => limit(args),
        WsCommand::Throughput(args) => throughput(args),
        WsCommand::Serve(args) => serve(args),
        WsCommand::Worker => workers::serve(env!("CARGO_PKG_VERSION"), WsWorker::new),
    }
}

fn limit(args: &LimitArgs) -> anyhow::Result<Exit> {
    let seed = seed_or_drawn(args.load.step.seed);
    let scenario = LimitRun {
        target: args.target.target()?,
        settings: args.settings(seed),
        workers: args.workers.workers,
        config: args.load.config(seed, DEFAULTS),
    };
    run_scenario(&scenario, &args.output)
}

fn throughput(args: &ThroughputArgs) -> anyhow::Result<Exit> {
    let scenario = ThroughputRun {
        target: args.target.target()?,
        settings: args.settings(seed_or_drawn(args.load.step.seed))?,
    };
    run_scenario(&scenario, &args.output)
}

fn serve(args: &ServeArgs) -> anyhow::Result<Exit> {
    let counts = match serve::run(&args.options()?) {
        Ok(counts) => counts,
        Err(error @ ServeError::Listen { .. }) => {
            return Err(error).remedy("another port, or port 0 for a free one");
        }
        Err(error) => return Err(error.into()),
    };
    let text = match args.format() {
        Format::Text => serve::text(&counts),
        Format::Json => serde_json::to_string(&counts)? + "\n",
    };
    output::print(&text)?;
    Ok(Exit::Done)
}
