//! Loads Redis the way applications use it, and says what the way to connect costs.
//!
//! A scenario says what users ask ([`cache`], [`throughput`]); a client says how it travels
//! ([`clients`]); [`scenario`] puts both on a server, in a shuffled order, with the server's own
//! evidence beside each step, and leaves no key behind.
#![cfg_attr(
    test,
    allow(
        clippy::float_cmp,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod advice;
pub mod blocking_task;
pub mod cache;
mod cleanup;
pub mod cli;
pub mod clients;
pub mod evidence;
pub mod failure;
mod group;
pub mod guard;
pub mod info;
pub mod key_skew;
mod remedy;
pub mod run_keys;
pub mod scenario;
pub mod server;
pub mod summary;
pub mod throughput;

use std::time::Duration;

use bench_cli::Exit;
use bench_cli::load::Defaults;
use load_engine::RuntimeKind;

use crate::cache::Cache;
use crate::cli::{RedisBenchCli, RedisBenchCommand};
use crate::throughput::Throughput;

/// Does what the command line says.
///
/// # Errors
/// A sentence with a remedy.
pub fn run(cli: &RedisBenchCli) -> anyhow::Result<Exit> {
    match &cli.command {
        RedisBenchCommand::Cache(flags) => {
            scenario::check_value_size(flags.value_size)?;
            let defaults = defaults(RuntimeKind::Shared);
            scenario::run("cache", &Cache(flags), &flags.common, defaults)
        }
        RedisBenchCommand::Pool(flags) => {
            scenario::check_value_size(flags.value_size)?;
            // The cheapest generator: here it is the client that is measured.
            let defaults = defaults(RuntimeKind::PerCore);
            scenario::run("pool", &Throughput(flags), &flags.common, defaults)
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
