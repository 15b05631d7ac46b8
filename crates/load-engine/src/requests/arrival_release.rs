//! Release of an open loop's arrivals to the sessions, each when it is due.

use bench_report::clock::monotonic_ns;

use super::arrival_queue::{ARRIVAL_QUEUE_CAPACITY, ArrivalQueue};
use super::due_instants::DueInstants;
use crate::load::pacer::Pacer;
use crate::load::step_state::{PacerError, StepState};
use crate::plan::intended_load::IntendedLoad;
use crate::plan::segments::Segments;
use crate::plan::step_plan::WaitStrategy;
use crate::record::in_flight_request::{Arrival, InFlightRequest};

const RELEASED_AT_A_STRETCH: u64 = 32;
/// Length in nanoseconds above which a wait for the next arrival ends early at a change of the
/// load. It is half of the time between a change and the instant from which it holds, so that a
/// shorter wait notices it in time.
const LONG_WAIT_NS: u64 = 10_000_000;

/// Release of the arrivals of one worker of an open loop into its queue, each when it is due.
pub(super) struct ArrivalRelease<'a> {
    queue: &'a ArrivalQueue,
    shared: &'a StepState,
    arrivals: DueInstants,
    start_ns: u64,
    end_ns: u64,
    /// Number of changes of the load that `arrivals` already includes.
    seen: usize,
    /// Instant of the last release in nanoseconds on `CLOCK_MONOTONIC`; 0 before the first.
    released_ns: u64,
}

impl<'a> ArrivalRelease<'a> {
    pub(super) fn new(
        arrivals: DueInstants,
        segments: &Segments,
        queue: &'a ArrivalQueue,
        shared: &'a StepState,
    ) -> Self {
        Self {
            queue,
            shared,
            arrivals,
            start_ns: segments.start_ns(),
            end_ns: segments.measure_end_ns(),
            seen: 0,
            released_ns: 0,
        }
    }

    /// Releases each arrival when it is due, until the measured part ends or the step is halted.
    /// Arrivals that were due by then but not released are recorded as censored, like requests that
    /// are cut off. A failure of the timer and a full queue are noted in the shared state as the
    /// pacer's error.
    pub(super) async fn run(mut self, waiting: WaitStrategy) {
        let shared = self.shared;
        tokio::select! {
            biased;
            () = shared.halted() => {}
            released = self.release_all(waiting) => {
                if let Err(error) = released {
                    shared.set_pacer_error(error);
                }
            }
        }
        let ended_ns = monotonic_ns();
        self.follow_changes();
        while let Some(due_ns) = self.next_before(self.end_ns.min(ended_ns)) {
            let arrival = Arrival {
                due_ns,
                released_ns: ended_ns,
            };
            self.arrivals.advance();
            shared.step.recorder.begin(due_ns);
            drop(InFlightRequest::never_started(&shared.step, arrival));
        }
    }

    /// Applies the changes of the load since the last call to the arrivals that are not yet
    /// released.
    fn follow_changes(&mut self) {
        if let Some((seen, load)) = self.shared.changes.since(self.seen) {
            if let IntendedLoad::Rate(curves) = &*load {
                self.arrivals.follow(curves.clone());
            }
            self.seen = seen;
        }
    }

    /// Returns the instant of the next arrival on `CLOCK_MONOTONIC`, in nanoseconds; `None` if it
    /// is not due before `until_ns`, or no arrival is left.
    fn next_before(&self, until_ns: u64) -> Option<u64> {
        let due_ns = self.start_ns + self.arrivals.due()?;
        (due_ns < until_ns).then_some(due_ns)
    }

    async fn release_all(&mut self, waiting: WaitStrategy) -> Result<(), PacerError> {
        let timer = |error: std::io::Error| PacerError::Timer(error.to_string());
        let mut pacer = Pacer::new(waiting).map_err(timer)?;
        for n in 0_u64.. {
            let due_ns = self.wait_for_next(&mut pacer).await.map_err(timer)?;
            let Some(due_ns) = due_ns else { break };
            self.arrivals.advance();
            self.released_ns = monotonic_ns();
            self.shared.step.recorder.begin(due_ns);
            if !self.queue.push(Arrival {
                due_ns,
                released_ns: self.released_ns,
            }) {
                let capacity = ARRIVAL_QUEUE_CAPACITY;
                return Err(PacerError::QueueFull { capacity });
            }
            if n % RELEASED_AT_A_STRETCH == 0 {
                // A pacer that catches up never has to wait, and would starve its own sessions.
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Waits until the next arrival is due and returns its instant, in nanoseconds on
    /// `CLOCK_MONOTONIC`; `None` once the measured part is over. Fails if the pacer's timer does.
    async fn wait_for_next(&mut self, pacer: &mut Pacer) -> std::io::Result<Option<u64>> {
        loop {
            self.follow_changes();
            let due_ns = self.next_before(self.end_ns);
            // Even without a further arrival, a change may add some.
            let wake_ns = due_ns.unwrap_or(self.end_ns);
            if wake_ns.saturating_sub(self.released_ns) > LONG_WAIT_NS {
                tokio::select! {
                    biased;
                    () = self.shared.disturbed(self.seen) => {}
                    waited = pacer.wait_until(wake_ns) => waited?,
                }
            } else {
                pacer.wait_until(wake_ns).await?;
            }
            if self.shared.changes.count() == self.seen {
                return Ok(due_ns);
            }
        }
    }
}
