//! One pool at one size, as `scale`, `exhaust` and `lifecycle` put it to the test: what the three
//! ask of their flags, of the server and of the report.

use std::collections::BTreeMap;

use bench_cli::bench::Bench;
use bench_cli::flags::{self, OutputFlags};
use bench_cli::{Exit, UsageError, load};
use bench_report::{Report, Summary};
use clap::Args;
use load_engine::StopRule;
use serde_json::{Value, json};

use crate::conditions::ConditionFlags;
use crate::context::{self, ScenarioContext, Variant};
use crate::drivers::Driver;
use crate::target::TargetFlags;
use crate::workloads::WorkloadSelection;

/// The pool, and where it is.
#[derive(Debug, Clone, Args)]
pub(crate) struct OnePoolFlags {
    /// The server.
    #[command(flatten)]
    pub(crate) target: TargetFlags,

    /// Connections in the pool
    #[arg(long = "pool-size", id = "pool_size", value_parser = flags::count, value_name = "N", default_value = "8")]
    pub(crate) size: u64,

    /// Pools to compare: deadpool, sqlx or both
    #[arg(
        long = "driver",
        id = "driver",
        value_enum,
        // Drivers without a pool are refused with the reason.
        hide_possible_values = true,
        value_delimiter = ',',
        value_name = "DRIVER,…",
        default_value = "deadpool"
    )]
    pub(crate) drivers: Vec<Driver>,

    /// What the connections work under.
    #[command(flatten)]
    pub(crate) conditions: ConditionFlags,

    /// Where the result goes.
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

impl OnePoolFlags {
    /// The drivers to compare, each once. `without` says what one without a pool lacks here.
    ///
    /// # Errors
    /// [`UsageError`] for such a driver.
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

    /// The pool of `driver` as what a step puts to the test.
    pub(crate) fn variant(&self, driver: Driver) -> Variant {
        Variant {
            driver,
            connections: self.size,
            conditions: self.conditions.conditions(),
        }
    }

    /// What the report says of these flags and of what is asked of the server.
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

    /// Runs a scenario that takes up to `connections` from its plan to its exit code.
    ///
    /// # Errors
    /// What kept it from running: no server, no place for the report.
    pub(crate) fn run(
        &self,
        scenario: &str,
        connections: u64,
        plan: &impl PoolScenario,
    ) -> anyhow::Result<Exit> {
        let given = self.target.server(&self.drivers)?;
        let version = env!("CARGO_PKG_VERSION");
        let config = plan.config();
        let mut bench = Bench::begin("db-pool-bench", version, scenario, &self.output, config)?;
        // On an error the bench saves what there is, as failed.
        let work = |context: &mut ScenarioContext| plan.steps(context);
        let (target, selection) = (&self.target, plan.selection());
        context::run(&mut bench, target, selection, given, connections, work)?;
        bench.report.summary = plan.summary(&bench.report);
        let text = plan.text(&bench.report);
        bench.finish(&text)
    }
}

/// What a scenario does with its pool, and concludes.
pub(crate) trait PoolScenario {
    /// What the report says of the settings.
    fn config(&self) -> BTreeMap<String, Value>;
    /// What is asked of the server.
    fn selection(&self) -> &WorkloadSelection;
    /// Does the steps.
    fn steps(&self, context: &mut ScenarioContext) -> anyhow::Result<()>;
    /// The scenario's own conclusions.
    fn summary(&self, report: &Report) -> Summary;
    /// The result as people read it.
    fn text(&self, report: &Report) -> String;
}

/// How a course is run: a load that changes on its way, whose requests are followed one by one.
#[derive(Debug, Clone, Args)]
pub(crate) struct TracedRunFlags {
    /// Seed of everything random [default: drawn, and recorded]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// End a course that breaks a bound, as in errors>10% or p99>500ms (repeat it for several)
    #[arg(long, value_name = "RULE", value_parser = str::parse::<StopRule>)]
    pub(crate) stop_on: Vec<StopRule>,
}

impl TracedRunFlags {
    /// The seed given, or one drawn now; draw once and keep it.
    pub(crate) fn draw_seed(&self) -> u64 {
        load::seed_or_drawn(self.seed)
    }

    /// What the report says of these flags.
    pub(crate) fn config(&self, seed: u64) -> BTreeMap<String, Value> {
        let rules: Vec<String> = self.stop_on.iter().map(ToString::to_string).collect();
        BTreeMap::from([
            ("seed".to_owned(), json!(seed)),
            ("stop_on".to_owned(), json!(rules)),
        ])
    }
}
