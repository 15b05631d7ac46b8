//! Steps of a bench whose load is made by worker processes instead of the bench's own process.

use anyhow::Context as _;
use load_engine::{
    HeldLevel, HeldResult, StepPlan, WorkerProcesses, run_connections_on_workers, run_on_workers,
};
use serde::Serialize;

use super::Bench;
use super::follower::EvidenceSource;

/// Error of a call that needs worker processes, if [`Bench::lead`] has not set any.
pub(super) const NO_WORKERS: &str = "there are no worker processes";

impl Bench {
    /// Sets the worker processes that make the load of all steps run by
    /// [`step_on_workers`](Self::step_on_workers) and [`held_on_workers`](Self::held_on_workers).
    pub fn lead(&mut self, workers: WorkerProcesses) {
        self.workers = Some(workers);
    }

    /// Returns true if worker processes make the load, instead of this process.
    pub fn has_workers(&self) -> bool {
        self.workers.is_some()
    }

    /// Verifies that no worker process was lost, for example because it crashed. After a loss no
    /// further step can be run. Succeeds if there are no worker processes.
    ///
    /// # Errors
    ///
    /// Returns a sentence that names the lost worker.
    pub fn check_workers(&self) -> anyhow::Result<()> {
        match self.workers.as_ref().and_then(WorkerProcesses::lost) {
            Some(lost) => Err(anyhow::anyhow!("{lost}; what was measured is kept")),
            None => Ok(()),
        }
    }

    /// Runs one step on the worker processes and adds its result to the report. Returns the index
    /// of the step in the report's `steps`, from 0. `target` is the description from which each
    /// worker creates the step's target.
    ///
    /// # Errors
    ///
    /// Fails if there are no worker processes, or if no load can be made at all.
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

    /// Runs one step on connections that the worker processes keep open, as [`held`](Self::held)
    /// does on connections of this process. Does not add the step to the report. `target` is the
    /// description from which each worker connects.
    ///
    /// # Errors
    ///
    /// Fails if there are no worker processes, or if no load can be made at all.
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

    /// Makes each worker process close connections until it has at most its share of `most` open.
    /// Returns the number that are open then, over the workers that answered. Waits at most about
    /// 30 s; a signal that ends the run also ends the wait.
    ///
    /// # Errors
    ///
    /// Fails if there are no worker processes, or if one of them is lost.
    pub fn close_on_workers(&mut self, most: u64) -> anyhow::Result<u64> {
        let cancel = self.cancel.clone();
        let workers = self.workers.as_mut().context(NO_WORKERS)?;
        let open = workers.close_beyond(most, || cancel.is_cancelled());
        self.check_workers()?;
        Ok(open)
    }

    /// Returns the operating-system ids of the processes that make the load: of the workers if
    /// there are any, else of this process.
    pub fn load_processes(&self) -> Vec<u32> {
        let workers = self.workers.as_ref().map(WorkerProcesses::pids);
        workers.unwrap_or_else(|| vec![std::process::id()])
    }
}
