//! Loads Redis as applications use it, and measures the cost of the way to connect.
//!
//! A scenario defines the requests of users (`cache`, `burst`, `replay`, `pool`, `rate_limit`, `session`;
//! `script` has those of the user). A client defines how they are sent (`clients`). `run` runs the
//! steps of all clients in a shuffled order, adds the server's evidence to each step, and removes the
//! run's keys (`keys`). `results` compares the clients. `memory` makes no load: it writes keys and
//! reads their memory. `observe` only reads a server under the load that it has.
#![cfg_attr(
    test,
    allow(
        clippy::float_cmp,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod burst;
mod cache;
mod check;
mod cli;
mod clients;
mod evidence;
#[cfg(test)]
mod golden;
mod keys;
mod load_scenario;
mod memory;
mod observe;
mod pool;
mod rate_limit;
mod replay;
mod results;
mod run;
mod script;
mod server;
mod session;

use std::process::ExitCode;

use bench_cli::Exit;
use load_engine::RuntimeKind;

use crate::cli::{CommonFlags, RedisBenchCli, RedisBenchCommand, ScriptFlags, habits};
use crate::load_scenario::{Execute, use_load};
use crate::pool::recovery;
use crate::run::{RedisWorker, workload};
use crate::script::Scripted;

/// Counts the allocations of tests of code that must not allocate.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: test_support::CountingAllocator = test_support::CountingAllocator;

/// Parses the command line of the process and runs the command that it names. Prints results and
/// errors, and returns the exit code for `main`. Wrong usage ends the process.
pub fn run() -> ExitCode {
    let has_url = std::env::var_os("REDIS_URL").is_some_and(|url| !url.is_empty());
    let words = match habits::translated(std::env::args_os().skip(1).collect(), has_url) {
        Ok(words) => words,
        Err(refused) => return bench_cli::run("redis-bench", || Err(refused.into())),
    };
    let cli: RedisBenchCli = bench_cli::parse_words(words);
    bench_cli::run("redis-bench", || run_command(&cli.command))
}

fn run_command(command: &RedisBenchCommand) -> anyhow::Result<Exit> {
    match command {
        RedisBenchCommand::Memory(flags) => memory::run(flags),
        RedisBenchCommand::Observe(flags) => observe::run(flags),
        RedisBenchCommand::Check(server) => check::run(server),
        RedisBenchCommand::Pool(flags) if flags.recovery => {
            workload::check_value_size(flags.value_size)?;
            recovery::run(flags)
        }
        RedisBenchCommand::Pool(flags) if flags.script.check_script => {
            show_script(&flags.script, &flags.common)
        }
        RedisBenchCommand::Burst(flags) if flags.script.check_script => {
            show_script(&flags.script, &flags.cache.common)
        }
        RedisBenchCommand::Worker => {
            bench_cli::workers::serve(env!("CARGO_PKG_VERSION"), |cli| Ok(RedisWorker(cli)))
        }
        load => use_load(load, Execute),
    }
}

/// Checks the script that `script` names, and shows its sequences.
fn show_script(script: &ScriptFlags, flags: &CommonFlags) -> anyhow::Result<Exit> {
    let checked = Scripted::given(script, flags, workload::defaults(RuntimeKind::Shared))?;
    checked.map_or(Ok(Exit::Done), |scripted| scripted.show())
}
