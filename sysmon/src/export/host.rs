//! Metrics of the machine: counters of the kernel as counters, so that a rate over any time between
//! two scrapes is right; the rest as gauges.

use std::collections::HashMap;

use host_metrics::source::HostSample;
use host_metrics::source::cpu::{CpuSample, CpuTimes};
use host_metrics::source::disk::DiskSample;
use host_metrics::source::gpu::GpuSample;
use host_metrics::source::load::{HandleSample, LoadSample};
use host_metrics::source::memory::{MemorySample, PagingSample};
use host_metrics::source::network::NetworkSample;
use host_metrics::source::pressure::PressureSample;
use host_metrics::source::sensor::SensorSample;

use super::exposition::Families;
use super::monotonic::MonotonicTimes;

/// Adds all metrics of the machine that the sample has.
pub fn families(sample: &HostSample, monotonic: &mut MonotonicTimes, out: &mut Families) {
    if let Some(cpu) = &sample.cpu {
        cpu_times(&cpu.value, monotonic, out);
        scheduler(&cpu.value, out);
    }
    if let Some(load) = &sample.load {
        averages(&load.value, out);
    }
    if let Some(handles) = &sample.handles {
        open_files(&handles.value, out);
    }
    if let Some(memory) = &sample.memory {
        in_use(&memory.value, out);
    }
    if let Some(paging) = &sample.paging {
        pages(&paging.value, out);
    }
    if let Some(all) = &sample.disks {
        disks(&all.value, out);
    }
    if let Some(all) = &sample.network {
        interfaces(&all.value, out);
    }
    tcp(sample, out);
    sensors(&sample.sensors, out);
    stalls(&sample.pressure, out);
}

/// Adds CPU time of each core by state; the states add up to the elapsed time.
fn cpu_times(cpu: &CpuSample, monotonic: &mut MonotonicTimes, out: &mut Families) {
    for (core, times) in &cpu.cores {
        let number = core.to_string();
        for (mode, ns) in states(times) {
            let ns = ns.map(|ns| monotonic.hold((*core, mode), ns));
            out.seconds(
                "sysmon_cpu_seconds",
                "CPU time by state; guest time is not in user or nice as well.",
                &[("cpu", &number), ("mode", mode)],
                ns,
            );
        }
    }
}

