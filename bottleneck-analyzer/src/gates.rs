//! Gates: the production-readiness objectives, judged at each operating point. A figure that a
//! warning spoils neither passes nor fails.

use bench_report::{Histogram, Step};

use crate::assessment::{Component, Evidence, Gate, GateOutcome};
use crate::facts::{Bench, Facts};
use crate::figures;
use crate::operating_point::percentile_pointer;
use crate::source::escape;
use crate::sweep::slowest;

/// All gates of a run.
pub fn judge(facts: &Facts<'_>) -> Vec<Gate> {
    let mut gates = Vec::new();
    for bench in &facts.benches {
        gates.extend(latency(bench, facts));
        gates.push(errors(bench, facts));
        gates.extend(hit_ratio(bench, facts));
        gates.extend(connections(bench, facts));
    }
    gates.extend(memory(facts));
    gates
}

/// A bound with its side.
#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

struct Measured {
    value: Option<f64>,
    evidence: Vec<Evidence>,
    missing: &'static str,
}

fn gate(
    bench: &Bench<'_>,
    name: &str,
    what: &str,
    unit: &str,
    bound: Bound,
    measured: Measured,
) -> Gate {
    build(
        &bench.id(),
        bench.component,
        (name, what, unit),
        bound,
        measured,
    )
}

fn build(
    subject: &str,
    component: Component,
    (name, what, unit): (&str, &str, &str),
    bound: Bound,
    measured: Measured,
) -> Gate {
    let (threshold, side) = match bound {
        Bound::AtMost(value) => (value, "at most"),
        Bound::AtLeast(value) => (value, "at least"),
    };
    let holds = |value: f64| match bound {
        Bound::AtMost(most) => value <= most,
        Bound::AtLeast(least) => value >= least,
    };
    let spoiled = measured.evidence.iter().any(|e| e.spoiled);
    let (outcome, reason) = match measured.value {
        None => (GateOutcome::Unknown, Some(measured.missing.to_owned())),
        Some(_) if spoiled => (
            GateOutcome::Unknown,
            Some("a warning spoils the figure".to_owned()),
        ),
        Some(value) if holds(value) => (GateOutcome::Pass, None),
        Some(_) => (GateOutcome::Fail, None),
    };
    Gate {
        name: format!("{subject}.{name}"),
        component,
        requirement: format!("{what} {side} {}", figures::show(unit, threshold)),
        threshold,
        measured: measured.value,
        unit: unit.to_owned(),
        outcome,
        reason,
        evidence: measured.evidence,
    }
}

fn latency(bench: &Bench<'_>, facts: &Facts<'_>) -> Option<Gate> {
    type Percentile = fn(&Histogram) -> u64;
    let objectives = &facts.thresholds.objectives;
    let (which, pick, bound_ms): (&str, Percentile, f64) = match bench.component {
        Component::Postgres => ("p90", |h| h.percentiles_ns.p90, objectives.postgres_p90_ms),
        Component::Redis => ("p90", |h| h.percentiles_ns.p90, objectives.redis_p90_ms),
        Component::Websocket => ("p95", |h| h.percentiles_ns.p95, objectives.websocket_p95_ms),
        Component::Machine => return None,
    };
    let mut measured = Measured {
        value: None,
        evidence: Vec::new(),
        missing: "no step was measured",
    };
    if let Some((index, step)) = bench.operating() {
        measured.missing = "too few samples";
        let enough = facts.thresholds.measurement.least_samples;
        if let Some(slow) = slowest(step, pick).filter(|s| s.count >= enough) {
            measured.value = Some(slow.ns as f64);
            let label = format!("{which} of {}", slow.operation);
            let pointer = percentile_pointer(index, &slow, which);
            measured
                .evidence
                .extend(bench.source.evidence(label, &pointer));
        }
    }
    let bound = Bound::AtMost(bound_ms * 1e6);
    Some(gate(bench, which, which, "ns", bound, measured))
}

fn errors(bench: &Bench<'_>, facts: &Facts<'_>) -> Gate {
    let mut measured = Measured {
        value: None,
        evidence: Vec::new(),
        missing: "no request finished",
    };
    if let Some((index, step)) = bench.operating() {
        measured.value = step.error_ratio();
        measured.evidence = counts(bench, index, step);
    }
    let bound = Bound::AtMost(facts.thresholds.objectives.error_ratio);
    gate(bench, "errors", "failed requests", "ratio", bound, measured)
}

fn counts(bench: &Bench<'_>, index: usize, step: &Step) -> Vec<Evidence> {
    let mut found = Vec::new();
    for (name, operation) in &step.operations {
        let base = format!("/steps/{index}/operations/{}", escape(name));
        let label = format!("{name}: succeeded");
        found.extend(bench.source.evidence(label, &format!("{base}/succeeded")));
        for kind in operation.errors.keys() {
            let pointer = format!("{base}/errors/{}", escape(kind));
            found.extend(bench.source.evidence(format!("{name}: {kind}"), &pointer));
        }
    }
    found
}

fn hit_ratio(bench: &Bench<'_>, facts: &Facts<'_>) -> Option<Gate> {
    if bench.source.report.scenario != "cache" {
        return None;
    }
    let value = bench
        .operating()
        .and_then(|(_, step)| step.figures.get("hit_ratio").copied());
    let measured = Measured {
        value,
        evidence: bench
            .step_evidence("hit ratio", "figures/hit_ratio")
            .into_iter()
            .collect(),
        missing: "the hit ratio was not measured",
    };
    let bound = Bound::AtLeast(facts.thresholds.objectives.cache_hit_ratio);
    Some(gate(
        bench,
        "hit_ratio",
        "cache hits",
        "ratio",
        bound,
        measured,
    ))
}

fn connections(bench: &Bench<'_>, facts: &Facts<'_>) -> Option<Gate> {
    if bench.component != Component::Websocket {
        return None;
    }
    let connect = bench
        .operating()
        .and_then(|(_, step)| step.operations.get("connect"));
    let mut evidence = Vec::new();
    for field in ["attempted", "succeeded"] {
        let pointer = format!("operations/connect/{field}");
        evidence.extend(bench.step_evidence(&format!("connections {field}"), &pointer));
    }
    let measured = Measured {
        value: connect
            .filter(|c| c.attempted > 0)
            .map(|c| c.succeeded as f64 / c.attempted as f64),
        evidence,
        missing: "no connection was attempted",
    };
    let bound = Bound::AtLeast(facts.thresholds.objectives.websocket_success_ratio);
    Some(gate(
        bench,
        "success",
        "connections established",
        "ratio",
        bound,
        measured,
    ))
}

fn memory(facts: &Facts<'_>) -> Option<Gate> {
    let machine = facts.machine?;
    let reading = machine.read("memory.used_ratio", machine.whole());
    let measured = Measured {
        value: reading.map(|r| r.max),
        evidence: reading
            .and_then(|r| machine.peak("memory used", r))
            .into_iter()
            .collect(),
        missing: "memory was not recorded",
    };
    let bound = Bound::AtMost(facts.thresholds.objectives.memory_used_ratio);
    let names = ("memory", "memory used", "ratio");
    Some(build("machine", Component::Machine, names, bound, measured))
}
