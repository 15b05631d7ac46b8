//! What may be promised: provisional, because a load test shows what can be held and not what
//! users need. On a figure that a warning spoils nothing is promised.

mod availability;

use bench_report::{Step, Warning};

use crate::assessment::{Component, Evidence, Objective};
use crate::facts::{Bench, Facts};
use crate::figures::{duration_ns, plain, rate, share};
use crate::operating_point::percentile_pointer;
use crate::requests::{self, Latency, Pick, slowest};
use crate::source::{Source, code_name, escape};
use crate::thresholds::Sla;

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
        let percentiles: [(&str, Pick); 2] = [
            ("p95", |h| h.percentiles_ns.p95),
            ("p99", |h| h.percentiles_ns.p99),
        ];
        for (which, pick) in percentiles {
            let what = format!("latency_{which}");
            all.extend(slowest(step, pick).map(|l| latency(bench, &what, which, l, sla)));
        }
        for (which, pick) in percentiles {
            let what = format!("connect_{which}");
            let took = requests::connecting(step, pick);
            all.extend(took.map(|l| latency(bench, &what, which, l, sla)));
        }
        all.extend(availability::of_requests(bench, index, step, sla));
        all.extend(availability::of_connections(bench, step));
    }
    all
}

/// A promise in the making.
struct Promise<'a> {
    indicator: &'a str,
    /// What people call it.
    title: &'a str,
    unit: &'a str,
    /// The value with its words; what keeps it from being told otherwise.
    value: Result<(f64, String), &'a str>,
    basis: String,
    evidence: Vec<Evidence>,
}

impl Promise<'_> {
    fn of(self, bench: &Bench<'_>) -> Objective {
        let spoiling = self.evidence.iter().find_map(|e| spoiling(bench.source, e));
        let not_told = |why: &str| (None, format!("{} not told: {why}", self.title));
        let ((value, shown), basis) = match (spoiling, self.value) {
            (Some(warning), _) => {
                let code = code_name(warning.code).replace('_', " ");
                (not_told(&code), warning.message.clone())
            }
            (None, Err(why)) => (not_told(why), self.basis),
            (None, Ok((value, shown))) => ((Some(value), shown), self.basis),
        };
        Objective {
            component: bench.component,
            scenario: bench.source.report.scenario.clone(),
            indicator: self.indicator.to_owned(),
            value,
            unit: self.unit.to_owned(),
            shown,
            provisional: true,
            basis,
            evidence: self.evidence,
        }
    }
}

fn spoiling<'s>(source: &'s Source, evidence: &Evidence) -> Option<&'s Warning> {
    let mut warnings = source.report.warnings.iter();
    warnings.find(|warning| warning.spoils(&evidence.pointer))
}

fn throughput(bench: &Bench<'_>, index: usize, step: &Step, sla: &Sla) -> Option<Objective> {
    let measured = requests::throughput_per_s(step);
    if measured <= 0.0 {
        return None;
    }
    let value = round_down(measured * (1.0 - sla.throughput_headroom_ratio));
    let evidence = requests::of(step).filter_map(|(name, _)| {
        let operation = escape(name);
        let pointer = format!("/steps/{index}/operations/{operation}/throughput_per_s");
        let label = format!("throughput of {name}");
        bench.source.evidence(label, &pointer)
    });
    let promise = Promise {
        indicator: "throughput",
        title: "throughput",
        unit: "per_s",
        value: Ok((value, format!("at least {}", rate(value)))),
        basis: format!(
            "{} of the {} at the operating point",
            share(1.0 - sla.throughput_headroom_ratio),
            rate(measured)
        ),
        evidence: evidence.collect(),
    };
    Some(promise.of(bench))
}

fn connections(bench: &Bench<'_>, step: &Step, sla: &Sla) -> Option<Objective> {
    let held = step.parameter("connections")?;
    let value = round_down(held * (1.0 - sla.throughput_headroom_ratio));
    let evidence = bench.step_evidence("connections", "parameters/connections");
    let promise = Promise {
        indicator: "connections",
        title: "connections",
        unit: "count",
        value: Ok((value, format!("at least {} open", plain(value)))),
        basis: format!(
            "{} of the {} that were held",
            share(1.0 - sla.throughput_headroom_ratio),
            plain(held)
        ),
        evidence: evidence.into_iter().collect(),
    };
    Some(promise.of(bench))
}

fn latency(
    bench: &Bench<'_>,
    indicator: &str,
    which: &str,
    measured: Latency<'_>,
    sla: &Sla,
) -> Objective {
    let title = match measured.operation {
        "connect" => format!("{which} of connecting"),
        _ => which.to_owned(),
    };
    let ns = measured.ns as f64;
    let value = round_up(ns * (1.0 + sla.latency_margin_ratio));
    let label = format!("{which} of {}", measured.operation);
    let evidence = bench.operating().and_then(|(index, _)| {
        let pointer = percentile_pointer(index, &measured, which);
        bench.source.evidence(label.as_str(), &pointer)
    });
    let promise = Promise {
        indicator,
        title: &title,
        unit: "ns",
        value: if measured.at_least {
            Err("it falls among requests that were never answered")
        } else {
            Ok((value, format!("{title} at most {}", duration_ns(value))))
        },
        basis: format!(
            "{label}, {} at the operating point, plus {}",
            measured.shown(),
            share(sla.latency_margin_ratio)
        ),
        evidence: evidence.into_iter().collect(),
    };
    promise.of(bench)
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
