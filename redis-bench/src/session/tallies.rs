//! Counts of what the clients of a step found, kept by each user and added up after the step.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bench_report::names::FigureName;
use bench_report::names::steps;

/// Event that a user's client counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tally {
    /// Acknowledged log-in.
    LogIns,
    /// Acknowledged log-out.
    LogOuts,
    /// Acknowledged change of a session.
    Updates,
    /// Acknowledged change that a later read did not find.
    LostUpdates,
    /// Change that was written over another one, which it had not read.
    Overwritten,
    /// Change that the store refused, because another one had come first.
    RefusedUpdates,
    /// Session that was there after its acknowledged log-out or after its expiry.
    Resurrected,
    /// Session that was gone before the end of its life.
    LostSessions,
    /// Session that expired between two page views.
    TimedOut,
    /// Abandoned session that was still there after its expiry.
    Outlived,
    /// Member of a user's index without a session.
    Orphans,
    /// Token that was checked.
    TokenChecks,
    /// Token that was accepted more than once.
    TokensAcceptedTwice,
    /// Token that was refused before the end of its life.
    TokensLost,
    /// Session whose memory the server told.
    Sampled,
    /// Memory of these sessions, in bytes.
    SampledBytes,
}

/// Number of the events.
const TALLIES: usize = Tally::SampledBytes as usize + 1;

/// Counts that a report has under the same name, whatever the form of the store.
pub(super) const TOLD: [(Tally, FigureName); 12] = [
    (Tally::LogIns, steps::SESSIONS_LOG_INS),
    (Tally::LogOuts, steps::SESSIONS_LOG_OUTS),
    (Tally::Updates, steps::SESSIONS_UPDATES),
    (Tally::LostUpdates, steps::SESSIONS_LOST_UPDATES),
    (Tally::Overwritten, steps::SESSIONS_OVERWRITTEN_UPDATES),
    (Tally::Resurrected, steps::SESSIONS_RESURRECTED),
    (Tally::LostSessions, steps::SESSIONS_LOST),
    (Tally::TimedOut, steps::SESSIONS_TIMED_OUT),
    (Tally::Outlived, steps::SESSIONS_OUTLIVED),
    (Tally::TokenChecks, steps::SESSIONS_TOKEN_CHECKS),
    (
        Tally::TokensAcceptedTwice,
        steps::SESSIONS_TOKENS_ACCEPTED_TWICE,
    ),
    (Tally::TokensLost, steps::SESSIONS_TOKENS_LOST),
];

/// Counts of one user, which only that user changes.
#[derive(Debug)]
pub(super) struct UserTallies([AtomicU64; TALLIES]);

impl UserTallies {
    /// Adds `count` to a count.
    pub(super) fn add(&self, tally: Tally, count: u64) {
        if let Some(cell) = self.0.get(tally as usize) {
            cell.fetch_add(count, Ordering::Relaxed);
        }
    }

    fn get(&self, tally: Tally) -> u64 {
        let cell = self.0.get(tally as usize);
        cell.map_or(0, |cell| cell.load(Ordering::Relaxed))
    }
}

/// Counts of all users of a step, from its begin with the warm-up on.
#[derive(Debug, Default)]
pub(super) struct StepTallies(Mutex<Vec<Arc<UserTallies>>>);

impl StepTallies {
    /// Adds a user, and returns the user's counts.
    pub(super) fn user(&self) -> Arc<UserTallies> {
        let user = Arc::new(UserTallies(std::array::from_fn(|_| AtomicU64::new(0))));
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        users.push(Arc::clone(&user));
        user
    }

    /// Returns the sum of a count over all users.
    pub(super) fn total(&self, tally: Tally) -> u64 {
        let users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        users.iter().map(|user| user.get(tally)).sum()
    }

    /// Returns the mean memory of a session in bytes; `None` if the server told none.
    pub(super) fn session_bytes(&self) -> Option<f64> {
        let count = self.total(Tally::Sampled);
        (count > 0).then(|| self.total(Tally::SampledBytes) as f64 / count as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_all_users_add_up() {
        let step = StepTallies::default();
        let (one, other) = (step.user(), step.user());
        one.add(Tally::Updates, 2);
        other.add(Tally::Updates, 3);
        other.add(Tally::SampledBytes, 900);
        assert_eq!(step.total(Tally::Updates), 5);
        assert_eq!(step.total(Tally::LogIns), 0);
        assert_eq!(step.session_bytes(), None, "missing is not zero");
        one.add(Tally::Sampled, 2);
        assert_eq!(step.session_bytes(), Some(450.0));
    }
}
