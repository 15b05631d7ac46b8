//! From counters to rates, over the real time between two reads.
//!
//! A counter that fell, because it wrapped, was reset or its CPU went offline, has no rate: the
//! figure is absent for that tick. A counter of clock ticks over a few milliseconds would be all
//! rounding, so its window is held open until it is ten ticks of 10 ms long; sampling faster than
//! that gives such a figure at every tenth of a second and leaves it absent between.

use crate::figure::Figures;
use crate::source::cpu::{CpuSample, CpuTimes};
use crate::source::disk::{DiskCounters, DiskSample};
use crate::source::gpu::GpuSample;
use crate::source::memory::{MemorySample, PagingSample};
use crate::source::network::{InterfaceCounters, NetworkSample, TcpSample};
use crate::source::pressure::Stall;
use crate::source::{Sample, Timed};

/// The shortest window over which a counter of clock ticks says anything (to ±10 %).
pub const LEAST_TICK_WINDOW_NS: u64 = 100_000_000;

const NS_PER_S: f64 = 1e9;

/// The reading that the next one is held against.
#[derive(Debug)]
struct Baseline<T> {
    previous: Option<Timed<T>>,
    least_window_ns: u64,
}

impl<T> Baseline<T> {
    fn over(least_window_ns: u64) -> Self {
        Self {
            previous: None,
            least_window_ns,
        }
    }

    /// Calls `derive` with the previous reading, `current` and the nanoseconds between, once
    /// these are enough. After a reading that failed the window spans the gap.
    fn advance(&mut self, current: Option<Timed<T>>, derive: impl FnOnce(&T, &T, u64)) {
        let Some(current) = current else { return };
        if let Some(previous) = &self.previous {
            let now_ns = current.span.midpoint_ns();
            let window_ns = now_ns.saturating_sub(previous.span.midpoint_ns());
            if window_ns < self.least_window_ns.max(1) {
                return;
            }
            derive(&previous.value, &current.value, window_ns);
        }
        self.previous = Some(current);
    }
}

/// The derivation of one recording: one baseline for each source.
#[derive(Debug)]
pub struct Derivation {
    cpu: Baseline<CpuSample>,
    paging: Baseline<PagingSample>,
    disks: Baseline<DiskSample>,
    network: Baseline<NetworkSample>,
    tcp: Baseline<TcpSample>,
    pressure: [Baseline<Stall>; 3],
}

impl Default for Derivation {
    fn default() -> Self {
        Self {
            cpu: Baseline::over(LEAST_TICK_WINDOW_NS),
            paging: Baseline::over(0),
            disks: Baseline::over(LEAST_TICK_WINDOW_NS),
            network: Baseline::over(0),
            tcp: Baseline::over(0),
            pressure: [Baseline::over(0), Baseline::over(0), Baseline::over(0)],
        }
    }
}

impl Derivation {
    /// The figures of the machine at this tick. Rates need an earlier sample; processes are not
    /// looked at here.
    pub fn figures(&mut self, sample: &mut Sample) -> Figures {
        let mut out = Figures::default();
        if let Some(cpu) = &sample.cpu {
            out.put("load.runnable", cpu.value.runnable.map(|n| n as f64));
        }
        if let Some(memory) = &sample.memory {
            memory_figures(&memory.value, &mut out);
        }
        self.cpu.advance(sample.cpu.take(), |old, new, _| {
            cpu_figures(old, new, &mut out);
        });
        self.paging.advance(sample.paging.take(), |old, new, ns| {
            let rate = |old, new| per_s(old, new, ns);
            out.put(
                "swap.in_bytes_per_s",
                rate(old.swapped_in_bytes, new.swapped_in_bytes),
            );
            out.put(
                "swap.out_bytes_per_s",
                rate(old.swapped_out_bytes, new.swapped_out_bytes),
            );
        });
        self.disks.advance(sample.disks.take(), |old, new, ns| {
            for (device, new) in new {
                if let Some(old) = old.get(device) {
                    disk_figures(device, old, new, ns, &mut out);
                }
            }
        });
        self.network.advance(sample.network.take(), |old, new, ns| {
            for (interface, new) in new {
                if let Some(old) = old.get(interface) {
                    network_figures(interface, old, new, ns, &mut out);
                }
            }
        });
        self.tcp.advance(sample.tcp.take(), |old, new, ns| {
            let rate = per_s(old.retransmits, new.retransmits, ns);
            out.put("tcp.retransmits_per_s", rate);
        });
        self.pressure_figures(sample, &mut out);
        out
    }

    fn pressure_figures(&mut self, sample: &mut Sample, out: &mut Figures) {
        let [cpu, memory, io] = &mut self.pressure;
        let pressure = &mut sample.pressure;
        cpu.advance(pressure.cpu.take(), |old, new, ns| {
            out.put(
                "pressure.cpu.some_ratio",
                share(old.some_ns, new.some_ns, ns),
            );
        });
        memory.advance(pressure.memory.take(), |old, new, ns| {
            out.put(
                "pressure.memory.some_ratio",
                share(old.some_ns, new.some_ns, ns),
            );
            out.put(
                "pressure.memory.full_ratio",
                share_of(old.full_ns, new.full_ns, ns),
            );
        });
        io.advance(pressure.io.take(), |old, new, ns| {
            out.put(
                "pressure.io.some_ratio",
                share(old.some_ns, new.some_ns, ns),
            );
            out.put(
                "pressure.io.full_ratio",
                share_of(old.full_ns, new.full_ns, ns),
            );
        });
    }
}

