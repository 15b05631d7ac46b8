//! Time of recovery from a spike, as gates read it.

use bench_report::SpikeRecovery;

use crate::bench_facts::BenchFacts;
use crate::figures::duration_ns;

use super::planned::{PlannedGate, has_setting};
use super::reading::{GateMeasurement, GateReading};

/// Reads the recovery of every step whose load had a spike.
pub(super) fn readings(bench: &BenchFacts<'_>, gate: &PlannedGate<'_>) -> Vec<GateReading> {
    let steps = bench.source.report.steps.iter().enumerate();
    let setting = gate.setting();
    let steps = steps
        .filter(|(_, step)| setting.is_none_or(|setting| has_setting(&step.parameters, setting)));
    let recoveries = steps.filter_map(|(index, step)| {
        let recovery = step.curve.as_ref()?.recovery.as_ref()?;
        Some(reading(bench, gate, (index, recovery)))
    });
    let readings: Vec<GateReading> = recoveries.collect();
    if readings.is_empty() {
        return vec![Err("no load with a spike was measured".to_owned())];
    }
    readings
}

fn reading(
    bench: &BenchFacts<'_>,
    gate: &PlannedGate<'_>,
    (index, recovery): (usize, &SpikeRecovery),
) -> GateReading {
    if let Some(reason) = &recovery.unknown {
        return Err(reason.clone());
    }
    let source = bench.source;
    let at = |field| format!("/steps/{index}/curve/recovery/{field}");
    let base = source.evidence("p99 before the spike", &at("base_p99_ns"));
    let bound = gate.requirement.bound;
    let Some(after_ns) = recovery.after_ns else {
        let measured_ns = recovery.measured_ns as f64;
        if bound.holds(measured_ns) {
            return Err(format!(
                "p99 was not back within the {} measured after the spike, which are shorter than the bound",
                duration_ns(measured_ns)
            ));
        }
        let measured = source.evidence("measured after the spike", &at("measured_ns"));
        let evidence = measured.into_iter().chain(base).collect();
        let not_back = "not back when measuring ended".to_owned();
        let figure = GateMeasurement::new(source, measured_ns, evidence).at_least();
        return Ok(figure.note(Some(not_back)));
    };
    let after = source.evidence("p99 back after", &at("after_ns"));
    let evidence = after.into_iter().chain(base).collect();
    let (after_ns, apart) = (after_ns as f64, recovery.resolution_ns as f64);
    let interval = ((after_ns - apart).max(0.0), after_ns + apart);
    let relapses = match recovery.relapses {
        0 => None,
        1 => Some("above it again in one later window".to_owned()),
        n => Some(format!("above it again in {n} later windows")),
    };
    let figure = GateMeasurement::new(source, after_ns, evidence);
    Ok(figure.within(Some(interval)).note(relapses))
}
