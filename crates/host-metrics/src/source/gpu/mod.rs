//! GPUs: load, memory, power, temperature and clock, as the driver reports them.
//!
//! A host without a GPU is the normal case and no gap. A figure that a GPU does not report is
//! absent, and recorded once as a gap. If a GPU stops answering, for example because it fell off
//! the bus, all of its figures are absent from then on.
//!
//! The figures are gauges, some of which the driver smooths. Shares cover the driver's last
//! sampling period, which lasts from a sixth of a second to a second, and are whole percentages.
//! The power of recent GPUs is a mean over about a second. Reading twice a second ([`watch`])
//! therefore loses little. A read takes some milliseconds, or seconds while a GPU wakes, so it is
//! done on a separate thread.
//!
//! The module `nvml` (feature `gpu`) reads NVIDIA's driver; tests use a made-up [`GpuDriver`]. This
//! code has not run on a real GPU yet, so the duration of its reads is unknown; a report includes
//! it as `own.gpu_read_ns_mean` and `own.gpu_read_ns_max`.

#[cfg(feature = "gpu")]
pub mod nvml;
pub mod watch;

use std::sync::Arc;

use super::Gaps;

/// Reason for which a GPU, or a figure of a GPU, is absent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GpuError {
    /// The host has no GPU that can be read.
    #[error("{0}")]
    Absent(&'static str),
    /// The driver refused or failed; the text is its message.
    #[error("{0}")]
    Driver(String),
}

/// Readings of one GPU; each may fail on its own.
#[derive(Debug, Clone, PartialEq)]
pub struct GpuSample {
    /// Number of the GPU in the driver's order, which is that of the bus.
    pub index: u32,
    /// Name of the product.
    pub name: Arc<str>,
    /// Shares of the driver's last sampling period in which the GPU was busy.
    pub busy: Result<GpuBusy, GpuError>,
    /// Device memory.
    pub memory: Result<GpuMemory, GpuError>,
    /// Power of the whole board, in watts.
    pub power_watts: Result<f64, GpuError>,
    /// Temperature of the chip, in degrees Celsius.
    pub temperature_celsius: Result<f64, GpuError>,
    /// Clock of the multiprocessors, in hertz.
    pub sm_clock_hertz: Result<f64, GpuError>,
}

/// Shares of the driver's last sampling period, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GpuBusy {
    /// Share of time in which at least one kernel ran, on however small a part of the chip.
    pub utilisation_ratio: f64,
    /// Share of time in which device memory was read or written.
    pub memory_ratio: f64,
}

/// Device memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GpuMemory {
    /// Memory in use in bytes, without that of the driver itself.
    pub used_bytes: u64,
    /// Total memory in bytes.
    pub total_bytes: u64,
}

/// Driver of GPUs: NVML, or a made-up one in tests.
pub trait GpuDriver {
    /// Reads every GPU once, in order of index.
    fn read(&mut self) -> Vec<GpuSample>;
}

impl GpuSample {
    /// Creates the sample of a GPU of which nothing can be read.
    pub fn lost(index: u32, name: Arc<str>, why: &GpuError) -> Self {
        Self {
            index,
            name,
            busy: Err(why.clone()),
            memory: Err(why.clone()),
            power_watts: Err(why.clone()),
            temperature_celsius: Err(why.clone()),
            sm_clock_hertz: Err(why.clone()),
        }
    }

    /// Records the readings that failed: individually, or the whole GPU if all failed.
    pub(crate) fn note_gaps(&self, gaps: &mut Gaps) {
        let parts = [
            ("gpu.utilisation", self.busy.as_ref().err()),
            ("gpu.memory", self.memory.as_ref().err()),
            ("gpu.power", self.power_watts.as_ref().err()),
            ("gpu.temperature", self.temperature_celsius.as_ref().err()),
            ("gpu.sm_clock", self.sm_clock_hertz.as_ref().err()),
        ];
        let mut note = |what, why| {
            let Self { index, name, .. } = self;
            gaps.note(what, &format!("GPU {index} ({name}): {why}"));
        };
        if let (true, Some(why)) = (parts.iter().all(|(_, why)| why.is_some()), parts[0].1) {
            note("gpu", why);
            return;
        }
        for (what, why) in parts {
            if let Some(why) = why {
                note(what, why);
            }
        }
    }
}
