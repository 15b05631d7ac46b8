//! Load of one step: arrivals at a rate, or users who wait for their answers.

use bench_report::{Load, Pacing};
use serde::{Deserialize, Serialize};

use super::think_time::ThinkTime;
use super::worker_share::WorkerShare;

/// Load that is to be made on the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum LoadPlan {
    /// Arrivals come when due, whatever the answers do.
    Open {
        /// Arrivals per second during the measured part; the warm-up holds its first rate.
        rate_per_s: f64,
        /// Distribution of the gaps.
        pacing: Pacing,
        /// Most requests in flight; far above any pool under test, or the pool's wait would
        /// hide in the backlog.
        in_flight_cap: u64,
    },
    /// Users who each wait for their answer.
    Closed {
        /// Number of them.
        users: u64,
        /// Each user's pauses between answer and next request.
        think_time: ThinkTime,
    },
}

/// Instant at which the sessions of a step open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SessionOpening {
    /// All before the first arrival: a session that cannot open fails the step.
    #[default]
    Upfront,
    /// Each when its user comes (closed loop), or when an arrival finds none that is idle (open loop).
    /// An opening that fails is a result, as with a log-in storm or a cold start.
    WhenDue,
}

impl LoadPlan {
    /// Sessions it takes.
    pub fn sessions(&self) -> u64 {
        match self {
            Self::Open { in_flight_cap, .. } => *in_flight_cap,
            Self::Closed { users, .. } => *users,
        }
    }

    /// Returns the share of `process`, of the processes that make this load together.
    pub(crate) fn share(&self, process: WorkerShare) -> Self {
        let mut share = self.clone();
        match &mut share {
            Self::Open {
                rate_per_s,
                in_flight_cap,
                ..
            } => {
                *rate_per_s /= process.count as f64;
                *in_flight_cap = process.share_of(*in_flight_cap);
            }
            Self::Closed { users, .. } => *users = process.share_of(*users),
        }
        share
    }

    /// Load as a report tells it, where so many arrivals waited at the in-flight cap.
    pub fn reported(&self, delayed_at_cap: u64) -> Load {
        match *self {
            Self::Open {
                rate_per_s,
                pacing,
                in_flight_cap,
            } => Load::Open {
                rate_per_s,
                pacing,
                in_flight_cap,
                delayed_at_cap,
            },
            Self::Closed { users, think_time } => Load::Closed {
                users,
                think_time_ns: think_time.mean().as_nanos() as u64,
            },
        }
    }
}
