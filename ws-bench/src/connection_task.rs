//! Task of one open connection. It reads for as long as it runs, because pings are only answered
//! while it reads, and carries out the commands that come through the connection's handle.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use futures_util::StreamExt as _;
use load_engine::{Failure, Pauses};
use tokio::time::{sleep, timeout};

use crate::connection_handle::{
    CompletionToken, ConnectionCommand, ConnectionHandle, TalkSchedule, TalkerQueue,
};
use crate::connection_step::{ConnectionStep, RunSetup};
use crate::echo::{EchoResult, MessageSource, exchange_echo, read_data};
use crate::in_flight::{InFlightMessage, MessageArrival};
use crate::socket::WsSocket;

/// Time that a server may take to answer our closing.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Reason for which a connection's task ends. The token of the command that it was carrying out is
/// dropped only when the connection no longer counts as open, because whoever waits for the token
/// may count the open connections.
struct TaskEnd {
    failure: Failure,
    token: Option<CompletionToken>,
}

impl From<Failure> for TaskEnd {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            token: None,
        }
    }
}

/// State of an open connection.
pub(crate) struct ConnectionTask {
    socket: WsSocket,
    messages: MessageSource,
    handle: Arc<ConnectionHandle>,
    setup: Arc<RunSetup>,
}

impl ConnectionTask {
    /// Takes over a socket that has just been opened.
    pub(crate) fn new(
        socket: WsSocket,
        id: u64,
        handle: Arc<ConnectionHandle>,
        setup: Arc<RunSetup>,
    ) -> Self {
        setup.open.fetch_add(1, Ordering::Relaxed);
        Self {
            socket,
            messages: MessageSource::new(id, setup.message_bytes),
            handle,
            setup,
        }
    }

    /// Runs until the server or the worker thread ends the connection.
    pub(crate) async fn run(mut self) {
        let TaskEnd { failure, token } = self.follow_commands().await;
        let not_begun = self.handle.mark_closed(failure.clone());
        if let Some(ConnectionCommand::Check { step, .. }) = &not_begun {
            InFlightMessage::start(&step.checks).finish(Err(failure));
        }
        drop(self);
        drop((token, not_begun));
    }

    async fn follow_commands(&mut self) -> TaskEnd {
        loop {
            let result = tokio::select! {
                biased;
                item = self.socket.next() => read_data(item).map(drop).map_err(TaskEnd::from),
                command = self.handle.next_command() => self.execute(command).await,
            };
            if let Err(end) = result {
                return end;
            }
        }
    }

    /// Carries out `command`, and drops its token afterwards.
    async fn execute(&mut self, command: ConnectionCommand) -> Result<(), TaskEnd> {
        let (result, token) = match command {
            ConnectionCommand::Talk {
                step,
                schedule,
                token,
            } => {
                let result = match schedule {
                    TalkSchedule::Paused { pauses, offset } => {
                        self.talk_with_pauses(&step, pauses, offset).await
                    }
                    TalkSchedule::Arrivals(queue) => self.talk_on_arrivals(&step, queue).await,
                };
                (result, token)
            }
            ConnectionCommand::Check { step, token } => (self.check(&step).await, token),
            ConnectionCommand::Close { token } => {
                self.close().await;
                (Err(Failure::new("left", "closed by the bench")), token)
            }
        };
        let token = Some(token);
        result.map_err(|failure| TaskEnd { failure, token })
    }

    /// Closed loop: sends a message, waits for its echo, pauses, until measuring ends.
    async fn talk_with_pauses(
        &mut self,
        step: &ConnectionStep,
        mut pauses: Pauses,
        offset: Duration,
    ) -> Result<(), Failure> {
        let window = step.window();
        let wait_ns = window.start_ns.saturating_sub(monotonic_ns());
        self.read_for(Duration::from_nanos(wait_ns) + offset)
            .await?;
        while monotonic_ns() < window.measure_end_ns {
            self.send_message(InFlightMessage::start_echo(step)).await?;
            if let Some(pause) = pauses.next_pause() {
                self.read_for(pause).await?;
            }
        }
        Ok(())
    }

    /// Open loop: sends a message for each arrival, one at a time. Arrivals are still taken up for
    /// one time-out after measuring has ended.
    async fn talk_on_arrivals(
        &mut self,
        step: &ConnectionStep,
        mut queue: TalkerQueue,
    ) -> Result<(), Failure> {
        let give_up_ns = step.window().measure_end_ns + self.setup.timeout.as_nanos() as u64;
        let mut free_since_ns = 0;
        while let Some(arrival) = self.await_arrival(&mut queue).await? {
            if arrival.released_ns < free_since_ns {
                step.delayed.fetch_add(1, Ordering::Relaxed);
            }
            let message = InFlightMessage::from_arrival(step, arrival);
            if monotonic_ns() > give_up_ns {
                break;
            }
            self.send_message(message).await?;
            free_since_ns = monotonic_ns();
        }
        Ok(())
    }

    async fn await_arrival(
        &mut self,
        queue: &mut TalkerQueue,
    ) -> Result<Option<MessageArrival>, Failure> {
        loop {
            tokio::select! {
                biased;
                arrival = queue.next() => return Ok(arrival),
                item = self.socket.next() => drop(read_data(item)?),
            }
        }
    }

    async fn send_message(&mut self, message: InFlightMessage<'_>) -> Result<(), Failure> {
        match exchange_echo(&mut self.socket, &mut self.messages, self.setup.timeout).await {
            EchoResult::Answered => message.finish(Ok(())),
            EchoResult::Unanswered(failure) => message.finish(Err(failure)),
            EchoResult::Lost(failure) => {
                message.finish(Err(failure.clone()));
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Makes one round trip. A connection that does not answer within its time-out counts as lost
    /// and is closed.
    async fn check(&mut self, step: &ConnectionStep) -> Result<(), Failure> {
        let message = InFlightMessage::start(&step.checks);
        match exchange_echo(&mut self.socket, &mut self.messages, self.setup.timeout).await {
            EchoResult::Answered => {
                message.finish(Ok(()));
                Ok(())
            }
            EchoResult::Unanswered(failure) | EchoResult::Lost(failure) => {
                message.finish(Err(failure.clone()));
                Err(failure)
            }
        }
    }

    /// Reads for the length of `pause`.
    async fn read_for(&mut self, pause: Duration) -> Result<(), Failure> {
        let pause = sleep(pause);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                biased;
                item = self.socket.next() => drop(read_data(item)?),
                () = &mut pause => return Ok(()),
            }
        }
    }

    /// Closes as RFC 6455 has it: the server ends the TCP connection, so that our port is free
    /// again at once. A server that does not is left after a while.
    async fn close(&mut self) {
        let closing = async {
            if self.socket.close(None).await.is_ok() {
                while let Some(Ok(_)) = self.socket.next().await {}
            }
        };
        // Either way it is over.
        let _ = timeout(CLOSE_TIMEOUT, closing).await;
    }
}

impl Drop for ConnectionTask {
    fn drop(&mut self) {
        self.setup.open.fetch_sub(1, Ordering::Relaxed);
    }
}
