//! Flags of `db-pool-bench lifecycle`.

use std::time::Duration;

use bench_cli::flags::{self, OutputFlags};
use clap::Args;

use crate::campaign::TargetFlags;
use crate::conditions::ConditionFlags;
use crate::drivers::Driver;

const EXAMPLES: &str = "Examples:
  db-pool-bench lifecycle
      on a throwaway server: ramp, spike, idle, spike, with both pools
  db-pool-bench lifecycle --rate 200 --spike 10 --idle 30s --idle-timeout 10s
      what a quiet half minute costs the first who come after it
  db-pool-bench lifecycle --driver deadpool --leak-every 500
      what a connection that never comes back looks like

Arrivals wait for nobody (open loop). The pool begins empty and opens connections as they are asked
for. Without --url and DATABASE_URL a throwaway PostgreSQL is started and removed again.";

/// Flags of `db-pool-bench lifecycle`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = EXAMPLES,
    mut_arg("idle_timeout", |arg| arg.default_value("2s").help("The pool closes a connection that nobody has used for so long")),
    mut_arg("max_lifetime", |arg| arg.help("The pool closes a connection that is so old [default: none]")),
    mut_arg("pool_min", |arg| arg.help("Connections open before the load begins; sqlx keeps at least so many [default: none]"))
)]
pub struct LifecycleFlags {
    /// The server.
    #[command(flatten)]
    pub target: TargetFlags,

    /// Most connections of the pool
    #[arg(long, value_parser = flags::count, value_name = "N", default_value = "8")]
    pub pool_size: u64,

    /// Arrivals per second at the end of the ramp
    #[arg(long, value_parser = flags::rate, value_name = "PER_S", default_value = "100")]
    pub rate: f64,

    /// How many times the rate a spike is
    #[arg(long, value_parser = flags::count, value_name = "N", default_value = "5")]
    pub spike: u64,

    /// How long the ramp takes, and each spike
    #[arg(long, value_parser = flags::duration, value_name = "TIME", default_value = "3s")]
    pub duration: Duration,

    /// How long nobody comes, between the spikes
    #[arg(long, value_parser = flags::duration, value_name = "TIME", default_value = "4s")]
    pub idle: Duration,

    /// Logins at once in the storm [default: the pool's size]
    #[arg(long, value_parser = flags::count, value_name = "N")]
    pub storm: Option<u64>,

    /// Never give back the connection of every Nth arrival, to see a leak
    #[arg(long, value_parser = flags::count, value_name = "N")]
    pub leak_every: Option<u64>,

    /// Seed of everything random [default: drawn, and recorded]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Pools to compare
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "DRIVER,…",
        default_value = "deadpool,sqlx"
    )]
    pub driver: Vec<Driver>,

    /// What the connections work under.
    #[command(flatten)]
    pub conditions: ConditionFlags,

    /// Where the result goes.
    #[command(flatten)]
    pub output: OutputFlags,
}
