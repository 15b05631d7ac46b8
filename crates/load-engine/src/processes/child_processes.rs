//! Load of one step that worker processes make, as a source of load for the step's controller.

use std::time::Duration;

use bench_report::StepEnd;
use bench_report::clock::monotonic_ns;
use bench_report::names::{FigureName, load_series};

use super::protocol::Order;
use super::worker_process::WorkerProcess;
use super::worker_processes::WorkerProcesses;
use crate::held::held_step::HeldLevel;
use crate::load::cpu_use::CpuReading;
use crate::load::load_source::{
    CollectedStep, LoadProcesses, LoadSource, Preparation, TOO_FEW_OPENED,
};
use crate::load::local_load::{sessions_series, tells_sessions};
use crate::load::worker_pool::PoolThreads;
use crate::plan::intended_load::IntendedLoad;
use crate::plan::load_change::{ChangeError, LoadChange};
use crate::plan::segments::Segments;
use crate::plan::step_plan::StepPlan;
use crate::plan::worker_share::WorkerShare;
use crate::record::interval::Interval;

/// Time in which every worker must receive the instant of the first arrival, in nanoseconds. Four
/// round-trip times of the slowest ping are added to it.
const HEAD_START_NS: u64 = 20_000_000;
/// Longest wait for answers in one cycle of the controller. Later answers are used in the next
/// cycle.
const ANSWER_BOUND: Duration = Duration::from_millis(50);
/// Longest time without an answer, after which a worker is ended and counts as lost.
const SILENCE_BOUND: Duration = Duration::from_secs(10);
/// Longest wait for the measurements of a step, without the addition for each session.
const RAW_BOUND: Duration = Duration::from_secs(2);
const RAW_BOUND_PER_SESSION: Duration = Duration::from_micros(100);

/// Worker processes as the source of one step's load, on the side of their parent.
pub(crate) struct ChildProcesses<'a> {
    pub(super) processes: &'a mut WorkerProcesses,
    pub(super) plan: &'a StepPlan,
    /// Number of connections that all workers keep open together; `None` for a load of requests.
    pub(super) level: Option<HeldLevel>,
    pub(super) segments: Option<Segments>,
    /// True if more attempts to connect have failed, over all workers, than the step allows.
    connects_broke: bool,
    /// True once the workers were sent the order to verify their connections.
    verifies: bool,
    /// Intended load with the changes made while the step ran; `None` before the first change.
    pub(super) changed: Option<IntendedLoad>,
}

/// Returns the plan of one worker process: `plan` with its share of the load and its part of the
/// threads, at least one.
fn share_of(plan: &StepPlan, process: WorkerShare) -> StepPlan {
    StepPlan {
        process,
        threads: (plan.threads / process.count.max(1) as usize).max(1),
        ..plan.clone()
    }
}

/// Returns the end of the whole load if workers ended early with `ends`: the first end that is not
/// `Completed`, or `Completed` once all workers ended so. `None` while some still work.
fn common_end<'a>(ends: impl Iterator<Item = Option<&'a StepEnd>>) -> Option<StepEnd> {
    let mut all_completed = true;
    for end in ends {
        match end {
            Some(StepEnd::Completed) => {}
            Some(end) => return Some(end.clone()),
            None => all_completed = false,
        }
    }
    all_completed.then_some(StepEnd::Completed)
}

impl<'a> ChildProcesses<'a> {
    /// Orders every worker to prepare its share of `plan` on `target`: to open sessions or, if
    /// `level` is given, its share of the connections that stay open. Returns without waiting.
    pub(crate) fn prepare(
        processes: &'a mut WorkerProcesses,
        plan: &'a StepPlan,
        level: Option<HeldLevel>,
        target: &serde_json::Value,
    ) -> Self {
        processes.forget_step();
        for worker in &mut processes.workers {
            let plan = Box::new(share_of(plan, worker.share));
            let target = target.clone();
            // Each worker gets the limit of failed attempts for all workers; the parent compares
            // the sum over all workers with that limit.
            let level = level.map(|level| HeldLevel {
                connections: worker.share.share_of(level.connections),
                ..level
            });
            worker.order(&Order::Prepare {
                plan,
                level,
                target,
            });
        }
        Self {
            processes,
            plan,
            level,
            segments: None,
            connects_broke: false,
            verifies: false,
            changed: None,
        }
    }

    /// Orders all workers to open no further connections, once more attempts have failed over all
    /// workers than the step allows.
    fn watch_connects(&mut self) {
        let failed = self.processes.workers.iter();
        let failed: u64 = failed.map(|worker| worker.step.failed_connects).sum();
        let is_broken = self
            .level
            .is_some_and(|level| failed > level.allowed_failures);
        if is_broken && !self.connects_broke {
            self.connects_broke = true;
            self.processes.order(&Order::Halt);
        }
    }

