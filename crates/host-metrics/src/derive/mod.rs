//! From counters to rates, over the real time between two reads.
//!
//! A counter that fell, because it wrapped, was reset or its CPU went offline, has no rate: the
//! figure is absent for that tick. A counter of clock ticks over a few milliseconds would be all
//! rounding, so its window is held open until it is ten ticks of 10 ms long; sampling faster than
//! that gives such a figure about ten times a second and leaves it absent between. No sample is
//! taken at its exact time, so the shortest window accepted is never a multiple of the interval:
//! see [`tick_window_ns`].

mod cgroup;
mod cpu;
mod disk;
mod gpu;
mod memory;
mod network;
mod rate_window;

use crate::figure::Figures;
use crate::source::cpu::CpuSample;
use crate::source::disk::DiskSample;
use crate::source::memory::PagingSample;
use crate::source::network::NetworkSample;
use crate::source::pressure::{PressureSample, PressureStall};
use crate::source::tcp::{ListenSample, TcpSample};
use crate::source::{HostSample, KernelUnits};

use cgroup::CgroupDerivation;
pub use gpu::gpu_figures;
pub use rate_window::{Baseline, RateWindow, tick_window_ns};

/// Stalled time is counted in microseconds.
const STALL_QUANTUM_NS: u64 = 1000;

/// The derivation of one recording: one baseline for each source.
#[derive(Debug)]
pub struct Derivation {
    tick_ns: u64,
    cpu: Baseline<CpuSample>,
    paging: Baseline<PagingSample>,
    disks: Baseline<DiskSample>,
    network: Baseline<NetworkSample>,
    tcp: Baseline<TcpSample>,
    listen: Baseline<ListenSample>,
    pressure: PressureBaselines,
    cgroups: CgroupDerivation,
}

impl Derivation {
    /// Nothing read yet, of a machine that counts in these units and has so many `cores`, and is
    /// read every `interval_ns`.
    pub fn new(units: KernelUnits, cores: Option<u64>, interval_ns: u64) -> Self {
        let least_ns = tick_window_ns(interval_ns);
        Self {
            tick_ns: units.tick_ns,
            cpu: Baseline::over(least_ns),
            paging: Baseline::over(0),
            disks: Baseline::over(least_ns),
            network: Baseline::over(0),
            tcp: Baseline::over(0),
            listen: Baseline::over(0),
            pressure: PressureBaselines::default(),
            cgroups: CgroupDerivation::new(units.tick_ns, cores, least_ns),
        }
    }

    /// The figures of the machine at this tick. Rates need an earlier sample; processes are not
    /// looked at here.
    pub fn figures(&mut self, sample: &mut HostSample) -> Figures {
        let mut out = Figures::default();
        let Self {
            tick_ns,
            cpu,
            paging,
            disks,
            network,
            tcp,
            listen,
            pressure,
            cgroups,
        } = self;
        gauges(sample, &mut out);
        let total_bytes = sample.memory.as_ref().map(|m| m.value.total_bytes);
        cgroups.figures(std::mem::take(&mut sample.cgroups), total_bytes, &mut out);
        cpu.advance(sample.cpu.take(), |old, new, window| {
            cpu::rates(old, new, window, *tick_ns, &mut out);
        });
        paging.advance(sample.paging.take(), |old, new, window| {
            memory::rates(old, new, window, &mut out);
        });
        disks.advance(sample.disks.take(), |old, new, window| {
            disk::rates(old, new, window, &mut out);
        });
        network.advance(sample.network.take(), |old, new, window| {
            network::rates(old, new, window, &mut out);
        });
        tcp.advance(sample.tcp.take(), |old, new, window| {
            network::tcp_rates(old, new, window, &mut out);
        });
        listen.advance(sample.listen.take(), |old, new, window| {
            network::listen_rates(old, new, window, &mut out);
        });
        let stalled = std::mem::take(&mut sample.pressure);
        pressure.advance(stalled, |kind, value| {
            if let Some(name) = kind.of_machine() {
                out.put(name, value);
            }
        });
        out
    }
}

