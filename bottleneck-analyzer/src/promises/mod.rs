//! Recommended promises (SLA). They are provisional, because a load test shows the capacity and not the
//! need of users. A promise rests on the worst repeat. There is none for an observer, after too little
//! load, or on a figure that a warning spoils.

mod availability;
mod promise_draft;

use bench_report::{RateSearchEnd, Step};

use crate::assessment::{EvidenceItem, Promise};
use crate::bench_facts::BenchFacts;
use crate::figures::{duration_ns, plain, rate, share};
use crate::json_pointer::escape;
use crate::requests::{self, OperationPercentile, PercentileFn, slowest};
use crate::run_facts::RunFacts;
use crate::thresholds::Sla;
use promise_draft::PromiseDraft;

/// Recommends promises for every component that was loaded and has an operating point. A promise
/// that cannot be given is listed without a value.
pub(crate) fn recommend(facts: &RunFacts<'_>) -> Vec<Promise> {
    let sla = &facts.thresholds.sla;
    let mut all = Vec::new();
    for bench in facts.benches.iter().filter(|b| b.made_load()) {
        if bench.component.holds_connections() {
            all.extend(connections(bench, sla));
        } else {
            all.extend(throughput(bench, sla));
        }
        let percentiles: [(&str, PercentileFn); 2] = [
            ("p95", |h| h.percentiles_ns.p95),
            ("p99", |h| h.percentiles_ns.p99),
        ];
        for (which, pick) in percentiles {
            let what = format!("latency_{which}");
            all.extend(latency(bench, &what, which, sla, |step| {
                slowest(step, pick)
            }));
        }
        for (which, pick) in percentiles {
            let what = format!("connect_{which}");
            all.extend(latency(bench, &what, which, sla, |step| {
                requests::connecting(step, pick)
            }));
        }
        all.extend(availability::of_requests(bench, sla));
        all.extend(availability::of_connections(bench));
    }
    all
}

/// Recommends the throughput of the slowest repeat, less the headroom that `sla` asks for. `None`
/// if nothing succeeded in that repeat.
fn throughput(bench: &BenchFacts<'_>, sla: &Sla) -> Option<Promise> {
    let rates = bench
        .operating_repeats()
        .map(|(_, step)| requests::throughput_per_s(step));
    let measured = rates.min_by(f64::total_cmp)?;
    if measured <= 0.0 {
        return None;
    }
    let value = round_down(measured * (1.0 - sla.throughput_headroom_ratio));
    let promise = PromiseDraft {
        indicator: "throughput",
        title: "throughput",
        unit: "per_s",
        value: Ok((value, format!("at least {}", rate(value)))),
        basis: format!(
            "{} of the {} {}",
            share(1.0 - sla.throughput_headroom_ratio),
            rate(measured),
            where_measured(bench)
        ),
        evidence: throughputs(bench),
    };
    Some(
        promise
            .on_load_of(sla.least_load_s, bench)
            .into_promise(bench),
    )
}

/// Returns the throughput of every operation in every completed repeat as evidence.
fn throughputs(bench: &BenchFacts<'_>) -> Vec<EvidenceItem> {
    let evidence = bench.operating_repeats().flat_map(|(index, step)| {
        requests::request_operations(step).filter_map(move |(name, _)| {
            let operation = escape(name);
            let pointer = format!("/steps/{index}/operations/{operation}/throughput_per_s");
            let label = format!("throughput of {name}");
            bench.source.evidence(label, &pointer)
        })
    });
    evidence.collect()
}

/// Describes, for a basis, the point at which `bench` was measured, and that it is the worst of
/// several repeats.
fn where_measured(bench: &BenchFacts<'_>) -> String {
    let point = bench.operating_step().map(|(index, _)| index);
    let search = point.and_then(|index| bench.source.report.summary.search_of_step(index));
    let place = match search.map(|(_, search, _)| &search.end) {
        None => "at the operating point",
        Some(RateSearchEnd::NotMet) => "at the lowest rate that the search tried",
        Some(_) => "at the rate that the search found",
    };
    if bench.repeats.len() > 1 {
        format!("in the worst repeat {place}")
    } else {
        place.to_owned()
    }
}

/// Recommends the number of connections that were held, less the headroom that `sla` asks for.
/// `None` without an operating point.
fn connections(bench: &BenchFacts<'_>, sla: &Sla) -> Option<Promise> {
    let (_, step) = bench.operating_step()?;
    let held = step.parameter("connections")?;
    let value = round_down(held * (1.0 - sla.throughput_headroom_ratio));
    let evidence = bench.step_evidence("connections", "parameters/connections");
    let promise = PromiseDraft {
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
    Some(
        promise
            .on_load_of(sla.least_load_s, bench)
            .into_promise(bench),
    )
}

/// Recommends a bound on the percentile `which`: that of the worst repeat plus the margin of `sla`.
/// Gives a reason instead if a warning spoils the percentile of any repeat. `None` if no repeat has
/// the percentile.
fn latency<'s>(
    bench: &BenchFacts<'s>,
    indicator: &str,
    which: &str,
    sla: &Sla,
    pick: impl Fn(&'s Step) -> Option<OperationPercentile<'s>>,
) -> Option<Promise> {
    let measured: Vec<(usize, OperationPercentile<'_>)> = bench
        .operating_repeats()
        .filter_map(|(index, step)| Some((index, pick(step)?)))
        .collect();
    let (_, worst) = measured.iter().max_by_key(|(_, latency)| latency.ns)?;
    let title = match worst.operation {
        "connect" => format!("{which} of connecting"),
        _ => which.to_owned(),
    };
    let ns = worst.ns as f64;
    let value = round_up(ns * (1.0 + sla.latency_margin_ratio));
    let evidence = measured.iter().filter_map(|(index, latency)| {
        let label = latency.label(which);
        let pointer = latency.pointer(*index, which);
        bench.source.evidence(label, &pointer)
    });
    let promise = PromiseDraft {
        indicator,
        title: &title,
        unit: "ns",
        value: if measured.iter().any(|(_, latency)| latency.at_least) {
            Err("it falls among requests that were never answered".to_owned())
        } else {
            Ok((value, format!("{title} at most {}", duration_ns(value))))
        },
        basis: format!(
            "{which} of {}, {} {}, plus {}",
            worst.operation,
            worst.shown(),
            where_measured(bench),
            share(sla.latency_margin_ratio)
        ),
        evidence: evidence.collect(),
    };
    Some(
        promise
            .on_load_of(sla.least_load_s, bench)
            .into_promise(bench),
    )
}

/// Rounds down to two significant digits, so that a promise does not look like a measured figure.
fn round_down(value: f64) -> f64 {
    let unit = unit_of(value);
    (value / unit).floor() * unit
}

/// Rounds up to two significant digits, so that a promise does not look like a measured figure.
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
