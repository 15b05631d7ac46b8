//! Units of metrics, which the endings of their names state.

/// Unit in which the figures of a metric are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Share of a whole, usually 0 to 1.
    Ratio,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// Events per second.
    PerSecond,
    /// Nanoseconds.
    Nanoseconds,
    /// Hertz.
    Hertz,
    /// Degrees Celsius.
    Celsius,
    /// Watts.
    Watts,
    /// CPU seconds per second: the mean number of cores used.
    Cores,
    /// Number of things, or any other figure without a unit.
    Count,
}

/// Endings of metric names with their units; an ending that contains another comes before it.
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

impl Unit {
    /// Returns the unit that the ending of the metric's name states; [`Unit::Count`] if it states
    /// none.
    pub(crate) fn of(name: &str) -> Self {
        let found = ENDINGS
            .iter()
            .find(|(ending, _)| split(name, ending).is_some());
        found.map_or(Self::Count, |(_, unit)| *unit)
    }

    /// Returns the metric's name without its unit: `memory.used` for `memory.used_bytes`. A name
    /// that consists of its unit, or states none, is returned whole.
    pub(crate) fn stem(name: &str) -> &str {
        let mut endings = ENDINGS.iter();
        endings
            .find_map(|(ending, _)| split(name, ending))
            .filter(|stem| !stem.is_empty())
            .unwrap_or(name)
    }

    /// Returns the symbol of the unit, such as `B/s`.
    pub(crate) fn symbol(self) -> &'static str {
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
}

/// Returns `name` without `_` and `ending`, or the whole name if `ending` is all of it or all of
/// its part after the last dot. `None` if the name does not end in this unit.
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
}