fn gauges(sample: &HostSample, out: &mut Figures) {
    if let Some(cpu) = &sample.cpu {
        cpu::gauges(&cpu.value, out);
    }
    if let Some(load) = &sample.load {
        cpu::load_gauges(&load.value, out);
    }
    if let Some(memory) = &sample.memory {
        memory::gauges(&memory.value, out);
    }
    if let Some(handles) = &sample.handles {
        out.put("handles.open", Some(handles.value.open));
        out.put("handles.most", handles.value.most);
    }
    if let Some(tcp) = &sample.tcp {
        out.put("tcp.established", tcp.value.established);
    }
    if let Some(sockets) = &sample.sockets {
        network::socket_gauges(&sockets.value, out);
    }
    if let Some(states) = &sample.socket_states {
        for (state, count) in &states.value {
            out.put_labelled("tcp.sockets", &[("state", state)], Some(*count));
        }
    }
    for sensor in &sample.sensors.temperatures {
        let labels = [("sensor", sensor.name.as_str())];
        out.put_labelled("temperature.celsius", &labels, Some(sensor.celsius));
    }
    for (core, hertz) in &sample.sensors.clocks_hertz {
        let labels = [("core", core.to_string())];
        let labels = labels.each_ref().map(|(key, of)| (*key, of.as_str()));
        out.put_labelled("cpu.clock_hertz", &labels, Some(*hertz));
    }
}

/// The shares of time that PSI tells: of CPU, memory and I/O, some and all tasks waiting.
#[derive(Debug, Clone, Copy)]
enum PressureKind {
    CpuSome,
    CpuFull,
    MemorySome,
    MemoryFull,
    IoSome,
    IoFull,
}

impl PressureKind {
    /// Not all tasks of a machine can wait for its CPUs at once: one of them has it.
    fn of_machine(self) -> Option<&'static str> {
        match self {
            Self::CpuSome => Some("pressure.cpu.some_ratio"),
            Self::CpuFull => None,
            Self::MemorySome => Some("pressure.memory.some_ratio"),
            Self::MemoryFull => Some("pressure.memory.full_ratio"),
            Self::IoSome => Some("pressure.io.some_ratio"),
            Self::IoFull => Some("pressure.io.full_ratio"),
        }
    }

    fn of_cgroup(self) -> &'static str {
        match self {
            Self::CpuSome => "cgroup.pressure.cpu.some_ratio",
            Self::CpuFull => "cgroup.pressure.cpu.full_ratio",
            Self::MemorySome => "cgroup.pressure.memory.some_ratio",
            Self::MemoryFull => "cgroup.pressure.memory.full_ratio",
            Self::IoSome => "cgroup.pressure.io.some_ratio",
            Self::IoFull => "cgroup.pressure.io.full_ratio",
        }
    }
}

/// The baselines of PSI, of the machine or of a group.
#[derive(Debug)]
struct PressureBaselines {
    cpu: Baseline<PressureStall>,
    memory: Baseline<PressureStall>,
    io: Baseline<PressureStall>,
}

impl Default for PressureBaselines {
    fn default() -> Self {
        let [cpu, memory, io] = [(); 3].map(|()| Baseline::over(0));
        Self { cpu, memory, io }
    }
}

impl PressureBaselines {
    fn advance(
        &mut self,
        sample: PressureSample,
        mut put: impl FnMut(PressureKind, Option<crate::figure::FigureValue>),
    ) {
        let share = |window: RateWindow, old, new| window.share(old, new, STALL_QUANTUM_NS);
        self.cpu.advance(sample.cpu, |old, new, w| {
            put(
                PressureKind::CpuSome,
                share(w, Some(old.some_ns), Some(new.some_ns)),
            );
            put(PressureKind::CpuFull, share(w, old.full_ns, new.full_ns));
        });
        self.memory.advance(sample.memory, |old, new, w| {
            put(
                PressureKind::MemorySome,
                share(w, Some(old.some_ns), Some(new.some_ns)),
            );
            put(PressureKind::MemoryFull, share(w, old.full_ns, new.full_ns));
        });
        self.io.advance(sample.io, |old, new, w| {
            put(
                PressureKind::IoSome,
                share(w, Some(old.some_ns), Some(new.some_ns)),
            );
            put(PressureKind::IoFull, share(w, old.full_ns, new.full_ns));
        });
    }
}
