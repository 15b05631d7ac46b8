//! A pool's connections from their opening to their end: what they cost, when they come and go
//! under a load that varies, what the first after a quiet time pay, and which never come back.

mod census;
mod connecting;
mod course;
mod findings;
mod flags;
mod plan;
mod steps;
mod text;

use anyhow::Context as _;
use bench_cli::Exit;
use bench_cli::bench::Bench;
use load_engine::step::available_threads;
use load_engine::{Failure, Phase};
use tokio::runtime::{Builder, Runtime};

pub use flags::LifecycleFlags;
use plan::Plan;

use crate::campaign::{self, Arm, Campaign};
use crate::drivers::{Deadpool, Driver, Setup, Sqlx};

const SHUTDOWN_BOUND: std::time::Duration = std::time::Duration::from_millis(300);

/// Runs the scenario from flags to exit code.
///
/// # Errors
/// What kept it from running: wrong usage, no server, no place for the report.
pub fn run(flags: &LifecycleFlags) -> anyhow::Result<Exit> {
    let plan = Plan::new(flags)?;
    let given = flags.target.server(&flags.driver)?;
    let mut bench = Bench::begin(
        "db-pool-bench",
        env!("CARGO_PKG_VERSION"),
        "lifecycle",
        &flags.output,
        plan.config(),
    )?;
    let connections = flags.pool_size.max(plan.storm());
    campaign::run(
        &mut bench,
        &flags.target,
        &plan.selection,
        given,
        connections,
        |campaign| {
            connect(campaign, &plan)?;
            for &driver in &plan.drivers {
                if campaign.bench.interrupted() {
                    break;
                }
                live(campaign, &plan, driver)?;
            }
            Ok(())
        },
    )?;
    bench.report.summary = findings::summary(&bench.report, &plan);
    let text = text::render(&bench.report, &plan);
    bench.finish(&text)
}

fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(available_threads())
        .enable_all()
        .build()
        .context("cannot start a runtime")
}

/// What one connection costs, and many at once.
fn connect(campaign: &mut Campaign, plan: &Plan) -> anyhow::Result<()> {
    let refused = plan.step("no pool", steps::STORM);
    if !campaign.has_room(&refused, plan.storm())? {
        return Ok(());
    }
    let setup = setup(campaign, plan, Driver::Deadpool)?;
    let (address, application) = (&setup.address, &setup.application);
    campaign.bench.phase(Phase::Connect);
    let cancel = campaign.bench.cancel.clone();
    let runtime = runtime()?;
    let work = async {
        let costs = connecting::one_by_one(address, application).await;
        (
            costs,
            connecting::storm(address, application, plan.storm()).await,
        )
    };
    let done = runtime.block_on(async {
        tokio::select! {
            () = cancel.cancelled() => None,
            done = work => Some(done),
        }
    });
    runtime.shutdown_timeout(SHUTDOWN_BOUND);
    let Some((costs, storm)) = done else {
        return Ok(());
    };
    steps::keep_costs(campaign.bench, plan, &costs)?;
    steps::keep_storm(campaign.bench, plan, storm)
}

/// One driver's pool over the whole course.
fn live(campaign: &mut Campaign, plan: &Plan, driver: Driver) -> anyhow::Result<()> {
    let refused = plan.step(driver.name(), plan::SPIKE);
    if !campaign.has_room(&refused, plan.flags.pool_size)? {
        return Ok(());
    }
    let setup = setup(campaign, plan, driver)?;
    campaign.bench.phase(Phase::Measure);
    campaign
        .bench
        .line(&format!("{}: {}", driver.name(), plan.outline()));
    let cancel = campaign.bench.cancel.clone();
    let (parts, leak) = (&plan.parts, plan.flags.leak_every);
    let runtime = runtime()?;
    let factory_setup = setup.clone();
    let lived: Result<_, Failure> = match driver {
        Driver::Deadpool => {
            let factory = Deadpool(factory_setup);
            runtime.block_on(course::run(&factory, &setup, parts, leak, &cancel))
        }
        Driver::Sqlx => {
            let factory = Sqlx(factory_setup);
            runtime.block_on(course::run(&factory, &setup, parts, leak, &cancel))
        }
        // The plan lets no driver without a pool through.
        Driver::Wire | Driver::Direct => anyhow::bail!("there is no pool that could live"),
    };
    runtime.shutdown_timeout(SHUTDOWN_BOUND);
    match lived {
        Ok((seen, leaks)) => {
            steps::keep_course(campaign.bench, plan, driver, &setup, &seen, &leaks)
        }
        Err(failure) => {
            let step = campaign::not_begun(&refused, failure.message);
            let kept = campaign.bench.push_step(step, Vec::new(), Vec::new());
            kept.map(drop)
        }
    }
}

fn setup(campaign: &mut Campaign, plan: &Plan, driver: Driver) -> anyhow::Result<Setup> {
    let arm = Arm {
        driver,
        connections: plan.flags.pool_size,
        conditions: plan.flags.conditions.conditions(),
    };
    let mut setup = campaign.setup(arm, plan.seed)?;
    // All are opened as they are asked for.
    setup.pool.pool_min.get_or_insert(0);
    Ok(setup)
}
