//! Temperatures and clock frequencies, from `/sys/class/hwmon`, `/sys/class/thermal` and `cpufreq`.
//! Most virtual machines have none, which does not count as a failed reading.

use std::path::{Path, PathBuf};

use super::SlowFile;

/// Reading of one temperature sensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Temperature {
    /// Names of the chip and its sensor, such as `coretemp Package id 0`, or of a thermal zone and
    /// its type.
    pub name: String,
    /// Temperature in degrees Celsius.
    pub celsius: f64,
}

/// Readings of all temperature sensors and core clocks that could be read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SensorSample {
    /// Temperature of each sensor that could be read.
    pub temperatures: Vec<Temperature>,
    /// Core number and current clock frequency in hertz of each core that reports one.
    pub clocks_hertz: Vec<(u32, f64)>,
}

/// Temperature sensors and core clocks that were found at the start, with their last readings.
#[derive(Debug)]
pub(super) struct Sensors {
    temperatures: Vec<(String, SlowFile<f64>)>,
    clocks: Vec<(u32, SlowFile<f64>)>,
}

impl Sensors {
    /// Finds the sensors in the file tree `sys`. Thermal zones are used only if no chip has a
    /// sensor, because they repeat the same sensors. A reading is used until it is `max_age_ns`
    /// nanoseconds old, because reading a chip may take milliseconds.
    pub(super) fn find(sys: &Path, max_age_ns: u64) -> Self {
        let mut temperatures = chip_sensors(sys);
        if temperatures.is_empty() {
            temperatures = zone_sensors(sys);
        }
        let slow = |path| SlowFile::new(path, max_age_ns);
        let temperatures = temperatures.into_iter();
        let clocks = clocks(sys).into_iter();
        Self {
            temperatures: temperatures
                .map(|(name, path)| (name, slow(path)))
                .collect(),
            clocks: clocks.map(|(core, path)| (core, slow(path))).collect(),
        }
    }

    /// Returns the readings of all sensors, renewed where they are too old. Leaves out those that
    /// fail, such as the clock of an offline core.
    pub(super) fn sample(&mut self) -> SensorSample {
        let temperatures = self.temperatures.iter_mut().filter_map(|(name, file)| {
            let millidegrees = file.read("temperature", number).ok()?.value;
            Some(Temperature {
                name: name.clone(),
                celsius: millidegrees / 1000.0,
            })
        });
        let clocks = self.clocks.iter_mut().filter_map(|(core, file)| {
            let kilohertz = file.read("frequency", number).ok()?.value;
            (kilohertz > 0.0).then_some((*core, kilohertz * 1000.0))
        });
        SensorSample {
            temperatures: temperatures.collect(),
            clocks_hertz: clocks.collect(),
        }
    }
}

fn chip_sensors(sys: &Path) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for chip in sorted(&sys.join("class/hwmon")) {
        let chip_name = line(&chip.join("name")).unwrap_or_else(|| last(&chip));
        for input in sorted(&chip) {
            let file = last(&input);
            let Some(sensor) = file
                .strip_suffix("_input")
                .filter(|s| s.starts_with("temp"))
            else {
                continue;
            };
            let label = line(&chip.join(format!("{sensor}_label")));
            let name = format!("{chip_name} {}", label.as_deref().unwrap_or(sensor));
            found.push((name, input));
        }
    }
    found
}

fn zone_sensors(sys: &Path) -> Vec<(String, PathBuf)> {
    let zones = sorted(&sys.join("class/thermal")).into_iter();
    zones
        .filter(|zone| last(zone).starts_with("thermal_zone"))
        .map(|zone| {
            let kind = line(&zone.join("type")).unwrap_or_default();
            let name = format!("{} {kind}", last(&zone));
            (name.trim_end().to_owned(), zone.join("temp"))
        })
        .collect()
}

fn clocks(sys: &Path) -> Vec<(u32, PathBuf)> {
    let cpus = sorted(&sys.join("devices/system/cpu")).into_iter();
    cpus.filter_map(|cpu| {
        let number = last(&cpu).strip_prefix("cpu")?.parse().ok()?;
        let clock = cpu.join("cpufreq/scaling_cur_freq");
        clock.exists().then_some((number, clock))
    })
    .collect()
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse::<i64>().ok().map(|n| n as f64)
}

fn line(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.lines().next()?.trim().to_owned()).filter(|line| !line.is_empty())
}

fn sorted(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.sort();
    paths
}

fn last(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn chips_and_clocks_are_read_and_zones_do_not_repeat_them() {
        let root = tempfile::tempdir().unwrap();
        let sys = root.path();
        put(sys, "class/hwmon/hwmon0/name", "coretemp\n");
        put(sys, "class/hwmon/hwmon0/temp1_input", "45500\n");
        put(sys, "class/hwmon/hwmon0/temp1_label", "Package id 0\n");
        put(sys, "class/hwmon/hwmon0/temp2_input", "odd\n");
        put(sys, "class/hwmon/hwmon0/fan1_input", "900\n");
        put(sys, "class/thermal/thermal_zone0/temp", "45000\n");
        put(
            sys,
            "devices/system/cpu/cpu1/cpufreq/scaling_cur_freq",
            "2400000\n",
        );
        put(sys, "devices/system/cpu/cpuidle/x", "");
        let sample = Sensors::find(sys, 0).sample();
        let package = Temperature {
            name: "coretemp Package id 0".to_owned(),
            celsius: 45.5,
        };
        assert_eq!(sample.temperatures, [package]);
        assert_eq!(sample.clocks_hertz, [(1, 2.4e9)]);
    }

    #[test]
    fn without_chips_the_zones_speak_and_without_either_there_is_nothing() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(
            Sensors::find(root.path(), 0).sample(),
            SensorSample::default()
        );
        put(root.path(), "class/thermal/thermal_zone0/temp", "-1500\n");
        put(root.path(), "class/thermal/thermal_zone0/type", "acpitz\n");
        put(root.path(), "class/thermal/cooling_device0/temp", "1\n");
        let sample = Sensors::find(root.path(), 0).sample();
        assert_eq!(sample.temperatures.len(), 1);
        assert_eq!(sample.temperatures[0].name, "thermal_zone0 acpitz");
        assert!((sample.temperatures[0].celsius + 1.5).abs() < 1e-9);
    }
}
