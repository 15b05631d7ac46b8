//! Counters of the test server. They are exact: a session counts for itself, and adds its counts
//! when it ends, so that no message waits for a counter that other threads change.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// End of a session, with the close code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ClosedBy {
    /// The client sent the first close frame, with this code (1005 for none), or ended the
    /// connection without one (1006).
    Client(u16),
    /// The server sent the first close frame, with this code (1005 for none), or ended the
    /// connection without one (1006).
    Server(u16),
}

/// Reason why an upgrade was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Refusal {
    /// The server has as many open connections as it may have.
    Full,
    /// The client's address has as many open connections as it may have.
    PerAddress,
    /// As many upgrades as may be were admitted within the last second.
    RateLimit,
}

/// Counters of all connections.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    accepted: AtomicU64,
    opened: AtomicU64,
    messages_in: AtomicU64,
    bytes_in: AtomicU64,
    messages_out: AtomicU64,
    bytes_out: AtomicU64,
    dropped: AtomicU64,
    duplicated: AtomicU64,
    skipped: AtomicU64,
    refused: Mutex<BTreeMap<Refusal, u64>>,
    closed: Mutex<BTreeMap<ClosedBy, u64>>,
}

/// Counts of one session, which are added to those of the server when this value is dropped.
#[derive(Debug)]
pub(crate) struct SessionTally<'a> {
    counters: &'a Counters,
    messages_in: u64,
    bytes_in: u64,
    messages_out: u64,
    bytes_out: u64,
}

/// Counts of a server that has ended. `accepted` is the sum of `opened`, `refused` and
/// `without_upgrade`; `opened` is the sum of `closed` and `open_at_end`.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ServeCounts {
    /// TCP connections that were accepted.
    pub(crate) accepted: u64,
    /// Connections that were upgraded to a WebSocket.
    pub(crate) opened: u64,
    /// Largest number of connections that were open at the same time.
    pub(crate) most_open: u64,
    /// Connections that were open when the server ended.
    pub(crate) open_at_end: u64,
    /// Upgrades that were refused.
    pub(crate) refused: RefusedCounts,
    /// Connections that ended before a request to upgrade was complete and correct.
    pub(crate) without_upgrade: u64,
    pub(crate) closed: ClosedCounts,
    /// Data messages from clients.
    pub(crate) messages_in: u64,
    /// Payload of the data messages from clients, in bytes.
    pub(crate) bytes_in: u64,
    /// Data messages to clients; one that is sent twice counts twice.
    pub(crate) messages_out: u64,
    /// Payload of the data messages to clients, in bytes.
    pub(crate) bytes_out: u64,
    /// Answers that were left out on request.
    pub(crate) dropped: u64,
    /// Answers that were sent twice on request.
    pub(crate) duplicated: u64,
    /// Broadcast messages that a client missed because it read too slowly.
    pub(crate) skipped: u64,
}

/// Counts of refused upgrades by reason.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct RefusedCounts {
    /// Refused with HTTP 503.
    pub(crate) full: u64,
    /// Refused with HTTP 403.
    pub(crate) per_address: u64,
    /// Refused with HTTP 429.
    pub(crate) rate_limit: u64,
}

/// Counts of closed connections by close code, and by who closed first.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ClosedCounts {
    pub(crate) by_client: BTreeMap<u16, u64>,
    pub(crate) by_server: BTreeMap<u16, u64>,
}

impl Counters {
    pub(crate) fn accepted(&self) {
        add(&self.accepted, 1);
    }

    pub(crate) fn opened(&self) {
        add(&self.opened, 1);
    }

    pub(crate) fn dropped(&self) {
        add(&self.dropped, 1);
    }

    pub(crate) fn duplicated(&self) {
        add(&self.duplicated, 1);
    }

    /// Counts broadcast messages that a client missed because it read too slowly.
    pub(crate) fn skipped(&self, messages: u64) {
        add(&self.skipped, messages);
    }

    pub(crate) fn refused(&self, reason: Refusal) {
        increment(&self.refused, reason);
    }

    pub(crate) fn closed(&self, by: ClosedBy) {
        increment(&self.closed, by);
    }

