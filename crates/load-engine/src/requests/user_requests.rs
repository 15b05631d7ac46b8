//! Requests of one user of a closed loop: the number still to be made, and the pauses between them.

use std::time::Duration;

use super::target::UserId;
use crate::plan::step_plan::StepPlan;
use crate::plan::think_time::{Pauses, ThinkTime};

/// Number of requests that one user of a closed loop has still to make, and the pauses after them.
#[derive(Debug)]
pub(super) struct UserRequests {
    /// Number of requests still to be made; `None` if there is no limit.
    left: Option<u64>,
    pauses: Pauses,
}

impl UserRequests {
    /// Creates the requests of `user` as `plan` limits them, with pauses drawn from `think_time`.
    pub(super) fn new(plan: &StepPlan, think_time: ThinkTime, user: UserId) -> Self {
        let pauses = Pauses::new(think_time, plan.seed, user.0);
        Self {
            left: plan.requests_per_user,
            pauses: pauses.after_failure(plan.failure_pause),
        }
    }

    /// Returns true if the user has made all requests and makes no further one.
    pub(super) fn are_over(&self) -> bool {
        self.left == Some(0)
    }

    /// Counts a request as made, and returns the pause after it; `None` if there is no pause or no
    /// further request. If the number of requests is limited, a request that `failed` is the user's
    /// last.
    pub(super) fn pause_after(&mut self, failed: bool) -> Option<Duration> {
        let left = self.left.map(|left| left.saturating_sub(1));
        self.left = left.map(|left| if failed { 0 } else { left });
        match self.left {
            Some(0) => None,
            _ => self.pauses.next_after(failed),
        }
    }
}
