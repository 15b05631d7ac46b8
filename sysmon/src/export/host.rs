//! Exported metrics of the machine: counters of the kernel as counters, so that a rate over any
//! time between two scrapes is right; everything else as gauges.

use std::collections::HashMap;

use host_metrics::source::HostSample;
use host_metrics::source::cpu::CpuSample;
use host_metrics::source::sensor::SensorSample;

use super::exposition::Families;
use super::monotonic::MonotonicTimes;
use crate::derive::file_system_labels;
use crate::gpu::GpuSample;
use crate::metric::{cpu, disk, filesystem, gpu, host, memory, network, pressure};

/// Adds to `out` all metrics of the machine for which the sample has values. `monotonic` keeps CPU
/// times from falling.
pub(crate) fn families(sample: &HostSample, monotonic: &mut MonotonicTimes, out: &mut Families) {
    if let Some(cpu) = &sample.cpu {
        cpu_times(&cpu.value, monotonic, out);
        out.table(cpu::TASKS, &cpu.value, &[]);
    }
    if let Some(load) = &sample.load {
        out.table(host::LOAD, &load.value, &[]);
    }
    if let Some(handles) = &sample.handles {
        out.table(host::HANDLES, &handles.value, &[]);
    }
    if let Some(memory) = &sample.memory {
        out.table(memory::IN_USE, &memory.value, &[]);
        out.table(memory::SWAP, &memory.value, &[]);
    }
    if let Some(paging) = &sample.paging {
        out.table(memory::FAULTS, &paging.value, &[]);
        out.table(memory::RECLAIM, &paging.value, &[]);
        out.table(memory::SWAPPING, &paging.value, &[]);
    }
    if let Some(arc) = &sample.arc {
        out.table(memory::ARC, &arc.value, &[]);
    }
    for (device, counters) in sample.disks.iter().flat_map(|all| &all.value) {
        out.table(disk::ALL, counters, &[("device", device)]);
    }
    for file_system in &sample.file_systems {
        let (labels, count) = file_system_labels(file_system);
        out.table(filesystem::ALL, file_system, &labels[..count]);
    }
    for (device, counters) in sample.network.iter().flat_map(|all| &all.value) {
        out.table(network::INTERFACE, counters, &[("device", device)]);
    }
    tcp(sample, out);
    limits(sample, out);
    sensors(&sample.sensors, out);
    for (stall, (_, table)) in pressure::resources(&sample.pressure)
        .into_iter()
        .zip(pressure::MACHINE)
    {
        if let Some(stall) = stall {
            out.table(table, &stall.value, &[]);
        }
    }
}

/// Adds the CPU time of each core by state to `out`; the states of a core add up to the elapsed
/// time.
fn cpu_times(cpu: &CpuSample, monotonic: &mut MonotonicTimes, out: &mut Families) {
    let tables = [cpu::BUSY_TIME, cpu::BUSY_STATES, cpu::OTHER_STATES];
    for (core, times) in &cpu.cores {
        let number = core.to_string();
        for metric in tables.into_iter().flatten() {
            let ns = metric.count(times);
            let ns = ns.map(|ns| monotonic.hold((*core, metric.name()), ns));
            let seconds = ns.map(|ns| metric.exported_count(ns));
            out.metric(metric, seconds, &[("cpu", &number)]);
        }
    }
}

/// Adds the metrics of the network's limits to `out`.
fn limits(sample: &HostSample, out: &mut Families) {
    for (device, speed) in &sample.link_speeds {
        out.table(network::LINK, speed, &[("device", device)]);
    }
    for (core, counters) in sample.softnet.iter().flat_map(|all| &all.value) {
        out.table(network::SOFTNET, counters, &[("cpu", &core.to_string())]);
    }
    if let Some(conntrack) = &sample.conntrack {
        out.table(network::CONNTRACK, &conntrack.value, &[]);
    }
    if let Some(ports) = &sample.ports {
        out.table(network::PORTS, &ports.value, &[]);
    }
    if let Some(udp) = &sample.udp {
        out.table(network::UDP, &udp.value, &[]);
    }
}

fn tcp(sample: &HostSample, out: &mut Families) {
    if let Some(tcp) = &sample.tcp {
        out.table(network::TCP, &tcp.value, &[]);
    }
    if let Some(listen) = &sample.listen {
        out.table(network::LISTEN, &listen.value, &[]);
    }
    if let Some(sockets) = &sample.sockets {
        out.table(network::SOCKETS, &sockets.value, &[]);
    }
    let states = sample.socket_states.iter().flat_map(|states| &states.value);
    for (state, count) in states {
        out.table(network::SOCKETS_BY_STATE, count, &[("state", state)]);
    }
}

fn sensors(sensors: &SensorSample, out: &mut Families) {
    let mut named: HashMap<&str, u32> = HashMap::new();
    for sensor in &sensors.temperatures {
        // Two disks of the same model have sensors with the same name.
        let times = named.entry(&sensor.name).or_default();
        *times += 1;
        let name = match times {
            1 => sensor.name.clone(),
            n => format!("{} {n}", sensor.name),
        };
        out.table(host::TEMPERATURES, &sensor.celsius, &[("sensor", &name)]);
    }
    for (core, hertz) in &sensors.clocks_hertz {
        out.table(host::CLOCKS, hertz, &[("cpu", &core.to_string())]);
    }
}

/// Adds the metrics of GPUs to `out`, which are gauges that their driver reports.
pub(crate) fn gpus(gpus: &[GpuSample], out: &mut Families) {
    for sample in gpus {
        let index = sample.index.to_string();
        let labels = [("gpu", index.as_str()), ("name", &*sample.name)];
        out.table(gpu::ALL, sample, &labels);
    }
}
