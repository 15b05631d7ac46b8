//! Scenario `sweep`: pool sizes and drivers, each setting several times in a shuffled order, on one
//! server.

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

use anyhow::Context as _;
use bench_cli::Exit;
use bench_cli::bench::Bench;
use bench_report::{Warning, WarningCode};
use load_engine::shuffled_steps;

pub(crate) use flags::SweepFlags;
use group::SettingGroup;
pub(crate) use plan::{PoolSweepPlan, PoolSweepSetting};

use crate::conditions::Conditions;
use crate::context::{self, ScenarioContext, Variant};
use crate::control::ControlRuntime;
use crate::drivers::{Driver, round_trips};

/// Figure of a step: round trips of its driver per request beyond those of the statement.
const EXTRA_ROUND_TRIPS: &str = "extra_round_trips_per_request";

/// Runs a sweep from flags to exit code.
///
/// # Errors
/// Fails on wrong usage, without a server, or when the report cannot be written.
pub(crate) fn run(flags: &SweepFlags) -> anyhow::Result<Exit> {
    let plan = PoolSweepPlan::new(flags)?;
    let given = flags.target.server(&flags.driver)?;
    let version = env!("CARGO_PKG_VERSION");
    let mut bench = Bench::begin(
        "db-pool-bench",
        version,
        "sweep",
        &flags.output,
        plan.config(),
    )?;
    // On an error the bench saves what was measured, as failed.
    context::run(
        &mut bench,
        &flags.target,
        &plan.selection,
        given,
        plan.largest(),
        |context| steps(context, &plan),
    )?;
    bench.report.summary = summary::summarize(&bench.report, &plan);
    let text = text::render(&bench.report, &plan);
    bench.finish(&text)
}

fn steps(context: &mut ScenarioContext, plan: &PoolSweepPlan) -> anyhow::Result<()> {
    let round_trips = round_trips(context, plan)?;
    let order = shuffled_steps(plan.settings.len(), plan.repeats(), plan.seed);
    context.bench.announce(plan.total(), order.len());
    for planned in order {
        if context.bench.interrupted() {
            break;
        }
        let step = plan.step(planned);
        let variant = plan.settings[planned.setting].variant();
        let Some(index) = context.step(&step, variant)? else {
            continue;
        };
        if let Some(extra) = round_trips.get(&variant.driver) {
            let figures = &mut context.bench.report.steps[index].figures;
            figures.insert(EXTRA_ROUND_TRIPS.to_owned(), *extra);
            context.bench.save();
        }
    }
    Ok(())
}

/// Counts the extra round trips of each driver; a count that fails is absent and leaves a warning.
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

    /// Creates a step of one second of `deadpool` with a pool of `size` at `throughput_per_s`.
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
        let mut step = crate::context::not_begun(&plan, String::new());
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
