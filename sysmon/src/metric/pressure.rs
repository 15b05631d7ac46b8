//! Metrics of pressure stall information (PSI): time in which tasks waited for a resource.

#[cfg(feature = "export")]
use host_metrics::source::Timed;
#[cfg(feature = "export")]
use host_metrics::source::pressure::PressureSample;
use host_metrics::source::pressure::PressureStall;

use super::definition::{Metric, metrics};

/// Resolution of the kernel's counters of the time that tasks waited for a resource, in
/// nanoseconds.
const QUANTUM_NS: u64 = 1000;

const SOME: Option<&str> = Some("sysmon_pressure_some_seconds");
const FULL: Option<&str> = Some("sysmon_pressure_full_seconds");
const GROUP_SOME: Option<&str> = Some("sysmon_cgroup_pressure_some_seconds");
const GROUP_FULL: Option<&str> = Some("sysmon_cgroup_pressure_full_seconds");

#[expect(clippy::unnecessary_wraps, reason = "a row reads an optional count")]
fn some(stall: &PressureStall) -> Option<u64> {
    Some(stall.some_ns)
}

fn full(stall: &PressureStall) -> Option<u64> {
    stall.full_ns
}

metrics! {
    /// Metrics of the pressure on the machine's CPUs. The table records only the share of time in
    /// which some task waited: not all tasks can wait for a CPU at the same time.
    CPU: PressureStall {
        CPU_SOME = share("pressure.cpu.some_ratio", SOME,
            "Time in which some task waited for the resource.",
            some, QUANTUM_NS).titled("pressure CPU").labelled("resource", "cpu");
        CPU_FULL = time_counter("pressure.cpu.full_ratio", FULL,
            "Time in which all tasks that were not idle waited for the resource.",
            full).labelled("resource", "cpu");
    }
}

metrics! {
    /// Metrics of the pressure on the machine's memory: shares of time in which some, and in which
    /// all, tasks waited for memory.
    MEMORY: PressureStall {
        MEMORY_SOME = share("pressure.memory.some_ratio", SOME,
            "Time in which some task waited for the resource.",
            some, QUANTUM_NS).titled("pressure memory").labelled("resource", "memory");
        MEMORY_FULL = share("pressure.memory.full_ratio", FULL,
            "Time in which all tasks that were not idle waited for the resource.",
            full, QUANTUM_NS).labelled("resource", "memory");
    }
}

metrics! {
    /// Metrics of the pressure on the machine's disks: shares of time in which some, and in which
    /// all, tasks waited for I/O.
    IO: PressureStall {
        IO_SOME = share("pressure.io.some_ratio", SOME,
            "Time in which some task waited for the resource.",
            some, QUANTUM_NS).titled("pressure I/O").labelled("resource", "io");
        IO_FULL = share("pressure.io.full_ratio", FULL,
            "Time in which all tasks that were not idle waited for the resource.",
            full, QUANTUM_NS).labelled("resource", "io");
    }
}

metrics! {
    /// Metrics of the pressure on the CPUs of a control group: shares of time in which some, and in
    /// which all, of its tasks waited for a CPU.
    CGROUP_CPU: PressureStall {
        CGROUP_CPU_SOME = share("cgroup.pressure.cpu.some_ratio", GROUP_SOME,
            "Time in which some task of the group waited for the resource.",
            some, QUANTUM_NS).labelled("resource", "cpu");
        CGROUP_CPU_FULL = share("cgroup.pressure.cpu.full_ratio", GROUP_FULL,
            "Time in which all tasks of the group waited for the resource.",
            full, QUANTUM_NS).labelled("resource", "cpu");
    }
}

metrics! {
    /// Metrics of the pressure on the memory of a control group: shares of time in which some, and
    /// in which all, of its tasks waited for memory.
    CGROUP_MEMORY: PressureStall {
        CGROUP_MEMORY_SOME = share("cgroup.pressure.memory.some_ratio", GROUP_SOME,
            "Time in which some task of the group waited for the resource.",
            some, QUANTUM_NS).labelled("resource", "memory");
        CGROUP_MEMORY_FULL = share("cgroup.pressure.memory.full_ratio", GROUP_FULL,
            "Time in which all tasks of the group waited for the resource.",
            full, QUANTUM_NS).labelled("resource", "memory");
    }
}

metrics! {
    /// Metrics of the pressure on the disks of a control group: shares of time in which some, and
    /// in which all, of its tasks waited for I/O.
    CGROUP_IO: PressureStall {
        CGROUP_IO_SOME = share("cgroup.pressure.io.some_ratio", GROUP_SOME,
            "Time in which some task of the group waited for the resource.",
            some, QUANTUM_NS).labelled("resource", "io");
        CGROUP_IO_FULL = share("cgroup.pressure.io.full_ratio", GROUP_FULL,
            "Time in which all tasks of the group waited for the resource.",
            full, QUANTUM_NS).labelled("resource", "io");
    }
}

/// Name of each resource with its table of pressure metrics, for the machine or a control group; in
/// the order CPU, memory, I/O.
pub(crate) type PressureTables = [(&'static str, &'static [&'static Metric<PressureStall>]); 3];

/// Returns the readings of a sample in the order of the tables: CPU, memory, I/O. `None` where the
/// pressure could not be read.
#[cfg(feature = "export")]
pub(crate) fn resources(sample: &PressureSample) -> [Option<&Timed<PressureStall>>; 3] {
    [&sample.cpu, &sample.memory, &sample.io].map(Option::as_ref)
}

/// Pressure metrics of the machine, by resource.
pub(crate) static MACHINE: PressureTables = [("cpu", CPU), ("memory", MEMORY), ("io", IO)];

/// Pressure metrics of a control group, by resource.
pub(crate) static CGROUP: PressureTables = [
    ("cpu", CGROUP_CPU),
    ("memory", CGROUP_MEMORY),
    ("io", CGROUP_IO),
];
