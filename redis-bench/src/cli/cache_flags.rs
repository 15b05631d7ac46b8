//! Flags of the scenario `cache`.

use std::time::Duration;

use bench_cli::{UsageError, flags};
use clap::Args;

use crate::cache::curve::PolicyName;
use crate::cli::backend_flag::BackendFlag;
use crate::cli::stampede_flags::StampedeFlags;
use crate::cli::{CommonFlags, ReadFrom, ReadFromFlag};
use crate::clients::ClientKind;
use crate::keys::key_skew::Skew;
use crate::keys::value_sizes::ValueSizes;

pub(super) const CACHE_HELP: &str = "\
Every step begins with the keys of a cache that has been in use at this load for a long time, so \
that the hit ratio is that of the steady state; without --rate two trials of half a second find the \
load. --preload RATIO begins with a share of the keys instead, from which the hit ratio drifts.

A read that does not find its key writes it; both together are one request, named miss, whose time \
therefore includes two round trips. With --backend it first fetches the value from a simulated \
back-end; the latency of hits and misses together, and the load that the back-end is spared, are then \
told. With --stampede all requests read one hot key, and the calls of the back-end at each of its \
expiries are counted.

By default 50 users send requests for 5 s after 1 s of warm-up, 3 times with each client; --users \
or --rate, --duration, --warmup and --repeats change that.

With --maxmemory the throwaway server evicts keys: the result has the hit ratio at each limit with \
each policy, beside that of a simulation of the policy.

Without --url and REDIS_URL a throwaway server is started. On any other server all keys begin \
with plimsoll:<run>: and are removed at the end; a step in which more than 10 % of the requests \
fail ends the run, unless --stop-on says otherwise.

Examples:
  redis-bench cache
  redis-bench cache --keys 1M --zipf 0.8 --ttl 30s --value-size 2KiB
  redis-bench cache --maxmemory 4MiB,8MiB --policy allkeys-lru,allkeys-lfu --ttl 1h
  redis-bench cache --client pooled --pool-size 8 --rate 1000 --duration 10s
  redis-bench cache --keys-as hotspot:20/80 --preload fresh --ttl 2s --ttl-jitter 0
  redis-bench cache --value-size lognormal:1k,2 --keys 20k
  redis-bench cache --client multiplexed --rate 2000 --backend exp:20ms
  redis-bench cache --stampede none,lock,early --backend 50ms --rate 1000 --ttl 2s
  redis-bench cache --client pooled --rate spike:500,5k/10s --repeats 1
  redis-bench cache --read-from replica --ttl 2s --rate 2000
  redis-bench cache --client-cache 0,1k,10k --writes 5% --rate 5000
  redis-bench cache --client pooled --find-rate 'p99<5ms'
  redis-bench cache --users ramp:10..500/1m --think-time exp:20ms";

