//! Changes of a load while its step runs, and the reasons for which a change is refused.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::load_curve::FittedCurve;
use super::load_curve_error::LoadCurveError;

/// Change of a load while its step runs: a new curve from an instant on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LoadChange {
    /// Instant from which the load follows the curve, in nanoseconds on `CLOCK_MONOTONIC`.
    pub(crate) at_ns: u64,
    /// Curve of the load from that instant to the end of the measured part.
    pub(crate) fitted: FittedCurve,
}

/// Reason for which a change of a running step's load is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ChangeError {
    /// The step uses connections that stay open, whose number is fixed.
    #[error("connections that stay open follow no curve, so that their load cannot be changed")]
    HeldConnections,
    /// The run is traced: it must follow its plan, because its results are reported by the planned
    /// segments.
    #[error("a traced run follows its plan, so that its load cannot be changed")]
    TracedRun,
    /// Each user of the step makes a fixed number of requests.
    #[error(
        "the step ends with the last request of its users, so that their number cannot be changed"
    )]
    CountedRequests,
    /// Workers on other hosts also make the load, and they cannot be informed of a change.
    #[error("several hosts make the load by one plan, so that it cannot be changed on one of them")]
    SeveralHosts,
    /// The step measures a single setting, for example in a sweep or in a search for a rate.
    #[error("the step holds one setting, which its scenario judges; its load cannot be changed")]
    HeldSetting,
    /// The change would begin before the measured part of the step.
    #[error("the load cannot be changed in the warm-up; wait until it is measured")]
    WarmUp,
    /// No tick of the measured part is left at which a change could begin.
    #[error("the step is over, or ends before the load could change")]
    StepOver,
    /// The step already has the largest number of segments, and each change needs a new one.
    #[error("the load was changed too often in this step: no segment is left for its results")]
    TooManyChanges,
    /// The curve is longer than the rest of the step's measured part.
    #[error(
        "the curve takes {}, and {} of the step are left; give a shorter one",
        humantime::format_duration(*.curve), humantime::format_duration(*.left)
    )]
    TooLong {
        /// Length of the curve that the load was to follow.
        curve: Duration,
        /// Time between the change and the end of the measured part.
        left: Duration,
    },
    /// The curve is invalid, for this reason.
    #[error(transparent)]
    Curve(LoadCurveError),
    /// The step has fewer threads than a step with the new number of users. Threads cannot be added
    /// while a step runs.
    #[error(
        "the step runs on {threads} threads with a runtime each, and so many users would have had \
         {wanted}; none is added to a step that runs"
    )]
    TooFewThreads {
        /// Number of threads of one process that make the load, each with its own runtime.
        threads: u64,
        /// Number of such threads that a step with the new number of users would have.
        wanted: u64,
    },
    /// The request was made on the controller's own thread, which would wait for its own answer.
    #[error("an observer runs on the controller's thread; change the load from another one")]
    OwnThread,
}

impl From<LoadCurveError> for ChangeError {
    fn from(error: LoadCurveError) -> Self {
        match error {
            LoadCurveError::TooLong { curve, step } => Self::TooLong { curve, left: step },
            LoadCurveError::NoRoom { spike, step } => Self::TooLong {
                curve: spike,
                left: step,
            },
            other => Self::Curve(other),
        }
    }
}
