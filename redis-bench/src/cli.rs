//! Commands and flags of `redis-bench`.

use std::time::Duration;

use bench_cli::UsageError;
use bench_cli::flags::{self, OutputFlags};
use bench_cli::host_worker::HostWorkerFlags;
use bench_cli::load::{CURVES_HELP, CurveLoadFlags};
use bench_cli::workers::WorkerFlags;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::clients::ClientKind;
use crate::key_skew::Skew;

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
  REDIS_URL=redis://app@cache:6379/ redis-bench pool --workload get";

/// Subcommands of `redis-bench`: its scenarios, and the hidden worker.
#[derive(Debug, Subcommand)]
pub(crate) enum RedisBenchCommand {
    /// Use Redis as a cache: skewed reads, misses written back, expiry
    #[command(after_help = format!("{CACHE_HELP}\n\n{CURVES_HELP}"))]
    Cache(Box<CacheFlags>),
    /// Compare ways to connect by plain SET or GET throughput
    #[command(after_help = format!("{POOL_HELP}\n\n{CURVES_HELP}"))]
    Pool(Box<PoolFlags>),
    /// Create a share of the load as a worker process; the parent process sends its orders on stdin
    #[command(hide = true)]
    Worker,
}

const CACHE_HELP: &str = "\
Every step begins with the same keys, of all ages, as in a cache that has been in use for a while. \
A read that does not find its key writes it; both together are one request, named miss, whose time \
therefore includes two round trips.

By default 50 users send requests for 5 s after 1 s of warm-up, 3 times with each client; --users \
or --rate, --duration, --warmup and --repeats change that.

Without --url and REDIS_URL a throwaway server is started. On any other server all keys begin \
with plimsoll:<run>: and are removed at the end; a step in which more than 10 % of the requests \
fail ends the run, unless --stop-on says otherwise.

Examples:
  redis-bench cache
  redis-bench cache --keys 1M --zipf 0.8 --ttl 30s --value-size 2KiB
  redis-bench cache --client pooled --pool-size 8 --rate 1000 --duration 10s
  redis-bench cache --client pooled --rate spike:500,5k/10s --repeats 1
  redis-bench cache --client pooled --find-rate 'p99<5ms'
  redis-bench cache --users ramp:10..500/1m --think-time exp:20ms";

const POOL_HELP: &str = "\
By default 50 users send requests for 5 s after 1 s of warm-up, 3 times with each client; --users \
or --rate, --duration, --warmup and --repeats change that.

Examples:
  redis-bench pool --workload get --value-size 1KiB
  redis-bench pool --client multiplexed --connections 2 --users 200
  redis-bench pool --client multiplexed --connections 2 --find-rate 'p99<1ms' --workers 2";

/// Flags of all scenarios of `redis-bench`: server, clients, load, workers and output.
#[derive(Debug, Args)]
pub(crate) struct CommonFlags {
    /// Your Redis, as in redis://USER:PASSWORD@HOST:PORT/DATABASE
    /// [default: a throwaway server]
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) url: Option<String>,

    /// Ways to connect: a pool, or connections that all users share
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "CLIENT",
        default_value = "pooled,multiplexed"
    )]
    pub(crate) client: Vec<ClientKind>,

    /// Number of connections in the pool (for pooled) [default: 8]
    #[arg(long, value_parser = flags::count, value_name = "N")]
    pub(crate) pool_size: Option<u64>,

    /// Number of connections that all users share (for multiplexed) [default: 1]
    #[arg(long, value_parser = flags::count, value_name = "N")]
    pub(crate) connections: Option<u64>,

    /// Flags of the load: users or rate, and durations.
    #[command(flatten)]
    pub(crate) load: CurveLoadFlags,

    /// Flags of worker processes.
    #[command(flatten)]
    pub(crate) workers: WorkerFlags,

    /// Flags of a worker on a host of its own.
    #[command(flatten)]
    pub(crate) host: HostWorkerFlags,

    /// Flags of the output.
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

impl CommonFlags {
    /// Returns the number of connections of a client in one step, over all workers and hosts.
    pub(crate) fn connections(&self, client: ClientKind) -> u64 {
        let default = match client {
            ClientKind::Pooled => 8,
            ClientKind::Multiplexed => 1,
        };
        self.given_connections(client).unwrap_or(default)
    }

    /// Refuses a number of connections for a client that the run does not use.
    ///
    /// # Errors
    /// Fails with a sentence that names the flag, its client and what to write.
    pub(crate) fn check_clients(&self) -> Result<(), UsageError> {
        let is_idle = |client: &&ClientKind| {
            self.given_connections(**client).is_some() && !self.client.contains(client)
        };
        let Some(idle) = ClientKind::value_variants().iter().find(is_idle) else {
            return Ok(());
        };
        let used: Vec<&str> = self.client.iter().map(|client| client.name()).collect();
        let (flag, name, used) = (idle.flag(), idle.name(), used.join(","));
        Err(UsageError(format!(
            "{flag} is for the {name} client, which --client {used} leaves out; leave {flag} out \
             too, or write --client {used},{name}"
        )))
    }

