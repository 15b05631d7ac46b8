//! GPUs: load, memory, power, temperature and clock, as their driver tells.
//!
//! A machine without a GPU is the normal case: nothing is in the series then, nothing is warned
//! of, and the report's `config.gpu` says why there is none. A figure that a GPU does not tell is
//! absent and named once, as any other; of a GPU that stops answering (it may fall off the bus)
//! all figures are absent from then on.
//!
//! The driver's figures are gauges, some of them smoothed by the driver itself: the shares are of
//! its own last sampling period, a sixth of a second to a second long, in whole percent, and the
//! power of recent GPUs is a mean over about a second. Reading twice a second ([`watch`]) loses
//! little of that. A read takes some milliseconds and may take seconds while a GPU wakes, so it
//! has a thread of its own and each carries its begin and end.
//!
//! What asks NVIDIA's driver is `nvml` (feature `gpu`); tests put a made-up [`GpuDriver`] in its place. None of
//! this has met a real GPU yet, so how long its reads take there is not known: a report has it as
//! `own.gpu_read_ns_mean` and `own.gpu_read_ns_max`.

#[cfg(feature = "gpu")]
pub mod nvml;
pub mod watch;

use std::sync::Arc;

use super::Gaps;

/// Why a GPU, or a figure of one, is absent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GpuError {
    /// The machine has none that can be asked, which is no fault.
    #[error("{0}")]
    Absent(&'static str),
    /// The driver refused, or failed; in its own words.
    #[error("{0}")]
    Driver(String),
}

/// What one GPU told; each part may fail alone.
#[derive(Debug, Clone, PartialEq)]
pub struct GpuSample {
    /// Its number in the driver's order, which is that of the bus.
    pub index: u32,
    /// The product's name.
    pub name: Arc<str>,
    /// How busy it was over the driver's last sampling period.
    pub busy: Result<GpuBusy, GpuError>,
    /// Its memory.
    pub memory: Result<GpuMemory, GpuError>,
    /// Power drawn by the whole board, in watts.
    pub power_watts: Result<f64, GpuError>,
    /// Temperature of the chip, in degrees Celsius.
    pub temperature_celsius: Result<f64, GpuError>,
    /// Clock of the multiprocessors, in hertz.
    pub sm_clock_hertz: Result<f64, GpuError>,
}

/// Shares of the driver's last sampling period, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GpuBusy {
    /// At least one kernel ran; how much of the chip it filled is not told.
    pub utilisation_ratio: f64,
    /// Device memory was read or written.
    pub memory_ratio: f64,
}

/// Device memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GpuMemory {
    /// Allocated, without what the driver keeps for itself.
    pub used_bytes: u64,
    /// All there is.
    pub total_bytes: u64,
}

/// What tells of GPUs: NVML, or what stands for it in tests.
pub trait GpuDriver {
    /// Reads every GPU once, in order of index.
    fn read(&mut self) -> Vec<GpuSample>;
}

impl GpuSample {
    /// A GPU of which nothing can be read.
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

    /// Names what it did not tell: part by part, or the whole GPU when it told nothing.
    pub fn note_gaps(&self, gaps: &mut Gaps) {
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
