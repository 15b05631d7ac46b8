//! Time model of the machine: where the CPU time of one second went at the operating point with the busiest
//! CPU, by owner. States of the CPU, pressure, memory, disks and network are told beside it.

use bench_report::Window;

use crate::assessment::{EvidenceItem, TimeModel};
use crate::bench_facts::BenchFacts;
use crate::figures::{bytes, plain, share};
use crate::machine_recording::MachineRecording;
use crate::run_facts::RunFacts;
use crate::step_cpu_use::StepCpuUse;
use crate::target;

/// Smallest share of the machine's CPU at which a program that takes no part is a part of its own.
const NAMED: f64 = 0.01;
/// States of the CPU, each with its series.
const STATES: [(&str, &str); 5] = [
    ("in programs", "cpu.user_ratio"),
    ("in the kernel", "cpu.system_ratio"),
    ("in interrupts", "cpu.softirq_ratio"),
    ("taken by the hypervisor", "cpu.steal_ratio"),
    ("idle while a disk works", "cpu.iowait_ratio"),
];
/// Shares of other resources, each with its series.
const RESOURCES: [(&str, &str); 5] = [
    ("some task waited for a CPU", "pressure.cpu.some_ratio"),
    ("some task waited for memory", "pressure.memory.some_ratio"),
    ("some task waited for a disk", "pressure.io.some_ratio"),
    ("memory used", "memory.used_ratio"),
    ("the busiest disk busy", "disk.busy_ratio"),
];

/// Computes the model of the machine; `None` if the CPU was recorded at no operating point.
pub(crate) fn of_machine(machine: MachineRecording<'_>, facts: &RunFacts<'_>) -> Option<TimeModel> {
    let measured = facts.benches.iter().filter_map(|bench| {
        let (_, step) = bench.operating_step()?;
        Some((bench, bench.cpu.as_ref()?, step.window))
    });
    let busiest = measured.max_by(|a, b| a.1.busy_ratio().total_cmp(&b.1.busy_ratio()));
    let (bench, cpu, window) = busiest?;
    let whole_ns = cpu.cores * 1e9;
    let mut model = TimeModel::new(
        format!(
            "CPU time of {} cores in one second at the operating point of {}",
            plain(cpu.cores),
            bench.component.title()
        ),
        whole_ns,
    );
    owners(&mut model, (bench, cpu, window), machine);
    let (states, mut evidence) = readings(machine, &STATES, window);
    if !states.is_empty() {
        model
            .notes
            .push(format!("The CPU by state: {}.", states.join(", ")));
    }
    let (resources, of_resources) = readings(machine, &RESOURCES, window);
    if !resources.is_empty() {
        model
            .notes
            .push(format!("Beside it: {}.", resources.join(", ")));
    }
    model.notes.extend(network(machine, window));
    evidence.extend(of_resources);
    let idle = whole_ns - model.parts.iter().map(|part| part.ns).sum::<f64>();
    model.add_part("idle", "idle", idle, evidence);
    Some(model)
}

/// Adds the parts of the owners: server, generator, other programs by name, the rest of what was busy, and
/// what the hypervisor gave to others.
fn owners(
    model: &mut TimeModel,
    (bench, cpu, window): (&BenchFacts<'_>, &StepCpuUse, Window),
    machine: MachineRecording<'_>,
) {
    let whole_ns = model.whole_ns;
    let known = cpu.server_ratio.is_some();
    let evidence = cpu.evidence.clone();
    if let Some(server) = cpu.server_ratio {
        model.add_part("server", "the server", server * whole_ns, evidence);
    }
    let generator = cpu.generator_ratio * whole_ns;
    model.add_part("generator", "the generator", generator, Vec::new());
    let mut left = cpu.unexplained_ratio().max(0.0);
    for program in machine.outsiders(window, target::process_name(bench.source)) {
        let ratio = (program.cores / cpu.cores).min(left);
        if ratio < NAMED {
            break;
        }
        left -= ratio;
        let shown = machine.typical_sample(&format!("CPU of {}", program.name), program.reading);
        let name = format!("others.{}", program.name);
        model.add_part(
            &name,
            &program.name,
            ratio * whole_ns,
            shown.into_iter().collect(),
        );
    }
    let title = if known {
        "other programs and the kernel"
    } else {
        "the server, other programs and the kernel"
    };
    model.add_part("others", title, left * whole_ns, Vec::new());
    let stolen = 1.0 - cpu.left_ratio();
    model.add_part(
        "stolen",
        "taken by the hypervisor",
        stolen * whole_ns,
        Vec::new(),
    );
}

/// Reads the recorded ones of `series` over the window: each as words with its figure, and its evidence.
fn readings(
    machine: MachineRecording<'_>,
    series: &[(&str, &str)],
    window: Window,
) -> (Vec<String>, Vec<EvidenceItem>) {
    let read = series.iter().filter_map(|(what, name)| {
        let (_, reading) = machine.busiest_of(name, window)?;
        let told = format!("{what} {}", share(reading.mean));
        Some((told, machine.typical_sample(what, reading)))
    });
    let (told, evidence): (Vec<String>, Vec<Option<EvidenceItem>>) = read.unzip();
    (told, evidence.into_iter().flatten().collect())
}

/// Describes the traffic of the busiest network interface in each direction; `None` if it was not recorded.
fn network(machine: MachineRecording<'_>, window: Window) -> Option<String> {
    let (_, received) = machine.busiest_of("network.receive_bytes_per_s", window)?;
    let (_, sent) = machine.busiest_of("network.transmit_bytes_per_s", window)?;
    Some(format!(
        "The busiest network interface received {}/s and sent {}/s.",
        bytes(received.mean),
        bytes(sent.mean)
    ))
}
