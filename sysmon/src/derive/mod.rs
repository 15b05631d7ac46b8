//! Conversion of counters of the kernel to rates, over the real time between two reads.
//!
//! If a counter falls, because it wrapped, was reset or its CPU went offline, it has no rate: the
//! figure is absent for that sample. CPU time is counted in clock ticks, so over a few milliseconds
//! its rate would be mostly a rounding error. A window of such a counter therefore lasts at least
//! ten ticks of 10 ms. If samples are taken more often, the figure appears about ten times a second
//! and is absent in between. Samples are slightly early or late, so the shortest window is never a
//! multiple of the interval: see [`tick_window_ns`].

mod cgroup;
mod cpu;
mod network_limits;
mod pressure_baselines;
#[cfg(all(test, target_os = "linux"))]
mod tests;

use std::collections::BTreeMap;

use host_metrics::rate_window::{Baseline, tick_window_ns};
use host_metrics::source::cpu::CpuSample;
use host_metrics::source::disk::DiskCounters;
use host_metrics::source::filesystem::FileSystemSample;
use host_metrics::source::memory::PagingSample;
use host_metrics::source::tcp::{ListenSample, TcpSample};
use host_metrics::source::{HostSample, KernelUnits};

use crate::figure::Figures;
use crate::gpu::GpuSample;
use crate::metric::{
    self, disk, filesystem, gpu, host, memory, network, pressure, put_gauges, put_rates,
    put_rates_of_each,
};

use cgroup::CgroupDerivation;
use network_limits::NetworkBaselines;
use pressure_baselines::PressureBaselines;

/// Converter of the samples of one recording to figures. It keeps the last reading of each source.
#[derive(Debug)]
pub(crate) struct Derivation {
    tick_ns: u64,
    cpu: Baseline<CpuSample>,
    paging: Baseline<PagingSample>,
    disks: Baseline<BTreeMap<String, DiskCounters>>,
    network: NetworkBaselines,
    tcp: Baseline<TcpSample>,
    listen: Baseline<ListenSample>,
    pressure: PressureBaselines,
    cgroups: CgroupDerivation,
}

impl Derivation {
    /// Creates a derivation without readings. `units` are those of the host's counters, `cores` is
    /// its number of cores if known, and samples are taken every `interval_ns` nanoseconds.
    pub(crate) fn new(units: KernelUnits, cores: Option<u64>, interval_ns: u64) -> Self {
        let least_ns = tick_window_ns(interval_ns);
        Self {
            tick_ns: units.tick_ns,
            cpu: Baseline::with_least_window(least_ns),
            paging: Baseline::with_least_window(0),
            disks: Baseline::with_least_window(least_ns),
            network: NetworkBaselines::default(),
            tcp: Baseline::with_least_window(0),
            listen: Baseline::with_least_window(0),
            pressure: PressureBaselines::default(),
            cgroups: CgroupDerivation::new(units.tick_ns, cores, least_ns),
        }
    }

    /// Returns the figures of the host and of its control groups for this sample. Takes the
    /// readings that it needs out of `sample`. Rates need an earlier sample, so the first call
    /// returns gauges only; [`follow`](crate::follow) handles processes.
    pub(crate) fn figures(&mut self, sample: &mut HostSample) -> Figures {
        let mut out = Figures::default();
        let Self {
            tick_ns,
            cpu,
            paging,
            disks,
            network,
            tcp,
            listen,
            pressure: stalls,
            cgroups,
        } = self;
        gauges(sample, &mut out);
        let total_bytes = sample.memory.as_ref().map(|m| m.value.total_bytes);
        cgroups.figures(std::mem::take(&mut sample.cgroups), total_bytes, &mut out);
        cpu.advance(sample.cpu.take(), |old, new, window| {
            cpu::rates(old, new, window, *tick_ns, &mut out);
        });
        paging.advance(sample.paging.take(), |old, new, window| {
            for table in [memory::FAULTS, memory::RECLAIM, memory::SWAPPING] {
                put_rates(table, (old, new), window, &[], &mut out);
            }
        });
        disks.advance(sample.disks.take(), |old, new, window| {
            put_rates_of_each(disk::ALL, "device", (old, new), window, &mut out);
        });
        network.advance(sample, &mut out);
        tcp.advance(sample.tcp.take(), |old, new, window| {
            put_rates(network::TCP, (old, new), window, &[], &mut out);
        });
        listen.advance(sample.listen.take(), |old, new, window| {
            put_rates(network::LISTEN, (old, new), window, &[], &mut out);
        });
        let stalled = std::mem::take(&mut sample.pressure);
        stalls.advance(stalled, &pressure::MACHINE, &[], &mut out);
        out
    }
}

