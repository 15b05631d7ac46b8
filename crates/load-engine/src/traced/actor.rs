//! Actors of a traced run, and their view of the run.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use tokio_util::sync::CancellationToken;

use crate::load::step_state::StepState;
use crate::record::failure::Failure;

/// Task that runs beside the requests of a traced run, on the same target. It holds connections,
/// injects a fault, or reconfigures a pool.
pub trait Actor<T>: Send + 'static {
    /// Acts until the run ends. Half a second after the end it is cut off.
    fn act(&mut self, target: &Arc<T>, run: &RunView) -> impl Future<Output = ()> + Send;

    /// Examines the target once all requests and all actors have ended, before the target is
    /// closed. Takes ten seconds at most, and is not called if the run ended early.
    fn examine(self, target: &Arc<T>) -> impl Future<Output = ()> + Send
    where
        Self: Sized,
    {
        let _ = target;
        async {}
    }
}

/// Actor that does nothing.
impl<T: Send + Sync> Actor<T> for () {
    async fn act(&mut self, _: &Arc<T>, _: &RunView) {}
}

/// View that an actor has of its run.
#[derive(Debug, Clone)]
pub struct RunView {
    state: Arc<StepState>,
    /// Token that is cancelled when the run ends, early or not.
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

    /// Returns the planned start of the measured segment at position `index`, on `CLOCK_MONOTONIC`
    /// in nanoseconds. For larger positions this is the end of the last segment.
    pub fn segment_start_ns(&self, index: usize) -> u64 {
        let start = self.boundaries.get(index).or(self.boundaries.last());
        start.copied().unwrap_or(0)
    }

    /// Waits until `instant_ns`, or until the run ends. Returns true if the run ended first.
    pub async fn ends_before(&self, instant_ns: u64) -> bool {
        let left_ns = instant_ns.saturating_sub(monotonic_ns());
        tokio::select! {
            biased;
            () = self.over.cancelled() => true,
            () = tokio::time::sleep(Duration::from_nanos(left_ns)) => false,
        }
    }

    /// Waits until the run has ended, early or not.
    pub async fn ended(&self) {
        self.over.cancelled().await;
    }

    /// Returns true if the run has ended.
    pub fn has_ended(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Reports a failure of the actor to the stop rules. It does not count in the results of the
    /// load.
    pub fn note_failure(&self, failure: &Failure) {
        self.state.step.recorder.note_failure(failure);
    }
}
