//! Rows of the machine's resources: CPU, memory, disk, network, accept queue.

use bench_report::Step;

use std::cmp::Ordering::Equal;

use crate::assessment::{ResourceKind, ResourceUse, UseCell};
use crate::bench_facts::BenchFacts;
use crate::figures::{self, plain, share};
use crate::machine_recording::MachineRecording;
use crate::run_facts::RunFacts;
use crate::target;
use bench_report::names::machine::{NETWORK_RECEIVE_USED_RATIO, NETWORK_TRANSMIT_USED_RATIO};

/// Reason for an empty cell about errors that no counter of the system tells.
const NOT_COUNTED: &str = "not known: sysmon records no errors of it";

/// Recording of the machine over one step, or the reason why there is none.
struct StepRecording<'a> {
    machine: Option<MachineRecording<'a>>,
    step: &'a Step,
    why: &'static str,
}

impl<'a> StepRecording<'a> {
    fn new(bench: &BenchFacts<'a>, step: &'a Step, facts: &RunFacts<'a>) -> Self {
        let aligned = facts.machine.filter(|m| m.is_aligned_with(bench.source));
        let elsewhere = target::is_elsewhere(bench.source);
        Self {
            machine: aligned.filter(|_| !elsewhere),
            step,
            why: match (elsewhere, facts.machine) {
                (true, _) => "not known: the target is on another machine",
                (false, None) => "not known: the machine was not recorded (sysmon record)",
                (false, Some(_)) => "not known: the recording does not cover the step",
            },
        }
    }

    /// Reads the machine-wide series `name` as a cell; `words` follow the value.
    fn cell(&self, name: &str, unit: &str, words: &str) -> Option<UseCell> {
        let machine = self.machine?;
        let reading = machine.read(name, self.step.window)?;
        let evidence = machine.typical_sample(name, reading);
        Some(UseCell::known(
            reading.mean,
            unit,
            told(unit, reading.mean, words),
            evidence,
        ))
    }

    /// Reads the highest sample of the machine-wide count `name` as a cell; `words` follow the value.
    fn most(&self, name: &str, words: &str) -> Option<UseCell> {
        let machine = self.machine?;
        let reading = machine.read(name, self.step.window)?;
        let evidence = machine.peak_sample(name, reading);
        let shown = format!("{} {words}", plain(reading.max));
        Some(UseCell::known(reading.max, "count", shown, evidence))
    }

    /// Reads the series `name` of the device or interface with the highest mean as a cell, with its label.
    fn busiest(&self, name: &str, unit: &str, words: &str) -> Option<(UseCell, Option<String>)> {
        let machine = self.machine?;
        let (series, reading) = machine.busiest_of(name, self.step.window)?;
        let evidence = machine.typical_sample(name, reading);
        let cell = UseCell::known(
            reading.mean,
            unit,
            told(unit, reading.mean, words),
            evidence,
        );
        Some((cell, series.labels.values().next().cloned()))
    }

    /// Returns `cell`, or an unknown one that says that `name` was not recorded.
    fn or_unknown(&self, cell: Option<UseCell>, name: &str) -> UseCell {
        cell.unwrap_or_else(|| match self.machine {
            Some(_) => UseCell::unknown(format!("not known: {name} was not recorded")),
            None => UseCell::unknown(self.why),
        })
    }
}

fn told(unit: &str, value: f64, words: &str) -> String {
    let shown = match unit {
        "ratio" => share(value),
        "per_s" => format!("{}/s", plain(value)),
        "count" => plain(value),
        unit => figures::show(unit, value),
    };
    format!("{shown} {words}")
}

