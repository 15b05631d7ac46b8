//! Limiting factor of the machine: its most used resource at the operating points.

use super::answer::{cap_confidence, factor, inconclusive};
use crate::assessment::{Confidence, LimitingFactor};
use crate::figures::share;
use crate::machine_recording::MachineRecording;
use crate::run_facts::RunFacts;
use crate::series_reading::SeriesReading;
use crate::step_cpu_use::StepCpuUse;

/// Series that record the used share of a resource, from 0 to 1, each with the name of the factor
/// and its title.
const RESOURCES: [(&str, &str, &str); 5] = [
    ("cpu.busy_ratio", "cpu", "CPU"),
    ("memory.used_ratio", "memory", "memory"),
    ("disk.busy_ratio", "disk", "disk"),
    ("pressure.io.some_ratio", "io_pressure", "waiting for I/O"),
    (
        "pressure.memory.some_ratio",
        "memory_pressure",
        "waiting for memory",
    ),
];

/// Finds the limiting factor of the machine: the resource with the largest used share at any
/// operating point; `inconclusive` if the recording covers none of them.
pub(crate) fn of_machine(machine: MachineRecording<'_>, facts: &RunFacts<'_>) -> LimitingFactor {
    let Some((name, title, reading)) = fullest(machine, facts) else {
        return inconclusive(
            "the recording covers none of the operating points",
            "record for as long as the benches run",
        );
    };
    if let Some((cpu, used)) = quota(facts).filter(|(_, used)| *used > reading.mean) {
        return cap_confidence(factor(
            "cpu_quota",
            format!("CPU quota: {}", cpu.sentence()),
            near_its_end(used, facts),
            Confidence::High,
            cpu.evidence.clone(),
        ));
    }
    let whose = bench_at(facts, &reading);
    cap_confidence(factor(
        name,
        format!("{title}: {} used{whose}", share(reading.mean)),
        near_its_end(reading.mean, facts),
        Confidence::High,
        machine.typical_sample(title, reading),
    ))
}

fn near_its_end(used: f64, facts: &RunFacts<'_>) -> &'static str {
    if used >= facts.thresholds.cpu.warning_ratio {
        "it is the resource nearest its end while the benches ran at their operating points"
    } else {
        "no resource of the machine is near its end at any operating point; this one is nearest"
    }
}

/// Returns the resource with the highest mean use at any operating point: its factor, its title and
/// the reading. `None` if no resource was recorded at one.
fn fullest(
    machine: MachineRecording<'_>,
    facts: &RunFacts<'_>,
) -> Option<(&'static str, &'static str, SeriesReading)> {
    let mut windows = facts.operating_windows();
    if windows.is_empty() {
        windows.extend(facts.load_window());
    }
    let at_worst = |(series, name, title)| {
        let readings = windows
            .iter()
            .filter_map(|w| Some(machine.busiest_of(series, *w)?.1));
        let reading = readings.max_by(|a, b| a.mean.total_cmp(&b.mean))?;
        Some((name, title, reading))
    };
    let all = RESOURCES.into_iter().filter_map(at_worst);
    all.max_by(|a, b| a.2.mean.total_cmp(&b.2.mean))
}

/// Returns the CPU use of the step that used the largest share of a CPU quota, with that share;
/// `None` if no step ran under a quota or its use is not known.
fn quota<'f>(facts: &'f RunFacts<'_>) -> Option<(&'f StepCpuUse, f64)> {
    let cpus = facts.benches.iter().filter_map(|b| b.cpu.as_ref());
    let under_quota = cpus.filter(|cpu| cpu.binding_limit().is_some());
    let used = under_quota.filter_map(|cpu| Some((cpu, cpu.used_ratio()?)));
    used.max_by(|a, b| a.1.total_cmp(&b.1))
}

/// Names the bench at whose operating point `reading` was taken, as ` at the operating point of
/// Redis`; empty if it is not a bench's reading of the CPU.
fn bench_at(facts: &RunFacts<'_>, reading: &SeriesReading) -> String {
    let mut cpus = facts
        .benches
        .iter()
        .filter_map(|b| Some((b, b.cpu.as_ref()?)));
    let of = cpus.find(|(_, cpu)| cpu.busy == *reading);
    of.map_or(String::new(), |(bench, _)| {
        format!(" at the operating point of {}", bench.component.title())
    })
}
