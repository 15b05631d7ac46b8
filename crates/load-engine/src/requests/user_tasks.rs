//! Tasks of the users of one worker: of the planned users, and of users that a change of the load
//! adds.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::target::{Target, UserId};
use super::user::LoadUser;
use super::user_requests::UserRequests;
use crate::load::opening_order::OpeningOrder;
use crate::load::step_state::StepState;
use crate::plan::load_plan::{LoadPlan, SessionOpening};
use crate::plan::step_plan::StepPlan;
use crate::plan::think_time::ThinkTime;
use crate::plan::user_schedule::Presence;
use crate::plan::worker_share::WorkerShare;
use crate::record::failure::Failure;

/// Set of the tasks that make requests, each with the failure for which it gave up.
pub(super) type SessionTasks = JoinSet<Result<(), Failure>>;

/// Users of one worker in a closed loop. Each user is a task.
pub(super) struct UserTasks<'a, T> {
    worker: WorkerShare,
    plan: &'a StepPlan,
    think_time: ThinkTime,
    target: &'a Arc<T>,
    shared: &'a Arc<StepState>,
    /// Number of users of this worker whose task was started.
    started: u64,
    /// Number of changes of the load whose users were started.
    seen: usize,
}

impl<'a, T: Target> UserTasks<'a, T> {
    /// Creates the users of a closed loop, with no task yet; `None` if the plan is an open loop.
    pub(super) fn new(
        worker: WorkerShare,
        plan: &'a StepPlan,
        target: &'a Arc<T>,
        shared: &'a Arc<StepState>,
    ) -> Option<Self> {
        let LoadPlan::Closed { think_time, .. } = plan.load else {
            return None;
        };
        Some(Self {
            worker,
            plan,
            think_time,
            target,
            shared,
            started: 0,
            seen: 0,
        })
    }

    /// Starts a task in `tasks` for each of this worker's planned users.
    pub(super) fn start(&mut self, tasks: &mut SessionTasks) {
        if self.plan.takes_changes {
            tasks.spawn(last_until_the_end(Arc::clone(self.shared)));
        }
        match self.plan.opening {
            SessionOpening::Upfront => {
                let sessions = self.worker.share_of(self.plan.load.sessions());
                for place in OpeningOrder::places(sessions) {
                    let user = self.next_user(|_| vec![Presence::ALWAYS]);
                    tasks.spawn(user.stay(place));
                }
            }
            SessionOpening::WhenDue => {
                let load = self.plan.intended_load();
                let Some(users) = load.as_ref().and_then(|load| load.users()) else {
                    return;
                };
                while self.started < self.worker.share_of(users.schedule.peak()) {
                    let user = self.next_user(|id| users.schedule.presences(id.0));
                    tasks.spawn(user.visit());
                }
            }
        }
    }

    /// Waits until the load is changed. Never returns if the step is halted first.
    pub(super) async fn changed(&self) {
        self.shared.disturbed(self.seen).await;
        if self.shared.changes.count() == self.seen {
            // The step was halted: no further user starts.
            std::future::pending::<()>().await;
        }
    }

    /// Starts a task in `tasks` for each user that changes of the load have added since the last
    /// call.
    pub(super) fn start_more(&mut self, tasks: &mut SessionTasks) {
        let Some((seen, load)) = self.shared.changes.since(self.seen) else {
            return;
        };
        self.seen = seen;
        let most = load.users().map_or(0, |users| users.schedule.peak());
        while self.started < self.worker.share_of(most) {
            // The user itself computes its presences from the changed load.
            let user = self.next_user(|_| Vec::new());
            tasks.spawn(user.visit());
        }
    }

    fn next_user(&mut self, presences: impl FnOnce(UserId) -> Vec<Presence>) -> LoadUser<T> {
        let id = UserId(self.started * self.worker.count + self.worker.index);
        self.started += 1;
        LoadUser {
            target: Arc::clone(self.target),
            id,
            requests: UserRequests::new(self.plan, self.think_time, id),
            presences: presences(id),
            shared: Arc::clone(self.shared),
            waits_for_changes: self.plan.takes_changes,
        }
    }
}

/// Waits until the end of the measured part. As a task it keeps a worker without users alive, so
/// that a change can add users to it.
async fn last_until_the_end(shared: Arc<StepState>) -> Result<(), Failure> {
    let end_ns = shared.step.segments.wait().await.measure_end_ns();
    shared.wait_until(end_ns).await;
    Ok(())
}
