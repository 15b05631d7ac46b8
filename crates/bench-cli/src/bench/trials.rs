//! Short trials of a load, which find out what a step needs to know and are not part of the report.

use std::sync::Arc;

use anyhow::Context as _;
use bench_report::Step;
use load_engine::{StepPlan, TargetFactory, run_on_workers, run_requests};
use serde::Serialize;

use super::Bench;
use super::worker_steps::NO_WORKERS;

impl Bench {
    /// Runs the load of `plan` in this process, and returns its result without adding it to the
    /// report.
    ///
    /// # Errors
    ///
    /// Fails if no load can be made at all, for example because the runtime cannot start.
    pub fn trial<F: TargetFactory>(
        &mut self,
        plan: &StepPlan,
        factory: &Arc<F>,
    ) -> anyhow::Result<Step> {
        Ok(run_requests(plan, factory, &self.cancel, &mut ())?.step)
    }

    /// Runs the load of `plan` on the worker processes, and returns its result without adding it to
    /// the report. `target` is the description from which each worker creates the target.
    ///
    /// # Errors
    ///
    /// Fails if there are no worker processes, or if no load can be made at all.
    pub fn trial_on_workers(
        &mut self,
        plan: &StepPlan,
        target: &impl Serialize,
    ) -> anyhow::Result<Step> {
        let workers = self.workers.as_mut().context(NO_WORKERS)?;
        Ok(run_on_workers(plan, target, workers, &self.cancel, &mut ())?.step)
    }
}
