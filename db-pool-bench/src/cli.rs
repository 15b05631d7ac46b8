//! Commands and flags.

use std::time::Duration;

use bench_cli::flags::{self, Counts, OutputFlags};
use bench_cli::load::LoadFlags;
use bench_cli::objective::Objective;
use clap::{Args, Parser, Subcommand};

use crate::conditions::{Conditions, Hold, network_delay};
use crate::defaults::DEFAULTS;
use crate::drivers::Driver;
use crate::exhaust::ExhaustFlags;
use crate::lifecycle::LifecycleFlags;
use crate::scale::ScaleFlags;
use crate::target::TargetFlags;
use crate::workload_commands::WorkloadCommandFlags;

/// Finds the PostgreSQL connection-pool size to run with, and shows where the time goes.
#[derive(Debug, Parser)]
#[command(name = "db-pool-bench", version, after_help = EXAMPLES)]
pub struct PoolBenchCli {
    /// What to do.
    #[command(subcommand)]
    pub command: PoolBenchCommand,
}

const EXAMPLES: &str = "Examples:
  db-pool-bench sweep
  db-pool-bench sweep --pool-sizes 2,4,8,16 --driver deadpool,sqlx
  db-pool-bench scale --pool-size 8 --users 10..100*2 --objective 'p99<20ms'
  db-pool-bench exhaust --holder nested
  db-pool-bench lifecycle --idle-timeout 10s
  db-pool-bench workload list
  db-pool-bench sweep --url postgres://app@db/shop --users 64
  db-pool-bench observe --url postgres://app@db/shop --duration 5m";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum PoolBenchCommand {
    /// Measure pool sizes with several drivers and recommend one for each
    Sweep(Box<SweepFlags>),
    /// Hold one pool and add users: where waiting begins, and how many are served in time
    Scale(Box<ScaleFlags>),
    /// Keep connections away from users: who waits, who gives up, and what blocks itself
    Exhaust(Box<ExhaustFlags>),
    /// Vary the load: connections opened, closed and leaked, and what opening them costs
    Lifecycle(Box<LifecycleFlags>),
    /// Watch a server under its own load: waits, locks, statements, connections
    Observe(ObserveFlags),
    /// List and describe workloads, make their tables, check scripts, suggest a mix
    Workload(WorkloadCommandFlags),
    /// Tell whether a run can be made on a server; nothing stays there
    #[command(hide = true)]
    Check(ServerCheckFlags),
}

const SWEEP_EXAMPLES: &str = "Examples:
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
      for which hold and network the recommendation stands
  db-pool-bench sweep --driver wire,direct,deadpool,sqlx --recycle verified
      what each driver and pool costs, with the same check at each checkout
  db-pool-bench sweep --rate 2000 --pacing poisson --stop-on 'p99>200ms'
      arrivals that do not wait for answers
  db-pool-bench sweep --workload point-select --table pgbench_accounts \\
      --driver direct --runtime per-core
      the statement of pgbench -S on the table of pgbench -i
  db-pool-bench sweep --script browse.sql@9 --script buy.sql --max-tries 5
      your own mix, in pgbench's language, on the tables that it names

Without --url and DATABASE_URL a throwaway PostgreSQL is started and removed
again. On any other server everything happens in a schema of its own,
plimsoll_<run>, which is dropped at the end; scripts write where they say.";

const USERS: &str = "Users who each wait for their answer (closed loop) [default: twice the largest pool; without a pool, one for each connection]";

/// Flags of `db-pool-bench sweep`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = SWEEP_EXAMPLES,
    mut_args(|arg| DEFAULTS.told(arg)),
    mut_arg("users", |arg| arg.help(USERS))
)]
pub struct SweepFlags {
    /// Connections in the pool (users, for a driver without one)
    #[arg(long, value_parser = flags::list_of_counts, value_name = "N,…|A..B*F", default_value = "2,4,8,16")]
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

