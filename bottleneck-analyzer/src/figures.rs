//! Formatting of figures. The suffix of a figure's name gives its unit.

use bench_cli::table;

/// Formats `value` in the unit that the end of `name` gives: `ns`, `bytes`, `bytes_per_s`, `per_s`
/// or `ratio`; without a unit for other names.
pub(crate) fn show(name: &str, value: f64) -> String {
    let ends = |suffix: &str| name.ends_with(suffix);
    if ends("bytes_per_s") {
        format!("{}/s", bytes(value))
    } else if ends("_ns") || name == "ns" {
        duration_ns(value)
    } else if ends("bytes") {
        bytes(value)
    } else if ends("per_s") {
        rate(value)
    } else if ends("ratio") || ends("ratio_mean") {
        percent(value)
    } else {
        plain(value)
    }
}

/// Formats nanoseconds: `1.23 ms`, `45.0 µs`, `2.50 s`. A negative value counts as 0.
pub(crate) fn duration_ns(ns: f64) -> String {
    table::duration_ns(ns.max(0.0) as u64)
}

/// Formats a rate in events per second: `12.3 k/s`.
pub(crate) fn rate(per_s: f64) -> String {
    table::rate(per_s)
}

/// Formats bytes: `6.80 MiB`. A negative value counts as 0.
pub(crate) fn bytes(bytes: f64) -> String {
    table::bytes(bytes.max(0.0) as u64)
}

/// Formats a ratio as per cent: `97.5 %`; with three decimals below 0.1 %.
pub(crate) fn percent(ratio: f64) -> String {
    if ratio != 0.0 && ratio.abs() < 0.001 {
        return format!("{:.3} %", ratio * 100.0);
    }
    table::ratio(ratio)
}

/// Formats a ratio as whole per cent: `37 %`; `under 1 %` if it is positive but below half a per
/// cent.
pub(crate) fn share(ratio: f64) -> String {
    if ratio > 0.0 && ratio < 0.005 {
        return "under 1 %".to_owned();
    }
    // Adding 0.0 turns -0.0, the sum of nothing, into 0.0.
    format!("{:.0} %", (ratio * 100.0).round() + 0.0)
}

/// Formats a number without a unit, with two decimals at most and none from 100 on.
pub(crate) fn plain(value: f64) -> String {
    if value.fract().abs() < 1e-9 && value.abs() < 1e15 {
        return format!("{value:.0}");
    }
    match value.abs() {
        n if n >= 100.0 => format!("{value:.0}"),
        n if n >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_the_unit() {
        for (name, value, shown) in [
            ("p99_ns", 1_234_567.0, "1.23 ms"),
            ("rss_bytes", 7_130_316.8, "6.80 MiB"),
            ("receive_bytes_per_s", 2048.0, "2.00 KiB/s"),
            ("throughput_per_s", 12_345.0, "12.3 k/s"),
            ("hit_ratio", 0.975, "97.5 %"),
            ("error_ratio", 0.0001, "0.010 %"),
            ("error_ratio", 0.0, "0.0 %"),
            ("deadlocks", 3.0, "3"),
            ("sessions.cpu_mean", 1.234, "1.23"),
        ] {
            assert_eq!(show(name, value), shown);
        }
    }
}
