//! A pool's connections from their opening to their end: what they cost, when they come and go
//! under a load that varies, what the first after a quiet time pay, and which never come back.

mod connecting;
mod course;
mod findings;
mod flags;
mod plan;
mod steps;
mod text;
mod usage;

use std::collections::BTreeMap;
use std::time::Duration;

use bench_cli::Exit;
use bench_report::{Report, Summary};
use load_engine::{Failure, Phase};
use serde_json::Value;

pub(crate) use flags::LifecycleFlags;
use plan::LifecyclePlan;

use crate::context::{self, ScenarioContext};
use crate::course::{RunSupervisor, on_threads};
use crate::drivers::{Deadpool, Driver, DriverSetup, Sqlx};
use crate::one_pool::PoolScenario;
use crate::workloads::WorkloadSelection;

/// Runs the scenario from flags to exit code.
///
/// # Errors
/// Fails with what kept it from running: wrong usage, no server, no place for the report.
pub(crate) fn run(flags: &LifecycleFlags) -> anyhow::Result<Exit> {
    let plan = LifecyclePlan::new(flags)?;
    let connections = flags.pool.size.max(plan.storm());
    flags.pool.run("lifecycle", connections, &plan)
}

impl PoolScenario for LifecyclePlan<'_> {
    fn config(&self) -> BTreeMap<String, Value> {
        self.config()
    }

    fn selection(&self) -> &WorkloadSelection {
        &self.selection
    }

    fn steps(&self, context: &mut ScenarioContext) -> anyhow::Result<()> {
        connect(context, self)?;
        for &driver in &self.drivers {
            if context.bench.interrupted() {
                break;
            }
            live(context, self, driver)?;
        }
        Ok(())
    }

    fn summary(&self, report: &Report) -> Summary {
        findings::summary(report, self)
    }

    fn text(&self, report: &Report) -> String {
        text::render(report, self)
    }
}

/// Returns what one connection costs, and many at once.
fn connect(context: &mut ScenarioContext, plan: &LifecyclePlan) -> anyhow::Result<()> {
    let refused = plan.step("no pool", steps::STORM);
    if !context.has_room(&refused, plan.storm())? {
        return Ok(());
    }
    let setup = setup(context, plan, Driver::Deadpool)?;
    let (address, application) = (&setup.address, &setup.application);
    context.bench.phase(Phase::Connect);
    let cancel = context.bench.cancel.clone();
    let rules = context.stop_rules(&plan.flags.course.stop_on);
    // A storm has no length of its own: the rules are asked as soon as there is enough to tell.
    let mut follower = RunSupervisor::new(&mut context.watch, rules, Duration::ZERO, false);
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

/// One driver's pool over the whole course.
fn live(context: &mut ScenarioContext, plan: &LifecyclePlan, driver: Driver) -> anyhow::Result<()> {
    let refused = plan.step(driver.name(), plan::SPIKE);
    if !context.has_room(&refused, plan.flags.pool.size)? {
        return Ok(());
    }
    let setup = setup(context, plan, driver)?;
    context.bench.phase(Phase::Measure);
    context
        .bench
        .line(&format!("{}: {}", driver.name(), plan.outline()));
    let cancel = context.bench.cancel.clone();
    let (parts, leak) = (&plan.parts, plan.flags.leak_every);
    let rules = context.stop_rules(&plan.flags.course.stop_on);
    // Where connections are made to leak, checkouts that time out are what is looked for.
    let planted = leak.is_some();
    let mut follower = RunSupervisor::new(&mut context.watch, rules, plan.course_length(), planted);
    let made = setup.clone();
    let (threads, follow) = (follower.threads(), &mut follower);
    let lived: Result<_, Failure> = match driver {
        Driver::Deadpool => {
            let pool = Deadpool(made);
            let lives = course::run(&pool, &setup, parts, leak, &cancel, follow);
            on_threads(&threads, lives)?
        }
        Driver::Sqlx => {
            let pool = Sqlx(made);
            let lives = course::run(&pool, &setup, parts, leak, &cancel, follow);
            on_threads(&threads, lives)?
        }
        // The plan lets no driver without a pool through.
        Driver::Wire | Driver::Direct => anyhow::bail!("there is no pool that could live"),
    };
    match lived {
        Ok((seen, leaks)) => {
            let lived = steps::Lived {
                seen,
                leaks,
                evidence: follower.evidence(),
            };
            steps::keep_course(context.bench, plan, driver, &setup, lived);
        }
        Err(failure) => {
            let step = context::not_begun(&refused, failure.to_string());
            context.bench.push_step(step, Vec::new(), Vec::new());
        }
    }
    Ok(())
}

fn setup(
    context: &mut ScenarioContext,
    plan: &LifecyclePlan,
    driver: Driver,
) -> anyhow::Result<DriverSetup> {
    let mut setup = context.setup(plan.flags.pool.variant(driver), plan.seed)?;
    // All are opened as they are asked for.
    setup.pool.pool_min.get_or_insert(0);
    Ok(setup)
}
