//! Curve of a step in the report: the planned load over time, and the results by segment.

use bench_report::{CurveUnit, Series, SpikeRecovery, StepCurve, StepSegment, Window};

use crate::load::load_source::RawStep;
use crate::plan::intended_load::IntendedLoad;
use crate::plan::load_plan::LoadPlan;
use crate::plan::segments::Segments;
use crate::plan::step_plan::StepPlan;

/// Returns the curve of the planned load, with the recovery from its spike; `None` if the load is
/// constant.
pub(super) fn reported(plan: &StepPlan, recovery: Option<SpikeRecovery>) -> Option<StepCurve> {
    if !plan.changes() {
        return None;
    }
    let (unit, steady) = match plan.load {
        LoadPlan::Open { rate_per_s, .. } => (CurveUnit::RatePerS, rate_per_s),
        LoadPlan::Closed { users, .. } => (CurveUnit::Users, users as f64),
    };
    let curve = plan.curve.as_ref();
    Some(StepCurve {
        unit,
        written: curve.map_or_else(|| steady.to_string(), |fitted| fitted.written.clone()),
        first: curve.map_or(steady, |fitted| fitted.curve.value(0.0)),
        peak: curve.map_or(steady, |fitted| fitted.curve.peak()),
        spawn_per_s: plan.spawn_per_s,
        recovery,
    })
}

/// Returns the results of each segment of the curve of `plan`. Segments that never began have no
/// spans.
pub(super) fn segments(
    plan: &StepPlan,
    segments: &Segments,
    window: Window,
    measured: Vec<RawStep>,
) -> Vec<StepSegment> {
    let Some(curve) = &plan.curve else {
        return Vec::new();
    };
    let named = curve.segments.iter().enumerate().zip(measured);
    named
        .map(|((index, segment), raw)| StepSegment {
            name: segment.name.clone(),
            spans: segments.spans_until(index, window.measure_end_ns),
            operations: raw.operations,
        })
        .collect()
}

/// Returns the series of the load that `plan` intended for this process, one value for each
/// interval that ends at `at_ns`. Values outside warm-up and measured part are absent. `None` if
/// the load is constant.
pub(super) fn intended_series(plan: &StepPlan, window: Window, at_ns: &[u64]) -> Option<Series> {
    let load = IntendedLoad::new(plan)?;
    let mut series = Series::new(load.series_name());
    let seconds = |at_ns: u64| {
        let at_ns = at_ns.min(window.measure_end_ns);
        at_ns.saturating_sub(window.start_ns) as f64 / 1e9
    };
    let mut from_ns = window.start_ns;
    for at_ns in at_ns {
        let is_within = from_ns < window.measure_end_ns && *at_ns > window.start_ns;
        let whole = || load.between(seconds(from_ns), seconds(*at_ns));
        let value = is_within.then(|| load.share(plan.process, whole()));
        series.push(*at_ns, value);
        from_ns = *at_ns;
    }
    Some(series)
}
