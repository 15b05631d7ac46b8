//! Loads Redis as applications use it, and measures what the way to connect costs.
//!
//! A scenario defines the requests of users ([`cache`], [`throughput`]). A client defines how they are sent
//! ([`clients`]). `scenario` runs the steps of all clients in a shuffled order, adds the server's evidence to
//! each step, and removes the run's keys.
#![cfg_attr(
    test,
    allow(
        clippy::float_cmp,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

pub mod address;
mod advice;
pub mod cache;
mod cleanup;
pub mod cli;
pub mod clients;
mod evidence;
mod failure;
mod group;
mod guard;
pub mod info;
pub mod key_skew;
mod load_text;
mod rate_searches;
mod remedy;
pub mod run_keys;
mod run_plan;
mod run_target;
mod scenario;
pub mod server;
mod summary;
pub mod throughput;
mod worker;
pub mod workload;

use std::time::Duration;

use bench_cli::Exit;
use bench_cli::load::Defaults;
use load_engine::RuntimeKind;

use crate::cache::Cache;
use crate::cli::{RedisBenchCli, RedisBenchCommand};
use crate::scenario::RedisRun;
use crate::throughput::Throughput;
use crate::worker::RedisWorker;

/// Runs the command that `cli` names.
///
/// # Errors
/// Returns a sentence with a remedy.
pub fn run(cli: &RedisBenchCli) -> anyhow::Result<Exit> {
    match &cli.command {
        RedisBenchCommand::Cache(flags) => {
            workload::check_value_size(flags.value_size)?;
            let defaults = defaults(RuntimeKind::Shared);
            RedisRun::new("cache", &Cache(flags), &flags.common, defaults)?.run()
        }
        RedisBenchCommand::Pool(flags) => {
            workload::check_value_size(flags.value_size)?;
            // Uses the cheapest kind of generator, because this scenario measures the client itself.
            let defaults = defaults(RuntimeKind::PerCore);
            RedisRun::new("pool", &Throughput(flags), &flags.common, defaults)?.run()
        }
        RedisBenchCommand::Worker => {
            bench_cli::workers::serve(env!("CARGO_PKG_VERSION"), |cli| Ok(RedisWorker(cli)))
        }
    }
}

fn defaults(runtime: RuntimeKind) -> Defaults {
    Defaults {
        warmup: Duration::from_secs(1),
        measure: Duration::from_secs(5),
        repeats: 3,
        runtime,
    }
}
