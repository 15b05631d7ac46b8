//! Scenario `sweep`: pool sizes and drivers on one server. Each setting is run several times, in a
//! random order.

mod carry_over;
mod cost;
mod flags;
mod fleet;
mod group;
mod limit;
mod plan;
mod scalability;
mod statements;
mod summary;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use bench_cli::bench::Bench;
use bench_cli::{Exit, RateFinder, Scenario, ScenarioName, found_rates, run_scenario};
use bench_report::names::steps;
use bench_report::{Report, Summary, Warning, WarningCode};
use load_engine::shuffled_steps;
use serde_json::Value;

pub(crate) use flags::SweepFlags;
use group::SettingGroup;
pub(crate) use plan::{PoolSweepPlan, PoolSweepSetting, in_flight_cap};

use crate::conditions::Conditions;
use crate::context::{ScenarioContext, Variant};
use crate::control::ControlRuntime;
use crate::defaults::DEFAULTS;
use crate::drivers::{Driver, round_trips};
use crate::run_server::{RunServer, scenario_name};
use crate::workloads::SqlWorkload;

/// Runs the scenario `sweep` with these flags and returns the exit code.
///
/// # Errors
/// Fails on wrong usage, without a server, or if the report cannot be written.
pub(crate) fn run(flags: &SweepFlags) -> anyhow::Result<Exit> {
    let plan = PoolSweepPlan::new(flags)?;
    run_scenario(&plan, &flags.output)
}

impl Scenario for PoolSweepPlan<'_> {
    type Target = RunServer;
    type Prepared = Arc<SqlWorkload>;

    fn name(&self) -> ScenarioName {
        scenario_name("sweep")
    }

    fn check(&self) -> anyhow::Result<()> {
        self.flags.target.server(&self.flags.driver).map(drop)
    }

    fn config(&self) -> BTreeMap<String, Value> {
        self.config()
    }

    fn open(&self, bench: &mut Bench) -> anyhow::Result<Option<RunServer>> {
        let flags = self.flags;
        let server = RunServer::open(bench, &flags.target, &flags.driver, self.largest())?;
        Ok(server.map(|server| server.among_hosts(bench, self.sharing.host, &self.planned())))
    }

    fn prepare(
        &self,
        bench: &mut Bench,
        target: &mut RunServer,
    ) -> anyhow::Result<Option<Arc<SqlWorkload>>> {
        target.prepare(bench, &self.selection)
    }

    fn steps(
        &self,
        bench: &mut Bench,
        target: &mut RunServer,
        workload: Arc<SqlWorkload>,
    ) -> anyhow::Result<()> {
        self.sharing.start_workers(bench)?;
        let context = &mut target.context(bench, &self.flags.target, workload)?;
        let round_trips = round_trips(context, self)?;
        if self.flags.load.search.is_given() {
            return self.find_rates(context, &round_trips);
        }
        let steps = self.planned().steps;
        context.bench.announce(self.total(), steps.len());
        context.run_planned(steps, |bench, index, variant| {
            add_round_trips(bench, index, round_trips.get(&variant.driver));
        })
    }

    fn seeks_limit(&self) -> bool {
        self.flags.load.search.is_given()
    }

    fn clean_up(&self, bench: &mut Bench, target: RunServer) {
        target.clean_up(bench);
    }

    fn summary(&self, report: &Report) -> Summary {
        if self.flags.load.search.is_given() {
            return report.summary.clone();
        }
        summary::summarize(report, self)
    }

    fn text(&self, report: &Report) -> String {
        if self.flags.load.search.is_given() {
            return found_rates(report);
        }
        text::render(report, self) + &self.sharing.told()
    }
}

