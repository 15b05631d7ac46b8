//! Steps whose load worker processes make.

use anyhow::Context as _;
use load_engine::{
    HeldLevel, HeldResult, StepPlan, WorkerProcesses, run_connections_on_workers, run_on_workers,
};
use serde::Serialize;

use super::Bench;
use super::follower::EvidenceSource;

/// Error for a call that needs worker processes, if none were set.
const NO_WORKERS: &str = "there are no worker processes";

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
        let mut workers = self.workers.take().context(NO_WORKERS)?;
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

    /// Runs one step on connections that the worker processes hold, as [`held`](Self::held) does on
    /// connections of this process. Does not add the step to the report. `target` is the
    /// description from which each worker connects.
    ///
    /// # Errors
    /// Fails if no load can be made at all.
    pub fn held_on_workers(
        &mut self,
        plan: &StepPlan,
        level: HeldLevel,
        target: &impl Serialize,
        evidence: &mut dyn EvidenceSource,
    ) -> anyhow::Result<HeldResult> {
        let mut workers = self.workers.take().context(NO_WORKERS)?;
        let cancel = self.cancel.clone();
        let mut follower = self.follower(&plan.name, evidence);
        let ran =
            run_connections_on_workers(plan, level, target, &mut workers, &cancel, &mut follower);
        let server = follower.server;
        self.workers = Some(workers);
        let mut held = ran?;
        held.result.step.server = server;
        self.plan.done += plan.warmup + plan.measure;
        Ok(held)
    }

    /// Makes the worker processes close connections until they hold `most` in total. Returns the
    /// number that are open then. A signal that ends the run also ends the wait.
    ///
    /// # Errors
    /// Fails if a worker is lost.
    pub fn close_on_workers(&mut self, most: u64) -> anyhow::Result<u64> {
        let cancel = self.cancel.clone();
        let workers = self.workers.as_mut().context(NO_WORKERS)?;
        let open = workers.close_beyond(most, || cancel.is_cancelled());
        self.check_workers()?;
        Ok(open)
    }

    /// Returns the ids of the processes that make the load: of the workers if there are any, else
    /// of this process.
    pub fn load_processes(&self) -> Vec<u32> {
        let workers = self.workers.as_ref().map(WorkerProcesses::pids);
        workers.unwrap_or_else(|| vec![std::process::id()])
    }
}
