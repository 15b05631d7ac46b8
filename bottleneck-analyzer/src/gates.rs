//! Gates: the production-readiness objectives, judged at each operating point. A figure that a
//! warning spoils neither passes nor fails.

use crate::assessment::{Component, Evidence, Gate, GateOutcome};
use crate::facts::{Bench, Facts};
use crate::figures;
use crate::operating_point::percentile_pointer;
use crate::requests::{self, Latency, slowest};

/// Why a gate of a bench without an operating point could not be judged.
const NO_STEP: &str = "no setting held to the end of its step";

/// All gates of a run.
pub fn judge(facts: &Facts<'_>) -> Vec<Gate> {
    let mut gates = Vec::new();
    for bench in &facts.benches {
        gates.extend(latency(bench, facts));
        gates.extend(connecting(bench, facts));
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
    let (which, pick, bound_ms) =
        requests::objective(bench.component, &facts.thresholds.objectives)?;
    let slow = bench.operating().and_then(|(_, step)| slowest(step, pick));
    Some(percentile(
        bench,
        facts,
        (which, which, which),
        slow,
        bound_ms,
    ))
}

/// Opening a connection, under its own name: no echo waits for it.
fn connecting(bench: &Bench<'_>, facts: &Facts<'_>) -> Option<Gate> {
    let (_, step) = bench.operating()?;
    let took = requests::connecting(step, |h| h.percentiles_ns.p95)?;
    let names = ("connect_p95", "p95 of connecting", "p95");
    let bound_ms = facts.thresholds.objectives.websocket_connect_p95_ms;
    Some(percentile(bench, facts, names, Some(took), bound_ms))
}

fn percentile(
    bench: &Bench<'_>,
    facts: &Facts<'_>,
    (name, what, which): (&str, &str, &str),
    latency: Option<Latency<'_>>,
    bound_ms: f64,
) -> Gate {
    let mut measured = Measured {
        value: None,
        evidence: Vec::new(),
        missing: NO_STEP,
    };
    if let (Some((index, _)), Some(latency)) = (bench.operating(), latency) {
        measured.missing = "too few samples";
        if latency.count >= facts.thresholds.measurement.least_samples {
            let ns = latency.ns as f64;
            // A lower bound above the gate's fails it, one below it does not tell.
            let is_known = !latency.at_least || ns > bound_ms * 1e6;
            measured.value = is_known.then_some(ns);
            measured.missing =
                "it falls among requests that were never answered, and may be higher";
            let label = latency.label(which);
            let pointer = percentile_pointer(index, &latency, which);
            measured
                .evidence
                .extend(bench.source.evidence(label, &pointer));
        }
    }
    let bound = Bound::AtMost(bound_ms * 1e6);
    gate(bench, name, what, "ns", bound, measured)
}

fn errors(bench: &Bench<'_>, facts: &Facts<'_>) -> Gate {
    let mut measured = Measured {
        value: None,
        evidence: Vec::new(),
        missing: NO_STEP,
    };
    if let Some((index, step)) = bench.operating() {
        measured.missing = "no request was made";
        measured.value = requests::error_ratio(step);
        measured.evidence = bench.source.outcomes(index);
    }
    let bound = Bound::AtMost(facts.thresholds.objectives.error_ratio);
    gate(bench, "errors", "failed requests", "ratio", bound, measured)
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
        missing: connect.map_or(NO_STEP, |_| "no connection was attempted"),
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