impl PoolSweepPlan<'_> {
    /// Searches for the highest rate of arrivals that each setting carries within the objectives;
    /// the settings follow in random order. `round_trips` are the extra ones of each driver.
    fn find_rates(
        &self,
        context: &mut ScenarioContext,
        round_trips: &BTreeMap<Driver, f64>,
    ) -> anyhow::Result<()> {
        let load = &self.flags.load;
        let (sought, held) = (&load.search.find_rate, (&load.step, DEFAULTS));
        let order = shuffled_steps(self.settings.len(), 1, self.seed);
        for (done, planned) in order.iter().enumerate() {
            let setting = self.settings[planned.setting];
            let variant = setting.variant();
            let finder = RateFinder::begin(context.bench, &setting.name(), sought, held);
            finder.search(context, order.len() - done - 1, |context, step| {
                let index = context.step(&self.step_at(setting, step), variant)?;
                if let Some(index) = index {
                    add_round_trips(context.bench, index, round_trips.get(&variant.driver));
                }
                Ok(index)
            })?;
        }
        Ok(())
    }
}

fn add_round_trips(bench: &mut Bench, index: usize, extra: Option<&f64>) {
    if let Some(extra) = extra {
        bench.report.steps[index].figure(steps::EXTRA_ROUND_TRIPS_PER_REQUEST, *extra);
        bench.save();
    }
}

/// Counts the extra round trips of each driver for one request, beyond the one of the statement. A
/// driver whose count fails is missing, and a warning in the report states the reason; after a
/// signal all further drivers are missing without one. Fails if the count cannot be started or the
/// server stops answering.
fn round_trips(
    context: &mut ScenarioContext,
    plan: &PoolSweepPlan,
) -> anyhow::Result<BTreeMap<Driver, f64>> {
    let cancel = context.bench.cancel.clone();
    let control = ControlRuntime::new(cancel, &context.server.address, context.schema)
        .context("cannot start a runtime")?;
    let mut counted = BTreeMap::new();
    for driver in plan.drivers() {
        let variant = Variant {
            driver,
            connections: 1,
            conditions: Conditions::default(),
        };
        let setup = context.setup(variant, plan.seed)?;
        match control.run(round_trips::count_extra(driver, &setup))? {
            None => break,
            Some(Ok(extra)) => drop(counted.insert(driver, extra)),
            Some(Err(failure)) => {
                let name = driver.name();
                let message = format!("{name}'s round trips could not be counted: {failure}");
                let warning = Warning::new(WarningCode::EvidenceMissing, message);
                context.bench.warn(warning);
            }
        }
    }
    Ok(counted)
}

#[cfg(test)]
pub(crate) mod tests {
    use bench_report::{Operation, Report, Step, StepEnd, Tool};
    use load_engine::{LoadPlan, StepPlan};

    use super::*;

    /// Creates a completed step of one second of `deadpool` with a pool of `size`, at this
    /// throughput in requests per second.
    pub(crate) fn step(size: u64, repeat: u64, throughput_per_s: f64) -> Step {
        let load = LoadPlan::Closed {
            users: 16,
            think_time: load_engine::ThinkTime::NONE,
        };
        let plan = StepPlan::new("deadpool", load, std::time::Duration::from_secs(1))
            .parameter("driver", "deadpool")
            .parameter("pool_size", size)
            .parameter("users", 16)
            .parameter("hold", "0")
            .parameter("network_delay", "0s");
        let mut step = plan.not_begun(String::new());
        step.repeat = repeat;
        step.end = StepEnd::Completed;
        step.window.measure_end_ns = step.window.measure_start_ns + 1_000_000_000;
        let succeeded = throughput_per_s as u64;
        let operation = Operation {
            succeeded,
            attempted: succeeded,
            throughput_per_s,
            ..Operation::default()
        };
        step.operations = BTreeMap::from([("read".to_owned(), operation)]);
        step
    }

    pub(super) fn deadpool(sizes: &[u64]) -> Vec<PoolSweepSetting> {
        let of = |&size: &u64| PoolSweepSetting {
            driver: Driver::Deadpool,
            size,
            conditions: Conditions::default(),
        };
        sizes.iter().map(of).collect()
    }

    pub(super) fn report(steps: Vec<Step>) -> Report {
        let tool = Tool {
            name: "db-pool-bench".into(),
            version: "0".into(),
            commit: None,
        };
        let mut report = Report::begin(tool, "run".to_owned(), "sweep");
        report.steps = steps;
        report
    }
}