    pub(super) fn plan_of(&self, worker: &WorkerProcess) -> StepPlan {
        share_of(self.plan, worker.share)
    }

    /// Returns the number of sessions of the whole load, including those that changes have added,
    /// or the number of connections that are to stay open.
    pub(super) fn sessions(&self) -> u64 {
        if let Some(level) = self.level {
            return level.connections;
        }
        let planned = &self.plan.load;
        let changed = self.changed.as_ref();
        changed.map_or(planned.sessions(), |load| load.sessions(planned))
    }

    /// Sends all workers an order that they answer at once, and waits up to 50 ms for the answers.
    /// A worker that has not answered for 10 s is ended and counts as lost from then on.
    fn ask(&mut self, order: &Order) {
        let workers = self.processes.workers.iter_mut();
        workers.for_each(|worker| worker.ask(order));
        self.processes
            .wait(ANSWER_BOUND, |worker| worker.asked_ns.is_none());
        let now_ns = monotonic_ns();
        for worker in &mut self.processes.workers {
            if u128::from(worker.silent_ns(now_ns)) > SILENCE_BOUND.as_nanos() {
                worker.give_up(SILENCE_BOUND);
            }
        }
    }

    /// Merges the measurements of all workers that have sent them, with information about the
    /// workers.
    fn merged(&mut self) -> CollectedStep {
        let mut collected = Vec::new();
        for worker in &mut self.processes.workers {
            let Some(mut told) = worker.step.collected.take() else {
                continue;
            };
            if self.level.is_some() {
                // Names the worker, because a connection may have failed at a limit of its own
                // process.
                for failure in &mut told.whole.failures {
                    failure.message = format!("worker {}: {}", worker.share, failure.message);
                }
            }
            collected.push(told);
        }
        let workers = &self.processes.workers;
        let first_failure = workers.iter().find_map(|worker| {
            let reason = worker.step.failure.as_ref()?;
            Some(format!("worker {}: {reason}", worker.share))
        });
        let (mut whole, failure) =
            match CollectedStep::merged(&collected.iter().collect::<Vec<_>>()) {
                Ok(whole) => (whole, first_failure),
                Err(error) => {
                    let told = format!("what the workers measured cannot be added: {error}");
                    (CollectedStep::default(), Some(told))
                }
            };
        let stalls = workers.iter().map(|worker| worker.step.worst_stall_ns);
        whole.processes = Some(LoadProcesses {
            threads: Some(workers.iter().map(|worker| worker.step.threads).sum()),
            worst_stall_ns: stalls.max().unwrap_or(0).max(self.longest_silence_ns()),
            failure,
            lost: self.lost(),
        });
        whole
    }

    /// Returns the longest time for which an answer of a worker was missing in this step, in
    /// nanoseconds; 0 if every answer arrived within 50 ms.
    fn longest_silence_ns(&self) -> u64 {
        let now_ns = monotonic_ns();
        let workers = self.processes.workers.iter();
        let silences = workers.map(|worker| worker.longest_silence_ns(now_ns));
        let overdue = silences.filter(|ns| u128::from(*ns) > ANSWER_BOUND.as_nanos());
        overdue.max().unwrap_or(0)
    }
}

