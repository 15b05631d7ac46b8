//! Text about the load of a run: a description of the load, and results by segment if the load changed.

use crate::segment_table::segment_table;
use bench_cli::table;
use bench_report::{CurveUnit, Load, Report, Step, StepCurve};

use crate::group::ClientGroup;

/// Returns a table of the results of a way to connect, by segment of the load's curve; empty if the load did
/// not change.
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

/// Returns a description of a load that changes within a step: `arrivals per second as in ramp:10..200/5m`.
fn curve_sentence(curve: &StepCurve) -> String {
    let spawned = curve.spawn_per_s.map_or_else(String::new, |per_s| {
        format!(", at most {} started a second", table::three_digits(per_s))
    });
    match curve.unit {
        CurveUnit::RatePerS => format!(
            "arrivals per second as in {}, latency from the instant each was due",
            curve.written
        ),
        // With a spawn rate the load changes although the number of users is fixed.
        CurveUnit::Users if curve.written.parse::<f64>().is_ok() => format!(
            "{} users{spawned}, who wait for their answers, latency of calls",
            curve.written
        ),
        CurveUnit::Users => format!(
            "users as in {}{spawned}, who wait for their answers, latency of calls",
            curve.written
        ),
    }
}

/// Returns a description of the load of a run, for the beginning of its text.
pub(crate) fn load_sentence(report: &Report) -> String {
    let curve = report.steps.iter().find_map(|step| step.curve.as_ref());
    if let Some(curve) = curve {
        return curve_sentence(curve);
    }
    match report.steps.first().map(|step| &step.load) {
        Some(Load::Open { rate_per_s, .. }) => format!(
            "{} arrivals, latency from the instant each was due",
            table::rate(*rate_per_s)
        ),
        Some(Load::Closed { users, .. }) => {
            format!("{users} users who wait for their answers, latency of calls")
        }
        None => "nothing was measured".to_owned(),
    }
}
