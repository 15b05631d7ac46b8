//! Messages that one connection sends, and the matching of echoes to them.

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::connection::message_sizes::{MessageSizes, SMALLEST_BYTES};

/// Source of the messages that one connection sends; all of them differ.
#[derive(Debug)]
pub(crate) struct MessageSource {
    connection: u64,
    sequence: u64,
    sizes: MessageSizes,
    scratch: BytesMut,
}

/// Result of comparing a received message with those that were sent on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EchoKind {
    /// Echo of the message with this number, counted from 1 in the order of sending.
    Of(u64),
    /// Echo of a message of this connection whose content or length has changed.
    Changed,
    /// No echo of a message of this connection: the server sent it by itself, or to all
    /// connections.
    Foreign,
}

impl MessageSource {
    /// Creates the source for the connection with the number `connection`.
    pub(crate) fn new(connection: u64, sizes: MessageSizes) -> Self {
        Self {
            connection,
            sequence: 0,
            sizes,
            scratch: BytesMut::new(),
        }
    }

    /// Creates the next message. It reuses the memory of earlier ones that were dropped.
    pub(crate) fn next(&mut self) -> Bytes {
        self.sequence += 1;
        let size = self.sizes.size(self.connection, self.sequence);
        self.scratch.reserve(size);
        self.scratch.put_u64(self.connection);
        self.scratch.put_u64(self.sequence);
        self.scratch.put_bytes(0, size - SMALLEST_BYTES);
        self.scratch.split().freeze()
    }

    /// Compares a received message with those that were sent.
    pub(crate) fn kind(&self, echo: &[u8]) -> EchoKind {
        let number = |at: usize| {
            let bytes = echo.get(at..at + 8)?;
            Some(u64::from_be_bytes(bytes.try_into().ok()?))
        };
        if number(0) != Some(self.connection) {
            return EchoKind::Foreign;
        }
        let is_whole = |sequence: &u64| {
            (1..=self.sequence).contains(sequence)
                && echo.len() == self.sizes.size(self.connection, *sequence)
                && echo[SMALLEST_BYTES..].iter().all(|byte| *byte == 0)
        };
        match number(8).filter(is_whole) {
            Some(sequence) => EchoKind::Of(sequence),
            None => EchoKind::Changed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_messages_are_equal_and_memory_is_taken_up_again() {
        let mut messages = MessageSource::new(7, MessageSizes::of(20));
        let first = messages.next();
        assert_eq!(first.len(), 20);
        let place = first.as_ptr();
        let copy = first.to_vec();
        drop(first);
        let second = messages.next();
        assert_ne!(copy, second);
        assert_ne!(MessageSource::new(8, MessageSizes::of(20)).next(), copy);
        drop(second);
        let places: Vec<_> = (0..8).map(|_| messages.next().as_ptr()).collect();
        assert!(places.contains(&place) || places[1..].contains(&places[0]));
    }

    #[test]
    fn an_answer_is_told_from_a_changed_one_and_from_what_others_are_sent() {
        let mut messages = MessageSource::new(7, MessageSizes::of(20));
        let first = messages.next();
        let second = messages.next();
        assert_eq!(messages.kind(&first), EchoKind::Of(1));
        assert_eq!(messages.kind(&second), EchoKind::Of(2));
        let mut changed = second.to_vec();
        changed[19] = 1;
        for changed in [&changed[..], &second[..19]] {
            assert_eq!(messages.kind(changed), EchoKind::Changed, "{changed:?}");
        }
        for foreign in [
            &MessageSource::new(8, MessageSizes::of(20)).next()[..],
            b"something else",
            b"",
        ] {
            assert_eq!(messages.kind(foreign), EchoKind::Foreign, "{foreign:?}");
        }
    }
}