/// Returns the rows of CPU, memory, busiest disk and network.
pub(super) fn rows(bench: &BenchFacts<'_>, step: &Step, facts: &RunFacts<'_>) -> Vec<ResourceUse> {
    let read = StepRecording::new(bench, step, facts);
    let cell =
        |name: &str, unit: &str, words: &str| read.or_unknown(read.cell(name, unit, words), name);
    let cpu = ResourceUse {
        resource: ResourceKind::Cpu,
        thing: read
            .machine
            .and_then(MachineRecording::cores)
            .map(|n| format!("of {} cores", plain(n))),
        utilisation: cell("cpu.busy_ratio", "ratio", "busy"),
        saturation: cell(
            "pressure.cpu.some_ratio",
            "ratio",
            "of the time some task waited for it",
        ),
        errors: read.or_unknown(Some(UseCell::unknown(NOT_COUNTED)), ""),
    };
    let memory = ResourceUse {
        resource: ResourceKind::Memory,
        thing: None,
        utilisation: cell("memory.used_ratio", "ratio", "used"),
        saturation: cell(
            "pressure.memory.some_ratio",
            "ratio",
            "of the time some task waited for it",
        ),
        errors: read.or_unknown(
            read.most("memory.oom_kills", "processes killed for want of it"),
            "memory.oom_kills",
        ),
    };
    vec![cpu, memory, disk(&read), network(&read)]
}

fn disk(read: &StepRecording<'_>) -> ResourceUse {
    let (busy, name) = read.busiest("disk.busy_ratio", "ratio", "busy").unzip();
    let queue = read.busiest("disk.queue_length", "count", "requests in its queue");
    let waited = || {
        read.cell(
            "pressure.io.some_ratio",
            "ratio",
            "of the time some task waited for it",
        )
    };
    ResourceUse {
        resource: ResourceKind::Disk,
        thing: name.flatten(),
        utilisation: read.or_unknown(busy, "disk.busy_ratio"),
        saturation: read.or_unknown(
            queue.map(|(cell, _)| cell).or_else(waited),
            "disk.queue_length",
        ),
        errors: read.or_unknown(Some(UseCell::unknown(NOT_COUNTED)), ""),
    }
}

fn network(read: &StepRecording<'_>) -> ResourceUse {
    // A link carries its speed in each direction, so that the fuller direction counts.
    let directions = [
        (NETWORK_RECEIVE_USED_RATIO, "of the link's speed received"),
        (NETWORK_TRANSMIT_USED_RATIO, "of the link's speed sent"),
    ];
    let used = directions.into_iter();
    let used = used.filter_map(|(name, words)| read.busiest(name.as_str(), "ratio", words));
    let fuller = used.max_by(|(a, _), (b, _)| a.value.partial_cmp(&b.value).unwrap_or(Equal));
    let (used, interface) = fuller.unzip();
    let again = read.cell("tcp.retransmits_per_s", "per_s", "TCP segments sent again");
    let errors = read.busiest("network.errors_per_s", "per_s", "packets with errors");
    let (errors, _) = errors.unzip();
    ResourceUse {
        resource: ResourceKind::Network,
        thing: interface.flatten(),
        utilisation: read.or_unknown(used, "the link's speed"),
        saturation: read.or_unknown(again, "tcp.retransmits_per_s"),
        errors: read.or_unknown(errors, "network.errors_per_s"),
    }
}

/// Returns the row of the queue of connections that the server has not accepted yet.
pub(super) fn accept_queue(
    bench: &BenchFacts<'_>,
    step: &Step,
    facts: &RunFacts<'_>,
) -> ResourceUse {
    let read = StepRecording::new(bench, step, facts);
    let overflows = read.cell(
        "tcp.listen_overflows_per_s",
        "per_s",
        "connections found it full",
    );
    let drops = read.cell(
        "tcp.listen_drops_per_s",
        "per_s",
        "connections were dropped",
    );
    ResourceUse {
        resource: ResourceKind::AcceptQueue,
        thing: None,
        utilisation: UseCell::unknown("not known: the system does not tell its length over time"),
        saturation: read.or_unknown(overflows, "tcp.listen_overflows_per_s"),
        errors: read.or_unknown(drops, "tcp.listen_drops_per_s"),
    }
}
