//! Run of one step on worker processes.

use serde::Serialize;

use super::child_processes::ChildProcesses;
use super::worker_processes::WorkerProcesses;
use crate::control::cancel::Cancel;
use crate::control::controller::Controller;
use crate::control::observer::Observer;
use crate::control::run_connections::HeldResult;
use crate::control::run_requests::StartError;
use crate::control::step_result::StepResult;
use crate::held::held_step::HeldLevel;
use crate::plan::step_plan::StepPlan;

/// Runs one step of requests on worker processes until its planned end, until a stop rule or
/// `observer` ends it, or until `cancel` is set. `target` is the description from which each worker
/// creates the target. It is sent through a pipe, so it may contain secrets.
///
/// # Errors
/// Fails if there are more workers than sessions, if a worker was lost before, or if `target`
/// cannot be written as JSON.
pub fn run_on_workers(
    plan: &StepPlan,
    target: &impl Serialize,
    workers: &mut WorkerProcesses,
    cancel: &Cancel,
    observer: &mut dyn Observer,
) -> Result<StepResult, StartError> {
    if let Some(lost) = workers.lost() {
        return Err(StartError::WorkerLost(lost));
    }
    let (sessions, count) = (plan.load.sessions(), workers.count());
    if sessions < count {
        return Err(StartError::TooManyWorkers { sessions, count });
    }
    let target = serde_json::to_value(target).map_err(std::io::Error::from)?;
    let mut load = ChildProcesses::prepare(workers, plan, None, &target);
    let controller = Controller::new(plan, cancel, observer, &mut load);
    Ok(controller.run().into_step_of_requests(plan))
}

/// Runs one step on connections that worker processes hold, and that stay open afterwards. `level`
/// is the number of connections of all workers together. `target` is the description from which
/// each worker connects. It is sent through a pipe, so it may contain secrets.
///
/// # Errors
/// Fails if a worker was lost before, or if `target` cannot be written as JSON.
pub fn run_connections_on_workers(
    plan: &StepPlan,
    level: HeldLevel,
    target: &impl Serialize,
    workers: &mut WorkerProcesses,
    cancel: &Cancel,
    observer: &mut dyn Observer,
) -> Result<HeldResult, StartError> {
    if let Some(lost) = workers.lost() {
        return Err(StartError::WorkerLost(lost));
    }
    let target = serde_json::to_value(target).map_err(std::io::Error::from)?;
    let mut load = ChildProcesses::prepare(workers, plan, Some(level), &target);
    let account = Controller::new(plan, cancel, observer, &mut load).run();
    Ok(HeldResult::new(account, plan, level))
}
