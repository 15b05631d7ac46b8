//! Pool sizes by drivers: each setting several times, in a shuffled order, on one server.

mod carry_over;
mod cost;
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

use group::Group;
pub use plan::{Plan, Setting};

use crate::campaign::{self, Arm, Campaign};
use crate::cli::SweepFlags;
use crate::conditions::Conditions;
use crate::control::Control;
use crate::drivers::{Driver, round_trips};

/// The figure of a step that says how often its driver asks the server beyond what a read takes.
const EXTRA_ROUND_TRIPS: &str = "extra_round_trips_per_request";

/// Runs a sweep from flags to exit code.
///
/// # Errors
/// Fails with what kept it from running: wrong usage, no server, no place for the report.
pub fn run(flags: &SweepFlags) -> anyhow::Result<Exit> {
    let plan = Plan::new(flags)?;
    let given = flags.target.server(&flags.driver)?;
    let version = env!("CARGO_PKG_VERSION");
    let mut bench = Bench::begin(
        "db-pool-bench",
        version,
        "sweep",
        &flags.output,
        plan.config(),
    )?;
    // On an error the bench saves what there is, as failed.
    campaign::run(
        &mut bench,
        &flags.target,
        &plan.selection,
        given,
        plan.largest(),
        |campaign| steps(campaign, &plan),
    )?;
    bench.report.summary = summary::of(&bench.report, &plan);
    let text = text::render(&bench.report, &plan);
    bench.finish(&text)
}

fn steps(campaign: &mut Campaign, plan: &Plan) -> anyhow::Result<()> {
    let round_trips = round_trips(campaign, plan)?;
    let order = shuffled_steps(plan.settings.len(), plan.repeats(), plan.seed);
    campaign.bench.announce(plan.total(), order.len());
    for planned in order {
        if campaign.bench.interrupted() {
            break;
        }
        let step = plan.step(planned);
        let arm = plan.settings[planned.setting].arm();
        let Some(index) = campaign.step(&step, arm)? else {
            continue;
        };
        if let Some(extra) = round_trips.get(&arm.driver) {
            let figures = &mut campaign.bench.report.steps[index].figures;
            figures.insert(EXTRA_ROUND_TRIPS.to_owned(), *extra);
            campaign.bench.save();
        }
    }
    Ok(())
}

/// Extra round trips of each driver; what could not be counted is absent, and says why.
fn round_trips(campaign: &mut Campaign, plan: &Plan) -> anyhow::Result<BTreeMap<Driver, f64>> {
    let cancel = campaign.bench.cancel.clone();
    let control = Control::new(cancel).context("cannot start a runtime")?;
    let mut counted = BTreeMap::new();
    for driver in plan.drivers() {
        let arm = Arm {
            driver,
            connections: 1,
            conditions: Conditions::default(),
        };
        let setup = campaign.setup(arm, plan.seed)?;
        match control.run(round_trips::extra(driver, &setup)) {
            None => break,
            Some(Ok(extra)) => drop(counted.insert(driver, extra)),
            Some(Err(failure)) => {
                let name = driver.name();
                let message = format!("{name}'s round trips could not be counted: {failure}");
                let warning = Warning::new(WarningCode::EvidenceMissing, message);
                campaign.bench.warn(warning);
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

    /// A second of `deadpool` with a pool of `size` at `throughput_per_s`.
    pub(crate) fn step(size: u64, repeat: u64, throughput_per_s: f64) -> Step {
        let load = LoadPlan::Closed {
            users: 16,
            think_time: std::time::Duration::ZERO,
        };
        let plan = StepPlan::new("deadpool", load, std::time::Duration::from_secs(1))
            .parameter("driver", "deadpool")
            .parameter("pool_size", size)
            .parameter("users", 16)
            .parameter("hold", "0")
            .parameter("network_delay", "0s");
        let mut step = crate::campaign::not_begun(&plan, String::new());
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

    pub(super) fn deadpool(sizes: &[u64]) -> Vec<Setting> {
        let of = |&size: &u64| Setting {
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