fn gauges(sample: &HostSample, out: &mut Figures) {
    if let Some(cpu) = &sample.cpu {
        put_gauges(metric::cpu::TASKS, &cpu.value, &[], out);
    }
    if let Some(load) = &sample.load {
        put_gauges(host::LOAD, &load.value, &[], out);
    }
    if let Some(memory) = &sample.memory {
        put_gauges(memory::IN_USE, &memory.value, &[], out);
        put_gauges(memory::SWAP, &memory.value, &[], out);
    }
    if let Some(arc) = &sample.arc {
        put_gauges(memory::ARC, &arc.value, &[], out);
    }
    if let Some(handles) = &sample.handles {
        put_gauges(host::HANDLES, &handles.value, &[], out);
    }
    if let Some(tcp) = &sample.tcp {
        put_gauges(network::TCP, &tcp.value, &[], out);
    }
    if let Some(sockets) = &sample.sockets {
        put_gauges(network::SOCKETS, &sockets.value, &[], out);
    }
    for (name, speed) in &sample.link_speeds {
        put_gauges(network::LINK, speed, &[("interface", name)], out);
    }
    if let Some(conntrack) = &sample.conntrack {
        put_gauges(network::CONNTRACK, &conntrack.value, &[], out);
    }
    if let Some(ports) = &sample.ports {
        put_gauges(network::PORTS, &ports.value, &[], out);
    }
    if let Some(states) = &sample.socket_states {
        for (state, count) in &states.value {
            put_gauges(network::SOCKETS_BY_STATE, count, &[("state", state)], out);
        }
    }
    for file_system in &sample.file_systems {
        let (labels, count) = file_system_labels(file_system);
        put_gauges(filesystem::ALL, file_system, &labels[..count], out);
    }
    for sensor in &sample.sensors.temperatures {
        let labels = [("sensor", sensor.name.as_str())];
        put_gauges(host::TEMPERATURES, &sensor.celsius, &labels, out);
    }
    for (core, hertz) in &sample.sensors.clocks_hertz {
        put_gauges(host::CLOCKS, hertz, &[("core", &core.to_string())], out);
    }
}

/// Returns the labels of a file system, and how many of them apply: the last one, its block device,
/// only if it is on one.
pub(crate) fn file_system_labels(
    file_system: &FileSystemSample,
) -> ([(&'static str, &str); 3], usize) {
    let mount = &file_system.mount;
    let device = mount.device.as_deref();
    let labels = [
        ("mount", mount.path.as_str()),
        ("type", mount.kind.as_str()),
        ("device", device.unwrap_or_default()),
    ];
    (labels, 2 + usize::from(device.is_some()))
}

/// Adds the figures of GPUs to `out`. They are gauges and need no earlier sample.
pub(crate) fn gpu_figures(gpus: &[GpuSample], out: &mut Figures) {
    for sample in gpus {
        let index = sample.index.to_string();
        let labels = [("gpu", index.as_str()), ("name", &*sample.name)];
        put_gauges(gpu::ALL, sample, &labels, out);
    }
}
