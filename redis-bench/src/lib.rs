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
mod cli;
mod clients;
#[cfg(test)]
mod counting;
mod evidence;
mod keys;
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

use crate::burst::Burst;
use crate::cache::{Cache, Stampede};
use crate::cli::{BurstFlags, PoolFlags, RedisBenchCli, RedisBenchCommand, habits};
use crate::pool::{Throughput, recovery};
use crate::rate_limit::RateLimiting;
use crate::replay::Replay;
use crate::run::{RedisRun, RedisWorker, workload};
use crate::script::Scripted;
use crate::session::Sessions;

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
        RedisBenchCommand::Cache(flags) => {
            workload::check_value_size(flags.value_size.longest())?;
            flags.check()?;
            let defaults = workload::defaults(RuntimeKind::Shared);
            if let Some(stampede) = Stampede::new(flags)? {
                return RedisRun::new("cache", &stampede, &flags.common, defaults)?.run();
            }
            RedisRun::new("cache", &Cache(flags), &flags.common, defaults)?.run()
        }
        RedisBenchCommand::Burst(flags) => run_burst(flags),
        RedisBenchCommand::Replay(flags) => {
            let replay = Replay::read(flags)?;
            RedisRun::new("replay", &replay, replay.common(), Replay::defaults())?.run()
        }
        RedisBenchCommand::Pool(flags) => run_pool(flags),
        RedisBenchCommand::Memory(flags) => memory::run(flags),
        RedisBenchCommand::Observe(flags) => observe::run(flags),
        RedisBenchCommand::RateLimit(flags) => {
            flags.check()?;
            let defaults = workload::defaults(RuntimeKind::Shared);
            let limiting = RateLimiting::new(flags, defaults);
            RedisRun::new("rate-limit", &limiting, &flags.common, defaults)?.run()
        }
        RedisBenchCommand::Session(flags) => {
            let flags = flags.settled()?;
            let sessions = Sessions::new(&flags);
            let defaults = workload::defaults(RuntimeKind::Shared);
            RedisRun::new("session", &sessions, &flags.common, defaults)?.run()
        }
        RedisBenchCommand::Worker => {
            bench_cli::workers::serve(env!("CARGO_PKG_VERSION"), |cli| Ok(RedisWorker(cli)))
        }
    }
}

/// Runs the scenario `pool` with its one command, or with a script of the user.
fn run_pool(flags: &PoolFlags) -> anyhow::Result<Exit> {
    workload::check_value_size(flags.value_size)?;
    // Uses the cheapest kind of generator, because this scenario measures the client itself.
    let defaults = workload::defaults(RuntimeKind::PerCore);
    let common = &flags.common;
    if flags.recovery {
        return recovery::run(flags);
    }
    match Scripted::given(&flags.script, common, defaults)? {
        Some(scripted) if flags.script.check_script => scripted.show(),
        Some(scripted) => RedisRun::new("pool", &scripted, common, defaults)?.run(),
        None => {
            let throughput = Throughput::new(flags, defaults);
            RedisRun::new("pool", &throughput, common, defaults)?.run()
        }
    }
}

/// Runs the scenario `burst` with the requests of a cache, or with a script of the user.
fn run_burst(flags: &BurstFlags) -> anyhow::Result<Exit> {
    workload::check_value_size(flags.cache.value_size.longest())?;
    let flags = flags.settled()?;
    let defaults = workload::defaults(RuntimeKind::Shared);
    let common = &flags.cache.common;
    match Scripted::given(&flags.script, common, defaults)? {
        Some(scripted) if flags.script.check_script => scripted.show(),
        Some(scripted) => {
            let burst = Burst::new(scripted, flags.storm);
            RedisRun::new("burst", &burst, common, defaults)?.run()
        }
        None => {
            let burst = Burst::new(Cache(&flags.cache), flags.storm);
            RedisRun::new("burst", &burst, common, defaults)?.run()
        }
    }
}
