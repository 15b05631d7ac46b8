//! State of one step on connections that stay open.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use super::connection_factory::HeldOperations;
use super::message_counts::MessageCounts;
use crate::plan::segments::Segments;
use crate::plan::step_plan::StepPlan;
use crate::record::operation_table::{OperationSpec, OperationTable};
use crate::record::recorder::Recorder;
use crate::record::step_recorder::StepRecorder;

/// Number of connections that a step holds open, of all processes or, in one of several worker
/// processes, of that process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldLevel {
    /// Number of connections that are to be open.
    pub connections: u64,
    /// Number of attempts to connect that may fail. After one more failure no further attempt is
    /// made, and the step fails.
    pub allowed_failures: u64,
    /// Largest number of messages on one connection that wait for their answers at the same time; 0
    /// counts as 1.
    pub in_flight: u64,
}

/// State of one step on connections that stay open, shared by its connections, its workers and its
/// controller.
#[derive(Debug)]
pub(crate) struct HeldStep {
    pub(crate) plan: StepPlan,
    pub(crate) level: HeldLevel,
    /// Recorder of the attempts to connect, all of which count, whenever they began.
    pub(crate) connects: StepRecorder,
    /// Recorder of the messages while the connections are held open.
    pub(crate) messages: StepRecorder,
    /// Recorder of the message on each connection that checks it at the end, all of which count.
    pub(crate) checks: StepRecorder,
    /// Counts of the messages, by what became of them.
    pub(crate) counts: MessageCounts,
    failed_connects: AtomicU64,
    /// Number of arrivals that were due while their connection still waited for the answer to an
    /// earlier one.
    pub(crate) delayed: AtomicU64,
    halt: CancellationToken,
}

impl HeldStep {
    /// Creates the state of a step that has not begun, whose requests are recorded under
    /// `operations`.
    pub(crate) fn new(plan: &StepPlan, level: HeldLevel, operations: HeldOperations) -> Self {
        let recorder = |operation: OperationSpec| {
            let table = OperationTable::default();
            table.add(operation);
            Recorder::new(table, plan.threads.max(1))
        };
        Self {
            plan: plan.clone(),
            level,
            connects: StepRecorder::of_all(recorder(operations.connect)),
            messages: StepRecorder::new(recorder(operations.message)),
            checks: StepRecorder::of_all(recorder(operations.check)),
            counts: MessageCounts::default(),
            failed_connects: AtomicU64::new(0),
            delayed: AtomicU64::new(0),
            halt: CancellationToken::new(),
        }
    }

    /// Returns the segments of the step, with its instants; `None` until the controller has set
    /// them.
    pub(crate) fn segments(&self) -> Option<&Segments> {
        self.messages.segments.get()
    }

    /// Returns the number of connections of this process that send messages; the others stay
    /// silent.
    pub(crate) fn talkers(&self) -> u64 {
        let (process, sessions) = (self.plan.process, self.plan.load.sessions());
        process.share_of(sessions).min(self.level.connections)
    }

    /// Adds one to the number of failed attempts to connect in this step.
    pub(crate) fn count_failed_connect(&self) {
        self.failed_connects.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of failed attempts to connect in this step so far.
    pub(crate) fn failed_connects(&self) -> u64 {
        self.failed_connects.load(Ordering::Relaxed)
    }

    /// Returns true if more attempts to connect failed than the step allows.
    pub(crate) fn has_broken(&self) -> bool {
        self.failed_connects() > self.level.allowed_failures
    }

    /// Prevents further attempts to connect and further messages; those in flight go on.
    pub(crate) fn halt(&self) {
        self.messages.halt();
        self.halt.cancel();
    }

    /// Returns true once no further attempt to connect or message may start.
    pub(crate) fn is_halted(&self) -> bool {
        // The token's own state is behind a lock, and messages ask for it.
        self.messages.is_halted()
    }

    /// Waits until no further attempt to connect or message may start.
    pub(crate) fn halted(&self) -> WaitForCancellationFuture<'_> {
        self.halt.cancelled()
    }
}
