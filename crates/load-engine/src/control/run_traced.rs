//! Run of a load in several segments of which every request is recorded.

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

/// Result of a traced run: its steps, and the record of every request.
#[derive(Debug)]
pub struct TracedResult {
    /// Result of each measured segment that began, in order. All segments but the last were
    /// completed.
    pub steps: Vec<StepResult>,
    /// Records of all requests, in the order in which they began, including those that were cut
    /// off.
    pub trace: Vec<TracedRequest>,
    /// Planned start of each segment and planned end of the last one, in nanoseconds on
    /// `CLOCK_MONOTONIC`. They are the planned instants even if the run ended early, and two equal
    /// ones if the load never began.
    pub boundaries_ns: Vec<u64>,
}

/// Runs the load of `plan`, with `actors` beside it on the first worker, until its planned end,
/// until a stop rule or `observer` ends it, or until `cancel` is set.
///
/// # Errors
/// Fails if threads or runtimes cannot be created. Failures of the target are part of the result.
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
