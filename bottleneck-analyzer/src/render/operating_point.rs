//! Wording of the sentence about an operating point.

use std::fmt::Write as _;

use crate::assessment::{ComponentAssessment, OperatingPoint};
use crate::figures::{duration_ns, percent, rate};

/// Describes the operating point: `at deadpool, pool size 8: 9.1 k/s (8.8 k/s to 9.2 k/s in 3 repeats; shown
/// is repeat 2, the median), p95 4.1 ms, p99 5.0 ms (doubtful), longest 31 ms, errors 0.0 %; worst interval
/// (100 ms long, 1.3 s into repeat 2): 7.2 k/s`. `None` if the component has no operating point.
pub(super) fn sentence(component: &ComponentAssessment) -> Option<String> {
    let point = component.operating_point.as_ref()?;
    let doubt = |figure: &str| {
        if point.is_doubtful(figure) {
            " (doubtful)"
        } else {
            ""
        }
    };
    let mut sentence = format!("at {}: {}", point.setting, rate(point.throughput_per_s));
    if let Some(spread) = &point.spread {
        let [low, high] = spread.throughput_per_s.map(rate);
        let _ = write!(sentence, " ({low} to {high} in {} repeats", spread.repeats);
        if let Some(shown) = &spread.shown_repeat {
            let _ = write!(sentence, "; shown is {shown}");
        }
        sentence.push(')');
    }
    sentence += doubt("throughput_per_s");
    let spread = point.spread.as_ref();
    for (which, ns, of_repeats) in [
        ("p95", point.p95_ns, spread.and_then(|s| s.p95_ns)),
        ("p99", point.p99_ns, spread.and_then(|s| s.p99_ns)),
    ] {
        if let Some(ns) = ns {
            let least = of_repeats.map(|[least, _]| least).filter(|l| *l < ns);
            let least = least.map_or(String::new(), |l| format!("{} to ", time(l)));
            let bound = if point.is_at_least(which) {
                "≥\u{a0}"
            } else {
                ""
            };
            let time = time(ns);
            let _ = write!(sentence, ", {which} {least}{bound}{time}{}", doubt(which));
        }
    }
    if let Some(ns) = point.max_ns {
        let _ = write!(sentence, ", longest {}", time(ns));
    }
    if let Some(ratio) = point.error_ratio {
        let _ = write!(
            sentence,
            ", errors {}{}",
            percent(ratio),
            doubt("succeeded")
        );
    }
    sentence += &worst_interval(point);
    Some(sentence)
}

fn time(ns: u64) -> String {
    duration_ns(ns as f64)
}

fn worst_interval(point: &OperatingPoint) -> String {
    let Some(worst) = &point.worst_interval else {
        return String::new();
    };
    let p99 = worst.p99_ns;
    let p99 = p99.map_or(String::new(), |ns| format!(", p99 {}", duration_ns(ns)));
    let step = match point.spread {
        Some(_) => format!("repeat {}", worst.repeat + 1),
        None => "the step".to_owned(),
    };
    format!(
        "; worst interval ({} long, {} into {step}): {}{p99}",
        time(worst.length_ns),
        time(worst.at_ns),
        rate(worst.throughput_per_s),
    )
}
