//! Steps whose load worker processes make.

use anyhow::Context as _;
use load_engine::{StepPlan, WorkerProcesses, run_on_workers};
use serde::Serialize;

use super::Bench;
use crate::follower::EvidenceSource;

impl Bench {
    /// Sets the worker processes that make the load of all steps run by
    /// [`step_on_workers`](Self::step_on_workers).
    pub fn lead(&mut self, workers: WorkerProcesses) {
        self.workers = Some(workers);
    }

    /// Returns true if worker processes make the load.
    pub fn has_workers(&self) -> bool {
        self.workers.is_some()
    }

    /// Verifies that no worker process was lost. After a loss no further step can be made.
    ///
    /// # Errors
    /// Returns a sentence that names the lost worker.
    pub fn check_workers(&self) -> anyhow::Result<()> {
        match self.workers.as_ref().and_then(WorkerProcesses::lost) {
            Some(lost) => Err(anyhow::anyhow!("{lost}; what was measured is kept")),
            None => Ok(()),
        }
    }

    /// Runs one step on the worker processes and adds its result to the report. Returns the
    /// position of the step in the report. `target` is the description from which each worker
    /// creates the step's target.
    ///
    /// # Errors
    /// Fails if no load can be made at all.
    pub fn step_on_workers(
        &mut self,
        plan: &StepPlan,
        target: &impl Serialize,
        evidence: &mut dyn EvidenceSource,
    ) -> anyhow::Result<usize> {
        let mut workers = self
            .workers
            .take()
            .context("there are no worker processes")?;
        let cancel = self.cancel.clone();
        let mut follower = self.follower(&plan.name, evidence);
        let ran = run_on_workers(plan, target, &mut workers, &cancel, &mut follower);
        let server = follower.server;
        self.workers = Some(workers);
        let mut result = ran?;
        result.step.server = server;
        self.plan.done += plan.warmup + plan.measure;
        Ok(self.push_step(result.step, result.series, result.warnings))
    }
}
