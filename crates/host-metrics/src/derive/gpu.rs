//! GPUs, which tell gauges: they need no earlier read.

use crate::figure::Figures;
use crate::source::gpu::GpuSample;

/// The figures of GPUs.
pub fn gpu_figures(gpus: &[GpuSample], out: &mut Figures) {
    for gpu in gpus {
        let index = gpu.index.to_string();
        let labels = [("gpu", index.as_str()), ("name", &*gpu.name)];
        let mut put = |name, value: Option<f64>| out.put_labelled(name, &labels, value);
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
