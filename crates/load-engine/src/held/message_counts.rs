//! Counts of the messages of a step: how many went both ways, and which were lost, late, doubled or
//! foreign.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use bench_report::names::{FigureName, steps};

/// Number of messages that went over one connection since it was opened, and of the bytes in them,
/// without the frames around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Number of messages that were queued for sending.
    pub sent: u64,
    /// Bytes in these messages.
    pub sent_bytes: u64,
    /// Number of messages that arrived, answers or not; control frames are left out.
    pub received: u64,
    /// Bytes in these messages.
    pub received_bytes: u64,
}

/// Counts of the messages of a step over all connections of a process, without the warm-up.
#[derive(Debug, Default)]
pub(crate) struct MessageCounts {
    /// Messages without an answer in time, or whose connection ended before it.
    pub(super) unanswered: AtomicU64,
    /// Answers that arrived after the time-out of their message.
    pub(super) late: AtomicU64,
    /// Answers to messages that had been answered before.
    pub(super) duplicates: AtomicU64,
    /// Incoming messages that answer none of the connection.
    pub(super) unmatched: AtomicU64,
    sent: AtomicU64,
    sent_bytes: AtomicU64,
    received: AtomicU64,
    received_bytes: AtomicU64,
}

impl MessageCounts {
    /// Adds the traffic of one connection in the measured part, from its readings at the beginning
    /// and at the end.
    pub(super) fn add_traffic(&self, begin: Traffic, end: Traffic) {
        for (count, begin, end) in [
            (&self.sent, begin.sent, end.sent),
            (&self.sent_bytes, begin.sent_bytes, end.sent_bytes),
            (&self.received, begin.received, end.received),
            (
                &self.received_bytes,
                begin.received_bytes,
                end.received_bytes,
            ),
        ] {
            count.fetch_add(end.saturating_sub(begin), Ordering::Relaxed);
        }
    }

    /// Returns the counts by the names of their figures. A message counts as lost if no answer has
    /// arrived, not even a late one.
    pub(super) fn tallies(&self) -> BTreeMap<String, u64> {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let late = read(&self.late);
        let counts: [(FigureName, u64); 8] = [
            (
                steps::LOST_MESSAGES,
                read(&self.unanswered).saturating_sub(late),
            ),
            (steps::LATE_ANSWERS, late),
            (steps::DUPLICATE_ANSWERS, read(&self.duplicates)),
            (steps::UNMATCHED_MESSAGES, read(&self.unmatched)),
            (steps::MESSAGES_SENT, read(&self.sent)),
            (steps::MESSAGES_RECEIVED, read(&self.received)),
            (steps::BYTES_SENT, read(&self.sent_bytes)),
            (steps::BYTES_RECEIVED, read(&self.received_bytes)),
        ];
        counts.map(|(name, count)| (name.to_string(), count)).into()
    }
}
