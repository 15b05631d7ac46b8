//! Run of a changing load of which every request is recorded.

use std::sync::{Arc, Mutex, PoisonError};

use super::cancel::Cancel;
use super::controller::Controller;
use super::observer::Observer;
use super::run_requests::StartError;
use super::step_result::StepResult;
use crate::load::local_load::LocalLoad;
use crate::record::recorder::Recorder;
use crate::record::traced_request::TracedRequest;
use crate::requests::target::TargetFactory;
use crate::requests::worker;
use crate::traced::actor::Actor;
use crate::traced::actor_tasks::ActorTasks;
use crate::traced::traced_plan::TracedPlan;

/// Result of a traced run.
#[derive(Debug)]
pub struct TracedResult {
    /// Result of each segment that began. All segments but the last were completed.
    pub steps: Vec<StepResult>,
    /// Records of all requests, in the order in which they began. Those that were cut off are
    /// included.
    pub trace: Vec<TracedRequest>,
    /// Planned start of each segment and planned end of the last one, on `CLOCK_MONOTONIC` in
    /// nanoseconds. These are the planned instants even if the run ended early; two equal ones if
    /// it never began.
    pub boundaries_ns: Vec<u64>,
}

/// Runs the load of `plan`, with `actors` beside it, until its planned end, until a stop rule ends
/// it, or until `cancel` is set.
///
/// # Errors
/// Fails only if no load can be made at all. Failures of the target are part of the result.
pub fn run_traced<F: TargetFactory, A: Actor<F::Target>>(
    plan: &TracedPlan,
    factory: &Arc<F>,
    actors: Vec<A>,
    cancel: &Cancel,
    observer: &mut dyn Observer,
) -> Result<TracedResult, StartError> {
    let (whole, excused) = (plan.whole(), plan.excused());
    let recorder = Recorder::new(factory.operations(), whole.threads.max(1))
        .with_parts(factory.parts())
        .with_excused(excused.failures)
        .with_trace();
    let shared_plan = Arc::new(whole.clone());
    // A shared runtime has a single worker, which takes all actors.
    let actors = Mutex::new(actors);
    let mut load = LocalLoad::start(whole, recorder, |worker, state| {
        let (plan, factory) = (Arc::clone(&shared_plan), Arc::clone(factory));
        let mut actors = actors.lock().unwrap_or_else(PoisonError::into_inner);
        let beside = ActorTasks::new(std::mem::take(&mut *actors));
        worker::work(worker, plan, factory, state, beside)
    })?;
    let controller = Controller::new(whole, cancel, observer, &mut load);
    let account = controller.by_segment(excused.wait).run();
    Ok(TracedResult {
        boundaries_ns: account.segments.boundaries(),
        steps: account.into_steps(whole, plan.segments()),
        trace: load.take_trace(),
    })
}
