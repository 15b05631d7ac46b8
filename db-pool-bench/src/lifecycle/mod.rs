//! Scenario `lifecycle`: connections of a pool from opening to closing. Their cost, their number
//! under a varying load, the price of the first requests after an idle time, and leaks.

mod connecting;
mod evidence;
mod findings;
mod flags;
mod leaking;
mod plan;
mod pool_keeper;
mod steps;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bench_cli::bench::Bench;
use bench_cli::{Exit, Scenario, ScenarioName, run_scenario};
use bench_report::{Report, Summary};
use load_engine::Phase;
use pg_evidence::TracedEvidence;
use serde_json::Value;

use evidence::LifecycleEvidence;
pub(crate) use flags::LifecycleFlags;
use leaking::Leaking;
use plan::LifecyclePlan;
use pool_keeper::{FoundLeaks, PoolKeeper};

use crate::context::{self, ScenarioContext};
use crate::course::{RunSupervisor, on_threads};
use crate::drivers::{Deadpool, Driver, DriverSetup, Sqlx};
use crate::run_server::{RunServer, scenario_name};
use crate::workloads::SqlWorkload;

/// Runs the scenario from flags to exit code.
///
/// # Errors
/// Fails on wrong usage, without a server, or when the report cannot be written.
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

/// Measures the cost of one connection, and of many at once.
fn connect(context: &mut ScenarioContext, plan: &LifecyclePlan) -> anyhow::Result<()> {
    let refused = plan.step("no pool", steps::STORM);
    if !context.has_room(&refused, plan.storm()) {
        return Ok(());
    }
    let setup = setup(context, plan, Driver::Deadpool)?;
    let (address, application) = (&setup.address, &setup.application);
    context.bench.phase(Phase::Connect);
    let cancel = context.bench.cancel.clone();
    let rules = context.stop_rules(&plan.flags.course.stop_on);
    // A storm has no planned length: rules apply as soon as there are enough requests.
    let mut follower = RunSupervisor::new(&mut context.collector, rules, Duration::ZERO, false);
    let threads = follower.threads();
    let done = on_threads(&threads, async {
        let costs = tokio::select! {
            () = cancel.cancelled() => return None,
            costs = connecting::one_by_one(address, application) => costs,
        };
        let logins = plan.storm();
        let storm = connecting::storm(address, application, logins, &cancel, &mut follower).await;
        Some((costs, storm))
    })?;
    let Some((costs, storm)) = done else {
        return Ok(());
    };
    let seen = follower.evidence().pop();
    steps::keep_costs(context.bench, plan, &costs);
    steps::keep_storm(context.bench, plan, storm, seen);
    Ok(())
}

/// Executes the whole traced run on one driver's pool.
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
    let traced = plan.traced(driver, context.stop_rules(&plan.flags.course.stop_on));
    let (bench, collector) = (&mut *context.bench, &mut context.collector);
    let started = TracedEvidence::start(collector, &setup.address, &setup.application, &cancel)?;
    let server = match started {
        None => return Ok(()),
        Some(Ok(server)) => server,
        Some(Err(failure)) => {
            let step = context::not_begun(&refused, failure.to_string());
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
        // The plan lets no driver without a pool through.
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
    // Connections are opened on demand.
    setup.pool.pool_min.get_or_insert(0);
    Ok(setup)
}
