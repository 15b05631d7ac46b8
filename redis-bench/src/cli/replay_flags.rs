//! Flags of the scenario `replay`.

use std::path::PathBuf;

use bench_cli::{UsageError, flags};
use clap::{Arg, Args};
use load_engine::ThinkTime;

use crate::cache::curve::PolicyName;
use crate::cli::CommonFlags;
use crate::replay::trace_reader::TraceFormat;

/// Largest and smallest number of seconds of a trace that pass in one second of its replay.
const SPEEDS: std::ops::RangeInclusive<f64> = 1e-3..=1e9;

/// Flags of a load, which a trace sets: they are refused, and not shown.
const HIDDEN: [&str; 11] = [
    "users",
    "find_rate",
    "spawn_rate",
    "pacing",
    "think_time",
    "runtime",
    "workers",
    "worker",
    "start_at",
    "prepare_time",
    "watch_server",
];
/// Texts about flags that mean something else in a replay.
const OTHER_HELP: [(&str, &str); 4] = [
    (
        "rate",
        "Requests per second, evenly spaced, in place of the times of the trace; for one without times",
    ),
    (
        "duration",
        "Longest time of the replay after the warm-up [default: to the end of the trace]",
    ),
    (
        "warmup",
        "First part of the replay, which is sent and not measured [default: 0s]",
    ),
    (
        "repeats",
        "Number of times the replay is measured with each setting [default: 1]",
    ),
];

pub(super) const REPLAY_HELP: &str = "\
Each request is sent at its instant in the trace, whether or not earlier ones were answered. Formats \
with whole seconds have the requests of a second spread evenly over it. A read that does not find its \
key writes it, with the size and the time to live that the trace has for the key; both together are one \
request, named miss. The step begins without keys.

--speed makes the time of the trace pass faster, and times to live shorter by the same factor. --warmup \
is the first part of the trace, which is sent and not measured. What lags behind the trace is told, and \
is part of every latency. Requests in flight at the same time may miss the same key; with --in-order the \
next one waits for the answer, so that the hit ratio is that of the trace's order.

The file is read once before the run, and may be compressed with zstd or gzip. Lines that are no \
request are left out and counted. Keys get names of the run, so that no name of the trace reaches a \
server. Without --url and REDIS_URL a throwaway server is started, which --maxmemory limits.

Examples:
  redis-bench replay --trace cluster052.csv --speed 10 --duration 60s
  redis-bench replay --trace kvcache.csv --rate 2k
  redis-bench replay --trace monitor.txt --trace-format monitor --client pooled,multiplexed
  redis-bench replay --trace zipf.oracleGeneral.zst --value-size 512 --requests 500k --speed 200
  redis-bench replay --trace day.csv --maxmemory 64MiB,256MiB --policy allkeys-lru,allkeys-lfu";

/// Flags of `redis-bench replay`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReplayFlags {
    /// File with the trace
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: PathBuf,

    /// Format of the trace [default: found from the file, where that leaves no doubt]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) trace_format: Option<TraceFormat>,

    /// Number of seconds of the trace that pass in one second
    #[arg(
        long,
        value_parser = speed,
        value_name = "FACTOR",
        default_value = "1",
        conflicts_with = "rate"
    )]
    pub(crate) speed: f64,

    /// Number of times that the trace is sent, one after the other
    #[arg(long, value_parser = flags::count, value_name = "N", default_value = "1")]
    pub(crate) loops: u64,

    /// Largest number of requests [default: all]
    #[arg(long, value_parser = flags::count, value_name = "N")]
    pub(crate) requests: Option<u64>,

    /// Size of all values, in place of those of the trace
    #[arg(long, value_parser = flags::size, value_name = "SIZE")]
    pub(crate) value_size: Option<u64>,

    /// Send each request only after the answer to the one before
    #[arg(long)]
    pub(crate) in_order: bool,

    /// Limits of the throwaway server's memory, each measured
    #[arg(
        long,
        value_parser = flags::size,
        value_delimiter = ',',
        value_name = "SIZE,…"
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

    /// Flags of every scenario.
    #[command(flatten)]
    pub(crate) common: CommonFlags,
}

