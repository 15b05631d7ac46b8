//! Scenario `exhaust`: more users than connections, and holders that keep connections. Waiting
//! times, time-outs, recovery, and requests that block each other.

mod course;
mod findings;
mod flags;
mod log;
mod plan;
mod steps;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use bench_cli::bench::{Bench, ShownFigures};
use bench_cli::{Exit, Scenario, ScenarioName, run_scenario};
use bench_report::{Report, ServerEvidence, Summary};
use load_engine::{Cancel, Failure, Phase, TargetFactory};
use serde_json::Value;

use course::ExhaustRun;
pub(crate) use flags::ExhaustFlags;
use log::Log;
use plan::{ExhaustPlan, ExhaustSetting};

use crate::context::{self, ScenarioContext};
use crate::course::{BackendMonitor, RunSupervisor, on_threads};
use crate::drivers::{Deadpool, Driver, DriverSetup, HasPool, Sqlx};
use crate::run_server::{RunServer, scenario_name};
use crate::workloads::SqlWorkload;

/// Runs the scenario from flags to exit code.
///
/// # Errors
/// Fails on wrong usage, without a server, or when the report cannot be written.
pub(crate) fn run(flags: &ExhaustFlags) -> anyhow::Result<Exit> {
    let plan = ExhaustPlan::new(flags)?;
    run_scenario(&plan, &flags.pool.output)
}

impl Scenario for ExhaustPlan<'_> {
    type Target = RunServer;
    type Prepared = Arc<SqlWorkload>;

    fn name(&self) -> ScenarioName {
        scenario_name("exhaust")
    }

    fn check(&self) -> anyhow::Result<()> {
        self.flags.pool.check()
    }

    fn config(&self) -> BTreeMap<String, Value> {
        self.config()
    }

    fn shown_figures(&self) -> ShownFigures {
        ShownFigures {
            percentiles: &["p50", "p99", "max_ns"],
            merged: true,
        }
    }

    fn open(&self, bench: &mut Bench) -> anyhow::Result<Option<RunServer>> {
        self.flags.pool.open(bench, self.flags.pool.size)
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
        let order = self.planned_steps();
        context.bench.announce(self.total(), order.len());
        for planned in order {
            if context.bench.interrupted() {
                break;
            }
            one(
                context,
                self,
                self.settings[planned.setting],
                planned.repeat,
            )?;
        }
        Ok(())
    }

    fn clean_up(&self, bench: &mut Bench, target: RunServer) {
        target.clean_up(bench);
    }

    fn summary(&self, report: &Report) -> Summary {
        steps::summary(report, self)
    }

    fn text(&self, report: &Report) -> String {
        text::render(report, self)
    }
}

/// Executes one traced run and records its parts as steps of the report.
fn one(
    context: &mut ScenarioContext,
    plan: &ExhaustPlan,
    setting: ExhaustSetting,
    repeat: u64,
) -> anyhow::Result<()> {
    let pool = &plan.flags.pool;
    let refused = plan.step(setting, repeat, steps::HELD);
    if !context.has_room(&refused, pool.size) {
        return Ok(());
    }
    let setup = context.setup(pool.variant(setting.driver), plan.seed ^ (repeat << 32))?;
    let operations = setup.operations();
    context.bench.phase(Phase::WarmUp);
    let (driver, holder) = (setting.driver.name(), setting.holder.name());
    context.bench.line(&format!("{driver}, {holder}"));
    let cancel = context.bench.cancel.clone();
    let course = plan.course(setting, repeat);
    let rules = context.stop_rules(&plan.flags.course.stop_on);
    // Checkouts that time out are planted here.
    let follower = RunSupervisor::new(&mut context.collector, rules, plan.course_length(), true);
    let made = setup.clone();
    let ran = match setting.driver {
        Driver::Deadpool => follow(course, &Deadpool(made), &setup, &cancel, follower)?,
        Driver::Sqlx => follow(course, &Sqlx(made), &setup, &cancel, follower)?,
        // The plan lets no driver without a pool through.
        Driver::Wire | Driver::Direct => anyhow::bail!("there is no pool to exhaust"),
    };
    match ran {
        Ok((log, seen)) => steps::RecordedRun {
            plan,
            setting,
            repeat,
            log: &log,
            operations,
        }
        .keep(context.bench, seen),
        Err(failure) => {
            let step = context::not_begun(&refused, failure.to_string());
            context.bench.push_step(step, Vec::new(), Vec::new());
        }
    }
    Ok(())
}

/// Recorded events, and the evidence of each part.
type Ran = Result<(Log, Vec<ServerEvidence>), Failure>;

/// Executes `course` on the pool that `factory` creates with `setup`.
fn follow<F: TargetFactory>(
    course: ExhaustRun,
    factory: &F,
    setup: &DriverSetup,
    cancel: &Cancel,
    mut follower: RunSupervisor,
) -> anyhow::Result<Ran>
where
    F::Target: HasPool,
{
    let (address, application) = (&setup.address, &setup.application);
    let ran = on_threads(&follower.threads(), async {
        let away = follower.absence();
        let mut backend_monitor = tokio::select! {
            () = cancel.cancelled() => return Ok(Log::default()),
            backend_monitor = BackendMonitor::open(address, application, away) => backend_monitor?,
        };
        course
            .run(factory, &mut backend_monitor, cancel, &mut follower)
            .await
    })?;
    Ok(ran.map(|log| (log, follower.evidence())))
}
