//! Commands and flags of `redis-bench`.

mod backend_flag;
mod burst_flags;
mod cache_flags;
mod common_flags;
pub(crate) mod habits;
mod memory_flags;
mod observe_flags;
mod pool_flags;
mod rate_limit_flags;
mod read_from_flag;
mod replay_flags;
mod script_flags;
mod server_flags;
mod session_flags;
mod stampede_flags;
pub(crate) mod tls_flags;

use bench_cli::load::CURVES_HELP;
use clap::{Parser, Subcommand};

pub(crate) use backend_flag::BackendFlag;
use burst_flags::BURST_HELP;
pub(crate) use burst_flags::BurstFlags;
use cache_flags::CACHE_HELP;
pub(crate) use cache_flags::{CacheFlags, PreloadFlag};
pub(crate) use common_flags::CommonFlags;
use memory_flags::MEMORY_HELP;
pub(crate) use memory_flags::MemoryFlags;
pub(crate) use observe_flags::ObserveFlags;
use observe_flags::{OBSERVE_HELP, OBSERVED_URL_HELP};
use pool_flags::POOL_HELP;
pub(crate) use pool_flags::{PoolFlags, PoolWorkload};
use rate_limit_flags::RATE_LIMIT_HELP;
pub(crate) use rate_limit_flags::{OnStall, RateLimitFlags, RetryAfter};
pub(crate) use read_from_flag::ReadFrom;
use read_from_flag::ReadFromFlag;
pub(crate) use replay_flags::ReplayFlags;
use replay_flags::{REPLAY_HELP, shown_of_replay};
pub(crate) use script_flags::ScriptFlags;
use script_flags::{REPLACED_IN_BURST, REPLACED_IN_POOL};
pub(crate) use server_flags::ServerFlags;
pub(crate) use session_flags::{MOST_PARALLEL, SessionFlags, StoreForm};
use session_flags::{SESSION_CLIENT_HELP, SESSION_HELP};
pub(crate) use stampede_flags::StampedeGuard;

/// Loads Redis as applications use it.
#[derive(Debug, Parser)]
#[command(name = "redis-bench", version, after_help = EXAMPLES)]
pub(crate) struct RedisBenchCli {
    /// Subcommand to run.
    #[command(subcommand)]
    pub(crate) command: RedisBenchCommand,
}

const EXAMPLES: &str = "Examples:
  redis-bench cache
  redis-bench cache --pool-size 16 --keys 1M --zipf 0.9
  redis-bench cache --client pooled --rate 5000 --stop-on 'p99>20ms'
  redis-bench cache --client cluster --url redis://app@node-1:6379/
  redis-bench rate-limit --algorithm fixed-window,gcra --limit 100/1s
  redis-bench observe --url redis://app@cache:6379/ --duration 5m
  REDIS_URL=redis://app@cache:6379/ redis-bench pool --workload get

Flags of redis-benchmark and memtier are understood, as in redis-bench pool -c 20 -d 64 -P 16
and redis-bench cache --ratio 1:10; docs/redis-habits.md lists them.";

/// Subcommands of `redis-bench`: its scenarios, and the hidden worker.
#[derive(Debug, Subcommand)]
pub(crate) enum RedisBenchCommand {
    /// Use Redis as a cache: skewed reads, misses written back, expiry
    #[command(after_help = format!("{CACHE_HELP}\n\n{CURVES_HELP}"))]
    Cache(Box<CacheFlags>),
    /// Raise the load of a cache for a while: latency, backlog and recovery
    #[command(
        after_help = format!("{BURST_HELP}\n\n{CURVES_HELP}"),
        mut_arg("script", |script| script.conflicts_with_all(REPLACED_IN_BURST))
    )]
    Burst(Box<BurstFlags>),
    /// Send the requests of a trace at its instants: hit ratio, latency, lag behind the trace
    #[command(
        after_help = REPLAY_HELP,
        mut_args(shown_of_replay),
        mut_arg("client", |client| client.help(SESSION_CLIENT_HELP))
    )]
    Replay(Box<ReplayFlags>),
    /// Compare ways to connect by plain SET or GET throughput
    #[command(
        after_help = format!("{POOL_HELP}\n\n{CURVES_HELP}"),
        mut_arg("script", |script| script.conflicts_with_all(REPLACED_IN_POOL))
    )]
    Pool(Box<PoolFlags>),
    /// Measure the memory of keys, and predict it
    #[command(after_help = MEMORY_HELP)]
    Memory(Box<MemoryFlags>),
    /// Measure rate limiters: what they admit against what the limit allows, and their cost
    #[command(after_help = format!("{RATE_LIMIT_HELP}\n\n{CURVES_HELP}"))]
    RateLimit(Box<RateLimitFlags>),
    /// Keep sessions of web users: log-ins, parallel changes, log-outs, expiry
    #[command(
        after_help = format!("{SESSION_HELP}\n\n{CURVES_HELP}"),
        mut_arg("client", |client| client.help(SESSION_CLIENT_HELP))
    )]
    Session(Box<SessionFlags>),
    /// Watch a server under the load that it has: commands, hits, memory, slow calls
    #[command(
        after_help = OBSERVE_HELP,
        mut_arg("url", |url| url.help(OBSERVED_URL_HELP))
    )]
    Observe(ObserveFlags),
    /// Check that a server allows a run; nothing is left there
    #[command(
        hide = true,
        after_help = "Examples:\n  redis-bench check --url redis://app@cache:6379/"
    )]
    Check(ServerFlags),
    /// Create a share of the load as a worker process; the parent process sends its orders on stdin
    #[command(hide = true)]
    Worker,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_flags_make_sense_to_clap() {
        RedisBenchCli::command().debug_assert();
    }
}
