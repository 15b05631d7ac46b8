//! NVIDIA's management library, loaded when a recording begins: the program is built without it
//! and starts without it.

use std::sync::Arc;

use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};

use super::{GpuBusy, GpuDriver, GpuError, GpuMemory, GpuSample};

const HERTZ_PER_MEGAHERTZ: f64 = 1e6;
const MILLIWATTS_PER_WATT: f64 = 1e3;

/// The GPUs that NVML knows.
#[derive(Debug)]
pub struct NvmlDriver {
    nvml: Nvml,
    names: Vec<Arc<str>>,
}

impl NvmlDriver {
    /// Loads the library and counts the GPUs. It may take seconds while one wakes.
    ///
    /// # Errors
    /// [`GpuError::Absent`] where there is no driver or no GPU, [`GpuError::Driver`] where there
    /// is one that does not serve us.
    pub fn open() -> Result<Self, GpuError> {
        let nvml = Nvml::init().map_err(|e| why(&e))?;
        let count = nvml.device_count().map_err(|e| why(&e))?;
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
            Ok(device) => ask(&device, index, Arc::clone(name)),
            Err(error) => GpuSample::lost(index, Arc::clone(name), &why(&error)),
        };
        (0..).zip(&self.names).map(one).collect()
    }
}

fn ask(device: &Device<'_>, index: u32, name: Arc<str>) -> GpuSample {
    let busy = told(device.utilization_rates()).and_then(|percent| {
        Ok(GpuBusy {
            utilisation_ratio: ratio(percent.gpu)?,
            memory_ratio: ratio(percent.memory)?,
        })
    });
    let memory = told(device.memory_info()).map(|info| GpuMemory {
        used_bytes: info.used,
        total_bytes: info.total,
    });
    let clock = told(device.clock_info(Clock::SM));
    GpuSample {
        index,
        name,
        busy,
        memory,
        power_watts: told(device.power_usage()).map(|mw| f64::from(mw) / MILLIWATTS_PER_WATT),
        temperature_celsius: told(device.temperature(TemperatureSensor::Gpu)).map(f64::from),
        sm_clock_hertz: clock.map(|mhz| f64::from(mhz) * HERTZ_PER_MEGAHERTZ),
    }
}

/// More than all of the time is no share of it.
fn ratio(percent: u32) -> Result<f64, GpuError> {
    if percent > 100 {
        return Err(GpuError::Driver(format!("it tells of {percent} %")));
    }
    Ok(f64::from(percent) / 100.0)
}

fn told<T>(answer: Result<T, NvmlError>) -> Result<T, GpuError> {
    answer.map_err(|error| why(&error))
}

fn why(error: &NvmlError) -> GpuError {
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
            let seen = matches!(why(&error), GpuError::Absent(_));
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
