//! Figures of the machine, as gates read them.

use crate::machine_recording::MachineRecording;
use crate::requirement::GateFigure;
use crate::run_facts::RunFacts;

use super::growth;
use super::planned::PlannedGate;
use super::reading::{GateMeasurement, GateReading};

/// Reads the figure of a gate on the machine over the whole run.
pub(super) fn reading(gate: &PlannedGate<'_>, facts: &RunFacts<'_>) -> GateReading {
    match gate.requirement.figure {
        GateFigure::Memory => memory(facts),
        GateFigure::Cpu => cpu(facts),
        _ => growth::reading(gate, facts),
    }
}

/// Returns the recording of the machine, if it tells what the machine did under the load of all benches.
fn recording<'a>(facts: &RunFacts<'a>) -> Result<MachineRecording<'a>, &'static str> {
    let machine = facts.machine.ok_or("the machine was not recorded")?;
    let shared = facts.is_all_recorded().then_some(machine);
    shared.ok_or("the recording of the machine and the load have no clock in common")
}

/// Reads the largest share of memory in use at any time of the recording.
fn memory(facts: &RunFacts<'_>) -> GateReading {
    let machine = recording(facts)?;
    let reading = machine.read("memory.used_ratio", machine.whole());
    let reading = reading.ok_or("memory was not recorded")?;
    let evidence = machine.peak_sample("memory used", reading);
    let evidence = evidence.into_iter().collect();
    Ok(GateMeasurement::new(machine.source, reading.max, evidence))
}

/// Reads the largest mean CPU use of an operating point, or of the whole load.
fn cpu(facts: &RunFacts<'_>) -> GateReading {
    let machine = recording(facts)?;
    let reading = facts.highest_machine_reading("cpu.busy_ratio");
    let reading = reading.ok_or("the CPU was not recorded")?;
    let evidence = machine.typical_sample("CPU used", reading);
    let evidence = evidence.into_iter().collect();
    Ok(GateMeasurement::new(machine.source, reading.mean, evidence))
}
