//! Load of one step: arrivals at a rate, or users who wait for their answers.

use bench_report::{Load, Pacing};
use serde::{Deserialize, Serialize};

use super::think_time::ThinkTime;
use super::worker_share::WorkerShare;

/// Load that a step makes on the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum LoadPlan {
    /// Open loop: requests arrive at a rate, whether or not earlier ones were answered.
    Open {
        /// Arrivals per second during the measured part. The warm-up has the first rate of the
        /// step's curve.
        rate_per_s: f64,
        /// Distribution of the times between arrivals.
        pacing: Pacing,
        /// Largest number of requests in flight. It must be far above the size of any pool under
        /// test: requests beyond the cap wait in the generator's queue, where waiting for the pool
        /// could not be seen.
        in_flight_cap: u64,
    },
    /// Closed loop: users who each wait for their answer before the next request.
    Closed {
        /// Number of users.
        users: u64,
        /// Pause of a user between an answer and the next request.
        think_time: ThinkTime,
    },
}

/// Instant at which the sessions of a step open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SessionOpening {
    /// All sessions open before the first arrival. The step fails if one cannot open.
    #[default]
    Upfront,
    /// Each session opens when it is first needed: when its user comes (closed loop), or when an
    /// arrival finds no idle session (open loop). A failed opening is a result, as in a login storm
    /// or a cold start.
    WhenDue,
}

impl LoadPlan {
    /// Returns the largest number of sessions that the load uses.
    pub fn sessions(&self) -> u64 {
        match self {
            Self::Open { in_flight_cap, .. } => *in_flight_cap,
            Self::Closed { users, .. } => *users,
        }
    }

    /// Returns the part of this load that `process` makes. Together the processes make the whole.
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

    /// Returns the load in the form of the report, with the number of arrivals that waited because
    /// the in-flight cap was reached.
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
