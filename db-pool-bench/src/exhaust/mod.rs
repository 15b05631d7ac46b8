//! Scenario `exhaust`: more users than connections, and holders that keep connections. It measures waiting
//! times, time-outs, recovery, and requests that block each other.

mod findings;
mod flags;
mod holders;
mod log;
mod plan;
mod steps;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use bench_cli::bench::{Bench, ShownFigures};
use bench_cli::{Exit, Scenario, ScenarioName, run_scenario};
use bench_report::{Report, Summary};
use pg_evidence::TracedEvidence;
use serde_json::Value;

pub(crate) use flags::ExhaustFlags;
use holders::{ConnectionHolder, HolderAttempts};
use log::{Log, PartTimes};
use plan::{ExhaustPlan, ExhaustSetting};

use crate::context::ScenarioContext;
use crate::drivers::{Deadpool, Driver, Sqlx};
use crate::run_server::{RunServer, scenario_name};
use crate::workloads::SqlWorkload;

/// Runs the scenario `exhaust` with these flags and returns the exit code.
///
/// # Errors
/// Fails on wrong usage, without a server, or if the report cannot be written.
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

/// Executes one traced run and adds each of its three parts to the report as a step. Adds a failed
/// step if the server has too few connections left, and nothing after a signal before the first
/// request.
fn one(
    context: &mut ScenarioContext,
    plan: &ExhaustPlan,
    setting: ExhaustSetting,
    repeat: u64,
) -> anyhow::Result<()> {
    let pool = &plan.flags.pool;
    let refused = plan.step(setting, repeat, plan::HELD);
    if !context.has_room(&refused, pool.size) {
        return Ok(());
    }
    let setup = context.setup(pool.variant(setting.driver), plan.seed ^ (repeat << 32))?;
    let (driver, holder) = (setting.driver.name(), setting.holder.name());
    context.bench.line(&format!("{driver}, {holder}"));
    let traced = plan.traced(
        setting,
        repeat,
        context.stop_rules(&plan.flags.traced.stop_on),
    );
    let attempts = HolderAttempts::default();
    let holders = ConnectionHolder::several(plan.holders(), setting.holder, &attempts);
    let cancel = context.bench.cancel.clone();
    let bench = &mut *context.bench;
    let Some(started) = TracedEvidence::start(
        &mut context.collector,
        &setup.address,
        &setup.application,
        &cancel,
    )?
    else {
        return Ok(());
    };
    let mut evidence = match started {
        Ok(evidence) => evidence,
        Err(failure) => {
            let step = refused.not_begun(failure.to_string());
            bench.push_step(step, Vec::new(), Vec::new());
            return Ok(());
        }
    };
    let ran = match setting.driver {
        Driver::Deadpool => {
            bench.traced(&traced, &Arc::new(Deadpool(setup)), holders, &mut evidence)
        }
        Driver::Sqlx => bench.traced(&traced, &Arc::new(Sqlx(setup)), holders, &mut evidence),
        // The plan refuses drivers without a pool.
        Driver::Wire | Driver::Direct => anyhow::bail!("there is no pool to exhaust"),
    }?;
    if ran.trace.is_empty() && bench.interrupted() {
        // A signal was received before the first request.
        return Ok(());
    }
    let log = Log {
        parts: PartTimes::new(&ran.boundaries_ns).unwrap_or_default(),
        visits: ran.trace,
        holds: attempts.take(),
    };
    let recorded = steps::RecordedRun {
        pool_size: pool.size,
        log: &log,
    };
    recorded.keep(bench, ran.steps, evidence.end(&cancel));
    Ok(())
}
