//! Exchange of messages with one client whose answers wait, have faults, or go to others as well.

use std::future::pending;

use tokio::select;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::Message;

use super::answer_faults::AnswerFate;
use super::answer_queue::AnswerQueue;
use super::broadcast_room::Deliveries;
use super::client_messages::{receive, send};
use super::client_stream::{Activity, ClientSocket};
use super::counters::SessionTally;
use super::options::AnswerMode;
use super::session_end::SessionEnd;
use super::shared::SharedState;
use super::stream_answer::ChunkSource;

/// Exchange of messages with one client. An answer is a message that the server sends: an echo, a
/// delivery of a broadcast message, or a chunk.
pub(crate) struct Conversation<'a> {
    shared: &'a SharedState,
    socket: &'a mut ClientSocket,
    tally: SessionTally<'a>,
    deliveries: Option<Deliveries>,
    waiting: AnswerQueue,
    /// Number of answers so far, those that were left out included.
    answers: u64,
}

impl<'a> Conversation<'a> {
    pub(crate) fn new(
        shared: &'a SharedState,
        socket: &'a mut ClientSocket,
        tally: SessionTally<'a>,
        deliveries: Option<Deliveries>,
    ) -> Self {
        Self {
            shared,
            socket,
            tally,
            deliveries,
            waiting: AnswerQueue::default(),
            answers: 0,
        }
    }

    /// Answers the client until a rule closes the connection, the client closes it, or violates the
    /// protocol. A rule of time also applies while the client takes no more bytes.
    pub(crate) async fn run(mut self, activity: Option<&Activity>) -> SessionEnd {
        let rules = &self.shared.options.session.closing;
        let oldest = rules.max_age.map(|age| Instant::now() + age);
        let idle = async {
            match (activity, rules.idle_timeout) {
                (Some(activity), Some(timeout)) => activity.idle(timeout).await,
                _ => pending().await,
            }
        };
        select! {
            end = self.exchange() => end,
            () = until(oldest) => SessionEnd::Rule,
            () = idle => SessionEnd::Rule,
        }
    }

    async fn exchange(&mut self) -> SessionEnd {
        loop {
            if let Err(end) = self.turn().await {
                return end;
            }
        }
    }

    /// Receives one message or sends one answer, whichever is possible first.
    async fn turn(&mut self) -> Result<(), SessionEnd> {
        let may_receive = self.waiting.may_receive(Instant::now());
        select! {
            () = until(self.waiting.next_due()) => self.answer().await?,
            message = receive(self.socket), if may_receive => self.received(message?),
            message = next_delivery(&mut self.deliveries, self.shared), if may_receive => {
                self.waiting.push_message(message, self.due());
            }
        }
        Ok(())
    }

    fn received(&mut self, message: Message) {
        self.tally.received(message.len());
        match self.shared.options.session.mode {
            AnswerMode::Echo => self.waiting.push_message(message, self.due()),
            AnswerMode::Broadcast => {
                if let Some(room) = &self.shared.room {
                    room.publish(message);
                }
            }
            AnswerMode::Stream { chunks, interval } => {
                let chunks = ChunkSource::new(&message, chunks, interval);
                self.waiting.push_stream(chunks, self.due());
            }
        }
    }

    /// Returns the instant at which an answer to what has just come is due.
    fn due(&self) -> Instant {
        let delay = self.shared.options.session.faults.delay;
        Instant::now() + delay.draw(&mut rand::rng())
    }

    /// Sends the next answer, with the fault that it is due.
    async fn answer(&mut self) -> Result<(), SessionEnd> {
        let Some(message) = self.waiting.pop() else {
            return Ok(());
        };
        match self.shared.faults.next() {
            AnswerFate::LeftOut => self.shared.counters.dropped(),
            AnswerFate::Once => send(self.socket, &mut self.tally, message).await?,
            AnswerFate::Twice => {
                send(self.socket, &mut self.tally, message.clone()).await?;
                send(self.socket, &mut self.tally, message).await?;
                self.shared.counters.duplicated();
            }
        }
        self.answers += 1;
        if self.shared.options.session.closing.after_answers == Some(self.answers) {
            return Err(SessionEnd::Rule);
        }
        Ok(())
    }
}

/// Waits for the next broadcast message; for ever if there are none.
async fn next_delivery(deliveries: &mut Option<Deliveries>, shared: &SharedState) -> Message {
    let next = match deliveries {
        Some(deliveries) => deliveries.next(&shared.counters).await,
        None => None,
    };
    match next {
        Some(message) => message,
        None => pending().await,
    }
}

/// Waits until `due`, at once if it has passed; for ever if there is none.
async fn until(due: Option<Instant>) {
    match due {
        None => pending().await,
        // The timer would round up to its next tick.
        Some(due) if due <= Instant::now() => {}
        Some(due) => sleep_until(due).await,
    }
}
