//! Flags of `db-pool-bench sweep`.

use std::time::Duration;

use bench_cli::Objective;
use bench_cli::flags::{self, Counts, OutputFlags};
use bench_cli::load::{LoadConflicts, LoadFlags};
use clap::Args;
use load_engine::ThinkTime;

use crate::conditions::{Conditions, hold, network_delay};
use crate::defaults::DEFAULTS;
use crate::drivers::Driver;
use crate::load_sharing::SharingFlags;
use crate::target::TargetFlags;

const EXAMPLES: &str = "Examples:
  db-pool-bench sweep --pool-sizes 1,2,4,8,16 --repeats 5
      on a throwaway server, with the default workload
  db-pool-bench sweep --url postgres://app@db/shop --driver sqlx --users 64
      on your server; the password comes from PGPASSWORD
  db-pool-bench sweep --pool-sizes 2..64*2 --objective 'p99<20ms' \\
      --app-instances 12
      sizes by a factor, only those within 20 ms, and what twelve instances
      would take
  db-pool-bench sweep --driver deadpool --hold 0,5ms,exp:5ms \\
      --network-delay 0,1ms
      whether the recommendation holds under other holds and network delays
  db-pool-bench sweep --driver wire,direct,deadpool,sqlx --recycle verified
      the cost of each driver and pool, with the same check at each checkout
  db-pool-bench sweep --rate 2000 --pacing poisson --stop-on 'p99>200ms'
      an open loop of Poisson arrivals
  db-pool-bench sweep --pool-sizes 4,8 --driver deadpool --find-rate 'p99<50ms'
      the highest rate of arrivals that each size carries within 50 ms
  db-pool-bench sweep --workload point-select --table pgbench_accounts \\
      --driver direct --runtime per-core
      the statement of pgbench -S on the table of pgbench -i
  db-pool-bench sweep --script browse.sql@9 --script buy.sql --max-tries 5
      your own mix, in pgbench's language, on the tables that it names
  db-pool-bench sweep --pool-sizes 8,16,32 --driver deadpool --workers 4
      four processes that share users and connections make the load

Without --url and DATABASE_URL a throwaway PostgreSQL is started and removed
again. On any other server everything happens in a schema of its own,
plimsoll_<run>, which is dropped at the end; scripts write where they say.";

const USERS: &str = "Users who each wait for their answer (closed loop) [default: twice the largest pool; without a pool, one for each connection]";

/// Flags of `db-pool-bench sweep`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = EXAMPLES,
    mut_args(|arg| DEFAULTS.told(arg)),
    mut_arg("users", |arg| arg.help(USERS))
)]
pub(crate) struct SweepFlags {
    // Must be the first field: the fields after it take their values out of what was parsed.
    #[command(flatten)]
    _exclusive: LoadConflicts,

    /// Numbers of connections in the pool; for a driver without a pool, numbers of users
    #[arg(long, value_parser = flags::list_of_counts, value_name = "N,…|A..B*F", default_value = "2,4,8,16")]
    pub(crate) pool_sizes: Counts,

    /// Drivers to compare
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "DRIVER,…",
        default_value = "direct,deadpool,sqlx"
    )]
    pub(crate) driver: Vec<Driver>,

    /// Time for which the application holds the connection after each answer; one or several, as in
    /// 0,5ms,exp:5ms
    #[arg(
        long,
        value_parser = hold,
        value_delimiter = ',',
        value_name = "TIME,…",
        default_value = "0"
    )]
    pub(crate) hold: Vec<ThinkTime>,

    /// Delay added to each direction of the network, one or several, in whole milliseconds
    #[arg(
        long,
        value_parser = network_delay,
        value_delimiter = ',',
        value_name = "TIME,…",
        default_value = "0"
    )]
    pub(crate) network_delay: Vec<Duration>,

    /// Bound that a size must keep to be recommended, as in p99<20ms (repeat it for several)
    #[arg(long, value_name = "OBJECTIVE", value_parser = str::parse::<Objective>)]
    pub(crate) objective: Vec<Objective>,

    /// Number of instances of the application, to compute the connections that all their pools need
    #[arg(long, value_parser = flags::count, value_name = "N")]
    pub(crate) app_instances: Option<u64>,

    /// Flags of the server under test, its workload and the pool's options.
    #[command(flatten)]
    pub(crate) target: TargetFlags,

    /// Flags of the load and of each step.
    #[command(flatten)]
    pub(crate) load: LoadFlags,

    /// Flags that select how processes share the load.
    #[command(flatten)]
    pub(crate) sharing: SharingFlags,

    /// Flags of the output and the report.
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

impl SweepFlags {
    /// Returns every combination of hold time and network delay, each once, by mean hold time and
    /// then by delay, the shortest first.
    pub(crate) fn conditions(&self) -> Vec<Conditions> {
        let (mut holds, mut delays) = (self.hold.clone(), self.network_delay.clone());
        holds.sort_by_key(|hold| hold.mean());
        holds.dedup();
        delays.sort_unstable();
        delays.dedup();
        let of = |hold: ThinkTime| {
            let delays = delays.iter();
            delays.map(move |&network_delay| Conditions {
                hold,
                network_delay,
            })
        };
        holds.into_iter().flat_map(of).collect()
    }
}
