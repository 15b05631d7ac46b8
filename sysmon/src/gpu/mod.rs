//! GPUs: load, memory, power, temperature and clock, as the driver reports them.
//!
//! A host without a GPU is the normal case and no gap. A figure that a GPU does not report is
//! absent and recorded as a gap once; of a GPU that stops answering (it may fall off the bus) all
//! figures are absent from then on.
//!
//! The figures are gauges, some of them smoothed by the driver: the shares are of its last sampling
//! period, a sixth of a second to a second long, in whole percent, and the power of recent GPUs is
//! a mean over about a second. Reading twice a second ([`watch`]) loses little of that. A read
//! takes some milliseconds, and seconds while a GPU wakes, so reading has a thread of its own.
//!
//! Module `nvml` reads NVIDIA's driver; tests replace it by an invented [`GpuDriver`]. None of this
//! has been run on a real GPU yet, so it is not known how long its reads take there: a report
//! contains that as `own.gpu_read_ns_mean` and `own.gpu_read_ns_max`.

pub(crate) mod nvml;
pub(crate) mod watch;

use std::sync::Arc;

use host_metrics::source::Gaps;

/// Reason why a GPU, or a figure of a GPU, cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GpuError {
    /// The host has no GPU or no driver for it; contains which of them, as a phrase.
    #[error("{0}")]
    Absent(&'static str),
    /// The driver refused or failed; contains its message.
    #[error("{0}")]
    Driver(String),
}

/// Readings of one GPU, each of which may fail separately.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GpuSample {
    /// Number of the GPU, counted from 0, in the driver's order, which is that of the bus.
    pub index: u32,
    /// Product name of the GPU; `unnamed` if the driver does not report it.
    pub name: Arc<str>,
    /// Shares of the driver's last sampling period in which the GPU and its memory were busy.
    pub busy: Result<GpuBusy, GpuError>,
    /// Used and total device memory.
    pub memory: Result<GpuMemory, GpuError>,
    /// Power draw of the whole board, in watts.
    pub power_watts: Result<f64, GpuError>,
    /// Temperature of the GPU chip, in degrees Celsius.
    pub temperature_celsius: Result<f64, GpuError>,
    /// Clock frequency of the streaming multiprocessors, in hertz.
    pub sm_clock_hertz: Result<f64, GpuError>,
}

/// Shares of the driver's last sampling period, from 0 to 1, to a hundredth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct GpuBusy {
    /// Share of the period, from 0 to 1, in which at least one kernel ran, on however small a part
    /// of the GPU.
    pub utilisation_ratio: f64,
    /// Share of the period, from 0 to 1, in which the GPU's memory was read or written.
    pub memory_ratio: f64,
}

/// Used and total memory of one GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GpuMemory {
    /// Used memory of the GPU in bytes, without that of the driver itself.
    pub used_bytes: u64,
    /// Total memory of the GPU in bytes.
    pub total_bytes: u64,
}

/// Driver of GPUs: NVML, or an invented one in tests.
pub(crate) trait GpuDriver {
    /// Reads every GPU once and returns a sample of each, in order of index.
    fn read(&mut self) -> Vec<GpuSample>;
}

impl GpuSample {
    /// Creates the sample of a GPU of which nothing can be read, with the same reason for every
    /// reading.
    pub(crate) fn lost(index: u32, name: Arc<str>, why: &GpuError) -> Self {
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

    /// Records the readings that failed in `gaps`: individually, or the whole GPU once if all
    /// failed.
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
