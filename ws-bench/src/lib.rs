//! Finds how many WebSocket connections a server holds, and whose limit it was.
//!
//! Scenario `limit` raises the number of open connections step by step. Each connection stays open
//! from step to step, some of them send messages, and all are checked before a step counts as held. The result names the owner of the limit: the server,
//! the network, or this generator. `serve` is an echo server to try it on.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::float_cmp
    )
)]

pub mod cli;
mod connection;
mod echo;
pub(crate) mod endpoint;
mod evidence;
mod failure;
mod kernel_limits;
pub(crate) mod limit;
mod machine_limits;
mod open_files;
mod probe;
mod remedy;
mod render;
mod search;
pub(crate) mod serve;
pub(crate) mod settings;
mod socket;
mod step_runner;
mod verdict;

use bench_cli::{Exit, Remedy as _, run_scenario};

use crate::cli::{LimitArgs, WsCli, WsCommand};
use crate::limit::LimitRun;
use crate::serve::{ServeError, ServeOptions};
use crate::settings::DEFAULTS;

/// Runs the command of the command line.
///
/// # Errors
/// Returns the sentence for stderr, with its remedy.
pub fn run(cli: &WsCli) -> anyhow::Result<Exit> {
    match &cli.command {
        WsCommand::Limit(args) => limit(args),
        WsCommand::Serve(args) => {
            serve::run(&ServeOptions::from(args)).or_else(|error| match error {
                ServeError::Listen { .. } => {
                    Err(error).remedy("another port, or port 0 for a free one")
                }
                other => Err(other.into()),
            })?;
            Ok(Exit::Done)
        }
    }
}

fn limit(args: &LimitArgs) -> anyhow::Result<Exit> {
    let seed = args.load.step.draw_seed();
    let scenario = LimitRun {
        url: args.target()?,
        settings: args.settings(seed),
        config: args.load.config(seed, DEFAULTS),
    };
    run_scenario(&scenario, &args.output)
}
