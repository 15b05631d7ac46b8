//! Formatting of figures. The suffix of a figure's name gives its unit.

use bench_cli::table;

#[cfg(test)]
#[path = "printed_figures.rs"]
pub(crate) mod printed;

/// Ends of names with the unit of a time, and its length in nanoseconds.
const TIMES: [(&str, f64); 4] = [("_ns", 1.0), ("_us", 1e3), ("_ms", 1e6), ("_s", 1e9)];

/// Formats `value` in the unit that the end of `name` gives: `ns`, `us`, `ms`, `s`, `bytes`,
/// `bytes_per_s`, `per_s`, `ratio`, `hertz` or `cores`; without a unit for other names.
pub(crate) fn show(name: &str, value: f64) -> String {
    let ends = |suffix: &str| name.ends_with(suffix);
    let time = TIMES.iter().find(|(end, _)| ends(end));
    if ends("bytes_per_s") {
        format!("{}/s", bytes(value))
    } else if name == "ns" {
        duration_ns(value)
    } else if let Some((_, ns)) = time.filter(|_| !ends("per_s")) {
        duration_ns(value * ns)
    } else if ends("_cores") {
        format!("{} cores", plain(value))
    } else if ends("hertz") {
        frequency(value)
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
    noted(ns, table::duration_ns(ns.max(0.0) as u64))
}

/// Formats a rate in events per second: `12.3 k/s`.
pub(crate) fn rate(per_s: f64) -> String {
    noted(per_s, table::rate(per_s))
}

/// Formats bytes: `6.80 MiB`. A negative value counts as 0.
pub(crate) fn bytes(bytes: f64) -> String {
    noted(bytes, table::bytes(bytes.max(0.0) as u64))
}

/// Formats a frequency in hertz as gigahertz: `2.40 GHz`.
fn frequency(hertz: f64) -> String {
    noted(hertz, format!("{:.2} GHz", hertz / 1e9))
}

/// Formats a ratio as per cent: `97.5 %`; with three decimals below 0.1 %.
pub(crate) fn percent(ratio: f64) -> String {
    if ratio != 0.0 && ratio.abs() < 0.001 {
        return noted(ratio, format!("{:.3} %", ratio * 100.0));
    }
    noted(ratio, table::ratio(ratio))
}

/// Formats a ratio as whole per cent: `37 %`; `under 1 %` if it is positive but below half a per
/// cent.
pub(crate) fn share(ratio: f64) -> String {
    if ratio > 0.0 && ratio < 0.005 {
        return noted(ratio, "under 1 %".to_owned());
    }
    // Adding 0.0 turns -0.0, the sum of nothing, into 0.0.
    noted(ratio, format!("{:.0} %", (ratio * 100.0).round() + 0.0))
}

/// Formats a number of things with the name of one of them: `1 step`, `3 steps`.
pub(crate) fn counted(count: f64, one: &str) -> String {
    let number = plain(count);
    let ending = if number == "1" { "" } else { "s" };
    format!("{number} {one}{ending}")
}

/// Formats a number without a unit, with two decimals at most and none from 100 on.
pub(crate) fn plain(value: f64) -> String {
    let text = match value.abs() {
        n if n < 1e15 && value.fract().abs() < 1e-9 => format!("{value:.0}"),
        n if n >= 100.0 => format!("{value:.0}"),
        n if n >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    noted(value, text)
}

/// Returns `text`. In tests it also notes that `text` stands for `value`.
fn noted(value: f64, text: String) -> String {
    #[cfg(test)]
    printed::note(value, &text);
    #[cfg(not(test))]
    let _ = value;
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_counted_in_the_singular_and_in_the_plural() {
        let of = |count| counted(count, "step");
        assert_eq!(
            [of(0.0), of(1.0), of(3.0)],
            ["0 steps", "1 step", "3 steps"]
        );
    }

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
            ("cpu_main_thread_s", 0.69, "690 ms"),
            ("latest_fork_us", 250.0, "250 µs"),
            ("process.cpu_cores", 1.5, "1.50 cores"),
            ("cpu.clock_hertz", 2_395_000_000.0, "2.40 GHz"),
            ("deadlocks", 3.0, "3"),
            ("sessions.cpu_mean", 1.234, "1.23"),
        ] {
            assert_eq!(show(name, value), shown);
        }
    }
}
