//! Flags of the scenario `observe`.

use std::time::Duration;

use bench_cli::flags::{self, OutputFlags};
use clap::Args;

use crate::cli::ServerFlags;

pub(super) const OBSERVE_HELP: &str = "\
Only reads, makes no load, and creates and sets nothing. It reads INFO ten times a second, and \
SLOWLOG, CLIENT LIST, LATENCY HISTOGRAM and CONFIG GET at the beginning and the end. A user who may \
run INFO alone is enough; what it may not read is told as not seen. Arguments of commands, names of \
keys and their values are not kept.

Examples:
  redis-bench observe --url redis://app@cache:6379/ --duration 5m
      beside the load that is there; the password comes from REDISCLI_AUTH
  redis-bench observe --url redis://app@cache:6379/ --keys-under cart:
      type and size of big, hot and slow keys of carts, with masked names
  redis-bench observe --url redis://app@cache:6379/ --duration 1h \\
      --interval 30s --run-dir reports/friday
      for the analyzer: bottleneck-analyzer analyze reports/friday";

pub(super) const OBSERVED_URL_HELP: &str = "\
The Redis to watch, as in redis://USER:PASSWORD@HOST:PORT/, rediss:// for TLS; its password can be \
in REDISCLI_AUTH";

/// Flags of `redis-bench observe`.
#[derive(Debug, Args)]
pub(crate) struct ObserveFlags {
    /// Flags of the server.
    #[command(flatten)]
    pub(crate) server: ServerFlags,

    /// Duration of the observation, after which the result is shown
    #[arg(long, value_parser = flags::duration, value_name = "TIME", default_value = "1m")]
    pub(crate) duration: Duration,

    /// Time between two shown lines, and between two recorded points
    #[arg(long, value_parser = flags::duration, value_name = "TIME", default_value = "2s")]
    pub(crate) interval: Duration,

    /// Name the type and size of large, much used and slow keys whose names begin so, at the end;
    /// their names are masked after PREFIX
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new(), value_name = "PREFIX")]
    pub(crate) keys_under: Option<String>,

    /// Flags of the output and the report.
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}
