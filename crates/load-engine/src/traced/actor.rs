//! Actors of a traced run: tasks beside the load, and their view of the run.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use tokio_util::sync::CancellationToken;

use crate::load::step_state::StepState;
use crate::record::failure::Failure;

/// Task that runs beside the requests of a traced run, on the same target: it holds connections,
/// injects a fault, or reconfigures a pool.
pub trait Actor<T>: Send + 'static {
    /// Acts on `target` from the start of the run. It should return soon after [`RunView`] reports
    /// the end; it is cut off half a second after the last request of the run has ended.
    fn act(&mut self, target: &Arc<T>, run: &RunView) -> impl Future<Output = ()> + Send;

    /// Examines the target once all requests and all actors have ended, before the target is
    /// closed. All actors together have ten seconds. Not called if the run ended early or `act` was
    /// cut off.
    fn examine(self, target: &Arc<T>) -> impl Future<Output = ()> + Send
    where
        Self: Sized,
    {
        let _ = target;
        async {}
    }
}

/// Actor for runs without actors; it does nothing.
impl<T: Send + Sync> Actor<T> for () {
    async fn act(&mut self, _: &Arc<T>, _: &RunView) {}
}

/// View that an actor has of its run: the planned times, and whether the run has ended.
#[derive(Debug, Clone)]
pub struct RunView {
    state: Arc<StepState>,
    /// Token that is cancelled when the run ends, as planned or early.
    over: CancellationToken,
    boundaries: Vec<u64>,
}

impl RunView {
    /// Waits until the run's segments are set, and returns the view of the run.
    pub(super) async fn of(state: Arc<StepState>, over: CancellationToken) -> Self {
        let boundaries = state.step.segments.wait().await.boundaries();
        Self {
            state,
            over,
            boundaries,
        }
    }

    /// Returns the planned start of the measured segment at position `index`, counted from 0, in
    /// nanoseconds on `CLOCK_MONOTONIC`. For an index beyond the last segment this is the end of
    /// the last.
    pub fn segment_start_ns(&self, index: usize) -> u64 {
        let start = self.boundaries.get(index).or(self.boundaries.last());
        start.copied().unwrap_or(0)
    }

    /// Waits until `instant_ns` (on `CLOCK_MONOTONIC`) or until the run ends. Returns true if the
    /// run ended first.
    pub async fn ends_before(&self, instant_ns: u64) -> bool {
        let left_ns = instant_ns.saturating_sub(monotonic_ns());
        tokio::select! {
            biased;
            () = self.over.cancelled() => true,
            () = tokio::time::sleep(Duration::from_nanos(left_ns)) => false,
        }
    }

    /// Waits until the run has ended, as planned or early.
    pub async fn ended(&self) {
        self.over.cancelled().await;
    }

    /// Returns true if the run has ended, as planned or early.
    pub fn has_ended(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Reports a failure of the actor, which stop rules count. The results of the load do not
    /// include it.
    pub fn note_failure(&self, failure: &Failure) {
        self.state.step.recorder.note_failure(failure);
    }
}
