//! Messages of one connection that wait for their answers.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::message_counts::MessageCounts;
use crate::record::failure::Failure;
use crate::record::in_flight_request::{InFlightRequest, RequestStart};
use crate::record::operation_table::OperationId;
use crate::record::outcome::Outcome;
use crate::record::step_recorder::StepRecorder;

/// Largest number of messages for which memory is reserved at the beginning.
const MOST_RESERVED: usize = 1_024;

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
    /// Oldest waiting message. It has a place of its own, because most connections have only one.
    oldest: Option<Waiting>,
    /// Later waiting messages in the order of their numbers; empty if there is no oldest one.
    later: VecDeque<Waiting>,
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
            oldest: None,
            later: VecDeque::with_capacity((most - 1).min(MOST_RESERVED)),
            overdue: Vec::new(),
            first,
            timeout_ns,
        }
    }

    /// Returns the longest wait for an answer.
    pub(super) fn timeout(&self) -> Duration {
        Duration::from_nanos(self.timeout_ns)
    }

    pub(super) fn has_room(&self) -> bool {
        self.oldest.is_none() || self.later.len() + 1 < self.most
    }

    pub(super) fn is_empty(&self) -> bool {
        self.oldest.is_none()
    }

    /// Adds the message with this number, which is above all earlier ones.
    pub(super) fn add(&mut self, number: u64, start: RequestStart) {
        let waiting = Waiting { number, start };
        if self.oldest.is_none() {
            self.oldest = Some(waiting);
        } else {
            self.later.push_back(waiting);
        }
    }

    /// Returns the instant at which the oldest message must have been answered, in nanoseconds on
    /// `CLOCK_MONOTONIC`; `None` if none waits.
    pub(super) fn deadline_ns(&self) -> Option<u64> {
        let oldest = self.oldest.as_ref()?;
        Some(oldest.start.started_ns.saturating_add(self.timeout_ns))
    }

    /// Records the answer to message `number`, which arrived at `now_ns`. Returns false if that
    /// message does not wait; the answer then counts as late or as a duplicate.
    pub(super) fn answered(&mut self, number: u64, now_ns: u64) -> bool {
        let Some(waiting) = self.take(number) else {
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
        let oldest = self.take_oldest();
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
        if let Some(waiting) = self.take_oldest() {
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
        while let Some(waiting) = self.take_oldest() {
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

    fn take_oldest(&mut self) -> Option<Waiting> {
        std::mem::replace(&mut self.oldest, self.later.pop_front())
    }

    /// Takes the message with this number; `None` if it does not wait.
    fn take(&mut self, number: u64) -> Option<Waiting> {
        if self.oldest.as_ref()?.number == number {
            return self.take_oldest();
        }
        let found = self
            .later
            .binary_search_by_key(&number, |waiting| waiting.number);
        self.later.remove(found.ok()?)
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
        for waiting in self.oldest.take().into_iter().chain(self.later.drain(..)) {
            drop(InFlightRequest::begun(self.recorder, waiting.start));
        }
    }
}

#[cfg(test)]
mod tests {
    use bench_report::names::steps;

    use super::*;
    use crate::record::operation_table::{OperationSpec, OperationTable};
    use crate::record::recorder::Recorder;

    fn recorder() -> StepRecorder {
        let table = OperationTable::default();
        table.add(OperationSpec::new("message"));
        StepRecorder::of_all(Recorder::new(table, 1))
    }

    fn late() -> Failure {
        Failure::new("timeout", "no answer")
    }

    #[test]
    fn answers_in_any_order_end_their_own_messages() {
        let (recorder, counts) = (recorder(), MessageCounts::default());
        let mut window = MessageWindow::new(&recorder, &counts, 3, 1, 100);
        for number in 1..=3 {
            assert!(window.has_room());
            window.add(number, RequestStart::of_user(10 * number));
        }
        assert!(!window.has_room());
        assert!(window.answered(2, 40) && window.answered(1, 50));
        assert_eq!(window.deadline_ns(), Some(130));
        assert!(window.answered(3, 60) && window.is_empty());
        let operations = recorder.recorder.collect(1.0).0;
        assert_eq!(operations["message"].succeeded, 3);
        assert_eq!(operations["message"].call.as_ref().unwrap().max_ns, 40);
    }

    #[test]
    fn an_answer_is_late_once_and_a_duplicate_from_then_on() {
        let (recorder, counts) = (recorder(), MessageCounts::default());
        let mut window = MessageWindow::new(&recorder, &counts, 2, 5, 100);
        window.add(5, RequestStart::of_user(10));
        window.add(6, RequestStart::of_user(20));
        assert!(!window.oldest_expired(109, late), "its time is not over");
        assert!(window.oldest_expired(110, late) && window.oldest_expired(120, late));
        for _ in 0..3 {
            assert!(!window.answered(5, 200));
        }
        assert!(!window.answered(4, 200), "of an earlier step");
        window.count_unmatched(200);
        let tallies = counts.tallies();
        let tally = |name: bench_report::names::FigureName| tallies[name.as_str()];
        assert_eq!(tally(steps::LOST_MESSAGES), 1);
        assert_eq!(tally(steps::LATE_ANSWERS), 1);
        assert_eq!(tally(steps::DUPLICATE_ANSWERS), 2);
        assert_eq!(tally(steps::UNMATCHED_MESSAGES), 1);
        let operations = recorder.recorder.collect(1.0).0;
        assert_eq!(operations["message"].errors["timeout"], 2);
    }

    #[test]
    fn messages_that_are_left_are_censored_and_those_of_a_lost_connection_fail() {
        let (recorder, counts) = (recorder(), MessageCounts::default());
        let mut window = MessageWindow::new(&recorder, &counts, 2, 1, 100);
        window.add(1, RequestStart::of_user(10));
        window.add(2, RequestStart::of_user(20));
        window.all_lost(&Failure::new("gone", "it went away"), 30);
        window.add(3, RequestStart::of_user(40));
        drop(window);
        let operations = recorder.recorder.collect(1.0).0;
        assert_eq!(operations["message"].errors["gone"], 2);
        assert_eq!(operations["message"].censored, 1);
        assert_eq!(counts.tallies()[steps::LOST_MESSAGES.as_str()], 2);
    }
}
