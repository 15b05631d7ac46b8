//! Scenario `scale`: one pool and a rising number of users. Where waiting for a connection begins,
//! whether the figures obey Little's law, and how many users an objective allows.

mod findings;
mod flags;
mod plan;
mod text;

use std::collections::BTreeMap;

use bench_cli::Exit;
use bench_report::{Report, Summary};
use load_engine::shuffled_steps;
use serde_json::Value;

pub(crate) use flags::ScaleFlags;
use plan::ScalePlan;

use crate::context::ScenarioContext;
use crate::one_pool::PoolScenario;
use crate::workloads::WorkloadSelection;

/// Runs the scenario from flags to exit code.
///
/// # Errors
/// Fails on wrong usage, without a server, or when the report cannot be written.
pub(crate) fn run(flags: &ScaleFlags) -> anyhow::Result<Exit> {
    let plan = ScalePlan::new(flags)?;
    flags.pool.run("scale", flags.pool.size, &plan)
}

impl PoolScenario for ScalePlan<'_> {
    fn config(&self) -> BTreeMap<String, Value> {
        self.config()
    }

    fn selection(&self) -> &WorkloadSelection {
        &self.selection
    }

    fn steps(&self, context: &mut ScenarioContext) -> anyhow::Result<()> {
        let order = shuffled_steps(self.settings.len(), self.repeats(), self.seed);
        context.bench.announce(self.total(), order.len());
        for planned in order {
            if context.bench.interrupted() {
                break;
            }
            let variant = self
                .flags
                .pool
                .variant(self.settings[planned.setting].driver);
            context.step(&self.step(planned), variant)?;
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
