//! Run of one step of requests in this process.

use std::io;
use std::sync::Arc;

use super::cancel::Cancel;
use super::controller::Controller;
use super::observer::Observer;
use super::start_time;
use super::step_result::StepResult;
use crate::load::local_load::LocalLoad;
use crate::plan::step_plan::StepPlan;
use crate::record::recorder::Recorder;
use crate::requests::target::TargetFactory;
use crate::requests::worker;

/// Reason for which a step cannot begin at all.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The operating system cannot create a thread, or tokio a runtime.
    #[error("cannot start the load generator's threads: {0}")]
    Runtime(#[from] io::Error),
    /// A worker process was lost in an earlier step; the text is the message.
    #[error("{0}")]
    WorkerLost(String),
    /// There are more worker processes than sessions, and each process needs at least one.
    #[error("{count} workers cannot share {sessions} sessions: each needs one at least")]
    TooManyWorkers {
        /// Number of sessions: of users, or of arrivals that may be in flight.
        sessions: u64,
        /// Number of worker processes, which exceeds the number of sessions.
        count: u64,
    },
}

/// Runs one step of requests in this process until its planned end, until a stop rule or `observer`
/// ends it, or until `cancel` is set.
///
/// # Errors
/// Fails if threads or runtimes cannot be created. Failures of the target are part of the result,
/// and so is a planned start that has passed.
pub fn run_requests<F: TargetFactory>(
    plan: &StepPlan,
    factory: &Arc<F>,
    cancel: &Cancel,
    observer: &mut dyn Observer,
) -> Result<StepResult, StartError> {
    if let Some(reason) = start_time::passed(plan) {
        // Sessions would only disturb those who began in time.
        return Ok(StepResult::late(plan, reason));
    }
    let mut load = start_requests(plan, factory)?;
    let controller = Controller::new(plan, cancel, observer, &mut load);
    Ok(controller.run().into_step_of_requests(plan))
}

/// Starts this process's share of a step of requests; its sessions begin to open at once. Fails if
/// the operating system cannot create a thread, or tokio a runtime.
pub(crate) fn start_requests<F: TargetFactory>(
    plan: &StepPlan,
    factory: &Arc<F>,
) -> io::Result<LocalLoad> {
    let threads = plan.threads.max(1);
    let recorder = Recorder::new(factory.operations(), threads).with_parts(factory.parts());
    let shared_plan = Arc::new(plan.clone());
    LocalLoad::start(plan, recorder, |worker, state| {
        let (plan, factory) = (Arc::clone(&shared_plan), Arc::clone(factory));
        worker::work(worker, plan, factory, state, ())
    })
}
