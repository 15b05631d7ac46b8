//! Metrics of GPUs: gauges of their driver.

use super::definition::metrics;
use crate::gpu::GpuSample;

metrics! {
    /// Metrics of one GPU: use, memory, power, temperature and clock, as its driver reports them.
    ALL: GpuSample {
        UTILISATION = gauge("gpu.utilisation_ratio", Some("sysmon_gpu_utilisation_ratio"),
            "Share of the driver's last period in which a kernel ran.",
            |g| Some(g.busy.as_ref().ok()?.utilisation_ratio)).titled("busy");
        MEMORY_BUSY = gauge("gpu.memory_busy_ratio", Some("sysmon_gpu_memory_busy_ratio"),
            "Share of the driver's last period in which device memory was used.",
            |g| Some(g.busy.as_ref().ok()?.memory_ratio)).titled("memory busy");
        MEMORY_USED = level("gpu.memory_used_bytes", Some("sysmon_gpu_memory_used_bytes"),
            "Device memory in use.",
            |g| Some(g.memory.as_ref().ok()?.used_bytes)).titled("memory used");
        MEMORY_TOTAL = level("gpu.memory_total_bytes", Some("sysmon_gpu_memory_total_bytes"),
            "Device memory.", |g| Some(g.memory.as_ref().ok()?.total_bytes));
        POWER = gauge("gpu.power_watts", Some("sysmon_gpu_power_watts"),
            "Power drawn by the board.", |g| g.power_watts.as_ref().ok().copied()).titled("power");
        TEMPERATURE = gauge("gpu.temperature_celsius", Some("sysmon_gpu_temperature_celsius"),
            "Temperature of the chip.",
            |g| g.temperature_celsius.as_ref().ok().copied()).titled("temperature");
        CLOCK = gauge("gpu.sm_clock_hertz", Some("sysmon_gpu_clock_hertz"),
            "Clock of the multiprocessors.",
            |g| g.sm_clock_hertz.as_ref().ok().copied()).titled("SM clock");
    }
}