    /// Returns the value of the flag for the number of a client's connections; `None` if it is not
    /// given.
    fn given_connections(&self, client: ClientKind) -> Option<u64> {
        match client {
            ClientKind::Pooled => self.pool_size,
            ClientKind::Multiplexed => self.connections,
        }
    }
}

/// Flags of `redis-bench cache`.
#[derive(Debug, Args)]
pub(crate) struct CacheFlags {
    /// Number of different keys that requests use
    #[arg(long, value_parser = flags::count, value_name = "N", default_value = "100k")]
    pub(crate) keys: u64,

    /// Share of the keys that exist when a step begins; they are drawn at random
    #[arg(long, value_parser = share, value_name = "RATIO", default_value = "1")]
    pub(crate) preload: f64,

    /// Skew of the reads: Zipf's exponent, above 0, or uniform
    #[arg(
        long,
        value_parser = Skew::parse,
        allow_negative_numbers = true,
        value_name = "EXPONENT",
        default_value = "1"
    )]
    pub(crate) zipf: Skew,

    /// Mean time to live of each key
    #[arg(long, value_parser = flags::duration, value_name = "TIME", default_value = "10s")]
    pub(crate) ttl: Duration,

    /// Largest difference between a key's time to live and --ttl, as a share of --ttl
    #[arg(long, value_parser = share, value_name = "RATIO", default_value = "0.1")]
    pub(crate) ttl_jitter: f64,

    /// Length of each value, in bytes unless it has a unit
    #[arg(long, value_parser = flags::size, value_name = "SIZE", default_value = "256")]
    pub(crate) value_size: u64,

    /// Share of the requests that write a key instead of reading one
    #[arg(long, value_parser = share, value_name = "RATIO", default_value = "0")]
    pub(crate) writes: f64,

    /// Flags of every scenario.
    #[command(flatten)]
    pub(crate) common: CommonFlags,
}

/// Flags of `redis-bench pool`.
#[derive(Debug, Args)]
pub(crate) struct PoolFlags {
    /// Redis command that each request sends
    #[arg(long, value_enum, default_value = "set")]
    pub(crate) workload: PoolWorkload,

    /// Length of each value, in bytes unless it has a unit
    #[arg(long, value_parser = flags::size, value_name = "SIZE", default_value = "3")]
    pub(crate) value_size: u64,

    /// Flags of every scenario.
    #[command(flatten)]
    pub(crate) common: CommonFlags,
}

/// Command that the scenario `pool` sends in every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PoolWorkload {
    /// `SET key value`.
    Set,
    /// `GET key` of a key that exists.
    Get,
}

impl PoolWorkload {
    /// Returns the name of the command as the only element. It is also the name of the operation in
    /// reports, and of the command in the server's statistics.
    pub(crate) fn operations(self) -> &'static [&'static str] {
        match self {
            Self::Set => &["set"],
            Self::Get => &["get"],
        }
    }
}

/// Length of the longest value that Redis stores, in bytes.
pub(crate) const LONGEST_VALUE: u64 = 512 << 20;

fn share(text: &str) -> Result<f64, String> {
    let (digits, divisor) = match text.strip_suffix('%') {
        Some(digits) => (digits.trim_end(), 100.0),
        None => (text, 1.0),
    };
    let share = digits.parse::<f64>().ok().map(|share| share / divisor);
    share
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| {
            format!("{text:?} is no share; write a number from 0 to 1, or a percentage such as 90%")
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_flags_make_sense_to_clap() {
        RedisBenchCli::command().debug_assert();
    }

    fn pool_flags(args: &str) -> CommonFlags {
        let args = ["redis-bench", "pool"].into_iter().chain(args.split(' '));
        match RedisBenchCli::try_parse_from(args).unwrap().command {
            RedisBenchCommand::Pool(flags) => flags.common,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_number_of_connections_is_that_of_its_client() {
        let flags = pool_flags("--pool-size 4");
        assert_eq!(flags.connections(ClientKind::Pooled), 4);
        assert_eq!(flags.connections(ClientKind::Multiplexed), 1);
        assert_eq!(pool_flags("-q").connections(ClientKind::Pooled), 8);
        flags.check_clients().unwrap();
        let idle = pool_flags("--client multiplexed --pool-size 4").check_clients();
        let UsageError(said) = idle.unwrap_err();
        assert!(said.contains("leave --pool-size out"), "{said}");
    }

    #[test]
    fn shares_read_as_people_write_them() {
        for (text, wanted) in [("0", 0.0), ("0.5", 0.5), ("90%", 0.9), ("1", 1.0)] {
            assert!((share(text).unwrap() - wanted).abs() < 1e-12);
        }
        for text in ["", "-0.1", "1.1", "101%", "NaN", "half"] {
            assert!(share(text).is_err(), "{text}");
        }
    }
}
