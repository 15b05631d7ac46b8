//! One pool, more and more users: where the wait for a connection begins, whether the figures obey
//! Little's law, and how many users an objective allows.

mod findings;
mod flags;
mod plan;
mod text;

use std::collections::BTreeMap;

use bench_cli::Exit;
use bench_report::{Report, Summary};
use load_engine::shuffled_steps;
use serde_json::Value;

pub use flags::ScaleFlags;
use plan::Plan;

use crate::campaign::Campaign;
use crate::one_pool::Scenario;
use crate::workloads::Selection;

/// Runs the scenario from flags to exit code.
///
/// # Errors
/// Fails with what kept it from running: wrong usage, no server, no place for the report.
pub fn run(flags: &ScaleFlags) -> anyhow::Result<Exit> {
    let plan = Plan::new(flags)?;
    flags.pool.run("scale", flags.pool.size, &plan)
}

impl Scenario for Plan<'_> {
    fn config(&self) -> BTreeMap<String, Value> {
        self.config()
    }

    fn selection(&self) -> &Selection {
        &self.selection
    }

    fn steps(&self, campaign: &mut Campaign) -> anyhow::Result<()> {
        let order = shuffled_steps(self.settings.len(), self.repeats(), self.seed);
        campaign.bench.announce(self.total(), order.len());
        for planned in order {
            if campaign.bench.interrupted() {
                break;
            }
            let arm = self.flags.pool.arm(self.settings[planned.setting].driver);
            campaign.step(&self.step(planned), arm)?;
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
