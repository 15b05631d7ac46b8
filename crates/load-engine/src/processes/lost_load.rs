//! Part of a load that was not made because worker processes were lost.

use super::child_processes::ChildProcesses;
use super::worker_process::WorkerProcess;
use crate::load::load_source::LostWorker;
use crate::load::worker_pool::PoolThreads;
use crate::plan::intended_load::IntendedLoad;
use crate::plan::load_plan::LoadPlan;
use crate::plan::segments::Segments;

impl ChildProcesses<'_> {
    /// Returns a description of each worker that was lost in this step, with the load that it did
    /// not make.
    pub(super) fn lost(&self) -> Vec<LostWorker> {
        let workers = self.processes.workers.iter();
        let lost = workers.filter(|worker| worker.lost.is_some());
        lost.map(|worker| self.lost_worker(worker)).collect()
    }

    fn lost_worker(&self, worker: &WorkerProcess) -> LostWorker {
        let heard_ns = worker.step.last_interval_ns;
        let start_ns = self.segments.as_ref().map(Segments::start_ns);
        let when = match (heard_ns, start_ns) {
            (Some(heard_ns), Some(start_ns)) => format!(
                "its last interval ended {:.2} s after the start of the step",
                heard_ns.saturating_sub(start_ns) as f64 / 1e9
            ),
            _ => "before it had told of an interval".to_owned(),
        };
        let arrivals_not_made = self.arrivals_not_made(worker);
        let not_made = match (arrivals_not_made, &self.plan.load) {
            (Some(count), _) => format!("{count} arrivals that were to follow were not made"),
            _ if self.level.is_some() => {
                "the connections that it held were lost with it".to_owned()
            }
            (None, LoadPlan::Closed { .. }) => {
                let users = self.sessions();
                let own = worker.share.share_of(users);
                format!("its {own} of {users} users made no load from then on")
            }
            (None, LoadPlan::Open { .. }) => "its share of the load was not made".to_owned(),
        };
        let message = format!(
            "{}; {when}; {not_made}, and what it measured is not in the figures of this step",
            worker.sentence()
        );
        LostWorker {
            message,
            arrivals_not_made,
        }
    }

    /// Returns the number of arrivals of `worker` that were due in the measured part after the last
    /// interval that it reported; `None` in a closed loop, and if the load never began.
    fn arrivals_not_made(&self, worker: &WorkerProcess) -> Option<u64> {
        let window = self.segments.as_ref()?.window();
        let heard_ns = worker.step.last_interval_ns.unwrap_or(0);
        let measured = window.measure_start_ns.max(heard_ns)..window.measure_end_ns;
        let plan = self.plan_of(worker);
        let due = PoolThreads::of_plan(&plan).shares().map(|worker| {
            let mut due = plan.arrivals(worker)?;
            if let Some(IntendedLoad::Rate(curves)) = &self.changed {
                due.follow(curves.clone());
            }
            let due = due.map(|offset_ns| window.start_ns + offset_ns);
            Some(due.filter(|due_ns| measured.contains(due_ns)).count() as u64)
        });
        due.sum()
    }
}
