//! Task of one open connection. It reads all the time, and carries out the commands that arrive
//! through the connection's handle.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use tokio::time::{sleep, timeout};

use super::connection_factory::{HeldConnection, Incoming};
use super::connection_handle::{CompletionToken, ConnectionCommand, ConnectionHandle};
use super::held_step::HeldStep;
use super::talk_schedule::{TalkSchedule, TalkerQueue};
use crate::plan::think_time::Pauses;
use crate::record::failure::Failure;
use crate::record::in_flight_request::{Arrival, InFlightRequest};
use crate::record::operation_table::OperationId;
use crate::record::outcome::Outcome;

/// Longest time that the closing of a connection may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Guard that counts a connection as open, in the shared number of open connections, until it is
/// dropped.
#[derive(Debug)]
struct OpenGuard(Arc<AtomicU64>);

impl Drop for OpenGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Task of one open connection, with its state.
pub(crate) struct ConnectionTask<C> {
    connection: C,
    handle: Arc<ConnectionHandle>,
    /// Longest wait for the answer to a message.
    timeout: Duration,
    guard: OpenGuard,
}

/// Reason for which a connection's task ends.
enum TaskEnd {
    /// The connection was lost, with this failure.
    Lost(Failure),
    /// The worker told the task to close the connection.
    Closed,
}

impl From<Failure> for TaskEnd {
    fn from(failure: Failure) -> Self {
        Self::Lost(failure)
    }
}

/// Result of the exchange of one message.
enum Exchange {
    Answered,
    /// No answer arrived in time, or a wrong one. The connection is still open.
    Unanswered(Failure),
    /// The connection was lost during the exchange.
    Lost(Failure),
    /// The worker made the task abandon the wait for the answer.
    Ceased,
}

