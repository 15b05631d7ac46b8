//! Plan of a traced run, whose segments become steps of the report.

use std::time::Duration;

use crate::plan::curve_segments::NamedSegment;
use crate::plan::step_plan::{RuntimeKind, StepPlan};

/// Plan of a traced run: its load, and its segments, each of which becomes a step of the report.
#[derive(Debug, Clone)]
pub struct TracedPlan {
    whole: StepPlan,
    segments: Vec<StepPlan>,
    excused: Excused,
}

/// Failures and waits that a run causes on purpose. Stop rules allow for them; the report includes
/// them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Excused {
    /// Function that returns true for the kinds of failures that are caused on purpose; `None` if
    /// there are none.
    pub failures: Option<fn(&str) -> bool>,
    /// Length of one wait that is caused on purpose. For stop rules, an unanswered request is
    /// overdue later by this length.
    pub wait: Duration,
}

impl TracedPlan {
    /// Creates the plan of a run with the load, drain, rules and seed of `whole`. Each of
    /// `segments` becomes a step of the report with its own name, parameters and load, and is
    /// measured for its own time, directly after the previous one. One shared runtime makes the
    /// requests.
    pub fn new(whole: StepPlan, segments: Vec<StepPlan>) -> Self {
        let mut start_s = 0.0;
        let named = segments.iter().map(|segment| {
            let begin_s = start_s;
            start_s += segment.measure.as_secs_f64();
            NamedSegment {
                name: segment.name.clone(),
                spans: vec![(begin_s, start_s)],
            }
        });
        let whole = StepPlan {
            segments: named.collect(),
            measure: segments.iter().map(|segment| segment.measure).sum(),
            runtime: RuntimeKind::Shared,
            ..whole
        };
        Self {
            whole,
            segments,
            excused: Excused::default(),
        }
    }

    /// Sets the failures and waits that the run causes on purpose, for which stop rules allow.
    #[must_use]
    pub fn excusing(mut self, excused: Excused) -> Self {
        self.excused = excused;
        self
    }

    /// Returns the plan of the whole run, whose measured time is that of all segments together.
    pub fn whole(&self) -> &StepPlan {
        &self.whole
    }

    /// Returns the plan of each segment, in the order of time.
    pub(crate) fn segments(&self) -> &[StepPlan] {
        &self.segments
    }

    pub(crate) fn excused(&self) -> Excused {
        self.excused
    }
}
