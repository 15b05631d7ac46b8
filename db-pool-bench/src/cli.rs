//! Commands and flags.

use std::time::Duration;

use bench_cli::flags::{self, Counts, OutputFlags};
use bench_cli::load::LoadFlags;
use clap::{Args, Parser, Subcommand};

use crate::catalogue::CatalogueFlags;
use crate::drivers::{Driver, PoolOptions};
use crate::workloads::WorkloadFlags;

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
  db-pool-bench workload list
  DATABASE_URL=postgres://app@db/shop db-pool-bench sweep --users 64 --duration 10s";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Measure pool sizes with several drivers and recommend one for each
    Sweep(Box<SweepFlags>),
    /// List and describe workloads, make their tables, check scripts, suggest a mix
    Workload(CatalogueFlags),
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
  db-pool-bench sweep --script browse.sql@9 --script buy.sql --max-tries 5
      your own mix, in pgbench's language, on the tables that it names

Without --url and DATABASE_URL a throwaway PostgreSQL is started and removed again. On any other
server everything happens in a schema of its own, plimsoll_<run>, which is dropped at the end;
scripts write where they say.";

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

    /// How long a checkout may take before it fails
    #[arg(long, value_parser = flags::duration, value_name = "TIME", default_value = "30s")]
    pub checkout_timeout: Duration,

    /// What is asked of the server.
    #[command(flatten)]
    pub workload: WorkloadFlags,

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
