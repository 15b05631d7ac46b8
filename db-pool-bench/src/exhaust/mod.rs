//! More users than connections, and holders who keep them: who waits how long, who gives up, how
//! long it takes to recover, and whether requests block each other.

mod course;
mod findings;
mod flags;
mod log;
mod plan;
mod steps;
mod text;

use std::collections::BTreeMap;

use bench_cli::Exit;
use bench_cli::bench::ShownFigures;
use bench_report::{Report, ServerEvidence, Summary};
use load_engine::{Cancel, Factory, Failure, Phase};
use serde_json::Value;

use course::Course;
pub use flags::{ExhaustFlags, Holder};
use log::Log;
use plan::{Plan, Setting};

use crate::campaign::{self, Campaign};
use crate::course::{Census, Follower, on_threads};
use crate::drivers::{Deadpool, Driver, Lends, Setup, Sqlx};
use crate::one_pool::Scenario;
use crate::workloads::Selection;

/// Runs the scenario from flags to exit code.
///
/// # Errors
/// Fails with what kept it from running: wrong usage, no server, no place for the report.
pub fn run(flags: &ExhaustFlags) -> anyhow::Result<Exit> {
    let plan = Plan::new(flags)?;
    flags.pool.run("exhaust", flags.pool.size, &plan)
}

impl Scenario for Plan<'_> {
    fn config(&self) -> BTreeMap<String, Value> {
        self.config()
    }

    fn selection(&self) -> &Selection {
        &self.selection
    }

    fn steps(&self, campaign: &mut Campaign) -> anyhow::Result<()> {
        let turns = self.turns();
        campaign.bench.announce(self.total(), turns.len());
        campaign.bench.show_figures(ShownFigures {
            percentiles: &["p50", "p99", "max_ns"],
            merged: true,
        });
        for turn in turns {
            if campaign.bench.interrupted() {
                break;
            }
            one(campaign, self, self.settings[turn.setting], turn.repeat)?;
        }
        Ok(())
    }

    fn summary(&self, report: &Report) -> Summary {
        steps::summary(report, self)
    }

    fn text(&self, report: &Report) -> String {
        text::render(report, self)
    }
}

/// Runs one course and keeps its parts as steps of the report.
fn one(campaign: &mut Campaign, plan: &Plan, setting: Setting, repeat: u64) -> anyhow::Result<()> {
    let pool = &plan.flags.pool;
    let refused = plan.step(setting, repeat, steps::HELD);
    if !campaign.has_room(&refused, pool.size)? {
        return Ok(());
    }
    let setup = campaign.setup(pool.arm(setting.driver), plan.seed ^ (repeat << 32))?;
    let operations = setup.operations();
    campaign.bench.phase(Phase::WarmUp);
    let (driver, holder) = (setting.driver.name(), setting.holder.name());
    campaign.bench.line(&format!("{driver}, {holder}"));
    let cancel = campaign.bench.cancel.clone();
    let course = plan.course(setting);
    let rules = campaign.stop_rules(&plan.flags.course.stop_on);
    // That checkouts time out is what this is about.
    let follower = Follower::new(&mut campaign.watch, rules, plan.course_length(), true);
    let made = setup.clone();
    let ran = match setting.driver {
        Driver::Deadpool => follow(course, &Deadpool(made), &setup, &cancel, follower)?,
        Driver::Sqlx => follow(course, &Sqlx(made), &setup, &cancel, follower)?,
        // The plan lets no driver without a pool through.
        Driver::Wire | Driver::Direct => anyhow::bail!("there is no pool to exhaust"),
    };
    match ran {
        Ok((log, seen)) => steps::Course {
            plan,
            setting,
            repeat,
            log: &log,
            operations,
        }
        .keep(campaign.bench, seen),
        Err(failure) => {
            let step = campaign::not_begun(&refused, failure.to_string());
            campaign.bench.push_step(step, Vec::new(), Vec::new());
        }
    }
    Ok(())
}

/// What happened, and what the server said of each part.
type Ran = Result<(Log, Vec<ServerEvidence>), Failure>;

/// Runs `course` on the pool that `factory` makes, as `setup` says.
fn follow<F: Factory>(
    course: Course,
    factory: &F,
    setup: &Setup,
    cancel: &Cancel,
    mut follower: Follower,
) -> anyhow::Result<Ran>
where
    F::Target: Lends,
{
    let (address, application) = (&setup.address, &setup.application);
    let ran = on_threads(&follower.threads(), async {
        let away = follower.absence();
        let mut census = tokio::select! {
            () = cancel.cancelled() => return Ok(Log::default()),
            census = Census::open(address, application, away) => census?,
        };
        course
            .run(factory, &mut census, cancel, &mut follower)
            .await
    })?;
    Ok(ran.map(|log| (log, follower.evidence())))
}