impl LoadSource for ChildProcesses<'_> {
    fn preparation(&mut self) -> Preparation {
        self.processes.take_answers();
        if let Some(lost) = self.processes.lost() {
            return Preparation::Failed(lost);
        }
        self.watch_connects();
        let (mut all_opened, mut all_wanted, mut are_ready) = (0, 0, true);
        for worker in &self.processes.workers {
            match &worker.step.preparation {
                Some(Preparation::Ready) => {}
                Some(Preparation::Failed(_)) if self.connects_broke => {}
                Some(Preparation::Failed(reason)) => {
                    return Preparation::Failed(format!("worker {}: {reason}", worker.share));
                }
                Some(Preparation::Opening { opened, wanted }) => {
                    (all_opened, all_wanted) = (all_opened + opened, all_wanted + wanted);
                    are_ready = false;
                }
                None => are_ready = false,
            }
        }
        if are_ready && self.connects_broke {
            return Preparation::Failed(TOO_FEW_OPENED.to_owned());
        }
        if are_ready {
            return Preparation::Ready;
        }
        // Workers that are ready no longer report their sessions: all of them are open.
        let sessions = self.sessions() as usize;
        Preparation::Opening {
            opened: sessions.saturating_sub(all_wanted.saturating_sub(all_opened)),
            wanted: sessions,
        }
    }

    fn head_start_ns(&self) -> u64 {
        HEAD_START_NS + 4 * self.processes.worst_ping_ns()
    }

    fn begin(&mut self, segments: &Segments) {
        self.segments = Some(segments.clone());
        let segments = segments.clone();
        self.processes.order(&Order::Start { segments });
    }

    fn change_lead_ns(&self) -> Option<u64> {
        self.level.is_none().then(|| self.head_start_ns())
    }

    fn change(&mut self, change: &LoadChange) -> Result<(), ChangeError> {
        if self.level.is_some() {
            return Err(ChangeError::HeldConnections);
        }
        let segments = self.segments.as_ref().ok_or(ChangeError::WarmUp)?;
        let load = self.changed.clone().or_else(|| self.plan.intended_load());
        let mut load = load.ok_or(ChangeError::StepOver)?;
        load.follow(change, segments.start_ns());
        let sessions = load.sessions(&self.plan.load);
        for worker in &self.processes.workers {
            PoolThreads::of_plan(&self.plan_of(worker)).check(sessions)?;
        }
        segments.change_at(change.at_ns);
        self.changed = Some(load);
        let change = change.clone();
        self.processes.order(&Order::Change { change });
        Ok(())
    }

    fn take_interval(&mut self) -> Interval {
        self.ask(&Order::TakeInterval);
        let mut whole = Interval::new();
        for worker in &mut self.processes.workers {
            if let Some(interval) = worker.step.interval.take() {
                whole.add_process(&interval);
            }
        }
        whole
    }

    fn gauges(&mut self) -> Vec<(FigureName, f64)> {
        let name = match self.level {
            Some(_) => load_series::OPEN_CONNECTIONS,
            None if tells_sessions(self.plan, self.changed.is_some()) => {
                sessions_series(&self.plan.load)
            }
            None => return Vec::new(),
        };
        let open = self.processes.workers.iter();
        let open = open.filter_map(|worker| match &worker.step.preparation {
            Some(Preparation::Opening { opened, .. }) if self.level.is_some() => {
                Some(*opened as f64)
            }
            _ => worker.step.sessions_open,
        });
        vec![(name, open.sum())]
    }

    fn read_cpu(&mut self) -> CpuReading {
        self.ask(&Order::ReadCpu);
        let workers = self.processes.workers.iter();
        CpuReading::of_processes(workers.filter_map(|w| Some((w.share, w.step.cpu.as_ref()?))))
    }

    fn early_end(&mut self) -> Option<StepEnd> {
        self.processes.take_answers();
        let workers = &self.processes.workers;
        if workers.iter().all(|worker| worker.lost.is_some()) {
            return Some(StepEnd::Failed {
                reason: self.processes.lost()?,
            });
        }
        let working = workers.iter().filter(|worker| worker.lost.is_none());
        common_end(working.map(|worker| worker.step.early_end.as_ref()))
    }

    fn verify(&mut self, cancelled: bool) -> bool {
        if self.level.is_none() {
            return true;
        }
        if !self.verifies {
            if cancelled {
                return false;
            }
            self.verifies = true;
            self.processes.order(&Order::Verify);
        }
        // The ping detects workers that no longer answer, which would otherwise be waited for
        // forever.
        self.ask(&Order::Ping);
        let mut workers = self.processes.workers.iter();
        workers.all(|worker| worker.lost.is_some() || worker.step.open_when_verified.is_some())
    }

    fn halt(&mut self) {
        self.processes.order(&Order::Halt);
    }

    fn release(&mut self) {
        self.processes.order(&Order::Release);
    }

    fn abort(&mut self) {
        self.processes.order(&Order::Abort);
    }

    fn is_finished(&mut self) -> bool {
        self.processes.take_answers();
        let mut workers = self.processes.workers.iter();
        workers.all(|worker| worker.lost.is_some() || worker.step.finished)
    }

    /// Does nothing, because each worker itself waits before it sends its measurements.
    fn wait_until_recorded(&mut self) {}

    /// Returns `None`, because the error of each worker's load arrives with its measurements.
    fn join(&mut self) -> Option<String> {
        None
    }

    fn collect(&mut self, segments_s: &[f64]) -> CollectedStep {
        self.processes.take_answers();
        for worker in &mut self.processes.workers {
            if !worker.step.is_idle {
                worker.order(&Order::Finish {
                    segments_s: segments_s.to_vec(),
                });
            }
        }
        let sessions = u32::try_from(self.sessions()).unwrap_or(u32::MAX);
        let bound = RAW_BOUND + RAW_BOUND_PER_SESSION.saturating_mul(sessions);
        self.processes.wait(bound, |worker| worker.step.is_idle);
        for worker in &mut self.processes.workers {
            if !worker.step.is_idle {
                worker.give_up(bound);
            }
        }
        self.merged()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_is_completed_by_its_last_worker_and_stopped_by_its_first() {
        let (done, stopped) = (StepEnd::Completed, StepEnd::Interrupted);
        for (ends, expected) in [
            ([Some(&done), None], None),
            ([Some(&done), Some(&done)], Some(&done)),
            ([None, Some(&stopped)], Some(&stopped)),
            ([Some(&done), Some(&stopped)], Some(&stopped)),
        ] {
            assert_eq!(common_end(ends.into_iter()).as_ref(), expected);
        }
    }
}
