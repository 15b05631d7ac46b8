//! Flags of `db-pool-bench scale`.

use bench_cli::flags::Counts;
use bench_cli::load::{self, LoadConflicts, StepFlags};
use bench_cli::{FindRateFlags, Objective};
use clap::Args;

use crate::defaults::DEFAULTS;
use crate::load_sharing::SharingFlags;
use crate::one_pool::OnePoolFlags;

const EXAMPLES: &str = "Examples:
  db-pool-bench scale --pool-size 8 --users 2..64*2
      on a throwaway server: at how many users waiting for a connection begins
  db-pool-bench scale --pool-size 20 --users 10..200+10 --objective 'p99<20ms'
      the most users within 20 ms
  db-pool-bench scale --pool-size 10 --users 10..100*2 --hold exp:5ms \\
      --think-time 50ms
      an application that works while it holds its connection, and users who
      pause

  db-pool-bench scale --pool-size 10 --find-rate 'p99<50ms' \\
      --find-rate 'errors<1%'
      the highest rate of arrivals that keeps both, instead of users
  db-pool-bench scale --pool-size 8 --users 8..64*2 --workers 4
      four processes that share users and connections make the load

Users wait for their answers (closed loop). Without --url and DATABASE_URL a
throwaway PostgreSQL is started and removed again.";

/// Flags of `db-pool-bench scale`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES, mut_args(|arg| DEFAULTS.told(arg)))]
pub(crate) struct ScaleFlags {
    // Must be the first field: the fields after it take their values out of what was parsed.
    #[command(flatten)]
    _exclusive: LoadConflicts,

    /// Numbers of users to test, from few to many
    #[arg(long, value_parser = load::held_counts, value_name = "N,…|A..B*F", default_value = "2..64*2")]
    pub(crate) users: Counts,

    /// Flags of the search for a rate instead of numbers of users.
    #[command(flatten)]
    pub(crate) search: FindRateFlags,

    /// Bound that a number of users must keep, as in p99<20ms (repeat it for several)
    #[arg(long, value_name = "OBJECTIVE", value_parser = str::parse::<Objective>)]
    pub(crate) objective: Vec<Objective>,

    /// Flags of the pool under test and its server.
    #[command(flatten)]
    pub(crate) pool: OnePoolFlags,

    /// Flags of each step: its length, repeats and runtime.
    #[command(flatten)]
    pub(crate) step: StepFlags,

    /// Flags that select how processes share the load.
    #[command(flatten)]
    pub(crate) sharing: SharingFlags,
}
