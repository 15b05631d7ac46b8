//! NVIDIA's management library (NVML). It is loaded at run time, so that programs can be built and
//! started without it.

use std::sync::Arc;

use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};

use super::{GpuBusy, GpuDriver, GpuError, GpuMemory, GpuSample};

const HERTZ_PER_MEGAHERTZ: f64 = 1e6;
const MILLIWATTS_PER_WATT: f64 = 1e3;

/// Driver of the GPUs that NVML lists on this host.
#[derive(Debug)]
pub(crate) struct NvmlDriver {
    nvml: Nvml,
    names: Vec<Arc<str>>,
}

impl NvmlDriver {
    /// Loads the library, and reads the number and names of the GPUs. This takes seconds while a
    /// GPU wakes.
    ///
    /// # Errors
    /// Fails with [`GpuError::Absent`] if there is no driver or no GPU, and with
    /// [`GpuError::Driver`] if the driver refuses.
    pub(crate) fn open() -> Result<Self, GpuError> {
        let nvml = Nvml::init().map_err(|e| reason(&e))?;
        let count = nvml.device_count().map_err(|e| reason(&e))?;
        if count == 0 {
            return Err(GpuError::Absent("no NVIDIA GPU"));
        }
        let name = |index| {
            let name = nvml.device_by_index(index).and_then(|device| device.name());
            Arc::from(name.unwrap_or_else(|_| "unnamed".to_owned()))
        };
        let names = (0..count).map(name).collect();
        Ok(Self { nvml, names })
    }
}

impl GpuDriver for NvmlDriver {
    fn read(&mut self) -> Vec<GpuSample> {
        let one = |(index, name): (u32, &Arc<str>)| match self.nvml.device_by_index(index) {
            Ok(device) => read_device(&device, index, Arc::clone(name)),
            Err(error) => GpuSample::lost(index, Arc::clone(name), &reason(&error)),
        };
        (0..).zip(&self.names).map(one).collect()
    }
}

fn read_device(device: &Device<'_>, index: u32, name: Arc<str>) -> GpuSample {
    let busy = result(device.utilization_rates()).and_then(|percent| {
        Ok(GpuBusy {
            utilisation_ratio: ratio(percent.gpu)?,
            memory_ratio: ratio(percent.memory)?,
        })
    });
    let memory = result(device.memory_info()).map(|info| GpuMemory {
        used_bytes: info.used,
        total_bytes: info.total,
    });
    let clock = result(device.clock_info(Clock::SM));
    GpuSample {
        index,
        name,
        busy,
        memory,
        power_watts: result(device.power_usage()).map(|mw| f64::from(mw) / MILLIWATTS_PER_WATT),
        temperature_celsius: result(device.temperature(TemperatureSensor::Gpu)).map(f64::from),
        sm_clock_hertz: clock.map(|mhz| f64::from(mhz) * HERTZ_PER_MEGAHERTZ),
    }
}

/// Converts a percentage to a share from 0 to 1.
///
/// # Errors
/// Fails if the percentage is above 100.
fn ratio(percent: u32) -> Result<f64, GpuError> {
    if percent > 100 {
        return Err(GpuError::Driver(format!("it tells of {percent} %")));
    }
    Ok(f64::from(percent) / 100.0)
}

fn result<T>(answer: Result<T, NvmlError>) -> Result<T, GpuError> {
    answer.map_err(|error| reason(&error))
}

fn reason(error: &NvmlError) -> GpuError {
    match error {
        NvmlError::LibloadingError(_) | NvmlError::LibraryNotFound | NvmlError::DriverNotLoaded => {
            GpuError::Absent("no NVIDIA driver")
        }
        error => GpuError::Driver(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_a_driver_is_told_from_one_whose_driver_fails() {
        for (error, absent) in [
            (NvmlError::LibraryNotFound, true),
            (NvmlError::DriverNotLoaded, true),
            (NvmlError::LibRmVersionMismatch, false),
            (NvmlError::NoPermission, false),
            (NvmlError::GpuLost, false),
        ] {
            let seen = matches!(reason(&error), GpuError::Absent(_));
            assert_eq!(seen, absent, "{error}");
        }
    }

    #[test]
    fn percents_become_shares_and_nonsense_is_refused() {
        assert_eq!(ratio(0), Ok(0.0));
        assert_eq!(ratio(37), Ok(0.37));
        assert_eq!(ratio(100), Ok(1.0));
        assert!(ratio(101).is_err() && ratio(u32::MAX).is_err());
    }

    #[test]
    fn this_machine_is_asked_without_a_panic() {
        match NvmlDriver::open() {
            Ok(mut driver) => assert_eq!(driver.read().len(), driver.names.len()),
            Err(why) => assert!(!why.to_string().is_empty()),
        }
    }
}
