//! Flags of `db-pool-bench exhaust`.

use std::time::Duration;

use bench_cli::flags;
use bench_cli::load;
use clap::{Arg, Args, ValueEnum};
use load_engine::ThinkTime;

use crate::one_pool::{NO_RATE_TO_FIND, OnePoolFlags, TracedRunFlags};

const EXAMPLES: &str = "Examples:
  db-pool-bench exhaust
      on a throwaway server: every kind of holder in turn
  db-pool-bench exhaust --holder nested --pool-size 5 --holders 4
      requests that check out a second connection while they hold the first:
      whether they deadlock (with a pool of 4 they would)
  db-pool-bench exhaust --driver deadpool,sqlx --holder idle-in-transaction \\
      --keep 5s
      waits and time-outs behind transactions that were left open

Each holder kind is one run: users alone, users with holders, users alone
again. Without --url and DATABASE_URL a throwaway PostgreSQL is started and
removed again. On any other server a run ends early, with exit code 3, at 10 %
errors (checkouts that time out are expected and do not count) or when more
than 80 % of the server's connections are in use. A restart of the server does
not end the run; it is reported separately.";

/// Flags of `db-pool-bench exhaust`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = EXAMPLES,
    arg = Arg::new("find_rate").long("find-rate").hide(true).value_parser(
        flags::renamed::<f64>(NO_RATE_TO_FIND)
    ),
    // Shorter than the time for which connections are held, so that some checkouts time out.
    mut_arg("checkout_timeout", |arg| arg.default_value("500ms")),
    mut_arg("pool_size", |arg| arg.default_value("4"))
)]
pub(crate) struct ExhaustFlags {
    /// Number of users in a closed loop [default: four for each connection]
    #[arg(long, value_parser = load::held_count, value_name = "N")]
    pub(crate) users: Option<u64>,

    /// Number of tasks that hold a connection [default: one for each connection]
    #[arg(long, value_parser = flags::count, value_name = "N")]
    pub(crate) holders: Option<u64>,

    /// Kinds of holder to test, one after another: the way in which each keeps a connection
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "KIND,…",
        default_value = "slow-query,idle-in-transaction,nested"
    )]
    pub(crate) holder: Vec<Holder>,

    /// Length of the part of the run in which the holders take and keep connections
    #[arg(long, value_parser = flags::duration, value_name = "TIME", default_value = "3s")]
    pub(crate) keep: Duration,

    /// Length of the part before the holders start, and of the one after they stop
    #[arg(long, value_parser = flags::duration, value_name = "TIME", default_value = "2s")]
    pub(crate) duration: Duration,

    /// Each user's pause between answer and next request: 2s, 1s..3s (evenly between) or exp:2s
    /// (around a mean)
    #[arg(long, value_name = "TIME", default_value = "5ms")]
    pub(crate) think_time: ThinkTime,

    /// Repeats of each combination of driver and kind of holder
    #[arg(long, value_parser = flags::count, value_name = "N", default_value = "1")]
    pub(crate) repeats: u64,

    /// Flags that all traced runs have.
    #[command(flatten)]
    pub(crate) traced: TracedRunFlags,

    /// Flags of the pool under test.
    #[command(flatten)]
    pub(crate) pool: OnePoolFlags,
}

/// Way in which a holder keeps a connection
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Holder {
    /// One statement that runs until the holders stop
    SlowQuery,
    /// A transaction that is begun and left open until the holders stop
    IdleInTransaction,
    /// A second checkout while the first connection is held, again and again
    Nested,
}

impl Holder {
    /// Returns the name of the kind as written on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SlowQuery => "slow-query",
            Self::IdleInTransaction => "idle-in-transaction",
            Self::Nested => "nested",
        }
    }
}
