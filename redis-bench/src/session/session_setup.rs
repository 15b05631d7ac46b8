//! Parts of a step that all its users share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::population::Population;
use super::session_store::SessionStore;
use super::tallies::StepTallies;

/// Parts that all users of a step share.
#[derive(Debug)]
pub(super) struct SessionSetup {
    /// Store of the sessions.
    pub(super) store: SessionStore,
    /// Behaviour of the users.
    pub(super) population: Population,
    /// Number of requests of a page view.
    pub(super) parallel: usize,
    /// Life of a session after it was prolonged.
    pub(super) ttl: Duration,
    /// Seed of the random draws.
    pub(super) seed: u64,
    /// Counts of the step.
    pub(super) tallies: Arc<StepTallies>,
    /// Number of sessions of the step so far.
    pub(super) created: AtomicU64,
    /// Number above all that the keys of the run were named by.
    pub(super) numbers: Arc<AtomicU64>,
}

impl SessionSetup {
    /// Returns the number of a new session of the user `user`.
    pub(super) fn next_number(&self, user: u64) -> u64 {
        let number = self.created.fetch_add(1, Ordering::Relaxed);
        let above = number.max(user).saturating_add(1);
        self.numbers.fetch_max(above, Ordering::Relaxed);
        number
    }
}
