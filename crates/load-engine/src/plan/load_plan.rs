//! Load of one step: arrivals at a rate, or users who wait for their answers.

use bench_report::{Load, Pacing};
use serde::{Deserialize, Serialize};

use super::think_time::ThinkTime;
use super::worker_share::WorkerShare;

/// Load that a step makes on the target, over all processes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum LoadPlan {
    /// Open loop: requests arrive at a rate, whether or not earlier ones were answered.
    Open {
        /// Arrivals per second during the measured part, or their mean if they follow a curve. The
        /// warm-up has the first rate of the step's curve.
        rate_per_s: f64,
        /// Distribution of the times between arrivals: constant or Poisson.
        pacing: Pacing,
        /// Largest number of requests in flight. It must be far above the size of any pool under
        /// test: requests beyond this cap wait in the generator's queue, where the wait for the
        /// pool would be invisible.
        in_flight_cap: u64,
    },
    /// Closed loop: users who each wait for an answer before the next request.
    Closed {
        /// Number of users, or the largest number if it follows a curve.
        users: u64,
        /// Pause of a user between an answer and the next request.
        think_time: ThinkTime,
    },
}

/// Time at which the sessions of a step open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SessionOpening {
    /// All sessions open before the first arrival. The step fails if one cannot open.
    #[default]
    Upfront,
    /// Each session opens when it is first needed: when its user starts (closed loop), or when an
    /// arrival finds no idle session (open loop). A failed opening is a result of the step, as in a
    /// login storm or a cold start.
    WhenDue,
}

impl LoadPlan {
    /// Returns the largest number of sessions that the load uses: the in-flight cap, or the number
    /// of users.
    pub fn sessions(&self) -> u64 {
        match self {
            Self::Open { in_flight_cap, .. } => *in_flight_cap,
            Self::Closed { users, .. } => *users,
        }
    }

    /// Returns the part of this load that `process` makes. The parts of all processes add up to the
    /// whole.
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

    /// Returns the load in the form of the report. `delayed_at_cap` is the number of arrivals that
    /// waited because the in-flight cap was reached; a closed loop ignores it.
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
