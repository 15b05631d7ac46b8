//! Multiples of units, chosen so that figures are written with few digits.

use bench_cli::table::three_digits;

use crate::metric::Unit;

/// Multiples of a unit in ascending order, each with its size in that unit and its symbol.
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

/// Returns the multiple of `unit` in which a figure as large as `largest`, given in `unit` itself,
/// needs few digits.
pub(super) fn scale(unit: Unit, largest: f64) -> Scale {
    let sizes = match unit {
        Unit::Ratio => return Scale::new(0.01, "%"),
        Unit::Celsius | Unit::Watts | Unit::Cores => return Scale::new(1.0, unit.symbol()),
        Unit::Bytes => BINARY,
        Unit::BytesPerSecond => FLOW,
        Unit::PerSecond => RATE,
        Unit::Nanoseconds => TIME,
        Unit::Hertz => CLOCK,
        Unit::Count => NUMBER,
    };
    let reached = |(size, _): &&(f64, &str)| largest.abs() >= 0.9995 * size;
    let size = sizes.iter().rev().find(reached).or(sizes.first());
    let (size, symbol) = size.copied().unwrap_or((1.0, ""));
    Scale::new(size, symbol)
}

/// Multiple of a unit in which figures are written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    size: f64,
    /// Symbol of the multiple, as in `MiB/s`; empty for counts below a million.
    pub(crate) symbol: &'static str,
}

impl Scale {
    fn new(size: f64, symbol: &'static str) -> Self {
        Self { size, symbol }
    }

    /// Formats `value`, given in the unit itself, as a multiple with about three significant digits
    /// and without the symbol. Zero is written as `0`, and whole counts without decimals.
    pub(crate) fn write(self, value: f64) -> String {
        let counted = self.symbol.is_empty() && value.fract() == 0.0;
        if value == 0.0 || counted {
            return format!("{:.0}", value + 0.0);
        }
        three_digits(value / self.size)
    }

    /// Formats `value` as [`write`](Self::write) does, with its sign; zero has `+`.
    pub(crate) fn write_signed(self, value: f64) -> String {
        let sign = if value < 0.0 { "-" } else { "+" };
        format!("{sign}{}", self.write(value.abs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let scale = scale(unit, largest);
            assert_eq!(
                (scale.write(value).as_str(), scale.symbol),
                (written, symbol)
            );
        }
        let scale = scale(Unit::Bytes, 4096.0);
        assert_eq!(scale.write_signed(-2048.0), "-2.00");
        assert_eq!(scale.write_signed(2048.0), "+2.00");
    }
}
