//! Scenarios that make load, each as a run with the flags of the command line.

use bench_cli::{Exit, UsageError};
use load_engine::RuntimeKind;

use crate::burst::Burst;
use crate::cache::{Cache, Stampede};
use crate::cli::{BurstFlags, CacheFlags, PoolFlags, RedisBenchCommand};
use crate::pool::Throughput;
use crate::rate_limit::RateLimiting;
use crate::replay::Replay;
use crate::run::workload::RedisWorkload;
use crate::run::{RedisRun, workload};
use crate::script::Scripted;
use crate::session::Sessions;

/// What is done with a run that makes load, whatever its workload.
pub(crate) trait LoadUse {
    /// Type of the result.
    type Output;

    /// Uses `run`.
    ///
    /// # Errors
    /// Fails with the errors of this use.
    fn with<W: RedisWorkload>(self, run: &RedisRun<'_, W>) -> anyhow::Result<Self::Output>;
}

/// Executes a run and returns its exit code.
pub(crate) struct Execute;

impl LoadUse for Execute {
    type Output = Exit;

    fn with<W: RedisWorkload>(self, run: &RedisRun<'_, W>) -> anyhow::Result<Exit> {
        run.run()
    }
}

/// Creates the run of `command` and gives it to `user`.
///
/// # Errors
/// Fails with a `UsageError` if flags contradict each other, or if the command makes no load; and with
/// the errors of `user`.
pub(crate) fn use_load<U: LoadUse>(
    command: &RedisBenchCommand,
    user: U,
) -> anyhow::Result<U::Output> {
    // An application uses one runtime for everything.
    let defaults = workload::defaults(RuntimeKind::Shared);
    match command {
        RedisBenchCommand::Cache(flags) => use_cache(flags, user),
        RedisBenchCommand::Burst(flags) => use_burst(flags, user),
        RedisBenchCommand::Pool(flags) => use_pool(flags, user),
        RedisBenchCommand::Replay(flags) => {
            let replay = Replay::read(flags)?;
            let defaults = Replay::defaults();
            user.with(&RedisRun::new(
                "replay",
                &replay,
                replay.common(),
                defaults,
            )?)
        }
        RedisBenchCommand::RateLimit(flags) => {
            flags.check()?;
            let limiting = RateLimiting::new(flags, defaults);
            user.with(&RedisRun::new(
                "rate-limit",
                &limiting,
                &flags.common,
                defaults,
            )?)
        }
        RedisBenchCommand::Session(flags) => {
            let flags = flags.settled()?;
            let sessions = Sessions::new(&flags);
            user.with(&RedisRun::new(
                "session",
                &sessions,
                &flags.common,
                defaults,
            )?)
        }
        RedisBenchCommand::Memory(_)
        | RedisBenchCommand::Observe(_)
        | RedisBenchCommand::Check(_)
        | RedisBenchCommand::Worker => {
            Err(UsageError("this command makes no load of its own".to_owned()).into())
        }
    }
}

/// Uses the run of `cache`: reads of many keys, or a stampede on one.
fn use_cache<U: LoadUse>(flags: &CacheFlags, user: U) -> anyhow::Result<U::Output> {
    workload::check_value_size(flags.value_size.longest())?;
    flags.check()?;
    let defaults = workload::defaults(RuntimeKind::Shared);
    match Stampede::new(flags)? {
        Some(stampede) => user.with(&RedisRun::new("cache", &stampede, &flags.common, defaults)?),
        None => user.with(&RedisRun::new(
            "cache",
            &Cache(flags),
            &flags.common,
            defaults,
        )?),
    }
}

/// Uses the run of `pool`: its one command, or a script of the user.
fn use_pool<U: LoadUse>(flags: &PoolFlags, user: U) -> anyhow::Result<U::Output> {
    workload::check_value_size(flags.value_size)?;
    // Uses the cheapest kind of generator, because this scenario measures the client itself.
    let defaults = workload::defaults(RuntimeKind::PerCore);
    let common = &flags.common;
    if let Some(scripted) = Scripted::given(&flags.script, common, defaults)? {
        return user.with(&RedisRun::new("pool", &scripted, common, defaults)?);
    }
    flags.check()?;
    let throughput = Throughput::new(flags, defaults);
    user.with(&RedisRun::new("pool", &throughput, common, defaults)?)
}

/// Uses the run of `burst`: the requests of a cache, or a script of the user.
fn use_burst<U: LoadUse>(flags: &BurstFlags, user: U) -> anyhow::Result<U::Output> {
    workload::check_value_size(flags.cache.value_size.longest())?;
    let flags = flags.settled()?;
    let defaults = workload::defaults(RuntimeKind::Shared);
    let common = &flags.cache.common;
    if let Some(scripted) = Scripted::given(&flags.script, common, defaults)? {
        let burst = Burst::new(scripted, flags.storm);
        return user.with(&RedisRun::new("burst", &burst, common, defaults)?);
    }
    let burst = Burst::new(Cache(&flags.cache), flags.storm);
    user.with(&RedisRun::new("burst", &burst, common, defaults)?)
}
