//! Scenario `lifecycle`: connections of a pool from opening to closing. It measures their cost, their number
//! under a changing load, the response time of the first requests after an idle time, and leaks.

mod connecting;
mod evidence;
mod findings;
mod flags;
mod leaking;
mod logins;
mod plan;
mod pool_keeper;
mod steps;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use bench_cli::bench::Bench;
use bench_cli::{Exit, Scenario, ScenarioName, run_scenario};
use bench_report::{Report, Summary};
use load_engine::{StepPlan, StepResult, StopRule, TracedPlan};
use pg_evidence::TracedEvidence;
use serde_json::Value;

use evidence::LifecycleEvidence;
pub(crate) use flags::LifecycleFlags;
use leaking::Leaking;
use logins::Logins;
use plan::LifecyclePlan;
use pool_keeper::{FoundLeaks, PoolKeeper};

use crate::context::ScenarioContext;
use crate::drivers::{Deadpool, Driver, DriverSetup, Sqlx};
use crate::run_server::{RunServer, scenario_name};
use crate::workloads::SqlWorkload;

/// Number of steps without a pool: one with logins one after another, and one with many logins at
/// once.
const LOGIN_STEPS: usize = 2;

/// Runs the scenario `lifecycle` with these flags and returns the exit code.
///
/// # Errors
/// Fails on wrong usage, without a server, or if the report cannot be written.
pub(crate) fn run(flags: &LifecycleFlags) -> anyhow::Result<Exit> {
    let plan = LifecyclePlan::new(flags)?;
    run_scenario(&plan, &flags.pool.output)
}

impl Scenario for LifecyclePlan<'_> {
    type Target = RunServer;
    type Prepared = Arc<SqlWorkload>;

    fn name(&self) -> ScenarioName {
        scenario_name("lifecycle")
    }

    fn check(&self) -> anyhow::Result<()> {
        self.flags.pool.check()
    }

    fn config(&self) -> BTreeMap<String, Value> {
        self.config()
    }

    fn open(&self, bench: &mut Bench) -> anyhow::Result<Option<RunServer>> {
        self.flags
            .pool
            .open(bench, self.flags.pool.size.max(self.storm()))
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
        let context = &mut target.context(bench, &self.flags.pool.target, workload)?;
        let runs = self.drivers.len();
        context
            .bench
            .announce(self.run_length() * runs as u32, LOGIN_STEPS + runs);
        connect(context, self)?;
        for &driver in &self.drivers {
            if context.bench.interrupted() {
                break;
            }
            live(context, self, driver)?;
        }
        Ok(())
    }

    fn clean_up(&self, bench: &mut Bench, target: RunServer) {
        target.clean_up(bench);
    }

    fn summary(&self, report: &Report) -> Summary {
        findings::summary(report, self)
    }

    fn text(&self, report: &Report) -> String {
        text::render(report, self)
    }
}

/// Measures the time to open connections one after another, and then many at once, and adds both
/// steps to the report.
fn connect(context: &mut ScenarioContext, plan: &LifecyclePlan) -> anyhow::Result<()> {
    let (one_by_one, storm) = (plan.connecting(), plan.login_storm());
    if !context.has_room(&storm, plan.storm()) {
        return Ok(());
    }
    let setup = setup(context, plan, Driver::Deadpool)?;
    let logins = Arc::new(Logins::new(&setup.address, &setup.application));
    let rules = context.stop_rules(&plan.flags.traced.stop_on);
    if let Some(ran) = log_in(context, one_by_one, &rules, &logins)? {
        steps::keep_costs(context.bench, ran, &logins.take_costs());
    }
    if let Some(ran) = log_in(context, storm, &rules, &logins)? {
        // Evidence about the storm is the last one that the collector took.
        let seen = context.collector.end_step_parts().pop();
        steps::keep_storm(context.bench, plan.storm(), ran, &logins.take_costs(), seen);
    }
    Ok(())
}

/// Executes the logins of `step`, which `rules` may end early, without adding the step to the
/// report. Returns `None` if a signal is received before the first login.
fn log_in(
    context: &mut ScenarioContext,
    step: StepPlan,
    rules: &[StopRule],
    logins: &Arc<Logins>,
) -> anyhow::Result<Option<StepResult>> {
    if context.bench.interrupted() {
        return Ok(None);
    }
    let whole = StepPlan {
        stop_rules: rules.to_vec(),
        ..step.clone()
    };
    let traced = TracedPlan::new(whole, vec![step]);
    let (bench, collector) = (&mut *context.bench, &mut context.collector);
    let mut ran = bench.traced(&traced, logins, Vec::<()>::new(), collector)?;
    let result = ran.steps.pop();
    Ok(result.filter(|_| !(ran.trace.is_empty() && bench.interrupted())))
}

/// Executes the whole traced run on the pool of one driver, and adds its parts to the report as
/// steps.
fn live(context: &mut ScenarioContext, plan: &LifecyclePlan, driver: Driver) -> anyhow::Result<()> {
    let refused = plan.step(driver.name(), plan::SPIKE);
    if !context.has_room(&refused, plan.flags.pool.size) {
        return Ok(());
    }
    let setup = setup(context, plan, driver)?;
    context
        .bench
        .line(&format!("{}: {}", driver.name(), plan.outline()));
    let cancel = context.bench.cancel.clone();
    let traced = plan.traced(driver, context.stop_rules(&plan.flags.traced.stop_on));
    let (bench, collector) = (&mut *context.bench, &mut context.collector);
    let started = TracedEvidence::start(collector, &setup.address, &setup.application, &cancel)?;
    let server = match started {
        None => return Ok(()),
        Some(Ok(server)) => server,
        Some(Err(failure)) => {
            let step = refused.not_begun(failure.to_string());
            bench.push_step(step, Vec::new(), Vec::new());
            return Ok(());
        }
    };
    let found = FoundLeaks::default();
    let keeper = vec![PoolKeeper {
        options: setup.pool.clone(),
        sessions_left: server.sessions_left(),
        cancel: cancel.clone(),
        found: found.clone(),
    }];
    let mut evidence = LifecycleEvidence::new(server, Arc::clone(&setup.opened));
    let every = plan.flags.leak_every;
    let ran = match driver {
        Driver::Deadpool => {
            let factory = Deadpool(setup);
            let factory = Arc::new(Leaking { factory, every });
            bench.traced(&traced, &factory, keeper, &mut evidence)
        }
        Driver::Sqlx => {
            let factory = Sqlx(setup);
            let factory = Arc::new(Leaking { factory, every });
            bench.traced(&traced, &factory, keeper, &mut evidence)
        }
        // The plan refuses drivers without a pool.
        Driver::Wire | Driver::Direct => anyhow::bail!("there is no pool that could live"),
    }?;
    let lived = steps::Lived {
        ran,
        opened: evidence.opened(),
        leaks: found.take(),
    };
    steps::keep_parts(bench, plan, lived, evidence.server.end(&cancel));
    Ok(())
}

fn setup(
    context: &mut ScenarioContext,
    plan: &LifecyclePlan,
    driver: Driver,
) -> anyhow::Result<DriverSetup> {
    let mut setup = context.setup(plan.flags.pool.variant(driver), plan.seed)?;
    // The pool opens connections on demand, unless the user sets a minimum.
    setup.pool.pool_min.get_or_insert(0);
    Ok(setup)
}