    /// Returns the counts; `most_open` is the largest number of open connections so far. They are
    /// exact once all sessions have ended.
    pub(crate) fn counts(&self, most_open: u64) -> ServeCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = RefusedCounts {
            full: refused.get(&Refusal::Full).copied().unwrap_or(0),
            per_address: refused.get(&Refusal::PerAddress).copied().unwrap_or(0),
            rate_limit: refused.get(&Refusal::RateLimit).copied().unwrap_or(0),
        };
        let mut closed = ClosedCounts::default();
        let ends = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        for (&by, &count) in ends.iter() {
            match by {
                ClosedBy::Client(code) => closed.by_client.insert(code, count),
                ClosedBy::Server(code) => closed.by_server.insert(code, count),
            };
        }
        let (accepted, opened) = (read(&self.accepted), read(&self.opened));
        ServeCounts {
            accepted,
            opened,
            most_open,
            open_at_end: opened.saturating_sub(ends.values().sum()),
            without_upgrade: accepted.saturating_sub(opened + refused.sum()),
            refused,
            closed,
            messages_in: read(&self.messages_in),
            bytes_in: read(&self.bytes_in),
            messages_out: read(&self.messages_out),
            bytes_out: read(&self.bytes_out),
            dropped: read(&self.dropped),
            duplicated: read(&self.duplicated),
            skipped: read(&self.skipped),
        }
    }
}

fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

fn increment<K: Ord>(counts: &Mutex<BTreeMap<K, u64>>, key: K) {
    let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    *counts.entry(key).or_default() += 1;
}

impl RefusedCounts {
    /// Returns the number of refused upgrades, whatever the reason.
    pub(crate) fn sum(&self) -> u64 {
        self.full + self.per_address + self.rate_limit
    }
}

impl<'a> SessionTally<'a> {
    pub(crate) fn new(counters: &'a Counters) -> Self {
        Self {
            counters,
            messages_in: 0,
            bytes_in: 0,
            messages_out: 0,
            bytes_out: 0,
        }
    }

    /// Counts a data message from the client, with a payload of this number of bytes.
    pub(crate) fn received(&mut self, bytes: usize) {
        self.messages_in += 1;
        self.bytes_in += bytes as u64;
    }

    /// Counts a data message to the client, with a payload of this number of bytes.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.messages_out += 1;
        self.bytes_out += bytes as u64;
    }
}

impl Drop for SessionTally<'_> {
    fn drop(&mut self) {
        add(&self.counters.messages_in, self.messages_in);
        add(&self.counters.bytes_in, self.bytes_in);
        add(&self.counters.messages_out, self.messages_out);
        add(&self.counters.bytes_out, self.bytes_out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_neither_opened_nor_refused_had_no_upgrade_and_what_is_not_closed_is_open() {
        let counters = Counters::default();
        (0..10).for_each(|_| counters.accepted());
        (0..6).for_each(|_| counters.opened());
        for reason in [Refusal::Full, Refusal::Full, Refusal::RateLimit] {
            counters.refused(reason);
        }
        for by in [ClosedBy::Client(1000), ClosedBy::Server(1000)] {
            counters.closed(by);
        }
        let counts = counters.counts(5);
        assert_eq!((counts.without_upgrade, counts.open_at_end), (1, 4));
        assert_eq!((counts.refused.full, counts.refused.per_address), (2, 0));
        assert_eq!(counts.closed.by_client, BTreeMap::from([(1000, 1)]));
        assert_eq!(counts.closed.by_server, BTreeMap::from([(1000, 1)]));
    }

    #[test]
    fn a_session_adds_its_counts_when_it_ends() {
        let counters = Counters::default();
        let mut tally = SessionTally::new(&counters);
        tally.received(20);
        tally.received(0);
        tally.sent(20);
        assert_eq!(counters.counts(0).messages_in, 0);
        drop(tally);
        let counts = counters.counts(0);
        assert_eq!((counts.messages_in, counts.bytes_in), (2, 20));
        assert_eq!((counts.messages_out, counts.bytes_out), (1, 20));
    }
}
