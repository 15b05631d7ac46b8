//! Text about the load of a run: a description of the load, and a table of results by segment if
//! the load changed within a step.

use crate::results::segment_table::segment_table;
use bench_cli::table;
use bench_report::{CurveUnit, Load, Report, Step, StepCurve};

use crate::results::group::ClientGroup;

/// Returns a heading and a table of the results of a way to connect, by segment of the load's
/// curve; empty if the load did not change. Ends with a line break.
pub(crate) fn by_segment(group: &ClientGroup<'_>) -> String {
    let steps: Vec<&Step> = group.steps.iter().map(|(_, step)| *step).collect();
    let table = segment_table(&steps);
    if table.is_empty() {
        return table;
    }
    format!(
        "\n{}, by segment of the curve:\n{}\n",
        group.name(),
        table.trim_end()
    )
}

/// Returns a description of a load that changes within a step: `arrivals per second as in
/// ramp:10..200/5m`. `is_changed` is true if the user changed the load while a step ran.
fn curve_sentence(curve: &StepCurve, is_changed: bool) -> String {
    let changed = if is_changed {
        ", changed while a step ran"
    } else {
        ""
    };
    let spawned = curve.spawn_per_s.map_or_else(String::new, |per_s| {
        format!(", at most {} started a second", table::three_digits(per_s))
    });
    // With a spawn rate, or a change while a step ran, the load changes although a number was given.
    let is_number = curve.written.parse::<f64>().is_ok();
    let written = &curve.written;
    match (curve.unit, is_number) {
        (CurveUnit::RatePerS, true) => {
            format!("{written} arrivals per second{changed}, latency from the instant each was due")
        }
        (CurveUnit::RatePerS, false) => format!(
            "arrivals per second as in {written}{changed}, latency from the instant each was due"
        ),
        (CurveUnit::Users, true) => format!(
            "{written} users{spawned}{changed}, who wait for their answers, latency of calls"
        ),
        (CurveUnit::Unknown, _) => format!("load as in {written}{changed}"),
        (CurveUnit::Users, false) => format!(
            "users as in {written}{spawned}{changed}, who wait for their answers, latency of calls"
        ),
    }
}

/// Returns a description of the load of a run, as a phrase for the beginning of the run's text:
/// that of the first step, or of the first load curve. States that nothing was measured if there is
/// no step.
pub(crate) fn load_sentence(report: &Report) -> String {
    let mut curves = report.steps.iter().filter_map(|step| step.curve.as_ref());
    if let Some(curve) = curves.clone().next() {
        return curve_sentence(curve, curves.any(|curve| !curve.changes.is_empty()));
    }
    match report.steps.first().map(|step| &step.load) {
        Some(Load::Open { rate_per_s, .. }) => format!(
            "{} arrivals, latency from the instant each was due",
            table::rate(*rate_per_s)
        ),
        Some(Load::Closed { users: 1, .. }) => {
            "1 user who waits for each answer, latency of calls".to_owned()
        }
        Some(Load::Closed { users, .. }) => {
            format!("{users} users who wait for their answers, latency of calls")
        }
        Some(Load::Unknown) => "a load of unknown kind".to_owned(),
        None => "nothing was measured".to_owned(),
    }
}
