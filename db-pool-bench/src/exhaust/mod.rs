//! More users than connections, and holders who keep them: who waits how long, who gives up, how
//! long it takes to recover, and whether requests block each other.

mod course;
mod findings;
mod flags;
mod log;
mod plan;
mod steps;
mod text;

use anyhow::Context as _;
use bench_cli::Exit;
use bench_cli::bench::{Bench, Evidence as _};
use load_engine::step::available_threads;
use load_engine::{Cancel, Factory, Failure, Phase};
use tokio::runtime::Builder;

use course::{Course, Follower};
pub use flags::{ExhaustFlags, Holder};
use log::Log;
use plan::{Plan, Setting};

use crate::campaign::{self, Arm, Campaign};
use crate::drivers::{Deadpool, Driver, Lends, Sqlx};
use crate::evidence::Watch;

/// Runs the scenario from flags to exit code.
///
/// # Errors
/// What kept it from running: wrong usage, no server, no place for the report.
pub fn run(flags: &ExhaustFlags) -> anyhow::Result<Exit> {
    let plan = Plan::new(flags)?;
    let given = flags.target.server(&flags.driver)?;
    let mut bench = Bench::begin(
        "db-pool-bench",
        env!("CARGO_PKG_VERSION"),
        "exhaust",
        &flags.output,
        plan.config(),
    )?;
    let size = flags.pool_size;
    campaign::run(
        &mut bench,
        &flags.target,
        &plan.selection,
        given,
        size,
        |campaign| courses(campaign, &plan),
    )?;
    bench.report.summary = steps::summary(&bench.report, &plan);
    let text = text::render(&bench.report, &plan);
    bench.finish(&text)
}

fn courses(campaign: &mut Campaign, plan: &Plan) -> anyhow::Result<()> {
    let turns = plan.turns();
    campaign.bench.announce(plan.total(), turns.len());
    for turn in turns {
        if campaign.bench.interrupted() {
            break;
        }
        one(campaign, plan, plan.settings[turn.setting], turn.repeat)?;
    }
    Ok(())
}

/// Runs one course and keeps its parts as steps of the report.
fn one(campaign: &mut Campaign, plan: &Plan, setting: Setting, repeat: u64) -> anyhow::Result<()> {
    let refused = plan.step(setting, repeat, steps::HELD);
    if !campaign.has_room(&refused, plan.flags.pool_size)? {
        return Ok(());
    }
    let arm = Arm {
        driver: setting.driver,
        connections: plan.flags.pool_size,
        conditions: plan.flags.conditions.conditions(),
    };
    let setup = campaign.setup(arm, plan.seed ^ (repeat << 32))?;
    let operations = setup.operations();
    campaign.bench.phase(Phase::WarmUp);
    campaign.bench.line(&format!(
        "{}, {}",
        setting.driver.name(),
        setting.holder.name()
    ));
    let cancel = campaign.bench.cancel.clone();
    let course = plan.course(setting);
    let watch = &mut campaign.watch;
    let ran = match setting.driver {
        Driver::Deadpool => on_a_runtime(course, &Deadpool(setup), &cancel, watch)?,
        Driver::Sqlx => on_a_runtime(course, &Sqlx(setup), &cancel, watch)?,
        // The plan lets no driver without a pool through.
        Driver::Wire | Driver::Direct => anyhow::bail!("there is no pool to exhaust"),
    };
    let server = campaign.watch.step_ends();
    match ran {
        Ok(log) => steps::keep(
            campaign.bench,
            plan,
            setting,
            repeat,
            &log,
            operations,
            server,
        ),
        Err(failure) => {
            let step = campaign::not_begun(&refused, failure.message);
            campaign
                .bench
                .push_step(step, Vec::new(), Vec::new())
                .map(drop)
        }
    }
}

fn on_a_runtime<F: Factory>(
    course: Course,
    factory: &F,
    cancel: &Cancel,
    watch: &mut Watch,
) -> anyhow::Result<Result<Log, Failure>>
where
    F::Target: Lends,
{
    let runtime = Builder::new_multi_thread()
        .worker_threads(available_threads())
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    let ran = runtime.block_on(course.run(factory, cancel, watch));
    runtime.shutdown_timeout(std::time::Duration::from_millis(300));
    Ok(ran)
}

/// The server is looked at while connections are kept.
impl Follower for Watch {
    fn held(&mut self) {
        self.measure_begins();
    }

    fn released(&mut self) {
        self.measure_ends();
    }
}
