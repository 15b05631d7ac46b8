//! Flags that `scale`, `exhaust` and `lifecycle` share, which test one pool at one size.

use std::collections::BTreeMap;

use bench_cli::bench::Bench;
use bench_cli::flags::{self, OutputFlags};
use bench_cli::{UsageError, load};
use clap::Args;
use load_engine::StopRule;
use serde_json::{Value, json};

use crate::conditions::ConditionFlags;
use crate::context::Variant;
use crate::drivers::Driver;
use crate::run_server::RunServer;
use crate::target::TargetFlags;
use crate::workloads::WorkloadSelection;

/// Error message for `--find-rate` in scenarios that interfere with the load while it runs.
pub(crate) const NO_RATE_TO_FIND: &str = "\
this scenario has no single rate to find: what it does to the pool on its way decides what users \
feel. Rates are found by db-pool-bench sweep and scale, redis-bench cache and pool";

/// Flags of a scenario that tests one pool size: server and pool options, number of connections,
/// drivers, hold time and network delay of the requests, and output.
#[derive(Debug, Clone, Args)]
pub(crate) struct OnePoolFlags {
    /// Flags of the server and of the pool's options.
    #[command(flatten)]
    pub(crate) target: TargetFlags,

    /// Number of connections in the pool
    #[arg(long = "pool-size", id = "pool_size", value_parser = flags::count, value_name = "N", default_value = "8")]
    pub(crate) size: u64,

    /// Libraries whose pools are compared: deadpool, sqlx or both
    #[arg(
        long = "driver",
        id = "driver",
        value_enum,
        // The possible values are hidden, because drivers without a pool are refused with a reason of their
        // own.
        hide_possible_values = true,
        value_delimiter = ',',
        value_name = "DRIVER,…",
        default_value = "deadpool"
    )]
    pub(crate) drivers: Vec<Driver>,

    /// Flags of the hold time and network delay of the requests.
    #[command(flatten)]
    pub(crate) conditions: ConditionFlags,

    /// Flags of the output and the report.
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

impl OnePoolFlags {
    /// Returns the drivers to compare, sorted and without duplicates. `without` returns the error
    /// message for the name of a driver without a pool.
    ///
    /// # Errors
    /// Fails with a [`UsageError`] if one of the drivers has no pool.
    pub(crate) fn drivers(
        &self,
        without: impl Fn(&str) -> String,
    ) -> Result<Vec<Driver>, UsageError> {
        let mut drivers = self.drivers.clone();
        drivers.sort_unstable();
        drivers.dedup();
        match drivers.iter().find(|driver| !driver.is_pooled()) {
            Some(driver) => Err(UsageError(without(driver.name()))),
            None => Ok(drivers),
        }
    }

    /// Returns the variant in which steps test the pool of `driver`, at the size and under the
    /// conditions of these flags.
    pub(crate) fn variant(&self, driver: Driver) -> Variant {
        Variant {
            driver,
            connections: self.size,
            conditions: self.conditions.conditions(),
        }
    }

    /// Returns these flags and the workload as entries of the report's `config`, with the pool's
    /// options for each of `drivers`.
    pub(crate) fn config(
        &self,
        drivers: &[Driver],
        selection: &WorkloadSelection,
    ) -> BTreeMap<String, Value> {
        let kept = drivers.iter();
        let kept: BTreeMap<_, _> = kept
            .map(|driver| (driver.name(), self.target.pool.config(*driver)))
            .collect();
        let mut config = BTreeMap::from([
            ("pool_size".to_owned(), json!(self.size)),
            ("drivers".to_owned(), json!(kept)),
        ]);
        config.extend(self.conditions.config());
        config.extend(self.target.config());
        config.extend(selection.config());
        config
    }

    /// Checks that the drivers support the address of the server that the flags name. Nothing is
    /// checked for a throwaway server.
    ///
    /// # Errors
    /// Fails with a [`UsageError`] if they do not, or if the address is wrong.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        self.target.server(&self.drivers).map(drop)
    }

    /// Returns the server of the run: the one that the flags name, or a new throwaway server with
    /// room for this number of `connections`. `None` if a signal is received.
    ///
    /// # Errors
    /// Fails if the address is wrong, or a throwaway server cannot be started.
    pub(crate) fn open(
        &self,
        bench: &mut Bench,
        connections: u64,
    ) -> anyhow::Result<Option<RunServer>> {
        RunServer::open(bench, &self.target, &self.drivers, connections)
    }
}

/// Flags of a traced run, in which the load changes and every request is recorded by itself.
#[derive(Debug, Clone, Args)]
pub(crate) struct TracedRunFlags {
    /// Seed of everything random [default: drawn at random, and recorded]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// End a run that breaks a bound, as in errors>10% or p99>500ms (repeat it for several)
    #[arg(long, value_name = "RULE", value_parser = str::parse::<StopRule>)]
    pub(crate) stop_on: Vec<StopRule>,
}

impl TracedRunFlags {
    /// Returns the seed of the flags, or draws one. Each call draws another one, so it must be
    /// called only once in a run.
    pub(crate) fn draw_seed(&self) -> u64 {
        load::seed_or_drawn(self.seed)
    }

    /// Returns these flags, with the `seed` that was used, as entries of the report's `config`.
    pub(crate) fn config(&self, seed: u64) -> BTreeMap<String, Value> {
        let rules: Vec<String> = self.stop_on.iter().map(ToString::to_string).collect();
        BTreeMap::from([
            ("seed".to_owned(), json!(seed)),
            ("stop_on".to_owned(), json!(rules)),
        ])
    }
}
