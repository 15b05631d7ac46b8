//! Text form of figures: three digits and a unit.

use bench_report::{CheckoutParts, QuantileEstimate, QuantileKind};

/// Formats a number below 1,000 with three significant digits: `1.23`, `12.3`, `123`. A larger one
/// keeps all digits before the point, one below 1 has two decimals. Numbers between 0 and 0.005
/// become `<0.01`.
pub fn three_digits(value: f64) -> String {
    match value.abs() {
        v if v > 0.0 && v < 0.005 => "<0.01".to_owned(),
        v if v < 9.995 => format!("{value:.2}"),
        v if v < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// Text for a figure that is not a number or is infinite.
const NO_FIGURE: &str = "n/a";

/// Formats a duration in nanoseconds: `850 ns`, `12.3 µs`, `1.23 ms`, `4.50 s`, `2.5 min`, `3.0
/// h`. Seconds are used up to 119.5 s, minutes up to two hours.
pub fn duration_ns(ns: u64) -> String {
    match ns as f64 {
        v if v < 1e3 => format!("{ns} ns"),
        v if v < 999_500.0 => format!("{} µs", three_digits(v / 1e3)),
        v if v < 999.5e6 => format!("{} ms", three_digits(v / 1e6)),
        v if v < 119.5e9 => format!("{} s", three_digits(v / 1e9)),
        v if v < 7_197e9 => format!("{:.1} min", v / 60e9),
        v => format!("{:.1} h", v / 3_600e9),
    }
}

/// Formats a quantile of latency: `1.23 ms`, or `≥ 9.80 s` if it falls among requests that were
/// never answered. `None` becomes a dash.
pub fn quantile(estimate: Option<QuantileEstimate>) -> String {
    match estimate {
        None => "–".to_owned(),
        Some(found) if found.kind == QuantileKind::AtLeast => {
            format!("≥\u{a0}{}", duration_ns(found.ns))
        }
        Some(found) => duration_ns(found.ns),
    }
}

/// Formats the highest 99th percentile of latency in any interval of a step, in nanoseconds. It is
/// marked with `≥` as a lower bound if `unanswered` requests are not 0, because these were
/// included with their age only. `None` becomes a dash.
pub fn worst_interval(ns: Option<f64>, unanswered: u64) -> String {
    quantile(ns.map(|ns| QuantileEstimate {
        ns: ns as u64,
        kind: match unanswered {
            0 => QuantileKind::Exact,
            _ => QuantileKind::AtLeast,
        },
    }))
}

/// Smallest part of a checkout, as a share of its mean time, that is listed.
const PART_TOLD: f64 = 0.005;

/// Formats the mean time of a checkout from a pool and its parts, the largest first: `420 µs: 200
/// µs wait, 200 µs check, 20.0 µs connecting`. Parts below 0.5 % of the whole are left out.
pub fn checkout(checkout: &CheckoutParts) -> String {
    let whole = checkout.mean_ns();
    let mut parts = [
        ("wait", checkout.wait_mean_ns),
        ("check", checkout.check_mean_ns),
        ("connecting", checkout.connect_mean_ns),
    ];
    parts.sort_by(|a, b| b.1.total_cmp(&a.1));
    let told: Vec<String> = parts
        .iter()
        .filter(|(_, ns)| *ns > 0.0 && *ns >= PART_TOLD * whole)
        .map(|(name, ns)| format!("{} {name}", duration_ns(ns.round() as u64)))
        .collect();
    format!("{}: {}", duration_ns(whole.round() as u64), told.join(", "))
}

/// Formats a rate per second: `850/s`, `12.3 k/s`, `1.23 M/s`; `n/a` if it is not finite.
pub fn rate(per_s: f64) -> String {
    match per_s.abs() {
        v if !v.is_finite() => NO_FIGURE.to_owned(),
        v if v < 999.5 => format!("{}/s", three_digits(per_s)),
        v if v < 999_500.0 => format!("{} k/s", three_digits(per_s / 1e3)),
        _ => format!("{} M/s", three_digits(per_s / 1e6)),
    }
}

/// Formats a size in bytes with units of 1,024: `512 B`, `6.80 MiB`.
pub fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    for unit in ["KiB", "MiB", "GiB"] {
        value /= 1024.0;
        if value < 1023.5 {
            return format!("{} {unit}", three_digits(value));
        }
    }
    format!("{} TiB", three_digits(value / 1024.0))
}

/// Formats a number of things with the name of one of them: `1 key`, `3 keys`.
pub fn counted(count: u64, one: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {one}{ending}")
}

/// Formats a fraction of 1 as a percentage: 0.975 is `97.5 %`. A share other than 0 and 1 that
/// would be rounded to 0 % or 100 % becomes `<0.1 %` or `>99.9 %`; one that is not finite becomes
/// `n/a`.
pub fn ratio(ratio: f64) -> String {
    match ratio {
        r if !r.is_finite() => NO_FIGURE.to_owned(),
        r if r > 0.0 && r < 0.0005 => "<0.1 %".to_owned(),
        r if (0.9995..1.0).contains(&r) => ">99.9 %".to_owned(),
        r => format!("{:.1} %", r * 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkout_is_told_by_its_parts_and_several_steps_by_their_checkouts() {
        let checked = CheckoutParts {
            count: 300,
            wait_mean_ns: 500.0,
            check_mean_ns: 199_500.0,
            ..CheckoutParts::default()
        };
        assert_eq!(checkout(&checked), "200 µs: 200 µs check");
        let queued = CheckoutParts {
            count: 100,
            waited: 90,
            opened: 4,
            wait_mean_ns: 800_500.0,
            check_mean_ns: 199_500.0,
            connect_mean_ns: 80_000.0,
        };
        let both = CheckoutParts::merged([&checked, &queued]).unwrap();
        assert_eq!((both.count, both.waited, both.opened), (400, 90, 4));
        let told = checkout(&both);
        assert_eq!(
            told,
            "420 µs: 200 µs wait, 200 µs check, 20.0 µs connecting"
        );
        assert!(CheckoutParts::merged([]).is_none());
    }

    #[test]
    fn figures_have_three_digits_and_a_unit() {
        for (ns, shown) in [
            (0, "0 ns"),
            (850, "850 ns"),
            (12_345, "12.3 µs"),
            (999_999, "1.00 ms"),
            (1_234_000, "1.23 ms"),
            (999_600_000, "1.00 s"),
            (4_500_000_000, "4.50 s"),
            (119_600_000_000, "2.0 min"),
            (150_000_000_000, "2.5 min"),
            (7_200_000_000_000, "2.0 h"),
        ] {
            assert_eq!(duration_ns(ns), shown);
        }
        for (per_s, shown) in [
            (0.0, "0.00/s"),
            (0.001, "<0.01/s"),
            (9.996, "10.0/s"),
            (999.7, "1.00 k/s"),
            (84_700.0, "84.7 k/s"),
            (1_230_000.0, "1.23 M/s"),
            (f64::NAN, "n/a"),
            (f64::INFINITY, "n/a"),
        ] {
            assert_eq!(rate(per_s), shown);
        }
        for (size, shown) in [
            (1_023, "1023 B"),
            (1_024, "1.00 KiB"),
            (1_048_500, "1.00 MiB"),
            (7_130_316, "6.80 MiB"),
            (u64::MAX, "16777216 TiB"),
        ] {
            assert_eq!(bytes(size), shown);
        }
    }

    #[test]
    fn a_lower_bound_is_told_from_what_was_measured() {
        let estimate = |kind| {
            Some(QuantileEstimate {
                ns: 9_800_000_000,
                kind,
            })
        };
        assert_eq!(quantile(estimate(QuantileKind::AtLeast)), "≥\u{a0}9.80 s");
        assert_eq!(quantile(estimate(QuantileKind::Estimate)), "9.80 s");
        assert_eq!(quantile(None), "–");
    }

    #[test]
    fn things_are_counted_in_the_singular_and_in_the_plural() {
        let of = |count| counted(count, "key");
        assert_eq!([of(0), of(1), of(3)], ["0 keys", "1 key", "3 keys"]);
    }

    #[test]
    fn a_few_are_not_none_and_nearly_all_are_not_all() {
        for (share, shown) in [
            (0.0, "0.0 %"),
            (0.000_1, "<0.1 %"),
            (0.975, "97.5 %"),
            (0.999_9, ">99.9 %"),
            (1.0, "100.0 %"),
            (f64::NAN, "n/a"),
        ] {
            assert_eq!(ratio(share), shown);
        }
    }
}