impl ReplayFlags {
    /// Returns the name of the trace file, without its folder.
    pub(crate) fn file_name(&self) -> String {
        let name = self.trace.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Refuses flags that have no effect on a replay.
    ///
    /// # Errors
    /// Fails with a sentence that says what to leave out.
    pub(crate) fn check(&self) -> Result<(), UsageError> {
        let load = &self.common.load;
        let given = [
            (load.users.is_some(), "--users"),
            (load.curve().is_some(), "the curve of --rate"),
            (load.search.is_given(), "--find-rate"),
            (load.spawn_rate.is_some(), "--spawn-rate"),
            (load.pacing.is_some(), "--pacing"),
            (load.step.think_time != ThinkTime::NONE, "--think-time"),
        ];
        if let Some((_, flag)) = given.iter().find(|(is_given, _)| *is_given) {
            return Err(UsageError(format!(
                "the trace sets when requests are sent; leave {flag} out, and use --speed or a number as \
                 --rate"
            )));
        }
        let is_shared = self.common.workers.workers.is_some() || self.common.host.worker.is_some();
        let told = if is_shared {
            "a trace is read by one process, in its order; leave --workers and --worker out"
        } else if !self.maxmemory.is_empty() && self.common.server.url.is_some() {
            "--maxmemory changes the settings of a server, so it is for the throwaway server only; \
             leave out --url and REDIS_URL"
        } else {
            return Ok(());
        };
        Err(UsageError(told.to_owned()))
    }
}

/// Returns the flag `arg` as the help of a replay shows it.
pub(super) fn shown_of_replay(arg: Arg) -> Arg {
    let id = arg.get_id().as_str();
    if HIDDEN.contains(&id) {
        return arg.hide(true);
    }
    match OTHER_HELP.iter().find(|(name, _)| *name == id) {
        Some((_, help)) => arg.help(*help),
        None => arg,
    }
}

/// Parses a number of seconds of the trace that pass in one, as in `10` or `10x`.
fn speed(text: &str) -> Result<f64, String> {
    let digits = text.trim().trim_end_matches('x');
    let parsed = digits.parse().ok().filter(|speed| SPEEDS.contains(speed));
    parsed.ok_or_else(|| {
        format!(
            "{text:?} is no speed; write a number from 0.001 to 1e9, as 10 for ten times as fast"
        )
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{RedisBenchCli, RedisBenchCommand};

    fn flags(args: &str) -> Result<ReplayFlags, String> {
        let words = ["redis-bench", "replay", "--trace", "day.csv"].into_iter();
        let args = words.chain(args.split_whitespace());
        let cli = RedisBenchCli::try_parse_from(args).map_err(|error| error.to_string())?;
        match cli.command {
            RedisBenchCommand::Replay(flags) => Ok(*flags),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_load_beside_that_of_the_trace_is_refused() {
        for (args, told) in [
            ("--users 5", "leave --users out"),
            ("--rate ramp:1..5/5s", "leave the curve of --rate out"),
            ("--find-rate p99<5ms", "leave --find-rate out"),
            ("--think-time 1s", "leave --think-time out"),
            ("--workers 2", "leave --workers"),
            (
                "--maxmemory 8MiB --url redis://127.0.0.1/",
                "leave out --url",
            ),
        ] {
            let UsageError(why) = flags(args).unwrap().check().unwrap_err();
            assert!(why.contains(told), "{args}: {why}");
        }
        assert!(flags("--duration 5s --warmup 1s").unwrap().check().is_ok());
    }

    #[test]
    fn a_speed_is_a_factor() {
        assert_eq!(flags("--speed 10x").unwrap().speed, 10.0);
        assert_eq!(flags("--speed 0.5").unwrap().speed, 0.5);
        for text in ["0", "-1", "fast", "1e10", "nan"] {
            assert!(flags(&format!("--speed={text}")).is_err(), "{text}");
        }
    }
}
