//! The plan of a traced run.

use std::time::Duration;

use crate::plan::curve_segments::NamedSegment;
use crate::plan::step_plan::{RuntimeKind, StepPlan};

/// Plan of a traced run: its load, and the segments that are told as steps of the report.
#[derive(Debug, Clone)]
pub struct TracedPlan {
    whole: StepPlan,
    segments: Vec<StepPlan>,
    excused: Excused,
}

/// Failures and waits that a run plants itself: stop rules leave them out, the report does not.
#[derive(Debug, Clone, Copy, Default)]
pub struct Excused {
    /// Function that returns true for the kinds of these failures.
    pub failures: Option<fn(&str) -> bool>,
    /// Time for which a request may wait because of what was planted.
    pub wait: Duration,
}

impl TracedPlan {
    /// Creates the plan of a run with the load, drain, rules and seed of `whole`. Each of `segments`
    /// is told as a step with its own name, parameters and load, and measured for its own time, one
    /// after the other. Requests come from one shared runtime.
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

    /// Leaves what the run plants itself out of what stop rules see.
    #[must_use]
    pub fn excusing(mut self, excused: Excused) -> Self {
        self.excused = excused;
        self
    }

    /// Returns the plan of the whole run.
    pub fn whole(&self) -> &StepPlan {
        &self.whole
    }

    /// Returns the plan of each segment.
    pub(crate) fn segments(&self) -> &[StepPlan] {
        &self.segments
    }

    pub(crate) fn excused(&self) -> Excused {
        self.excused
    }
}
