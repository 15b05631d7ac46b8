//! Units of series, by the ending of their names, and their formats.

use bench_cli::table::three_digits;

/// Unit of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Share, 0 to 1.
    Ratio,
    /// Bytes.
    Bytes,
    /// Bytes a second.
    BytesPerSecond,
    /// Events a second.
    PerSecond,
    /// Nanoseconds.
    Nanoseconds,
    /// Hertz.
    Hertz,
    /// Degrees Celsius.
    Celsius,
    /// Watts.
    Watts,
    /// Cores' worth of CPU time.
    Cores,
    /// Things that are counted.
    Count,
}

/// Units by the ending of a name; longer endings first.
const ENDINGS: [(&str, Unit); 9] = [
    ("bytes_per_s", Unit::BytesPerSecond),
    ("per_s", Unit::PerSecond),
    ("bytes", Unit::Bytes),
    ("ratio", Unit::Ratio),
    ("ns", Unit::Nanoseconds),
    ("hertz", Unit::Hertz),
    ("celsius", Unit::Celsius),
    ("watts", Unit::Watts),
    ("cores", Unit::Cores),
];

/// Multiples of a unit with their symbols, from the smallest.
type Sizes = &'static [(f64, &'static str)];

const BINARY: Sizes = &[
    (1.0, "B"),
    (1024.0, "KiB"),
    (1_048_576.0, "MiB"),
    (1_073_741_824.0, "GiB"),
    (1_099_511_627_776.0, "TiB"),
];
const FLOW: Sizes = &[
    (1.0, "B/s"),
    (1024.0, "KiB/s"),
    (1_048_576.0, "MiB/s"),
    (1_073_741_824.0, "GiB/s"),
];
const RATE: Sizes = &[(1.0, "/s"), (1e3, "k/s"), (1e6, "M/s")];
const TIME: Sizes = &[(1.0, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s")];
const CLOCK: Sizes = &[(1.0, "Hz"), (1e6, "MHz"), (1e9, "GHz")];
const NUMBER: Sizes = &[(1.0, ""), (1e6, "M"), (1e9, "G")];

impl Unit {
    /// Returns the unit of the series `name`.
    pub fn of(name: &str) -> Self {
        let found = ENDINGS
            .iter()
            .find(|(ending, _)| split(name, ending).is_some());
        found.map_or(Self::Count, |(_, unit)| *unit)
    }

    /// Returns the name without its unit, as in `memory.used`.
    pub fn stem(name: &str) -> &str {
        let mut endings = ENDINGS.iter();
        endings
            .find_map(|(ending, _)| split(name, ending))
            .filter(|stem| !stem.is_empty())
            .unwrap_or(name)
    }

    /// Symbol of the unit in which figures are recorded.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Ratio => "ratio",
            Self::Bytes => "B",
            Self::BytesPerSecond => "B/s",
            Self::PerSecond => "1/s",
            Self::Nanoseconds => "ns",
            Self::Hertz => "Hz",
            Self::Celsius => "°C",
            Self::Watts => "W",
            Self::Cores => "cores",
            Self::Count => "count",
        }
    }

    /// Returns the multiple of the unit in which figures up to `largest` need few digits.
    pub fn scale(self, largest: f64) -> Scale {
        let sizes = match self {
            Self::Ratio => return Scale::new(0.01, "%"),
            Self::Celsius | Self::Watts | Self::Cores => return Scale::new(1.0, self.symbol()),
            Self::Bytes => BINARY,
            Self::BytesPerSecond => FLOW,
            Self::PerSecond => RATE,
            Self::Nanoseconds => TIME,
            Self::Hertz => CLOCK,
            Self::Count => NUMBER,
        };
        let reached = |(size, _): &&(f64, &str)| largest.abs() >= 0.9995 * size;
        let size = sizes.iter().rev().find(reached).or(sizes.first());
        let (size, symbol) = size.copied().unwrap_or((1.0, ""));
        Scale::new(size, symbol)
    }
}

/// Splits the unit off a name: after `_`, or after `.` where the unit is all of the last part.
fn split<'a>(name: &'a str, ending: &str) -> Option<&'a str> {
    let stem = name.strip_suffix(ending)?;
    match stem.strip_suffix('_') {
        Some(stem) => Some(stem),
        None => stem
            .ends_with('.')
            .then_some(name)
            .or(stem.is_empty().then_some(name)),
    }
}

/// Multiple of a unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    size: f64,
    /// Symbol, as in `MiB/s`; empty for counts.
    pub symbol: &'static str,
}

impl Scale {
    fn new(size: f64, symbol: &'static str) -> Self {
        Self { size, symbol }
    }

    /// Formats a value with three significant digits; zero is a plain `0`, and so is a whole count.
    pub fn write(self, value: f64) -> String {
        let counted = self.symbol.is_empty() && value.fract() == 0.0;
        if value == 0.0 || counted {
            return format!("{:.0}", value + 0.0);
        }
        three_digits(value / self.size)
    }

    /// Formats a value with its sign.
    pub fn write_signed(self, value: f64) -> String {
        let sign = if value < 0.0 { "-" } else { "+" };
        format!("{sign}{}", self.write(value.abs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_of_a_name_tells_its_unit() {
        for (name, stem, unit) in [
            ("cpu.busy_ratio", "cpu.busy", Unit::Ratio),
            ("disk.read_bytes_per_s", "disk.read", Unit::BytesPerSecond),
            ("disk.reads_per_s", "disk.reads", Unit::PerSecond),
            ("memory.used_bytes", "memory.used", Unit::Bytes),
            ("disk.read_await_ns", "disk.read_await", Unit::Nanoseconds),
            ("process.cpu_cores", "process.cpu", Unit::Cores),
            ("temperature.celsius", "temperature.celsius", Unit::Celsius),
            ("load.tasks", "load.tasks", Unit::Count),
            ("a.columns", "a.columns", Unit::Count),
            ("ratio", "ratio", Unit::Ratio),
            ("", "", Unit::Count),
        ] {
            assert_eq!((Unit::stem(name), Unit::of(name)), (stem, unit), "{name}");
        }
    }

    #[test]
    fn figures_of_a_row_share_a_size_that_suits_the_largest() {
        for (unit, largest, value, written, symbol) in [
            (Unit::Ratio, 1.0, 0.975, "97.5", "%"),
            (Unit::Bytes, 3e9, 1.5e9, "1.40", "GiB"),
            (Unit::Bytes, 0.0, 0.0, "0", "B"),
            (Unit::BytesPerSecond, 1e15, 1.1e12, "1024", "GiB/s"),
            (Unit::PerSecond, 12_345.0, 1.0, "<0.01", "k/s"),
            (Unit::Nanoseconds, 999_900.0, 500_000.0, "0.50", "ms"),
            (Unit::Count, 1023.0, 512.0, "512", ""),
        ] {
            let scale = unit.scale(largest);
            assert_eq!(
                (scale.write(value).as_str(), scale.symbol),
                (written, symbol)
            );
        }
        let scale = Unit::Bytes.scale(4096.0);
        assert_eq!(scale.write_signed(-2048.0), "-2.00");
        assert_eq!(scale.write_signed(2048.0), "+2.00");
    }
}
