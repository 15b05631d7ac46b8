//! Load of a step over time: the curve that it was to follow, and the sessions that were open.

use bench_report::Series;

use crate::plan::intended_load::IntendedLoad;
use crate::plan::load_plan::LoadPlan;
use crate::plan::step_plan::StepPlan;

/// Series of a step's load; without a point where the load does not change.
#[derive(Debug)]
pub(super) struct LoadSeries {
    start_ns: u64,
    measure_end_ns: u64,
    intended: Option<(IntendedLoad, Series)>,
    sessions: Series,
}

impl LoadSeries {
    /// Series of a step whose warm-up begins at `start_ns` and whose measured part ends at
    /// `measure_end_ns`.
    pub(super) fn new(plan: &StepPlan, start_ns: u64, measure_end_ns: u64) -> Self {
        let intended = IntendedLoad::new(plan);
        let sessions = match plan.load {
            LoadPlan::Open { .. } => "load.sessions",
            LoadPlan::Closed { .. } => "load.users",
        };
        Self {
            start_ns,
            measure_end_ns,
            intended: intended.map(|load| {
                let series = Series::new(load.series_name());
                (load, series)
            }),
            sessions: Series::new(sessions),
        }
    }

    /// Adds the interval from `from_ns` to `now_ns`, at whose end so many sessions were open. Nothing is
    /// intended after the measured part.
    pub(super) fn push(&mut self, (from_ns, now_ns): (u64, u64), sessions: Option<u64>) {
        if let Some(sessions) = sessions {
            self.sessions.push(now_ns, Some(sessions as f64));
        }
        let Some((load, series)) = &mut self.intended else {
            return;
        };
        let seconds = |at_ns: u64| {
            let at_ns = at_ns.min(self.measure_end_ns);
            at_ns.saturating_sub(self.start_ns) as f64 / 1e9
        };
        let is_within = from_ns < self.measure_end_ns;
        let value = is_within.then(|| load.between(seconds(from_ns), seconds(now_ns)));
        series.push(now_ns, value);
    }

    /// Returns those with points.
    pub(super) fn into_series(self) -> impl Iterator<Item = Series> {
        let intended = self.intended.map(|(_, series)| series);
        let all = intended.into_iter().chain([self.sessions]);
        all.filter(|series| !series.at_ns.is_empty())
    }
}