/// Flags of `redis-bench cache`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CacheFlags {
    /// Number of different keys that requests use
    #[arg(long, value_parser = flags::count, value_name = "N", default_value = "100k")]
    pub(crate) keys: u64,

    /// Keys that exist when a step begins: steady, as after a long time at this load; fresh, all of
    /// them at the begin of their lives; or a share of them, drawn at random
    #[arg(
        long,
        value_parser = PreloadFlag::parse,
        value_name = "steady|fresh|RATIO",
        default_value = "steady"
    )]
    pub(crate) preload: PreloadFlag,

    /// Skew of the requests: Zipf's exponent, from 0 on, or uniform
    #[arg(
        long,
        value_parser = Skew::parse,
        allow_negative_numbers = true,
        value_name = "EXPONENT",
        default_value = "1"
    )]
    pub(crate) zipf: Skew,

    /// Distribution of the requests over the keys in place of --zipf: uniform, zipf:EXPONENT,
    /// hotspot:20/80 (percent of the keys and of the requests), gauss:0.1 (deviation by all keys)
    #[arg(
        long,
        value_parser = Skew::parse_named,
        value_name = "DISTRIBUTION",
        conflicts_with = "zipf"
    )]
    pub(crate) keys_as: Option<Skew>,

    /// Mean time to live of each key
    #[arg(long, value_parser = flags::duration, value_name = "TIME", default_value = "10s")]
    pub(crate) ttl: Duration,

    /// Largest difference between a key's time to live and --ttl, as a share of --ttl
    #[arg(long, value_parser = flags::share, value_name = "RATIO", default_value = "0.1")]
    pub(crate) ttl_jitter: f64,

    /// Lengths of the values, in bytes unless they have a unit: 256, 100..4k, lognormal:1k,2 (median
    /// and geometric standard deviation), 32:9,1k:1 (size:weight), or file: and the name of a file
    /// with a line size,weight for each size
    #[arg(
        long,
        value_parser = ValueSizes::parse,
        value_name = "SIZES",
        default_value = "256"
    )]
    pub(crate) value_size: ValueSizes,

    /// Share of the requests that write a key instead of reading one
    #[arg(long, value_parser = flags::share, value_name = "RATIO", default_value = "0")]
    pub(crate) writes: f64,

    /// Limits of the throwaway server's memory, each measured; steps then begin without keys
    #[arg(
        long,
        value_parser = flags::size,
        value_delimiter = ',',
        value_name = "SIZE,…",
        conflicts_with = "preload"
    )]
    pub(crate) maxmemory: Vec<u64>,

    /// Eviction policies at each limit, each measured
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "POLICY,…",
        default_value = "allkeys-lru",
        requires = "maxmemory"
    )]
    pub(crate) policy: Vec<PolicyName>,

    /// Keys that each connection keeps in the client's memory, told by the server what is no longer valid
    /// (client-side caching over RESP3); each size is measured, 0 without
    #[arg(
        long,
        value_parser = entries,
        value_delimiter = ',',
        value_name = "N,…",
        conflicts_with = "maxmemory"
    )]
    pub(crate) client_cache: Vec<u64>,

    /// Time that a miss waits for a simulated back-end, as in exp:20ms, and after a slash the calls
    /// that it handles at once
    #[arg(long, value_parser = BackendFlag::parse, value_name = "TIME[/N]")]
    pub(crate) backend: Option<BackendFlag>,

    /// Flag of the server that reads go to.
    #[command(flatten)]
    pub(crate) reads: ReadFromFlag,

    /// Flags about stampedes.
    #[command(flatten)]
    pub(crate) stampede: StampedeFlags,

    /// Flags of every scenario.
    #[command(flatten)]
    pub(crate) common: CommonFlags,
}

impl CacheFlags {
    /// Returns the distribution of the requests over the keys.
    pub(crate) fn skew(&self) -> Skew {
        self.keys_as.unwrap_or(self.zipf)
    }

    /// Checks what the flags mean together.
    ///
    /// # Errors
    /// Fails with a usage error that says what to change.
    pub(crate) fn check(&self) -> Result<(), UsageError> {
        self.stampede.check(self.backend, self.ttl)?;
        let common = &self.common;
        let is_shared = common.workers.workers.is_some() || common.host.worker.is_some();
        if !self.stampede.guards.is_empty() && is_shared {
            return Err(UsageError(
                "the calls at an expiry are counted in one process; leave --workers and --worker out"
                    .to_owned(),
            ));
        }
        if let (Some(calls), true) = (self.backend.and_then(|b| b.at_once), is_shared) {
            return Err(UsageError(format!(
                "each worker would have a back-end of its own; leave /{calls} out of --backend, or \
                 leave --workers and --worker out"
            )));
        }
        self.check_client_cache()?;
        self.check_reads()?;
        self.check_limits()
    }

