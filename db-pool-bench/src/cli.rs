//! Command line of `db-pool-bench`: its commands and their examples.

use bench_cli::{Exit, workers};
use clap::{Parser, Subcommand};

use crate::check::{self, ServerCheckFlags};
use crate::exhaust::{self, ExhaustFlags};
use crate::lifecycle::{self, LifecycleFlags};
use crate::observe::{self, ObserveFlags};
use crate::scale::{self, ScaleFlags};
use crate::sweep::{self, SweepFlags};
use crate::target::TargetFlags;
use crate::worker::PoolWorker;
use crate::workload_commands::{self, WorkloadCommandFlags};

/// Finds the PostgreSQL connection-pool size to run with, and shows where the time goes.
#[derive(Debug, Parser)]
#[command(name = "db-pool-bench", version, after_help = EXAMPLES)]
pub(crate) struct PoolBenchCli {
    /// Command that was given on the command line.
    #[command(subcommand)]
    pub(crate) command: PoolBenchCommand,
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

/// Command of `db-pool-bench`, with its flags.
#[derive(Debug, Subcommand)]
pub(crate) enum PoolBenchCommand {
    /// Measure pool sizes with several drivers and recommend one for each
    Sweep(Box<SweepFlags>),
    /// Add users to one pool: where waiting begins, and how many users an objective allows
    Scale(Box<ScaleFlags>),
    /// Hold a pool's connections: waits, time-outs, recovery and deadlocks of its users
    Exhaust(Box<ExhaustFlags>),
    /// Vary the load: connections opened, closed and leaked, and what opening them costs
    Lifecycle(Box<LifecycleFlags>),
    /// Watch a server under its own load: waits, locks, statements, connections
    Observe(ObserveFlags),
    /// List and describe workloads, create their tables, check scripts, suggest a mix
    Workload(WorkloadCommandFlags),
    /// Check that a server allows a run; nothing is left there
    #[command(hide = true)]
    Check(ServerCheckFlags),
    /// Make a share of the load; the parent process sends the orders on stdin
    #[command(hide = true)]
    Worker,
}

impl PoolBenchCommand {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::Sweep(flags) => sweep::run(&flags),
            Self::Scale(flags) => scale::run(&flags),
            Self::Exhaust(flags) => exhaust::run(&flags),
            Self::Lifecycle(flags) => lifecycle::run(&flags),
            Self::Observe(flags) => observe::run(&flags),
            Self::Workload(flags) => workload_commands::run(&flags),
            Self::Check(flags) => check::run(&flags),
            Self::Worker => workers::serve(env!("CARGO_PKG_VERSION"), |cli: PoolBenchCli| {
                Ok(PoolWorker(cli.command.shared_target()?))
            }),
        }
    }

    /// Returns the flags of the server and the pool for a worker process; the command is the
    /// parent's. Fails for a command that has no worker processes.
    fn shared_target(self) -> Result<TargetFlags, String> {
        match self {
            Self::Sweep(flags) => Ok(flags.target),
            Self::Scale(flags) => Ok(flags.pool.target),
            _ => Err("this command makes its load without workers".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// Appends to `all` the text below the flags of `command` and of each of its subcommands, as
    /// pairs of the command's full name and that text. `before` is the name of the parent command.
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
            let trivial = ["help", "generate", "list", "describe", "worker"];
            !trivial.iter().any(|word| name.contains(word))
        });
        let mut seen = 0;
        for (name, help) in scenarios {
            assert!(help.starts_with("Examples:\n"), "{name}: {help}");
            // A line of more than 80 columns would be wrapped to the left edge, where the next example
            // begins.
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
