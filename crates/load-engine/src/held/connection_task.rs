//! Task of one open connection. It reads all the time, and carries out the commands that arrive
//! through the connection's handle.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use tokio::time::{sleep, timeout};

use super::connection_factory::HeldConnection;
use super::connection_handle::{CompletionToken, ConnectionCommand, ConnectionHandle};
use super::held_step::HeldStep;
use super::message_window::MessageWindow;
use super::talk::Talk;
use super::talk_schedule::{TalkProgress, TalkSchedule};
use super::traffic_meter::TrafficMeter;
use crate::record::failure::Failure;
use crate::record::in_flight_request::InFlightRequest;
use crate::record::operation_table::OperationId;
use crate::record::outcome::Outcome;
use crate::record::step_recorder::StepRecorder;

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
    /// Number of messages that were queued so far.
    queued: u64,
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
            queued: 0,
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
                received = poll_fn(|context| self.connection.poll_receive(context)) => match received {
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
                let talked = self.talk(&step, &mut schedule).await;
                (talked.map_err(TaskEnd::from), token)
            }
            ConnectionCommand::Check { step, token } => {
                let checked = self.check(&step).await;
                (checked.map_err(TaskEnd::from), token)
            }
            ConnectionCommand::Close { token } => (Err(TaskEnd::Closed), token),
        }
    }

    /// Exchanges messages by `schedule` until that has ended. Fails if the connection is lost.
    async fn talk(&mut self, step: &HeldStep, schedule: &mut TalkSchedule) -> Result<(), Failure> {
        let Some(progress) = TalkProgress::begin(step, schedule) else {
            return Ok(());
        };
        let window = self.window(step, &step.messages, step.level.in_flight);
        let meter = step
            .segments()
            .map(|segments| TrafficMeter::new(&step.counts, segments));
        self.exchange(window, progress, meter).await.map(drop)
    }

    /// Exchanges one message as proof that the connection is alive. Fails if no answer or a wrong
    /// one arrives, or the connection is lost; the caller then closes it.
    async fn check(&mut self, step: &HeldStep) -> Result<(), Failure> {
        let window = self.window(step, &step.checks, 1);
        let once = TalkProgress::Once(Some(step));
        let unanswered = self.exchange(window, once, None).await?;
        unanswered.map_or(Ok(()), Err)
    }

    fn window<'a>(
        &self,
        step: &'a HeldStep,
        recorder: &'a StepRecorder,
        most: u64,
    ) -> MessageWindow<'a> {
        let timeout_ns = self.timeout.as_nanos() as u64;
        MessageWindow::new(recorder, &step.counts, most, self.queued + 1, timeout_ns)
    }

    async fn exchange(
        &mut self,
        window: MessageWindow<'_>,
        progress: TalkProgress<'_>,
        meter: Option<TrafficMeter<'_>>,
    ) -> Result<Option<Failure>, Failure> {
        let sleep = pin!(sleep(Duration::ZERO));
        let mut talk = Talk::new(
            &mut self.connection,
            &self.handle,
            &mut self.queued,
            self.timeout,
            window,
            progress,
            meter,
            sleep,
        );
        poll_fn(|context| talk.poll(context)).await
    }
}

/// Records the check of a connection that was lost before the check as failed, with `failure`.
pub(crate) fn record_lost(step: &HeldStep, failure: Failure) {
    let request = InFlightRequest::for_user(&step.checks, monotonic_ns());
    request.finish(&Outcome::failed(OperationId::FIRST, failure), &[]);
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll};

    use super::*;
    use crate::held::connection_factory::Incoming;

    struct Tiny;

    impl HeldConnection for Tiny {
        fn queue(&mut self) -> Result<(), Failure> {
            Ok(())
        }

        fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
            Poll::Ready(Ok(()))
        }

        fn poll_receive(&mut self, _: &mut Context<'_>) -> Poll<Result<Incoming, Failure>> {
            Poll::Pending
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