fn states(times: &CpuTimes) -> [(&'static str, Option<u64>); 10] {
    // Some systems report only whether a core was busy.
    let told = times.user_ns.is_some();
    [
        ("busy", (!told).then_some(times.busy_ns)),
        ("user", times.user_ns),
        ("nice", times.nice_ns),
        ("system", times.system_ns),
        ("irq", times.irq_ns),
        ("softirq", times.softirq_ns),
        ("guest", times.guest_ns),
        ("iowait", times.iowait_ns),
        ("steal", times.steal_ns),
        ("idle", Some(times.idle_ns)),
    ]
}

fn scheduler(cpu: &CpuSample, out: &mut Families) {
    let (name, help) = ("sysmon_context_switches", "Context switches of all CPUs.");
    out.counter(name, help, &[], cpu.context_switches);
    let (name, help) = ("sysmon_forks", "Processes and threads made.");
    out.counter(name, help, &[], cpu.forks);
    let (name, help) = ("sysmon_tasks_runnable", "Tasks running or ready to run.");
    out.level(name, help, &[], cpu.runnable);
    let (name, help) = ("sysmon_tasks_blocked", "Tasks blocked on I/O.");
    out.level(name, help, &[], cpu.blocked);
}

fn averages(load: &LoadSample, out: &mut Families) {
    let (name, help) = ("sysmon_load1", "Load average over one minute.");
    out.gauge(name, help, &[], Some(load.one));
    let (name, help) = ("sysmon_load5", "Load average over five minutes.");
    out.gauge(name, help, &[], Some(load.five));
    let (name, help) = ("sysmon_load15", "Load average over fifteen minutes.");
    out.gauge(name, help, &[], Some(load.fifteen));
    let (name, help) = ("sysmon_tasks", "Threads of all processes.");
    out.level(name, help, &[], load.tasks);
}

fn open_files(handles: &HandleSample, out: &mut Families) {
    let (name, help) = ("sysmon_file_handles_open", "Open files of all processes.");
    out.level(name, help, &[], Some(handles.open));
    let (name, help) = ("sysmon_file_handles_limit", "How many files may be open.");
    out.level(name, help, &[], handles.most);
}

fn in_use(memory: &MemorySample, out: &mut Families) {
    for (name, help, bytes) in [
        (
            "sysmon_memory_total_bytes",
            "Memory that the kernel manages.",
            Some(memory.total_bytes),
        ),
        (
            "sysmon_memory_available_bytes",
            "What could be had without swapping.",
            memory.available_bytes,
        ),
        (
            "sysmon_memory_cached_bytes",
            "Copies of files, buffers included.",
            memory.cached_bytes,
        ),
        (
            "sysmon_memory_dirty_bytes",
            "Changed and not yet written, or being written.",
            memory.dirty_bytes,
        ),
        (
            "sysmon_memory_slab_bytes",
            "The kernel's own objects.",
            memory.slab_bytes,
        ),
        (
            "sysmon_memory_slab_reclaimable_bytes",
            "Of the kernel's own objects what it could give back.",
            memory.slab_reclaimable_bytes,
        ),
        (
            "sysmon_memory_huge_anonymous_bytes",
            "Memory of programs in transparent huge pages.",
            memory.huge_anonymous_bytes,
        ),
        (
            "sysmon_memory_huge_total_bytes",
            "Memory set aside as huge pages.",
            memory.huge_total_bytes,
        ),
        (
            "sysmon_memory_huge_free_bytes",
            "Huge pages that nobody uses.",
            memory.huge_free_bytes,
        ),
        (
            "sysmon_swap_used_bytes",
            "Swap in use.",
            memory.swap_used_bytes,
        ),
    ] {
        out.level(name, help, &[], bytes);
    }
}

fn pages(paging: &PagingSample, out: &mut Families) {
    let (name, help) = ("sysmon_swap_in_bytes", "Read back from swap.");
    out.counter(name, help, &[], paging.swapped_in_bytes);
    let (name, help) = ("sysmon_swap_out_bytes", "Written to swap.");
    out.counter(name, help, &[], paging.swapped_out_bytes);
    let (name, help) = ("sysmon_major_faults", "Page faults that waited for a disk.");
    out.counter(name, help, &[], paging.major_faults);
    let (name, help) = ("sysmon_oom_kills", "Processes killed for want of memory.");
    out.counter(name, help, &[], paging.oom_kills);
}

fn disks(all: &DiskSample, out: &mut Families) {
    for (device, disk) in all {
        let labels = &[("device", device.as_str())];
        let (name, help) = ("sysmon_disk_reads", "Reads completed.");
        out.counter(name, help, labels, disk.reads);
        let (name, help) = ("sysmon_disk_read_bytes", "Bytes read.");
        out.counter(name, help, labels, Some(disk.read_bytes));
        let (name, help) = (
            "sysmon_disk_read_seconds",
            "Time that reads took, added up over reads at once.",
        );
        out.seconds(name, help, labels, disk.read_ns);
        let (name, help) = ("sysmon_disk_writes", "Writes completed.");
        out.counter(name, help, labels, disk.writes);
        let (name, help) = ("sysmon_disk_written_bytes", "Bytes written.");
        out.counter(name, help, labels, Some(disk.written_bytes));
        let (name, help) = (
            "sysmon_disk_write_seconds",
            "Time that writes took, added up over writes at once.",
        );
        out.seconds(name, help, labels, disk.write_ns);
        let (name, help) = (
            "sysmon_disk_busy_seconds",
            "Time with at least one transfer under way.",
        );
        out.seconds(name, help, labels, disk.busy_ns);
        let (name, help) = (
            "sysmon_disk_queued_seconds",
            "Time times the transfers under way; its rate is the length of the queue.",
        );
        out.seconds(name, help, labels, disk.queued_ns);
    }
}

fn interfaces(all: &NetworkSample, out: &mut Families) {
    for (device, interface) in all {
        let labels = &[("device", device.as_str())];
        let (name, help) = ("sysmon_network_received_bytes", "Bytes received.");
        out.counter(name, help, labels, Some(interface.received_bytes));
        let (name, help) = ("sysmon_network_received_packets", "Packets received.");
        out.counter(name, help, labels, interface.received_packets);
        let (name, help) = ("sysmon_network_transmitted_bytes", "Bytes sent.");
        out.counter(name, help, labels, Some(interface.transmitted_bytes));
        let (name, help) = ("sysmon_network_transmitted_packets", "Packets sent.");
        out.counter(name, help, labels, interface.transmitted_packets);
        let (name, help) = ("sysmon_network_dropped_packets", "Dropped, both ways.");
        out.counter(name, help, labels, interface.drops);
        let (name, help) = ("sysmon_network_errors", "With errors, both ways.");
        out.counter(name, help, labels, interface.errors);
    }
}

fn tcp(sample: &HostSample, out: &mut Families) {
    if let Some(tcp) = &sample.tcp {
        let tcp = &tcp.value;
        let (name, help) = ("sysmon_tcp_retransmitted_segments", "Segments sent again.");
        out.counter(name, help, &[], Some(tcp.retransmits));
        let (name, help) = ("sysmon_tcp_sent_segments", "Segments sent.");
        out.counter(name, help, &[], tcp.segments_sent);
        let (name, help) = (
            "sysmon_tcp_connections",
            "Connections that are established or were closed by the other side.",
        );
        out.level(name, help, &[], tcp.established);
    }
    if let Some(listen) = &sample.listen {
        let (name, help) = (
            "sysmon_tcp_listen_overflows",
            "Connections turned away because a listening socket's queue was full.",
        );
        out.counter(name, help, &[], Some(listen.value.overflows));
        let (name, help) = (
            "sysmon_tcp_listen_drops",
            "Connections turned away by a listening socket for any reason.",
        );
        out.counter(name, help, &[], listen.value.drops);
    }
    if let Some(sockets) = &sample.sockets {
        let sockets = &sockets.value;
        let (name, help) = ("sysmon_tcp_sockets_used", "TCP sockets in use.");
        out.level(name, help, &[], Some(sockets.in_use));
        let (name, help) = (
            "sysmon_tcp_sockets_waiting",
            "Closed sockets kept until no stray packet can come.",
        );
        out.level(name, help, &[], sockets.time_wait);
        let (name, help) = (
            "sysmon_tcp_sockets_orphaned",
            "Sockets that no process holds.",
        );
        out.level(name, help, &[], sockets.orphans);
    }
    let states = sample.socket_states.iter().flat_map(|states| &states.value);
    for (state, count) in states {
        let (name, help) = ("sysmon_tcp_sockets", "TCP sockets by state.");
        out.level(name, help, &[("state", state)], Some(*count));
    }
}

fn sensors(sensors: &SensorSample, out: &mut Families) {
    let mut named: HashMap<&str, u32> = HashMap::new();
    for sensor in &sensors.temperatures {
        // Two disks of one model have sensors of the same name.
        let times = named.entry(&sensor.name).or_default();
        *times += 1;
        let name = match times {
            1 => sensor.name.clone(),
            n => format!("{} {n}", sensor.name),
        };
        out.gauge(
            "sysmon_temperature_celsius",
            "Temperature by sensor.",
            &[("sensor", &name)],
            Some(sensor.celsius),
        );
    }
    for (core, hertz) in &sensors.clocks_hertz {
        let core = core.to_string();
        let (name, help) = ("sysmon_cpu_clock_hertz", "Clock of a core.");
        out.gauge(name, help, &[("cpu", &core)], Some(*hertz));
    }
}

fn stalls(pressure: &PressureSample, out: &mut Families) {
    for (resource, stall) in pressure.each() {
        let labels = &[("resource", resource)];
        let (name, help) = (
            "sysmon_pressure_some_seconds",
            "Time in which some task waited for the resource.",
        );
        out.seconds(name, help, labels, Some(stall.some_ns));
        let (name, help) = (
            "sysmon_pressure_full_seconds",
            "Time in which all tasks that were not idle waited for the resource.",
        );
        out.seconds(name, help, labels, stall.full_ns);
    }
}

/// Adds the metrics of GPUs: gauges of their driver.
pub fn gpus(gpus: &[GpuSample], out: &mut Families) {
    for gpu in gpus {
        let index = gpu.index.to_string();
        let (busy, memory) = (gpu.busy.as_ref().ok(), gpu.memory.as_ref().ok());
        for (name, help, value) in [
            (
                "sysmon_gpu_utilisation_ratio",
                "Share of the driver's last period in which a kernel ran.",
                busy.map(|busy| busy.utilisation_ratio),
            ),
            (
                "sysmon_gpu_memory_busy_ratio",
                "Share of the driver's last period in which device memory was used.",
                busy.map(|busy| busy.memory_ratio),
            ),
            (
                "sysmon_gpu_memory_used_bytes",
                "Device memory in use.",
                memory.map(|memory| memory.used_bytes as f64),
            ),
            (
                "sysmon_gpu_memory_total_bytes",
                "Device memory.",
                memory.map(|memory| memory.total_bytes as f64),
            ),
            (
                "sysmon_gpu_power_watts",
                "Power drawn by the board.",
                gpu.power_watts.clone().ok(),
            ),
            (
                "sysmon_gpu_temperature_celsius",
                "Temperature of the chip.",
                gpu.temperature_celsius.clone().ok(),
            ),
            (
                "sysmon_gpu_clock_hertz",
                "Clock of the multiprocessors.",
                gpu.sm_clock_hertz.clone().ok(),
            ),
        ] {
            out.gauge(name, help, &[("gpu", &index), ("name", &gpu.name)], value);
        }
    }
}