    /// The application's own work between answer and release, one or several, as in 0,5ms,exp:5ms
    #[arg(
        long,
        value_parser = str::parse::<Hold>,
        value_delimiter = ',',
        value_name = "TIME,…",
        default_value = "0"
    )]
    pub hold: Vec<Hold>,

    /// How much longer each way to the server takes, one or several, in whole milliseconds
    #[arg(
        long,
        value_parser = network_delay,
        value_delimiter = ',',
        value_name = "TIME,…",
        default_value = "0"
    )]
    pub network_delay: Vec<Duration>,

    /// What a size must keep to be recommended, as in p99<20ms (repeat it for several)
    #[arg(long, value_name = "OBJECTIVE", value_parser = str::parse::<Objective>)]
    pub objective: Vec<Objective>,

    /// Instances of the application: what all their pools take of the server's connections
    #[arg(long, value_parser = flags::count, value_name = "N")]
    pub app_instances: Option<u64>,

    /// The server.
    #[command(flatten)]
    pub target: TargetFlags,

    /// How load is made.
    #[command(flatten)]
    pub load: LoadFlags,

    /// Where the result goes.
    #[command(flatten)]
    pub output: OutputFlags,
}

impl SweepFlags {
    /// Every hold with every network delay, the shortest first.
    pub fn conditions(&self) -> Vec<Conditions> {
        let (mut holds, mut delays) = (self.hold.clone(), self.network_delay.clone());
        holds.sort_by_key(|hold| hold.mean());
        holds.dedup();
        delays.sort_unstable();
        delays.dedup();
        let of = |hold: Hold| {
            let delays = delays.iter();
            delays.map(move |&network_delay| Conditions {
                hold,
                network_delay,
            })
        };
        holds.into_iter().flat_map(of).collect()
    }
}

const OBSERVE_EXAMPLES: &str = "Examples:
  db-pool-bench observe --url postgres://app@db/shop --duration 5m
      beside the load that is there; the password comes from PGPASSWORD
  db-pool-bench observe --url postgres://app@db/shop --duration 1h \\
      --interval 30s --run-dir reports/friday
      for the analyzer: bottleneck-analyzer analyze reports/friday

Only reads, makes no load, and creates nothing. A role in pg_monitor sees the
sessions of all roles; any other sees its own, and is told what is hidden.
Statements are shown without their values.";

/// Flags of `db-pool-bench check`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  db-pool-bench check --url postgres://app@db/shop")]
pub struct ServerCheckFlags {
    /// The server
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub url: String,
}

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

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// What stands below the flags of `command` and of all below it, by name.
    fn helps(command: &clap::Command, before: &str, all: &mut Vec<(String, String)>) {
        let name = format!("{before} {}", command.get_name());
        let written = command.get_after_help().map(ToString::to_string);
        all.push((name.clone(), written.unwrap_or_default()));
        for below in command.get_subcommands() {
            helps(below, &name, all);
        }
    }

    #[test]
    fn every_help_has_examples_and_fits_a_terminal_as_it_was_written() {
        let mut cli = PoolBenchCli::command();
        cli.build();
        let mut all = Vec::new();
        helps(&cli, "", &mut all);
        let scenarios = all.iter().filter(|(name, _)| {
            let trivial = ["help", "generate", "list", "describe"];
            !trivial.iter().any(|word| name.contains(word))
        });
        let mut seen = 0;
        for (name, help) in scenarios {
            assert!(help.starts_with("Examples:\n"), "{name}: {help}");
            // A longer line would go on at the left edge, where the next example begins.
            for line in help.lines() {
                assert!(line.chars().count() <= 80, "{name}: {line}");
            }
            seen += 1;
        }
        assert!(seen >= 11, "{seen}");
    }

    #[test]
    fn what_is_taken_where_a_flag_is_not_given_stands_in_the_help() {
        let mut cli = PoolBenchCli::command();
        cli.build();
        for scenario in ["sweep", "scale"] {
            let help = cli.find_subcommand_mut(scenario).unwrap();
            let help = help.render_long_help().to_string();
            for told in [
                "[default: 5s]",
                "[default: 1s]",
                "[default: 3]",
                "[default: shared]",
            ] {
                assert!(help.contains(told), "{scenario}: {told}: {help}");
            }
        }
    }
}
