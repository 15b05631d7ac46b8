//! Load of a step in the form of the report: the intended load over time, the changes made while
//! the step ran, and the results by segment.

use bench_report::{CurveChange, CurveUnit, Series, SpikeRecovery, StepCurve, StepSegment, Window};

use crate::load::load_source::RawStep;
use crate::plan::intended_load::IntendedLoad;
use crate::plan::load_change::LoadChange;
use crate::plan::load_plan::{LoadPlan, SessionOpening};
use crate::plan::segments::Segments;
use crate::plan::step_plan::StepPlan;

/// Name of the segment before the first change, if the planned load was constant.
const PLANNED: &str = "planned";

/// Load that a step was intended to make: the planned load, and the changes made while the step
/// ran.
#[derive(Debug)]
pub(super) struct StepLoad<'a> {
    pub(super) plan: &'a StepPlan,
    changes: Vec<LoadChange>,
    intended: Option<IntendedLoad>,
}

impl<'a> StepLoad<'a> {
    /// Creates the load of a step that began at `start_ns`, on `CLOCK_MONOTONIC`. `changes` are the
    /// changes that began before the end of the step, in order.
    pub(super) fn new(plan: &'a StepPlan, start_ns: u64, changes: Vec<LoadChange>) -> Self {
        let mut intended = plan.intended_load();
        for change in &changes {
            if let Some(load) = &mut intended {
                load.follow(change, start_ns);
            }
        }
        Self {
            plan,
            changes,
            intended,
        }
    }

    /// Returns true if the load was planned to change, or was changed, during the measured part.
    pub(super) fn has_changed(&self) -> bool {
        self.plan.changes() || !self.changes.is_empty()
    }

    /// Returns the instant of the first change made while the step ran, in nanoseconds on
    /// `CLOCK_MONOTONIC`; `None` if there was no change.
    pub(super) fn first_change_ns(&self) -> Option<u64> {
        self.changes.first().map(|change| change.at_ns)
    }

    /// Returns the planned load for the report, in which changes replace the rate by the mean rate
    /// over the measured part, or the number of users by the largest one.
    pub(super) fn reported(&self) -> LoadPlan {
        let load = &self.plan.load;
        let from_s = self.plan.warmup.as_secs_f64();
        let to_s = from_s + self.plan.measure.as_secs_f64();
        match &self.intended {
            Some(intended) if !self.changes.is_empty() => intended.told_as(load, from_s, to_s),
            _ => load.clone(),
        }
    }

    /// Returns two numbers of users if the spawn rate was too low for some to start: the largest
    /// number present at once, and the largest number that the load needed. `None` otherwise, in an
    /// open loop, and without a spawn rate.
    pub(super) fn late_users(&self) -> Option<(u64, u64)> {
        self.plan.spawn_per_s?;
        let users = self.intended.as_ref()?.users()?;
        let (came, asked) = (users.schedule.peak(), users.most_asked());
        (came < asked).then_some((came, asked))
    }

    /// Returns the intended curve of the load in the form of the report, with `recovery` from its
    /// spike; `None` if the load was constant.
    pub(super) fn curve(&self, recovery: Option<SpikeRecovery>) -> Option<StepCurve> {
        if !self.has_changed() {
            return None;
        }
        let (unit, steady) = match self.plan.load {
            LoadPlan::Open { rate_per_s, .. } => (CurveUnit::RatePerS, rate_per_s),
            LoadPlan::Closed { users, .. } => (CurveUnit::Users, users as f64),
        };
        let curve = self.plan.curve.as_ref();
        let planned_peak = curve.map_or(steady, |fitted| fitted.curve.peak());
        let changed = self.intended.as_ref().filter(|_| !self.changes.is_empty());
        Some(StepCurve {
            unit,
            written: curve.map_or_else(|| steady.to_string(), |fitted| fitted.written.clone()),
            first: curve.map_or(steady, |fitted| fitted.curve.value(0.0)),
            peak: changed.map_or(planned_peak, IntendedLoad::peak),
            spawn_per_s: self.plan.spawn_per_s,
            changes: self.changes.iter().map(reported_change).collect(),
            recovery,
        })
    }

    /// Returns the name, spans and results of each segment, from its measurements in `measured`. A
    /// segment has no spans if the step ended before it, or if a change replaced it.
    pub(super) fn segments(
        &self,
        segments: &Segments,
        window: Window,
        measured: Vec<RawStep>,
    ) -> Vec<StepSegment> {
        let names = self.segment_names().into_iter().enumerate();
        let told = names.zip(measured);
        told.map(|((index, name), raw)| StepSegment {
            name,
            spans: segments.spans_until(index, window.measure_end_ns),
            operations: raw.operations,
        })
        .collect()
    }

    /// Returns the names of the segments in the order of their positions: those of the curve, then
    /// `change_1` and so on.
    fn segment_names(&self) -> Vec<String> {
        let planned = self.plan.curve.iter().flat_map(|curve| &curve.segments);
        let mut names: Vec<String> = planned.map(|segment| segment.name.clone()).collect();
        if names.is_empty() && !self.changes.is_empty() {
            names.push(PLANNED.to_owned());
        }
        names.extend((1..=self.changes.len()).map(|n| format!("change_{n}")));
        names
    }

    /// Returns the series of the load that this process was to make in each interval; `at_ns` are
    /// the ends of the intervals on `CLOCK_MONOTONIC`. `None` for a constant load, unless its users
    /// start during the step. Intervals outside the measured part and the warm-up have no value.
    pub(super) fn intended_series(&self, window: Window, at_ns: &[u64]) -> Option<Series> {
        let comes_and_goes = matches!(self.plan.load, LoadPlan::Closed { .. })
            && self.plan.opening == SessionOpening::WhenDue;
        if self.plan.curve.is_none() && self.changes.is_empty() && !comes_and_goes {
            return None;
        }
        let load = self.intended.as_ref()?;
        let mut series = Series::new(load.series_name());
        let seconds = |at_ns: u64| {
            let at_ns = at_ns.min(window.measure_end_ns);
            at_ns.saturating_sub(window.start_ns) as f64 / 1e9
        };
        let mut from_ns = window.start_ns;
        for at_ns in at_ns {
            let is_within = from_ns < window.measure_end_ns && *at_ns > window.start_ns;
            let whole = || load.between(seconds(from_ns), seconds(*at_ns));
            let value = is_within.then(|| load.share(self.plan.process, whole()));
            series.push(*at_ns, value);
            from_ns = *at_ns;
        }
        Some(series)
    }
}

fn reported_change(change: &LoadChange) -> CurveChange {
    CurveChange {
        at_ns: change.at_ns,
        curve: change.fitted.written.clone(),
    }
}
