//! Actors of a traced run, and their view of it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use tokio_util::sync::CancellationToken;

use crate::load::step_state::StepState;
use crate::record::failure::Failure;

/// Task beside the requests of a traced run, on the same target: it holds connections, plants a fault,
/// or tends a pool.
pub trait Actor<T>: Send + 'static {
    /// Acts until the run ends. What it still does half a second later is cut off.
    fn act(&mut self, target: &Arc<T>, run: &RunView) -> impl Future<Output = ()> + Send;

    /// Examines the target once all requests are over and no actor acts, before it is closed; for at
    /// most ten seconds, and not after a run that ended early.
    fn examine(self, target: &Arc<T>) -> impl Future<Output = ()> + Send
    where
        Self: Sized,
    {
        let _ = target;
        async {}
    }
}

/// Acts in no way, in a run that is nothing but its load.
impl<T: Send + Sync> Actor<T> for () {
    async fn act(&mut self, _: &Arc<T>, _: &RunView) {}
}

/// View that an actor has of its run.
#[derive(Debug, Clone)]
pub struct RunView {
    state: Arc<StepState>,
    /// Cancelled when the run ends, early or not.
    over: CancellationToken,
    boundaries: Vec<u64>,
}

impl RunView {
    /// Waits until the run begins, and returns the view of it.
    pub(super) async fn of(state: Arc<StepState>, over: CancellationToken) -> Self {
        let boundaries = state.step.segments.wait().await.boundaries();
        Self {
            state,
            over,
            boundaries,
        }
    }

    /// Returns the planned start of the measured segment at `index`, on `CLOCK_MONOTONIC`, in
    /// nanoseconds; the end of the last one behind it.
    pub fn segment_start_ns(&self, index: usize) -> u64 {
        let start = self.boundaries.get(index).or(self.boundaries.last());
        start.copied().unwrap_or(0)
    }

    /// Waits until `instant_ns`, or until the run ends; returns true if it ended before.
    pub async fn ends_before(&self, instant_ns: u64) -> bool {
        let left_ns = instant_ns.saturating_sub(monotonic_ns());
        tokio::select! {
            biased;
            () = self.over.cancelled() => true,
            () = tokio::time::sleep(Duration::from_nanos(left_ns)) => false,
        }
    }

    /// Returns once the run has ended, early or not.
    pub async fn ended(&self) {
        self.over.cancelled().await;
    }

    /// Returns true if the run has ended.
    pub fn has_ended(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Reports a failure of the actor's own to the stop rules; the load's results do not count it.
    pub fn note_failure(&self, failure: &Failure) {
        self.state.step.recorder.note_failure(failure);
    }
}
