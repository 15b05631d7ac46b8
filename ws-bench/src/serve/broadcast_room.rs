//! Room in which each message goes to all open connections.

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio_tungstenite::tungstenite::Message;

use super::counters::Counters;

/// Number of messages that are kept for a client that reads slowly. One that is further behind
/// misses the oldest ones: it neither fills the memory nor holds up the others.
const KEPT_MESSAGES: usize = 4_096;

/// Room of all open connections. The payload of a message is shared by all of them.
#[derive(Debug)]
pub(crate) struct BroadcastRoom {
    sender: Sender<Message>,
}

/// Messages that one connection has still to be sent, in their order.
#[derive(Debug)]
pub(crate) struct Deliveries {
    receiver: Receiver<Message>,
}

impl BroadcastRoom {
    pub(crate) fn new() -> Self {
        Self {
            sender: broadcast::channel(KEPT_MESSAGES).0,
        }
    }

    /// Adds a connection, which gets every message that is published from now on until the value is
    /// dropped.
    pub(crate) fn join(&self) -> Deliveries {
        Deliveries {
            receiver: self.sender.subscribe(),
        }
    }

    pub(crate) fn publish(&self, message: Message) {
        // Without any connection there is nobody to miss it.
        let _ = self.sender.send(message);
    }
}

impl Deliveries {
    /// Waits for the next message; `None` once there is no room. Counts the messages that were
    /// missed before it. No message is lost if the future is dropped before its end.
    pub(crate) async fn next(&mut self, counters: &Counters) -> Option<Message> {
        loop {
            match self.receiver.recv().await {
                Ok(message) => return Some(message),
                Err(RecvError::Lagged(messages)) => counters.skipped(messages),
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_is_too_far_behind_misses_the_oldest_and_goes_on() {
        let (room, counters) = (BroadcastRoom::new(), Counters::default());
        let mut deliveries = room.join();
        let published = KEPT_MESSAGES + 10;
        for n in 0..published {
            room.publish(Message::text(n.to_string()));
        }
        let first = deliveries.next(&counters).await.unwrap();
        assert_eq!(first, Message::text("10"));
        for _ in 1..KEPT_MESSAGES {
            deliveries.next(&counters).await.unwrap();
        }
        assert_eq!(counters.counts(0).skipped, 10);
        drop(room);
        assert_eq!(deliveries.next(&counters).await, None);
    }
}
