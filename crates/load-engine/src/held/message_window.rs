//! Messages of one connection that wait for their answers.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use super::message_counts::MessageCounts;
use crate::record::failure::Failure;
use crate::record::in_flight_request::{InFlightRequest, RequestStart};
use crate::record::operation_table::OperationId;
use crate::record::outcome::Outcome;
use crate::record::step_recorder::StepRecorder;

/// Message that was queued, and waits for its answer.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    number: u64,
    start: RequestStart,
}

/// Messages of one connection that wait for their answers in one step, with the record of those
/// that have ended. When the window is dropped, the messages still in it are recorded as censored.
#[derive(Debug)]
pub(super) struct MessageWindow<'a> {
    recorder: &'a StepRecorder,
    counts: &'a MessageCounts,
    /// Largest number of messages that may wait.
    most: usize,
    /// Waiting messages in the order of their numbers.
    waiting: VecDeque<Waiting>,
    /// Numbers of the messages that have ended without an answer, which may still arrive.
    overdue: Vec<u64>,
    /// Number of the first message of the step. Answers to earlier ones count for nothing.
    first: u64,
    /// Longest wait for an answer, in nanoseconds.
    timeout_ns: u64,
}

impl<'a> MessageWindow<'a> {
    /// Creates an empty window for up to `most` messages, whose numbers begin at `first`, and which
    /// end without an answer after `timeout_ns` nanoseconds. Memory is allocated here only, and
    /// for messages without an answer.
    pub(super) fn new(
        recorder: &'a StepRecorder,
        counts: &'a MessageCounts,
        most: u64,
        first: u64,
        timeout_ns: u64,
    ) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX).max(1);
        Self {
            recorder,
            counts,
            most,
            waiting: VecDeque::with_capacity(most.min(1_024)),
            overdue: Vec::new(),
            first,
            timeout_ns,
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < self.most
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Adds the message with this number, which is above all earlier ones.
    pub(super) fn add(&mut self, number: u64, start: RequestStart) {
        self.waiting.push_back(Waiting { number, start });
    }

    /// Returns the instant at which the oldest message must have been answered, in nanoseconds on
    /// `CLOCK_MONOTONIC`; `None` if none waits.
    pub(super) fn deadline_ns(&self) -> Option<u64> {
        let oldest = self.waiting.front()?;
        Some(oldest.start.started_ns.saturating_add(self.timeout_ns))
    }

    /// Records the answer to message `number`, which arrived at `now_ns`. Returns false if that
    /// message does not wait; the answer then counts as late or as a duplicate.
    pub(super) fn answered(&mut self, number: u64, now_ns: u64) -> bool {
        let found = self
            .waiting
            .binary_search_by_key(&number, |waiting| waiting.number);
        let Some(waiting) = found.ok().and_then(|index| self.waiting.remove(index)) else {
            self.count_stray_answer(number, now_ns);
            return false;
        };
        let request = InFlightRequest::begun(self.recorder, waiting.start);
        request.finish_at(now_ns, &Outcome::success(OperationId::FIRST));
        true
    }

    /// Records the oldest message as ended with `failure` at `now_ns`, because its answer was wrong.
    /// Returns false if none waits.
    pub(super) fn oldest_failed(&mut self, failure: &Failure, now_ns: u64) -> bool {
        let oldest = self.waiting.pop_front();
        oldest.is_some_and(|waiting| {
            self.record(waiting, failure, now_ns);
            true
        })
    }

    /// Records the oldest message as ended without an answer at `now_ns`, if its time is over then.
    /// Returns false if it is not over.
    pub(super) fn oldest_expired(
        &mut self,
        now_ns: u64,
        failure: impl FnOnce() -> Failure,
    ) -> bool {
        if self.deadline_ns().is_none_or(|deadline| deadline > now_ns) {
            return false;
        }
        if let Some(waiting) = self.waiting.pop_front() {
            self.record(waiting, &failure(), now_ns);
            if self.is_measured(waiting.start) {
                self.counts.unanswered.fetch_add(1, Ordering::Relaxed);
                self.overdue.push(waiting.number);
            }
        }
        true
    }

    /// Records all waiting messages as ended with `failure` at `now_ns`, because the connection was
    /// lost.
    pub(super) fn all_lost(&mut self, failure: &Failure, now_ns: u64) {
        while let Some(waiting) = self.waiting.pop_front() {
            self.record(waiting, failure, now_ns);
            let lost = u64::from(self.is_measured(waiting.start));
            self.counts.unanswered.fetch_add(lost, Ordering::Relaxed);
        }
    }

    /// Counts a message that arrived at `now_ns` and answers none of the connection.
    pub(super) fn count_unmatched(&self, now_ns: u64) {
        if self.counts_at(now_ns) {
            self.counts.unmatched.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[cold]
    fn count_stray_answer(&mut self, number: u64, now_ns: u64) {
        if number < self.first {
            return;
        }
        if let Some(index) = self.overdue.iter().position(|overdue| *overdue == number) {
            self.overdue.swap_remove(index);
            self.counts.late.fetch_add(1, Ordering::Relaxed);
        } else if self.counts_at(now_ns) {
            self.counts.duplicates.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn record(&self, waiting: Waiting, failure: &Failure, now_ns: u64) {
        let request = InFlightRequest::begun(self.recorder, waiting.start);
        request.finish_at(
            now_ns,
            &Outcome::failed(OperationId::FIRST, failure.clone()),
        );
    }

    fn is_measured(&self, start: RequestStart) -> bool {
        self.recorder.segment_at(start.begin_ns()).is_some()
    }

    /// Returns true from the beginning of the measured part on.
    fn counts_at(&self, now_ns: u64) -> bool {
        let segments = self.recorder.segments.get();
        segments.is_some_and(|segments| now_ns >= segments.window().measure_start_ns)
    }
}

impl Drop for MessageWindow<'_> {
    fn drop(&mut self) {
        for waiting in self.waiting.drain(..) {
            drop(InFlightRequest::begun(self.recorder, waiting.start));
        }
    }
}
