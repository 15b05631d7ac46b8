//! Flags of the scenario `burst`.

use bench_cli::{UsageError, flags};
use clap::Args;
use load_engine::LoadCurve;

use crate::cli::CacheFlags;
use crate::cli::script_flags::ScriptFlags;

/// Load without `--rate` and `--users`: enough requests before the spike for a 99th percentile, and
/// enough time after it to see the recovery.
const DEFAULT_RATE: &str = "spike:500,5k/3s";

pub(super) const BURST_HELP: &str = "\
The workload is that of redis-bench cache, or the sequences of commands of --script. By default 500 requests per second arrive, for three \
seconds 5,000, and then 500 again; a step takes 12 s after 1 s of warm-up, 3 times with each client. \
--rate spike:BASE,PEAK/TIME changes that, or --users spike:BASE,PEAK/TIME for users who wait for \
their answers.

Recovery is the time from the end of the spike until the 99th percentile of latency is within 10 % \
of that before the spike, for three windows of at least 1 s and 200 requests.

With --storm N further clients connect at once when the spike begins, and stay until it ends. A \
server with too little room for them refuses some, and meanwhile every other new client as well.

Examples:
  redis-bench burst
  redis-bench burst --rate spike:2k,40k/5s --client pooled,multiplexed --repeats 1
  redis-bench burst --users spike:20,400/5s --client pooled --pool-size 16
  redis-bench burst --storm 500 --client multiplexed --repeats 1
  redis-bench burst --script examples/redis/shop.toml --rate spike:200,2k/3s";

/// Flags of `redis-bench burst`.
#[derive(Debug, Clone, Args)]
pub(crate) struct BurstFlags {
    /// Number of further clients that connect at once when the spike begins, and stay until it ends
    #[arg(long, value_parser = flags::count, value_name = "N")]
    pub(crate) storm: Option<u64>,

    /// Flags of a script.
    #[command(flatten)]
    pub(crate) script: ScriptFlags,

    /// Flags of the workload.
    #[command(flatten)]
    pub(crate) cache: CacheFlags,
}

impl BurstFlags {
    /// Returns the flags with a spike as the load.
    ///
    /// # Errors
    /// Fails with a usage error if another load is given.
    pub(crate) fn settled(&self) -> Result<Self, UsageError> {
        if !self.cache.maxmemory.is_empty() || !self.cache.stampede.guards.is_empty() {
            return Err(UsageError(
                "--maxmemory and --stampede are for redis-bench cache; leave them out".to_owned(),
            ));
        }
        let mut settled = self.clone();
        let load = &mut settled.cache.common.load;
        if load.search.is_given() {
            return Err(UsageError(
                "a search for a rate has no spike; leave --find-rate out, or use redis-bench cache"
                    .to_owned(),
            ));
        }
        if load.rate.is_none() && load.users.is_none() {
            let curve: Result<LoadCurve, _> = DEFAULT_RATE.parse();
            load.rate = Some(curve.map_err(|error| UsageError(error.to_string()))?);
        }
        if !matches!(load.curve(), Some(LoadCurve::Spike { .. })) {
            return Err(UsageError(
                "burst needs a load with a spike: write --rate spike:500,5k/3s or --users \
                 spike:20,200/3s with numbers of your own; redis-bench cache takes any load"
                    .to_owned(),
            ));
        }
        settled.cache.check()?;
        Ok(settled)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser as _;

    use super::*;
    use crate::cli::{RedisBenchCli, RedisBenchCommand};

    fn settled(args: &str) -> Result<BurstFlags, String> {
        let words = ["redis-bench", "burst"].into_iter();
        let args = words.chain(args.split_whitespace());
        match RedisBenchCli::try_parse_from(args).unwrap().command {
            RedisBenchCommand::Burst(flags) => flags.settled().map_err(|UsageError(why)| why),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_load_without_a_spike_is_refused_and_none_is_a_spike() {
        for (args, told) in [
            ("--rate 500", "--rate spike:500,5k/3s"),
            ("--users 5", "--users spike:20,200/3s"),
            ("--rate ramp:1..5/5s", "a load with a spike"),
            ("--find-rate p99<5ms", "leave --find-rate out"),
            ("--maxmemory 4MiB", "are for redis-bench cache"),
            ("--stampede lock --backend 5ms", "are for redis-bench cache"),
            (
                "--read-from replica --client pooled",
                "--client multiplexed,plain",
            ),
            ("--client-cache 1k --client plain", "--client multiplexed"),
        ] {
            let why = settled(args).unwrap_err();
            assert!(why.contains(told), "{args}: {why}");
        }
        assert!(settled("--users spike:2,20/1s").is_ok());
        let load = settled("--storm 5").unwrap().cache.common.load;
        let expected = LoadCurve::Spike {
            base: 500.0,
            peak: 5_000.0,
            length: Duration::from_secs(3),
        };
        assert_eq!(load.rate, Some(expected));
    }
}