    /// Checks that a cache in the client's memory is measured with a client and a load that know it.
    ///
    /// # Errors
    /// Fails with a sentence that says what to leave out.
    fn check_client_cache(&self) -> Result<(), UsageError> {
        if self.client_cache.is_empty() {
            return Ok(());
        }
        if !self.stampede.guards.is_empty() {
            return Err(UsageError(
                "the one key of a stampede would stay in the client's memory; leave --stampede or \
                 --client-cache out"
                    .to_owned(),
            ));
        }
        if self.reads.read_from == ReadFrom::Replica {
            return Err(UsageError(
                "the keys in the client's memory are those of one server; leave --read-from replica or \
                 --client-cache out"
                    .to_owned(),
            ));
        }
        if self
            .common
            .client
            .iter()
            .all(|client| *client == ClientKind::Multiplexed)
        {
            return Ok(());
        }
        Err(UsageError(
            "the server tracks the keys that a connection reads, and only the users of --client \
             multiplexed share what one connection read; write --client multiplexed, or leave \
             --client-cache out"
                .to_owned(),
        ))
    }

    /// Checks that reads from a replica are told apart from its primary's, and are not measured in ways
    /// that know one server only.
    ///
    /// # Errors
    /// Fails with a sentence that says what to leave out.
    fn check_reads(&self) -> Result<(), UsageError> {
        if self.reads.read_from == ReadFrom::Primary {
            return Ok(());
        }
        let alone = [
            (!self.maxmemory.is_empty(), "--maxmemory"),
            (self.backend.is_some(), "--backend"),
            (!self.stampede.guards.is_empty(), "--stampede"),
        ];
        if let Some((_, flag)) = alone.iter().find(|(is_given, _)| *is_given) {
            return Err(UsageError(format!(
                "{flag} is measured at one server; leave it or --read-from replica out"
            )));
        }
        let is_split =
            |client: &ClientKind| matches!(client, ClientKind::Multiplexed | ClientKind::Plain);
        if self.common.client.iter().all(is_split) {
            return Ok(());
        }
        Err(UsageError(
            "requests that read from a replica and write to its primary need a connection to each, \
             which only --client multiplexed,plain have"
                .to_owned(),
        ))
    }

    /// Checks that limits of memory are those of a throwaway server, and of steps with a given load.
    ///
    /// # Errors
    /// Fails with a sentence that says what to leave out.
    fn check_limits(&self) -> Result<(), UsageError> {
        if self.maxmemory.is_empty() {
            return Ok(());
        }
        let text = if self.common.server.url.is_some() {
            "--maxmemory changes the settings of a server, so it is for the throwaway server only; \
             leave out --url and REDIS_URL"
        } else if self.common.load.search.is_given() {
            "a search for a rate has no single hit ratio; leave out --maxmemory or --find-rate"
        } else {
            return Ok(());
        };
        Err(UsageError(text.to_owned()))
    }
}

/// Parses a number of entries, which may be 0.
fn entries(text: &str) -> Result<u64, String> {
    if text == "0" {
        return Ok(0);
    }
    flags::count(text)
}

/// Keys that exist when a step begins, as `--preload` names them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum PreloadFlag {
    /// Those of a cache that has been in use at the load of the step for a long time.
    Steady,
    /// All keys, each at the begin of its life, so that they expire together without jitter.
    Fresh,
    /// A share of all keys, from 0 to 1, drawn at random.
    Ratio(f64),
}

impl PreloadFlag {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "steady" {
            return Ok(Self::Steady);
        }
        if text == "fresh" {
            return Ok(Self::Fresh);
        }
        flags::share(text).map(Self::Ratio).map_err(|_| {
            format!(
                "{text:?} is no share of the keys; write steady, fresh, a number from 0 to 1, or a \
                 percentage such as 90%"
            )
        })
    }
}

impl std::fmt::Display for PreloadFlag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Steady => f.write_str("steady"),
            Self::Fresh => f.write_str("fresh"),
            Self::Ratio(ratio) => write!(f, "{ratio}"),
        }
    }
}
