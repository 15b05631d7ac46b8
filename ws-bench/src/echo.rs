//! Exchange of one message and its echo.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::{SinkExt as _, StreamExt as _};
use load_engine::Failure;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::failure;
use crate::socket::WsSocket;

/// Bytes of the connection number and sequence number, which tell each message from all others.
pub(crate) const SMALLEST_BYTES: usize = 16;

/// Source of the messages of one connection, no two of them equal.
#[derive(Debug)]
pub(crate) struct MessageSource {
    connection: u64,
    sequence: u64,
    size: usize,
    scratch: BytesMut,
}

impl MessageSource {
    /// Creates a source of messages of `size` bytes, at least [`SMALLEST_BYTES`].
    pub(crate) fn new(connection: u64, size: usize) -> Self {
        Self {
            connection,
            sequence: 0,
            size: size.max(SMALLEST_BYTES),
            scratch: BytesMut::new(),
        }
    }

    /// Makes the next message, in the memory of the last one, which has been sent by then.
    fn next(&mut self) -> Bytes {
        self.sequence += 1;
        self.scratch.reserve(self.size);
        self.scratch.put_u64(self.connection);
        self.scratch.put_u64(self.sequence);
        self.scratch.put_bytes(0, self.size - SMALLEST_BYTES);
        self.scratch.split().freeze()
    }

    /// Returns true if `answer` belongs to an earlier message, whose time had run out.
    fn is_late(&self, answer: &[u8]) -> bool {
        let number = |at: usize| {
            let bytes = answer.get(at..at + 8)?;
            Some(u64::from_be_bytes(bytes.try_into().ok()?))
        };
        answer.len() == self.size
            && number(0) == Some(self.connection)
            && number(8).is_some_and(|sequence| sequence < self.sequence)
    }
}

/// Result of one message.
#[derive(Debug)]
pub(crate) enum EchoResult {
    /// Its echo came.
    Answered,
    /// No echo came in time, or a different one; the connection is still open.
    Unanswered(Failure),
    /// The connection was lost.
    Lost(Failure),
}

/// Sends one message and waits for its echo for at most `bound`.
pub(crate) async fn exchange_echo(
    socket: &mut WsSocket,
    messages: &mut MessageSource,
    bound: Duration,
) -> EchoResult {
    let message = messages.next();
    match timeout(bound, send_and_receive(socket, messages, message)).await {
        Ok(Ok(true)) => EchoResult::Answered,
        Ok(Ok(false)) => {
            let text = "the answer was not what had been sent";
            EchoResult::Unanswered(Failure::new(failure::WRONG_ECHO, text))
        }
        Ok(Err(failure)) => EchoResult::Lost(failure),
        Err(_) => {
            let text = format!("no echo within {}", humantime::format_duration(bound));
            EchoResult::Unanswered(Failure::new(failure::ECHO_TIMEOUT, &text))
        }
    }
}

async fn send_and_receive(
    socket: &mut WsSocket,
    messages: &MessageSource,
    message: Bytes,
) -> Result<bool, Failure> {
    let sent = socket.send(Message::Binary(message.clone())).await;
    sent.map_err(|error| failure::from_session(&error))?;
    loop {
        let Some(answer) = read_data(socket.next().await)? else {
            continue;
        };
        if !messages.is_late(&answer) {
            return Ok(answer == message);
        }
    }
}

/// Returns the data of a received item; `None` for control frames, of which the library answers
/// pings.
pub(crate) fn read_data(item: Option<Result<Message, Error>>) -> Result<Option<Bytes>, Failure> {
    match item {
        None => Err(failure::from_end()),
        Some(Err(error)) => Err(failure::from_session(&error)),
        Some(Ok(Message::Close(frame))) => Err(failure::from_close(frame.as_ref())),
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(None),
        Some(Ok(message)) => Ok(Some(message.into_data())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_messages_are_equal_and_memory_is_taken_up_again() {
        let mut messages = MessageSource::new(7, 20);
        let first = messages.next();
        assert_eq!(first.len(), 20);
        let place = first.as_ptr();
        let copy = first.to_vec();
        drop(first);
        let second = messages.next();
        assert_ne!(copy, second);
        assert_ne!(MessageSource::new(8, 20).next(), copy);
        drop(second);
        let places: Vec<_> = (0..8).map(|_| messages.next().as_ptr()).collect();
        assert!(places.contains(&place) || places[1..].contains(&places[0]));
    }

    #[test]
    fn a_late_answer_is_told_from_a_wrong_one() {
        let mut messages = MessageSource::new(7, 20);
        let first = messages.next();
        let second = messages.next();
        assert!(messages.is_late(&first));
        assert!(!messages.is_late(&second));
        assert!(!messages.is_late(b"something else"));
        assert!(!messages.is_late(&MessageSource::new(8, 20).next()));
    }
}
