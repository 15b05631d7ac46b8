//! Programs outside the run that used the CPU in a stall and hardly in the rest of its step.

use std::ops::Range;

use bench_report::Window;

use super::present_then::{PresentThen, STANDS_OUT};
use super::step_stalls::StepStalls;
use crate::assessment::ComputedFigure;
use crate::bench_facts::BenchFacts;
use crate::figures::{counted, plain};
use crate::machine_recording::{MachineRecording, OutsideProgram};
use crate::run_facts::RunFacts;
use crate::target;

/// Smallest number of cores that a program outside the run uses in a stall if it can be the reason.
const LEAST_CORES: f64 = 0.5;

/// Returns the programs outside the run that used at least twice as much of the CPU in the longest stall of `worst`
/// as in the rest of the step, all their processes together. Time in which a process did not exist counts as 0.
pub(super) fn in_stall(
    bench: &BenchFacts<'_>,
    facts: &RunFacts<'_>,
    worst: &StepStalls<'_>,
) -> Vec<PresentThen> {
    let machine = facts.machine.filter(|m| m.is_aligned_with(bench.source));
    let (Some(machine), Some(stall)) = (machine, worst.longest()) else {
        return Vec::new();
    };
    let (stall, step) = (measured(&stall.span), worst.step.window);
    if target::may_look_like_an_outsider(bench.source, machine, step) {
        return Vec::new();
    }
    let server = target::process_name(bench.source);
    let (stall_s, step_s) = (stall.measured_s(), step.measured_s());
    let all = machine.outsiders(step, server);
    let then = machine.outsiders(stall, server).into_iter();
    let stands_out = then.filter_map(|program| {
        let on_average = all.iter().find(|one| one.name == program.name);
        let on_average = on_average.map_or(0.0, |one| one.cores);
        let elsewhere = on_average * step_s - program.cores * stall_s;
        let elsewhere = (elsewhere / (step_s - stall_s).max(1e-9)).max(0.0);
        let is_more = program.cores >= LEAST_CORES && program.cores >= STANDS_OUT * elsewhere;
        is_more.then(|| present_program(machine, &program, elsewhere))
    });
    stands_out.collect()
}

/// Tells how much of the CPU `program` used in a stall, and `elsewhere` in the rest of the step, in cores.
fn present_program(
    machine: MachineRecording<'_>,
    program: &OutsideProgram,
    elsewhere: f64,
) -> PresentThen {
    let OutsideProgram {
        name,
        cores,
        processes,
        ..
    } = program;
    let whose = if *processes > 1 {
        format!("{name} ({} processes)", plain(*processes as f64))
    } else {
        name.clone()
    };
    let how = "CPU time of its processes in that time ÷ that time";
    PresentThen {
        sentence: format!(
            "{} used by {whose}, which takes no part in the run ({} in the rest of the step)",
            counted(*cores, "core"),
            plain(elsewhere)
        ),
        evidence: machine.typical_sample(&format!("CPU of {name} in the stall"), program.reading),
        computed: vec![
            ComputedFigure::new(format!("cores of {name} in the stall"), *cores, how),
            ComputedFigure::new(
                format!("cores of {name} in the rest of the step"),
                elsewhere,
                how,
            ),
            ComputedFigure::new(
                format!("processes called {name}"),
                *processes as f64,
                "recorded ones",
            ),
        ],
        program: Some(name.clone()),
    }
}

/// Returns a window whose measured part is `span`.
fn measured(span: &Range<u64>) -> Window {
    Window {
        start_ns: span.start,
        measure_start_ns: span.start,
        measure_end_ns: span.end,
        end_ns: span.end,
    }
}