fn memory_figures(memory: &MemorySample, out: &mut Figures) {
    let total = memory.total_bytes as f64;
    let available = memory.available_bytes.map(|bytes| bytes as f64);
    out.put("memory.total_bytes", Some(total));
    out.put("memory.available_bytes", available);
    out.put(
        "memory.used_ratio",
        available.map(|available| 1.0 - available / total),
    );
    out.put(
        "swap.used_bytes",
        memory.swap_used_bytes.map(|bytes| bytes as f64),
    );
}

/// The figures of GPUs, which are gauges: they need no earlier read.
pub fn gpu_figures(gpus: &[GpuSample], out: &mut Figures) {
    for gpu in gpus {
        let index = gpu.index.to_string();
        let labels = [("gpu", index.as_str()), ("name", &*gpu.name)];
        let mut put = |name, value| out.put_labelled(name, &labels, value);
        let (busy, memory) = (gpu.busy.as_ref().ok(), gpu.memory.as_ref().ok());
        put("gpu.utilisation_ratio", busy.map(|b| b.utilisation_ratio));
        put("gpu.memory_busy_ratio", busy.map(|b| b.memory_ratio));
        put("gpu.memory_used_bytes", memory.map(|m| m.used_bytes as f64));
        put(
            "gpu.memory_total_bytes",
            memory.map(|m| m.total_bytes as f64),
        );
        put("gpu.power_watts", gpu.power_watts.clone().ok());
        put(
            "gpu.temperature_celsius",
            gpu.temperature_celsius.clone().ok(),
        );
        put("gpu.sm_clock_hertz", gpu.sm_clock_hertz.clone().ok());
    }
}

fn cpu_figures(old: &CpuSample, new: &CpuSample, out: &mut Figures) {
    if let Some(total_ns) = elapsed(&old.all, &new.all) {
        let (old, new) = (&old.all, &new.all);
        let ratio = |old, new| share_of(old, new, total_ns);
        out.put("cpu.busy_ratio", share(old.busy_ns, new.busy_ns, total_ns));
        out.put("cpu.user_ratio", ratio(old.user_ns, new.user_ns));
        out.put("cpu.system_ratio", ratio(old.system_ns, new.system_ns));
        out.put("cpu.iowait_ratio", ratio(old.iowait_ns, new.iowait_ns));
        out.put("cpu.steal_ratio", ratio(old.steal_ns, new.steal_ns));
        out.put("cpu.irq_ratio", ratio(old.irq_ns, new.irq_ns));
    }
    for (number, new) in &new.cores {
        let busy = old.cores.get(number).and_then(|old| {
            let total_ns = elapsed(old, new)?;
            share(old.busy_ns, new.busy_ns, total_ns)
        });
        out.put_of("cpu.busy_ratio", "core", &number.to_string(), busy);
    }
}

/// CPU time that went by in all states; `None` when none did or a counter fell. `iowait` may
/// fall by the kernel's own account and then counts as nothing.
fn elapsed(old: &CpuTimes, new: &CpuTimes) -> Option<u64> {
    let iowait_ns = new
        .iowait_ns
        .unwrap_or(0)
        .saturating_sub(old.iowait_ns.unwrap_or(0));
    let steal_ns = new
        .steal_ns
        .unwrap_or(0)
        .checked_sub(old.steal_ns.unwrap_or(0))?;
    new.busy_ns
        .checked_sub(old.busy_ns)?
        .checked_add(new.idle_ns.checked_sub(old.idle_ns)?)?
        .checked_add(iowait_ns)?
        .checked_add(steal_ns)
        .filter(|total_ns| *total_ns > 0)
}

fn disk_figures(device: &str, old: &DiskCounters, new: &DiskCounters, ns: u64, out: &mut Figures) {
    let mut put = |name, value| out.put_of(name, "device", device, value);
    put(
        "disk.read_bytes_per_s",
        per_s(old.read_bytes, new.read_bytes, ns),
    );
    put(
        "disk.write_bytes_per_s",
        per_s(old.written_bytes, new.written_bytes, ns),
    );
    put("disk.reads_per_s", per_s_of(old.reads, new.reads, ns));
    put("disk.writes_per_s", per_s_of(old.writes, new.writes, ns));
    put("disk.busy_ratio", share_of(old.busy_ns, new.busy_ns, ns));
}

fn network_figures(
    interface: &str,
    old: &InterfaceCounters,
    new: &InterfaceCounters,
    ns: u64,
    out: &mut Figures,
) {
    let mut put = |name, value| out.put_of(name, "interface", interface, value);
    let received = per_s(old.received_bytes, new.received_bytes, ns);
    let transmitted = per_s(old.transmitted_bytes, new.transmitted_bytes, ns);
    put("network.receive_bytes_per_s", received);
    put("network.transmit_bytes_per_s", transmitted);
    put("network.drops_per_s", per_s_of(old.drops, new.drops, ns));
    put("network.errors_per_s", per_s_of(old.errors, new.errors, ns));
}

/// Growth per second; `None` when the counter fell.
fn per_s(old: u64, new: u64, window_ns: u64) -> Option<f64> {
    let grown = new.checked_sub(old)?;
    Some(grown as f64 * NS_PER_S / window_ns as f64)
}

fn per_s_of(old: Option<u64>, new: Option<u64>, window_ns: u64) -> Option<f64> {
    per_s(old?, new?, window_ns)
}

/// Time spent as a share of the time that went by, at most all of it: the counter and the clock
/// are not read in the same instant. `None` when it fell, or grew by more than twice what could
/// have gone by and so is no time of this window.
fn share(old_ns: u64, new_ns: u64, window_ns: u64) -> Option<f64> {
    let spent = new_ns.checked_sub(old_ns)? as f64 / window_ns as f64;
    (spent <= 2.0).then_some(spent.min(1.0))
}

fn share_of(old_ns: Option<u64>, new_ns: Option<u64>, window_ns: u64) -> Option<f64> {
    share(old_ns?, new_ns?, window_ns)
}
