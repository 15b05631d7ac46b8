//! Runs a load that changes and whose requests are followed one by one.

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
    /// One for each segment that was begun. All but the last were completed.
    pub steps: Vec<StepResult>,
    /// All requests in the order in which they began, those that were cut off among them.
    pub trace: Vec<TracedRequest>,
    /// Planned start of each segment and end of the last one, on `CLOCK_MONOTONIC`, in nanoseconds,
    /// also where the run ended early; two equal instants where it never began.
    pub boundaries_ns: Vec<u64>,
}

/// Runs the load of `plan` with `actors` beside it, to its end: its plan's, a rule's, or `cancel`'s.
///
/// # Errors
/// Fails only if no load can be made at all; a target that fails is a result.
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
    // There is one worker, which takes them.
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
