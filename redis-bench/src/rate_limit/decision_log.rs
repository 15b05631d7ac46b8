//! Log of the decisions of one step. Each user writes one of its own, without a lock, and adds it
//! to that of the step at the end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Number of decisions in a block of a user's log: 4 KiB.
const BLOCK: usize = 128;
/// Largest number of blocks that all users of a step fill: 2 GiB.
const MOST_BLOCKS: u64 = 1 << 19;
/// Largest number of decisions in the log of a step.
pub(crate) const MOST_DECISIONS: u64 = MOST_BLOCKS * BLOCK as u64;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Redis answered that it is admitted.
    Admitted,
    /// Redis answered that it is refused.
    Refused,
    /// Redis answered that it is refused, and that the counter which refuses it has no expiry.
    RefusedForEver,
    /// Redis did not answer in time, and the client admitted the request itself.
    AdmittedBlindly,
    /// Redis did not answer in time, and the client refused the request itself.
    RefusedBlindly,
}

impl Verdict {
    /// Returns true if the request was admitted, by whomever.
    pub(crate) fn admits(self) -> bool {
        matches!(self, Self::Admitted | Self::AdmittedBlindly)
    }

    /// Returns true if the client decided without Redis.
    pub(crate) fn is_blind(self) -> bool {
        matches!(self, Self::AdmittedBlindly | Self::RefusedBlindly)
    }
}

/// One decision. Instants are in microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LoggedDecision {
    /// Time that the limiter decided by, of the server's clock or the client's; 0 if the limiter
    /// does not tell it.
    pub(crate) at_us: u64,
    /// Instant before the first command was sent, on this host's clock.
    pub(crate) sent_us: u64,
    /// Time from then to the last answer, in microseconds.
    pub(crate) took_us: u32,
    /// Index of the limiter.
    pub(crate) key: u32,
    /// Number of the decision among those of its limiter, counted from 1; 0 if not numbered.
    pub(crate) sequence: u32,
    /// What became of the request.
    pub(crate) verdict: Verdict,
}

/// Log of one user, in blocks, so that it never moves what it has.
#[derive(Debug, Default)]
pub(crate) struct UserLog {
    full: Vec<Vec<LoggedDecision>>,
    current: Vec<LoggedDecision>,
}

impl UserLog {
    /// Creates a log with room for one block.
    pub(crate) fn new() -> Self {
        Self {
            full: Vec::new(),
            current: Vec::with_capacity(BLOCK),
        }
    }

    /// Adds a decision. Allocates nothing: a decision without room is left out.
    pub(crate) fn push(&mut self, decision: LoggedDecision) {
        if self.current.len() < self.current.capacity() {
            self.current.push(decision);
        }
    }

    /// Makes room for the next decision, unless the logs of `step` have reached their largest size.
    /// Returns true if that took an allocation.
    pub(crate) fn make_room(&mut self, step: &StepLog) -> bool {
        if self.current.len() < self.current.capacity() {
            return false;
        }
        if step.full_blocks.fetch_add(1, Ordering::Relaxed) >= MOST_BLOCKS {
            return false;
        }
        let next = Vec::with_capacity(BLOCK);
        self.full.push(std::mem::replace(&mut self.current, next));
        true
    }
}

/// Logs of all users of one step.
#[derive(Debug, Default)]
pub(crate) struct StepLog {
    users: AtomicU64,
    /// Number of blocks that are full, or would be if there was room for them.
    full_blocks: AtomicU64,
    ended: Mutex<Vec<UserLog>>,
}

impl StepLog {
    /// Begins the log of one more user.
    pub(crate) fn begin(&self) -> UserLog {
        self.users.fetch_add(1, Ordering::Relaxed);
        UserLog::new()
    }

    /// Adds the log of a user who makes no further request.
    pub(crate) fn end(&self, log: UserLog) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.push(log);
    }

    /// Takes all decisions out of the log, ordered by limiter and by the time they were asked for.
    /// `None` if some are missing: the log of a user, or those for which there was no room.
    pub(crate) fn take(&self) -> Option<Vec<LoggedDecision>> {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let logs = std::mem::take(&mut *ended);
        let is_overfull = self.full_blocks.load(Ordering::Relaxed) > MOST_BLOCKS;
        if is_overfull || (logs.len() as u64) < self.users.load(Ordering::Relaxed) {
            return None;
        }
        let blocks = logs
            .into_iter()
            .flat_map(|log| log.full.into_iter().chain([log.current]));
        let mut decisions: Vec<LoggedDecision> = blocks.flatten().collect();
        decisions.sort_unstable_by_key(|decision| (decision.key, decision.sent_us));
        Some(decisions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(key: u32, sent_us: u64) -> LoggedDecision {
        LoggedDecision {
            at_us: 0,
            sent_us,
            took_us: 0,
            key,
            sequence: 0,
            verdict: Verdict::Admitted,
        }
    }

    #[test]
    fn a_log_allocates_only_where_it_makes_room() {
        let (step, mut log) = (StepLog::default(), UserLog::new());
        let mut blocks = 0;
        for at in 0..1_000 {
            let (address, capacity) = (log.current.as_ptr(), log.current.capacity());
            log.push(decision(0, at));
            assert_eq!(
                (address, capacity),
                (log.current.as_ptr(), log.current.capacity())
            );
            blocks += usize::from(log.make_room(&step));
        }
        assert_eq!(blocks, 1_000 / BLOCK);
    }

    #[test]
    fn a_log_that_is_full_leaves_decisions_out_and_is_not_judged() {
        let step = StepLog::default();
        step.full_blocks.store(MOST_BLOCKS - 1, Ordering::Relaxed);
        let mut log = step.begin();
        for at in 0..3 * BLOCK as u64 {
            log.push(decision(0, at));
            log.make_room(&step);
        }
        assert_eq!((log.full.len(), log.current.len()), (1, BLOCK));
        step.end(log);
        assert!(step.take().is_none());
    }

    #[test]
    fn the_log_of_a_step_has_all_decisions_or_none() {
        let step = StepLog::default();
        let (mut one, mut other) = (step.begin(), step.begin());
        for at in 0..300 {
            one.push(decision(1, 2 * at));
            one.make_room(&step);
            other.push(decision(1, 2 * at + 1));
            other.make_room(&step);
        }
        other.push(decision(0, 900));
        step.end(one);
        assert!(step.take().is_none(), "one user's log is missing");
        let step = StepLog::default();
        let (mut one, mut other) = (step.begin(), step.begin());
        one.push(decision(1, 5));
        other.push(decision(1, 4));
        other.push(decision(0, 9));
        step.end(one);
        step.end(other);
        let taken = step.take().unwrap();
        assert_eq!(taken, [decision(0, 9), decision(1, 4), decision(1, 5)]);
        assert_eq!(size_of::<LoggedDecision>(), 32);
    }
}
