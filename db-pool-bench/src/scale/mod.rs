//! One pool, more and more users: where the wait for a connection begins, whether the figures obey
//! Little's law, and how many users an objective allows.

mod findings;
mod flags;
mod plan;
mod text;

use bench_cli::Exit;
use bench_cli::bench::Bench;
use load_engine::sweep::order;

pub use flags::ScaleFlags;
use plan::Plan;

use crate::campaign::{self, Campaign};

/// Runs the scenario from flags to exit code.
///
/// # Errors
/// What kept it from running: wrong usage, no server, no place for the report.
pub fn run(flags: &ScaleFlags) -> anyhow::Result<Exit> {
    let plan = Plan::new(flags)?;
    let given = flags.target.server(&flags.driver)?;
    let mut bench = Bench::begin(
        "db-pool-bench",
        env!("CARGO_PKG_VERSION"),
        "scale",
        &flags.output,
        plan.config(),
    )?;
    campaign::run(
        &mut bench,
        &flags.target,
        &plan.selection,
        given,
        flags.pool_size,
        |campaign| steps(campaign, &plan),
    )?;
    bench.report.summary = findings::summary(&bench.report, &plan);
    let text = text::render(&bench.report, &plan);
    bench.finish(&text)
}

fn steps(campaign: &mut Campaign, plan: &Plan) -> anyhow::Result<()> {
    let turns = order(plan.settings.len(), plan.repeats(), plan.seed);
    campaign.bench.announce(plan.total(), turns.len());
    for turn in turns {
        if campaign.bench.interrupted() {
            break;
        }
        let step = plan.step(turn, campaign.is_guarded());
        campaign.step(&step, plan.arm(turn))?;
    }
    Ok(())
}
