//! What may be promised: provisional, because a load test shows what can be held and not what
//! users need.

use bench_report::{Histogram, Step};

use crate::assessment::{Component, Evidence, Objective};
use crate::facts::{Bench, Facts};
use crate::figures::{duration_ns, percent, plain, rate, share};
use crate::operating_point::percentile_pointer;
use crate::source::escape;
use crate::sweep::slowest;
use crate::thresholds::Sla;

/// Availabilities that people promise, the strictest first.
const AVAILABILITIES: [f64; 6] = [0.9999, 0.9995, 0.999, 0.995, 0.99, 0.95];

/// SLA recommendations for every component with an operating point.
pub fn recommend(facts: &Facts<'_>) -> Vec<Objective> {
    let sla = &facts.thresholds.sla;
    let mut all = Vec::new();
    for bench in &facts.benches {
        let Some((index, step)) = bench.operating() else {
            continue;
        };
        if bench.component == Component::Websocket {
            all.extend(connections(bench, step, sla));
        } else {
            all.extend(throughput(bench, index, step, sla));
        }
        all.extend(latency(bench, "p95", |h| h.percentiles_ns.p95, sla));
        all.extend(latency(bench, "p99", |h| h.percentiles_ns.p99, sla));
        all.extend(availability(bench, index, step, sla));
    }
    all
}

fn objective(
    bench: &Bench<'_>,
    indicator: &str,
    (value, unit, shown): (f64, &str, String),
    basis: String,
    evidence: Vec<Evidence>,
) -> Objective {
    let doubt = if evidence.iter().any(|e| e.spoiled) {
        "; a warning spoils the figure it rests on"
    } else {
        ""
    };
    Objective {
        component: bench.component,
        scenario: bench.source.report.scenario.clone(),
        indicator: indicator.to_owned(),
        value,
        unit: unit.to_owned(),
        shown,
        provisional: true,
        basis: basis + doubt,
        evidence,
    }
}

fn throughput(bench: &Bench<'_>, index: usize, step: &Step, sla: &Sla) -> Option<Objective> {
    let measured = step.throughput_per_s();
    if measured <= 0.0 {
        return None;
    }
    let value = round_down(measured * (1.0 - sla.throughput_headroom_ratio));
    let basis = format!(
        "{} of the {} at the operating point",
        share(1.0 - sla.throughput_headroom_ratio),
        rate(measured)
    );
    let evidence = step.operations.keys().filter_map(|name| {
        let pointer = format!(
            "/steps/{index}/operations/{}/throughput_per_s",
            escape(name)
        );
        bench
            .source
            .evidence(format!("throughput of {name}"), &pointer)
    });
    let evidence = evidence.collect();
    let shown = format!("at least {}", rate(value));
    Some(objective(
        bench,
        "throughput",
        (value, "per_s", shown),
        basis,
        evidence,
    ))
}

fn connections(bench: &Bench<'_>, step: &Step, sla: &Sla) -> Option<Objective> {
    let held = step.parameter("connections")?;
    let value = round_down(held * (1.0 - sla.throughput_headroom_ratio));
    let basis = format!(
        "{} of the {} that were held",
        share(1.0 - sla.throughput_headroom_ratio),
        plain(held)
    );
    let evidence = bench.step_evidence("connections", "parameters/connections");
    let shown = format!("at least {} open", plain(value));
    let evidence = evidence.into_iter().collect();
    Some(objective(
        bench,
        "connections",
        (value, "count", shown),
        basis,
        evidence,
    ))
}

fn latency(
    bench: &Bench<'_>,
    which: &str,
    pick: fn(&Histogram) -> u64,
    sla: &Sla,
) -> Option<Objective> {
    let (index, step) = bench.operating()?;
    let slow = slowest(step, pick)?;
    let value = round_up(slow.ns as f64 * (1.0 + sla.latency_margin_ratio));
    let basis = format!(
        "{which} of {}, the slowest operation, {} at the operating point, plus {}",
        slow.operation,
        duration_ns(slow.ns as f64),
        share(sla.latency_margin_ratio)
    );
    let pointer = percentile_pointer(index, &slow, which);
    let evidence = bench
        .source
        .evidence(format!("{which} of {}", slow.operation), &pointer);
    let shown = format!("{which} at most {}", duration_ns(value));
    let name = format!("latency_{which}");
    let evidence = evidence.into_iter().collect();
    Some(objective(
        bench,
        &name,
        (value, "ns", shown),
        basis,
        evidence,
    ))
}

/// The strictest usual availability that the failures seen do not contradict at 95 %: without a
/// failure in n requests at most 3 ÷ n may fail (Hanley & Lippman-Hand, *If Nothing Goes Wrong,
/// Is Everything All Right?*, JAMA 249(13), 1983); with failures, their ratio plus 1.64 standard
/// errors.
fn availability(bench: &Bench<'_>, index: usize, step: &Step, sla: &Sla) -> Option<Objective> {
    let failed: u64 = step
        .operations
        .values()
        .map(bench_report::Operation::failures)
        .sum();
    let succeeded: u64 = step.operations.values().map(|o| o.succeeded).sum();
    let n = (failed + succeeded) as f64;
    if n <= 0.0 {
        return None;
    }
    let seen = failed as f64 / n;
    let worst = seen
        + if failed == 0 {
            3.0 / n
        } else {
            1.64 * (seen * (1.0 - seen) / n).sqrt()
        };
    let target = AVAILABILITIES.into_iter().find(|a| 1.0 - a >= worst)?;
    let minutes = (1.0 - target) * sla.budget_days as f64 * 24.0 * 60.0;
    let shown = format!(
        "{} %, an error budget of {:.0} min in {} days",
        (target * 1e4).round() / 1e2,
        minutes,
        sla.budget_days
    );
    let basis = format!(
        "{failed} of {} requests failed: at most {} at 95 % confidence",
        plain(n),
        percent(worst)
    );
    let evidence = step.operations.keys().filter_map(|name| {
        let pointer = format!("/steps/{index}/operations/{}/succeeded", escape(name));
        bench
            .source
            .evidence(format!("{name}: succeeded"), &pointer)
    });
    let evidence = evidence.collect();
    Some(objective(
        bench,
        "availability",
        (target, "ratio", shown),
        basis,
        evidence,
    ))
}

/// To two digits, so that nobody reads a measured figure as a promise.
fn round_down(value: f64) -> f64 {
    let unit = unit_of(value);
    (value / unit).floor() * unit
}

fn round_up(value: f64) -> f64 {
    let unit = unit_of(value);
    (value / unit).ceil() * unit
}

fn unit_of(value: f64) -> f64 {
    if value <= 0.0 {
        1.0
    } else {
        10f64.powf(value.log10().floor() - 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises_have_two_digits_and_never_flatter() {
        assert!((round_down(12_345.0) - 12_000.0).abs() < 1e-6);
        assert!((round_up(12_345.0) - 13_000.0).abs() < 1e-6);
        assert!(round_down(0.0).abs() < f64::EPSILON);
    }
}
