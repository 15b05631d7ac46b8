//! Gates: the requirements that a run must meet, each judged over all repeats.
//!
//! All repeats count, also those that a stop rule ended, because the fault that ended one may be the fault
//! that the gate looks for. The worst repeat decides on a percentile: the percentile of all requests together
//! would hide a bad repeat behind good ones. Errors are counted over all repeats together.
//!
//! A figure that a warning spoils makes the gate unknown, unless another repeat fails it for certain. One
//! exception: the generator's own delay can only make a latency larger, so a latency that is within the
//! bound passes in spite of it. A figure whose uncertainty reaches across its bound neither passes nor fails.

mod bands;
mod growth;
pub(crate) mod interval;
mod of_machine;
mod of_steps;
mod planned;
mod reading;
mod recovery;

use crate::assessment::{ComponentKind, Gate, GateRepeats};
use crate::run_facts::RunFacts;

use planned::PlannedGate;
use reading::{GateReading, decide};

pub(crate) use bands::bands;

/// Judges all gates of a run and returns them with their outcomes. Benches without load of their
/// own have no gate.
pub(crate) fn judge(facts: &RunFacts<'_>) -> Vec<Gate> {
    let mut gates = Vec::new();
    for bench in facts.benches.iter().filter(|b| b.made_load()) {
        for gate in planned::of_bench(bench, facts) {
            let least = facts.thresholds.measurement.least_samples;
            let readings = of_steps::readings(bench, &gate, least);
            gates.push(Gate {
                file: bench.distinguishing_file.map(str::to_owned),
                ..build(&bench.id(), bench.component, &gate, readings)
            });
        }
    }
    for gate in planned::of_machine(facts) {
        let reading = of_machine::reading(&gate, facts);
        gates.push(build(
            "machine",
            ComponentKind::Machine,
            &gate,
            vec![reading],
        ));
    }
    for gate in planned::unmatched(facts) {
        gates.push(unmatched(&gate));
    }
    gates
}

/// Builds the gate of an entry that nothing in the run can be judged by.
fn unmatched(gate: &PlannedGate<'_>) -> Gate {
    let entry = gate.entry;
    let component = entry
        .and_then(|e| e.component)
        .unwrap_or(ComponentKind::Machine);
    let scenario = entry.and_then(|e| e.scenario.as_deref());
    let subject = match scenario {
        Some(scenario) => format!("{}.{scenario}", component.name()),
        None => component.name().to_owned(),
    };
    let what = match (entry.and_then(|e| e.component), scenario) {
        (Some(component), Some(scenario)) => format!("{} {scenario}", component.title()),
        (Some(component), None) => component.title().to_owned(),
        (None, Some(scenario)) => scenario.to_owned(),
        (None, None) => "a load with this figure".to_owned(),
    };
    let reading = Err(format!("nothing in this run is {what}"));
    build(&subject, component, gate, vec![reading])
}

fn build(
    subject: &str,
    component: ComponentKind,
    planned: &PlannedGate<'_>,
    readings: Vec<GateReading>,
) -> Gate {
    let requirement = planned.requirement;
    let decision = decide(requirement, readings);
    let (broken, judged) = decision.broken;
    let (low, high) = decision.interval.unzip();
    Gate {
        name: planned.name(subject),
        component,
        file: None,
        id: planned.entry.and_then(|e| e.id.clone()),
        title: planned.entry.and_then(|e| e.title.clone()),
        origin: planned.origin,
        profile: planned.profile.map(str::to_owned),
        requirement: requirement.words(&planned.subject()),
        threshold: requirement.bound.value,
        measured: decision.measured,
        low,
        high,
        unit: requirement.figure.unit().to_owned(),
        outcome: decision.outcome,
        repeats: (judged > 1).then_some(GateRepeats {
            broken: broken as u64,
            judged: judged as u64,
        }),
        reason: decision.reason,
        evidence: decision.evidence,
    }
}
