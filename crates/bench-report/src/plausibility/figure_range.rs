//! Values that a figure can have, by its name, which ends with its unit.

/// Values that figures of one kind can have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct FigureRange {
    /// Kind of the figures in words, as in `a rate`.
    pub(super) kind: &'static str,
    /// Lowest possible value.
    pub(super) least: f64,
    /// Highest possible value.
    pub(super) most: f64,
}

impl FigureRange {
    const fn up_to(kind: &'static str, most: f64) -> Self {
        Self {
            kind,
            least: 0.0,
            most,
        }
    }

    /// Returns the reason for which `value` cannot be; `None` if it can.
    pub(super) fn refuses(&self, value: f64) -> Option<String> {
        let is_possible = (self.least..=self.most).contains(&value);
        (!is_possible).then(|| {
            let (value, least, most) = (shown(value), shown(self.least), shown(self.most));
            format!("is {value}, and {} is from {least} to {most}", self.kind)
        })
    }
}

/// Shows a number in full, or with an exponent if it is large.
fn shown(value: f64) -> String {
    if value.abs() < 1e6 {
        value.to_string()
    } else {
        format!("{value:e}")
    }
}

/// Ranges by the end of a figure's name; the first that fits counts. 31 years are 1e18 ns.
const BY_UNIT: [(&str, FigureRange); 6] = [
    ("_per_s", FigureRange::up_to("a rate", 1e15)),
    ("_ns", FigureRange::up_to("a duration in nanoseconds", 1e18)),
    ("_s", FigureRange::up_to("a duration in seconds", 1e9)),
    ("_bytes", FigureRange::up_to("a size in bytes", 2e19)),
    ("_cores", FigureRange::up_to("a number of cores", 1e6)),
    ("_ratio", FigureRange::up_to("a ratio", 1e6)),
];

/// Range of counts, means of counts, and all figures without a unit.
const COUNT: FigureRange = FigureRange::up_to("a count", 2e19);

/// Range of shares of a whole. Counters are read one after the other, so that a share may be
/// slightly above the whole.
const SHARE: FigureRange = FigureRange::up_to("a share", 1.05);

/// Ratios that are shares of a whole: the end of the name.
const SHARES: [&str; 16] = [
    "hit_ratio",
    "busy_ratio",
    "idle_ratio",
    "user_ratio",
    "system_ratio",
    "iowait_ratio",
    "irq_ratio",
    "steal_ratio",
    "guest_ratio",
    "nice_ratio",
    "some_ratio",
    "full_ratio",
    "memory.used_ratio",
    "filesystem.used_ratio",
    "inodes_used_ratio",
    "busiest_thread_ratio",
];

/// Parts of the names of figures that may be negative: differences, and degrees.
const SIGNED: [&str; 16] = [
    "celsius",
    "change",
    "delta",
    "difference",
    "discrepancy",
    "drift",
    "error_ratio",
    "gain",
    "growth",
    "headroom",
    "lag",
    "margin",
    "offset",
    "saving",
    "score",
    "slope",
];

/// Returns the values that the figure called `name` can have. A name may end with the statistic
/// over the readings, as in `cpu.busy_ratio_max`.
pub(super) fn range_of(name: &str) -> FigureRange {
    let name = ["_mean", "_max", "_min"]
        .iter()
        .find_map(|statistic| name.strip_suffix(statistic))
        .unwrap_or(name);
    if SHARES.iter().any(|share| name.ends_with(share)) {
        return SHARE;
    }
    let mut units = BY_UNIT.iter();
    let range = units.find(|(unit, _)| name.ends_with(unit));
    let range = range.map_or(COUNT, |(_, range)| *range);
    if SIGNED.iter().any(|word| name.contains(word)) {
        return FigureRange {
            least: -range.most,
            ..range
        };
    }
    range
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_figure_has_its_range() {
        for (name, possible, impossible) in [
            ("throughput_per_s", 188_411.0, -1.0),
            ("throughput_per_s", 0.0, 1e300),
            ("own.cpu_ns", 9.6e9, 1e19),
            ("hit_ratio", 1.0, 7.3),
            ("cpu.busy_ratio_max", 1.0, 1.5),
            ("memory.used_ratio", 0.5, -0.1),
            ("carried_ratio", 1.09, -0.2),
            ("cgroup.cpu.used_ratio", 1.16, 1e9),
            ("handles.most", 9_223_372_036_854_775_807.0, 1e20),
            ("process.rss_bytes", 7e8, -4096.0),
            ("deadpool.little_discrepancy_ratio", -0.02, -1e9),
            ("temperature.celsius", -40.0, -1e30),
            ("leaked", 2.0, -2.0),
            ("latency.p99_ns", 1.0, f64::NAN),
            ("latency.p99_ns", 1.0, f64::INFINITY),
        ] {
            let range = range_of(name);
            assert_eq!(range.refuses(possible), None, "{name}");
            assert!(range.refuses(impossible).is_some(), "{name} {impossible}");
        }
        assert_eq!(
            range_of("throughput_per_s").refuses(-12.5).unwrap(),
            "is -12.5, and a rate is from 0 to 1e15"
        );
    }
}
