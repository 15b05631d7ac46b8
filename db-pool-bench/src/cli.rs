//! Commands and flags.

use std::time::Duration;

use bench_cli::flags::{self, Counts, OutputFlags};
use bench_cli::load::LoadFlags;
use clap::{Args, Parser, Subcommand};

use crate::drivers::{Driver, PoolOptions};
use crate::workloads::Workload;

/// Finds the PostgreSQL connection-pool size to run with, and shows where the time goes.
#[derive(Debug, Parser)]
#[command(name = "db-pool-bench", version, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "Examples:
  db-pool-bench sweep
  db-pool-bench sweep --pool-sizes 2,4,8,16 --driver deadpool,sqlx --workload mixed
  DATABASE_URL=postgres://app@db/shop db-pool-bench sweep --users 64 --duration 10s
  db-pool-bench observe --url postgres://app@db/shop --duration 5m";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Measure pool sizes with several drivers and recommend one for each
    Sweep(Box<SweepFlags>),
    /// Watch a server under its own load: waits, locks, statements, connections
    Observe(ObserveFlags),
    /// Print shell completions or the manual page
    #[command(hide = true)]
    Generate {
        /// bash, zsh, fish or man
        what: String,
    },
}

const SWEEP_EXAMPLES: &str = "Examples:
  db-pool-bench sweep --pool-sizes 1,2,4,8,16 --repeats 5
      on a throwaway server, with the default workload
  db-pool-bench sweep --url postgres://app@db/shop --driver sqlx --users 64
      on your server; the password comes from PGPASSWORD
  db-pool-bench sweep --driver wire,direct,deadpool,sqlx --recycle verified
      what each driver and pool costs, with the same check at each checkout
  db-pool-bench sweep --rate 2000 --pacing poisson --stop-on 'p99>200ms'
      arrivals that do not wait for answers
  db-pool-bench sweep --workload point-select --table pgbench_accounts --driver direct --runtime per-core
      the statement of pgbench -S on the table of pgbench -i

Without --url and DATABASE_URL a throwaway PostgreSQL is started and removed again. On any other
server everything happens in a schema of its own, plimsoll_<run>, which is dropped at the end.";

/// Flags of `db-pool-bench sweep`.
#[derive(Debug, Clone, Args)]
#[command(after_help = SWEEP_EXAMPLES)]
pub struct SweepFlags {
    /// The server; a throwaway one is started otherwise
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub url: Option<String>,

    /// Connections in the pool (users, for a driver without one)
    #[arg(long, value_parser = flags::list_of_counts, value_name = "N,N,…", default_value = "2,4,8,16")]
    pub pool_sizes: Counts,

    /// Drivers to compare
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "DRIVER,…",
        default_value = "direct,deadpool,sqlx"
    )]
    pub driver: Vec<Driver>,

    /// What is asked of the server
    #[arg(long, value_enum, default_value = "mixed")]
    pub workload: Workload,

    /// Size of our tables, in steps of 100,000 rows
    #[arg(long, value_parser = flags::count, value_name = "N", default_value = "1")]
    pub scale: u64,

    /// Only read this table, which pgbench -i has made; nothing is created
    #[arg(long, value_name = "TABLE")]
    pub table: Option<String>,

    /// How long a checkout may take before it fails
    #[arg(long, value_parser = flags::duration, value_name = "TIME", default_value = "30s")]
    pub checkout_timeout: Duration,

    /// Share of the connection limit that may be in use; 80 % on a server that is not a throwaway one
    #[arg(long, value_parser = percent, value_name = "PERCENT")]
    pub most_connections: Option<f64>,

    /// How pools are kept.
    #[command(flatten)]
    pub pool: PoolOptions,

    /// How load is made.
    #[command(flatten)]
    pub load: LoadFlags,

    /// Where the result goes.
    #[command(flatten)]
    pub output: OutputFlags,
}

const OBSERVE_EXAMPLES: &str = "Examples:
  db-pool-bench observe --url postgres://app@db/shop --duration 5m
      beside the load that is there; the password comes from PGPASSWORD
  db-pool-bench observe --url postgres://app@db/shop --duration 1h --interval 30s --run-dir reports/friday
      for the analyzer: bottleneck-analyzer analyze reports/friday

Only reads, makes no load, and creates nothing. A role in pg_monitor sees the sessions of all roles;
any other sees its own, and is told what is hidden. Statements are shown without their values.";

/// Flags of `db-pool-bench observe`.
#[derive(Debug, Clone, Args)]
#[command(after_help = OBSERVE_EXAMPLES)]
pub struct ObserveFlags {
    /// The server
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub url: Option<String>,

    /// How long to watch
    #[arg(long, value_parser = flags::duration, value_name = "TIME", default_value = "1m")]
    pub duration: Duration,

    /// How often a line is shown and a point recorded
    #[arg(long, value_parser = flags::duration, value_name = "TIME", default_value = "2s")]
    pub interval: Duration,

    /// Where the result goes.
    #[command(flatten)]
    pub output: OutputFlags,
}

/// A share as people write it: `80%`.
fn percent(text: &str) -> Result<f64, String> {
    let number = text
        .trim()
        .strip_suffix('%')
        .and_then(|n| n.trim().parse().ok());
    let number = number.filter(|n: &f64| (1.0..=100.0).contains(n));
    number
        .map(|n| n / 100.0)
        .ok_or_else(|| format!("{text:?} is no share; write 80%"))
}
