//! Scenario `scale`: one pool and a rising number of users. It finds the number of users at which waiting for
//! a connection begins, checks the figures by Little's law, and finds the number of users that keeps an
//! objective.

mod findings;
mod flags;
mod plan;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use bench_cli::bench::Bench;
use bench_cli::{Exit, RateFinder, Scenario, ScenarioName, found_rates, run_scenario};
use bench_report::{Report, Summary};
use serde_json::Value;

pub(crate) use flags::ScaleFlags;
use plan::ScalePlan;

use crate::context::ScenarioContext;
use crate::defaults::DEFAULTS;
use crate::run_server::{RunServer, scenario_name};
use crate::workloads::SqlWorkload;

/// Runs the scenario `scale` with these flags and returns the exit code.
///
/// # Errors
/// Fails on wrong usage, without a server, or if the report cannot be written.
pub(crate) fn run(flags: &ScaleFlags) -> anyhow::Result<Exit> {
    let plan = ScalePlan::new(flags)?;
    run_scenario(&plan, &flags.pool.output)
}

impl Scenario for ScalePlan<'_> {
    type Target = RunServer;
    type Prepared = Arc<SqlWorkload>;

    fn name(&self) -> ScenarioName {
        scenario_name("scale")
    }

    fn check(&self) -> anyhow::Result<()> {
        self.flags.pool.check()
    }

    fn config(&self) -> BTreeMap<String, Value> {
        self.config()
    }

    fn open(&self, bench: &mut Bench) -> anyhow::Result<Option<RunServer>> {
        let server = self.flags.pool.open(bench, self.flags.pool.size)?;
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
        let context = &mut target.context(bench, &self.flags.pool.target, workload)?;
        if self.flags.search.is_given() {
            return self.find_rates(context);
        }
        let steps = self.planned().steps;
        context.bench.announce(self.total(), steps.len());
        context.run_planned(steps, |_, _, _| ())
    }

    fn clean_up(&self, bench: &mut Bench, target: RunServer) {
        target.clean_up(bench);
    }

    fn summary(&self, report: &Report) -> Summary {
        if self.flags.search.is_given() {
            return report.summary.clone();
        }
        findings::summary(report, self)
    }

    fn text(&self, report: &Report) -> String {
        if self.flags.search.is_given() {
            return found_rates(report);
        }
        text::render(report, self) + &self.sharing.told()
    }

    fn seeks_limit(&self) -> bool {
        self.flags.search.is_given()
    }
}

impl ScalePlan<'_> {
    /// Searches for the highest rate of arrivals that the pool of each driver carries within the
    /// objectives, one driver after another.
    fn find_rates(&self, context: &mut ScenarioContext) -> anyhow::Result<()> {
        let flags = self.flags;
        let (sought, held) = (&flags.search.find_rate, (&flags.step, DEFAULTS));
        for (done, &driver) in self.drivers.iter().enumerate() {
            let variant = flags.pool.variant(driver);
            let name = self.setting_name(driver);
            let finder = RateFinder::begin(context.bench, &name, sought, held);
            finder.search(context, self.drivers.len() - done - 1, |context, step| {
                context.step(&self.step_at(driver, step), variant)
            })?;
        }
        Ok(())
    }
}