impl<C: HeldConnection> ConnectionTask<C> {
    /// Creates the task of a connection that was just opened, and adds one to `open` until the task
    /// ends. `timeout` is the longest wait for an answer.
    pub(crate) fn new(
        connection: C,
        handle: Arc<ConnectionHandle>,
        timeout: Duration,
        open: &Arc<AtomicU64>,
    ) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self {
            connection,
            handle,
            timeout,
            guard: OpenGuard(Arc::clone(open)),
        }
    }

    /// Carries out commands until the connection is lost or the worker closes it. Then marks the
    /// handle as closed.
    pub(crate) async fn run(mut self) {
        let (end, token) = self.follow_commands().await;
        let failure = match end {
            TaskEnd::Lost(failure) => failure,
            TaskEnd::Closed => {
                // The connection has ended, whether or not its closing succeeded.
                let _ = timeout(CLOSE_TIMEOUT, self.connection.close()).await;
                Failure::new("left", "closed by the bench")
            }
        };
        let not_begun = self.handle.mark_closed(failure.clone());
        if let Some(ConnectionCommand::Check { step, .. }) = &not_begun {
            record_lost(step, failure);
        }
        // The guard is dropped first: the holder of the token may next read the count of open
        // connections.
        drop(self.guard);
        drop((token, not_begun));
    }

    async fn follow_commands(&mut self) -> (TaskEnd, Option<CompletionToken>) {
        loop {
            let command = tokio::select! {
                biased;
                received = self.connection.receive() => match received {
                    Ok(_) => continue,
                    Err(failure) => return (failure.into(), None),
                },
                command = self.handle.next_command() => command,
            };
            let (result, token) = self.execute(command).await;
            if let Err(end) = result {
                return (end, Some(token));
            }
        }
    }

    async fn execute(
        &mut self,
        command: ConnectionCommand,
    ) -> (Result<(), TaskEnd>, CompletionToken) {
        match command {
            ConnectionCommand::Talk {
                step,
                mut schedule,
                token,
            } => {
                let talked = match &mut *schedule {
                    TalkSchedule::Paused { pauses, offset } => {
                        self.talk_with_pauses(&step, pauses, *offset).await
                    }
                    TalkSchedule::Arrivals(queue) => self.talk_on_arrivals(&step, queue).await,
                };
                (talked.map_err(TaskEnd::from), token)
            }
            ConnectionCommand::Check { step, token } => {
                let checked = self.check(&step).await;
                (checked.map_err(TaskEnd::from), token)
            }
            ConnectionCommand::Close { token } => (Err(TaskEnd::Closed), token),
        }
    }

    /// Runs a closed loop until the measured part ends: sends a message, waits for its answer,
    /// pauses. The first message is sent `offset` after the start of the step. Fails if the
    /// connection is lost.
    async fn talk_with_pauses(
        &mut self,
        step: &HeldStep,
        pauses: &mut Pauses,
        offset: Duration,
    ) -> Result<(), Failure> {
        let Some(segments) = step.segments() else {
            return Ok(());
        };
        let end_ns = segments.measure_end_ns();
        let pauses_never = pauses.are_none();
        let mut next_ns = segments.start_ns() + offset.as_nanos() as u64;
        loop {
            let mut now_ns = monotonic_ns();
            if now_ns < next_ns {
                let pause_ns = next_ns.min(end_ns).saturating_sub(now_ns);
                if self.read_for(Duration::from_nanos(pause_ns)).await? {
                    return Ok(());
                }
                now_ns = monotonic_ns();
            }
            if now_ns >= end_ns || step.is_halted() {
                return Ok(());
            }
            let request = InFlightRequest::for_user(&step.messages, now_ns);
            match self.exchange(request).await {
                Exchange::Answered | Exchange::Unanswered(_) => {}
                Exchange::Lost(failure) => return Err(failure),
                Exchange::Ceased => return Ok(()),
            }
            // Without think time, `pauses` is left alone, which saves a cache miss per message.
            let pause = (!pauses_never).then(|| pauses.next_pause()).flatten();
            next_ns = pause.map_or(0, |pause| monotonic_ns() + pause.as_nanos() as u64);
        }
    }

    /// Runs an open loop: sends a message for each arrival, one at a time, until the queue has
    /// ended. Fails if the connection is lost.
    async fn talk_on_arrivals(
        &mut self,
        step: &HeldStep,
        queue: &mut TalkerQueue,
    ) -> Result<(), Failure> {
        let mut free_since_ns = 0;
        while let Some(arrival) = self.await_arrival(queue).await? {
            if arrival.released_ns < free_since_ns {
                step.delayed.fetch_add(1, Ordering::Relaxed);
            }
            let request = InFlightRequest::for_arrival(&step.messages, arrival);
            match self.exchange(request).await {
                Exchange::Answered | Exchange::Unanswered(_) => {}
                Exchange::Lost(failure) => return Err(failure),
                Exchange::Ceased => break,
            }
            free_since_ns = monotonic_ns();
        }
        Ok(())
    }

    /// Waits for the next arrival, and reads from the connection meanwhile. `None` when the queue
    /// has ended, or the command is to be abandoned. Fails if the connection is lost.
    async fn await_arrival(&mut self, queue: &mut TalkerQueue) -> Result<Option<Arrival>, Failure> {
        loop {
            tokio::select! {
                biased;
                () = self.handle.ceased() => return Ok(None),
                arrival = queue.next() => return Ok(arrival),
                received = self.connection.receive() => drop(received?),
            }
        }
    }

    /// Reads from the connection for the length of `pause`. Returns true if the command is to be
    /// abandoned before its end. Fails if the connection is lost.
    async fn read_for(&mut self, pause: Duration) -> Result<bool, Failure> {
        let pause = sleep(pause);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                biased;
                () = self.handle.ceased() => return Ok(true),
                received = self.connection.receive() => drop(received?),
                () = &mut pause => return Ok(false),
            }
        }
    }

    /// Exchanges one message as proof that the connection is alive. Fails if no answer or a wrong
    /// one arrives, or the connection is lost; the caller then closes it.
    async fn check(&mut self, step: &HeldStep) -> Result<(), Failure> {
        let request = InFlightRequest::for_user(&step.checks, monotonic_ns());
        match self.exchange(request).await {
            Exchange::Answered | Exchange::Ceased => Ok(()),
            Exchange::Unanswered(failure) | Exchange::Lost(failure) => Err(failure),
        }
    }

    /// Sends a message, waits for its answer, and records the result in `request`.
    async fn exchange(&mut self, request: InFlightRequest<'_>) -> Exchange {
        let (connection, bound) = (&mut self.connection, self.timeout);
        let exchanged = tokio::select! {
            biased;
            exchanged = timeout(bound, send_and_receive(connection)) => exchanged,
            // Leaving here drops the request, which records it as censored.
            () = self.handle.ceased() => return Exchange::Ceased,
        };
        let exchange = match exchanged {
            Ok(Ok(None)) => Exchange::Answered,
            Ok(Ok(Some(wrong))) => Exchange::Unanswered(wrong),
            Ok(Err(lost)) => Exchange::Lost(lost),
            Err(_) => Exchange::Unanswered(self.connection.unanswered(bound)),
        };
        let outcome = match &exchange {
            Exchange::Unanswered(failure) | Exchange::Lost(failure) => {
                Outcome::failed(OperationId::FIRST, failure.clone())
            }
            Exchange::Answered | Exchange::Ceased => Outcome::success(OperationId::FIRST),
        };
        request.finish(&outcome, &[]);
        exchange
    }
}

/// Sends a message and waits for its answer. Returns `None` for a right answer and the failure for
/// a wrong one. Fails if the connection is lost.
async fn send_and_receive(
    connection: &mut impl HeldConnection,
) -> Result<Option<Failure>, Failure> {
    connection.send().await?;
    loop {
        match connection.receive().await? {
            Incoming::Answer => return Ok(None),
            Incoming::Wrong(failure) => return Ok(Some(failure)),
            Incoming::Other => {}
        }
    }
}

/// Records the check of a connection that was lost before the check as failed, with `failure`.
pub(crate) fn record_lost(step: &HeldStep, failure: Failure) {
    let request = InFlightRequest::for_user(&step.checks, monotonic_ns());
    request.finish(&Outcome::failed(OperationId::FIRST, failure), &[]);
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Tiny;

    impl HeldConnection for Tiny {
        async fn send(&mut self) -> Result<(), Failure> {
            Ok(())
        }

        async fn receive(&mut self) -> Result<Incoming, Failure> {
            std::future::pending().await
        }

        fn unanswered(&self, _: Duration) -> Failure {
            Failure::new("timeout", "no answer")
        }
    }

    /// Test: the task of a connection takes little memory, because there may be 100,000 tasks.
    #[test]
    fn a_task_is_small() {
        let (handle, open) = (Arc::default(), Arc::default());
        let task = ConnectionTask::new(Tiny, handle, Duration::from_secs(1), &open);
        let bytes = size_of_val(&task.run());
        assert!(bytes <= 1_024, "{bytes}");
    }
}
