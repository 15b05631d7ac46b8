//! Flags of the scenario `pool`.

use bench_cli::{UsageError, flags};
use clap::{Args, ValueEnum};

use crate::cli::script_flags::ScriptFlags;
use crate::cli::{CommonFlags, ReadFrom, ReadFromFlag};

pub(super) const POOL_HELP: &str = "\
By default 50 users send requests for 5 s after 1 s of warm-up, 3 times with each client; --users \
or --rate, --duration, --warmup and --repeats change that.

With --pipeline a request is that many commands, sent at once; its latency is that of all answers.

With --script a request is a sequence of commands of your own, drawn by weight; all keys are put \
under the prefix of the run, and are removed at the end.

With --recovery 500 requests per second arrive with each way to connect (--rate changes that); its connections are killed, the server is restarted, or ends connections that were idle, and the requests of the next 5 s tell how the client comes back.

Examples:
  redis-bench pool --workload get --value-size 1KiB
  redis-bench pool --client pooled,multiplexed,managed,plain -P 16
  redis-bench pool --client multiplexed --connections 2 --users 200
  redis-bench pool --url 'redis://one:26379,two:26379/?sentinel=mymaster' --stop-on 'errors>90%'
  redis-bench pool --workload get --url 'redis://cache:6379/?protocol=resp3'
  redis-bench pool -c 20 -d 64 --client plain
  redis-bench pool --recovery --client pooled,managed
  redis-bench pool --workload get --read-from replica
  redis-bench pool --client multiplexed --connections 2 --find-rate 'p99<1ms' --workers 2";

/// Flags of `redis-bench pool`.
#[derive(Debug, Args)]
pub(crate) struct PoolFlags {
    /// Redis command that each request sends
    #[arg(long, value_enum, default_value = "set")]
    pub(crate) workload: PoolWorkload,

    /// Length of each value, in bytes unless it has a unit
    #[arg(long, value_parser = flags::size, value_name = "SIZE", default_value = "3")]
    pub(crate) value_size: u64,

    /// Number of commands that each request sends at once, in a pipeline
    #[arg(short = 'P', long, value_parser = flags::count, value_name = "N", default_value = "1")]
    pub(crate) pipeline: u64,

    /// Flag of the server that reads go to.
    #[command(flatten)]
    pub(crate) reads: ReadFromFlag,

    /// Measure how each way to connect comes back after its connections were killed, after a restart
    /// of the server and after the server ended idle connections, on a throwaway server; --duration is
    /// the time watched after each
    #[arg(
        long,
        conflicts_with_all = [
            "script", "read_from", "pipeline", "users", "find_rate", "spawn_rate", "think_time", "repeats",
            "warmup", "runtime", "spin", "pacing", "stop_on", "objective", "workers", "worker"
        ]
    )]
    pub(crate) recovery: bool,

    /// Flags of a script.
    #[command(flatten)]
    pub(crate) script: ScriptFlags,

    /// Flags of every scenario.
    #[command(flatten)]
    pub(crate) common: CommonFlags,
}

impl PoolFlags {
    /// Checks what the flags mean together.
    ///
    /// # Errors
    /// Fails with a usage error if writes were to go to a replica.
    pub(crate) fn check(&self) -> Result<(), UsageError> {
        if self.reads.read_from == ReadFrom::Replica && self.workload == PoolWorkload::Set {
            return Err(UsageError(
                "a replica takes no writes; write --workload get with --read-from replica"
                    .to_owned(),
            ));
        }
        Ok(())
    }
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
