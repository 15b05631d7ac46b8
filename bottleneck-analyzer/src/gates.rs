//! Gates: the production-readiness objectives, judged at each operating point over all of its
//! repeats. The worst repeat decides a percentile, and all of them together the errors: the
//! percentile of all requests together lies between those of the repeats, so that a bad repeat
//! would hide behind good ones. A figure that a warning spoils neither passes nor fails, but for
//! one that the generator's own lateness can only have made larger: if even that keeps the bound,
//! so does the target.

use bench_report::{Step, StepEnd, WarningCode};

use crate::assessment::{Component, Evidence, Gate, GateOutcome};
use crate::facts::{Bench, Facts};
use crate::figures;
use crate::operating_point::percentile_pointer;
use crate::requests::{self, Latency, slowest};
use crate::source::Source;

/// Why a gate of a bench without an operating point could not be judged.
const NO_STEP: &str = "no setting held to the end of its step";

/// What is said of a figure that passes although the generator was late.
const LATE: &str = "with the generator's own delay in it";

/// Doubts that can only have made a latency larger than the target's own: what waited in the
/// generator counts.
const LATENESS: [WarningCode; 2] = [WarningCode::PacingLag, WarningCode::GeneratorStalled];

/// All gates of a run.
pub fn judge(facts: &Facts<'_>) -> Vec<Gate> {
    let mut gates = Vec::new();
    for bench in facts.benches.iter().filter(|b| b.made_load()) {
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

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }

    /// How far past the bound: larger is worse.
    fn badness(self, value: f64) -> f64 {
        match self {
            Self::AtMost(_) => value,
            Self::AtLeast(_) => -value,
        }
    }
}

/// What makes a figure less than certain.
#[derive(Clone, Copy, PartialEq)]
enum Doubt {
    None,
    /// It may be too large, and cannot be too small.
    TooLarge,
    Spoiled,
}

/// One figure with what it rests on.
struct Reading {
    value: f64,
    doubt: Doubt,
    evidence: Vec<Evidence>,
}

impl Reading {
    fn of(source: &Source, value: f64, evidence: Vec<Evidence>) -> Self {
        let doubts = evidence.iter().flat_map(|e| source.spoiling(&e.pointer));
        let doubt = doubts.fold(Doubt::None, |so_far, warning| match so_far {
            Doubt::None | Doubt::TooLarge if LATENESS.contains(&warning.code) => Doubt::TooLarge,
            _ => Doubt::Spoiled,
        });
        Self {
            value,
            doubt,
            evidence,
        }
    }
}

/// The readings of all repeats, or why one of them has none.
type Readings = Result<Vec<Reading>, &'static str>;

/// What is judged: its name in ids, in words, and its unit.
type Names<'a> = (&'a str, &'a str, &'a str);

fn gate(bench: &Bench<'_>, names: Names<'_>, bound: Bound, readings: Readings) -> Gate {
    Gate {
        file: bench.namesake_file().map(str::to_owned),
        ..build(&bench.id(), bench.component, names, bound, readings)
    }
}

fn build(
    subject: &str,
    component: Component,
    (name, what, unit): Names<'_>,
    bound: Bound,
    readings: Readings,
) -> Gate {
    let (threshold, side) = match bound {
        Bound::AtMost(value) => (value, "at most"),
        Bound::AtLeast(value) => (value, "at least"),
    };
    let (outcome, reason, measured, evidence) = decide(bound, readings);
    Gate {
        name: format!("{subject}.{name}"),
        component,
        file: None,
        requirement: format!("{what} {side} {}", figures::show(unit, threshold)),
        threshold,
        measured,
        unit: unit.to_owned(),
        outcome,
        reason: reason.map(str::to_owned),
        evidence,
    }
}

type Decision = (
    GateOutcome,
    Option<&'static str>,
    Option<f64>,
    Vec<Evidence>,
);

/// A certain reading past the bound fails the gate whatever the others say; else each of them has
/// to be good enough to pass.
fn decide(bound: Bound, readings: Readings) -> Decision {
    let mut readings = match readings {
        Ok(readings) if !readings.is_empty() => readings,
        Ok(_) => return (GateOutcome::Unknown, Some(NO_STEP), None, Vec::new()),
        Err(missing) => return (GateOutcome::Unknown, Some(missing), None, Vec::new()),
    };
    readings.sort_by(|a, b| bound.badness(b.value).total_cmp(&bound.badness(a.value)));
    let fails = |r: &Reading| r.doubt == Doubt::None && !bound.holds(r.value);
    if let Some(worst) = readings.iter().position(fails) {
        let worst = readings.swap_remove(worst);
        return (GateOutcome::Fail, None, Some(worst.value), worst.evidence);
    }
    let passes = |r: &Reading| match (r.doubt, bound) {
        (Doubt::None, _) | (Doubt::TooLarge, Bound::AtMost(_)) => bound.holds(r.value),
        _ => false,
    };
    let measured = readings.first().map(|r| r.value);
    let is_late = readings.iter().any(|r| r.doubt == Doubt::TooLarge);
    let (outcome, reason) = if readings.iter().all(passes) {
        (GateOutcome::Pass, is_late.then_some(LATE))
    } else {
        (GateOutcome::Unknown, Some("a warning spoils the figure"))
    };
    let evidence = readings.into_iter().flat_map(|r| r.evidence).collect();
    (outcome, reason, measured, evidence)
}

fn latency(bench: &Bench<'_>, facts: &Facts<'_>) -> Option<Gate> {
    let (which, pick, bound_ms) =
        requests::objective(bench.component, &facts.thresholds.objectives)?;
    let names = (which, which, "ns");
    let readings = percentiles(bench, facts, which, |step| slowest(step, pick));
    Some(gate(bench, names, Bound::AtMost(bound_ms * 1e6), readings))
}

/// Opening a connection, under its own name: no echo waits for it.
fn connecting(bench: &Bench<'_>, facts: &Facts<'_>) -> Option<Gate> {
    let took = |step| requests::connecting(step, |h| h.percentiles_ns.p95);
    took(bench.operating()?.1)?;
    let names = ("connect_p95", "p95 of connecting", "ns");
    let bound_ms = facts.thresholds.objectives.websocket_connect_p95_ms;
    let readings = percentiles(bench, facts, "p95", took);
    Some(gate(bench, names, Bound::AtMost(bound_ms * 1e6), readings))
}

/// One percentile of every repeat. One with too few samples may have been held up by what the
/// gate looks for, so the others do not speak for it.
fn percentiles<'s>(
    bench: &Bench<'s>,
    facts: &Facts<'_>,
    which: &str,
    pick: impl Fn(&'s Step) -> Option<Latency<'s>>,
) -> Readings {
    let least = facts.thresholds.measurement.least_samples;
    let repeats = bench.operating_repeats().map(|(index, step)| {
        let latency = pick(step).filter(|latency| latency.count >= least);
        let latency = latency.ok_or("too few samples")?;
        let label = format!("{which} of {}", latency.operation);
        let pointer = percentile_pointer(index, &latency, which);
        let evidence = bench.source.evidence(label, &pointer);
        let evidence = evidence.into_iter().collect();
        Ok(Reading::of(bench.source, latency.ns as f64, evidence))
    });
    repeats.collect()
}

/// Over all repeats together. Where no setting was held to its end, the steps that a rule ended can
/// still fail.
fn errors(bench: &Bench<'_>, facts: &Facts<'_>) -> Gate {
    let bound = Bound::AtMost(facts.thresholds.objectives.error_ratio);
    let names = ("errors", "failed requests", "ratio");
    let mut steps: Vec<(usize, &Step)> = bench.operating_repeats().collect();
    let none_held = steps.is_empty();
    if none_held {
        let all = bench.source.report.steps.iter().enumerate();
        steps = all
            .filter(|(_, s)| matches!(s.end, StepEnd::Stopped { .. }))
            .collect();
    }
    let ratio = requests::error_ratio_of(steps.iter().map(|(_, step)| *step));
    let missing = if none_held {
        NO_STEP
    } else {
        "no request was made"
    };
    let readings = match ratio {
        Some(ratio) if !(none_held && bound.holds(ratio)) => {
            let evidence = steps
                .iter()
                .flat_map(|(index, _)| bench.source.outcomes(*index));
            Ok(vec![Reading::of(bench.source, ratio, evidence.collect())])
        }
        _ => Err(missing),
    };
    gate(bench, names, bound, readings)
}

/// A figure of every repeat.
fn of_repeats(
    bench: &Bench<'_>,
    value: impl Fn(&Step) -> Option<f64>,
    fields: &[(&str, &str)],
    missing: &'static str,
) -> Readings {
    let repeats = bench.operating_repeats().map(|(index, step)| {
        let value = value(step).ok_or(missing)?;
        let evidence = fields.iter().filter_map(|(label, field)| {
            let pointer = format!("/steps/{index}/{field}");
            bench.source.evidence(*label, &pointer)
        });
        Ok(Reading::of(bench.source, value, evidence.collect()))
    });
    repeats.collect()
}

fn hit_ratio(bench: &Bench<'_>, facts: &Facts<'_>) -> Option<Gate> {
    if bench.source.report.scenario != "cache" {
        return None;
    }
    let readings = of_repeats(
        bench,
        |step| step.figures.get("hit_ratio").copied(),
        &[("hit ratio", "figures/hit_ratio")],
        "the hit ratio was not measured",
    );
    let bound = Bound::AtLeast(facts.thresholds.objectives.cache_hit_ratio);
    let names = ("hit_ratio", "cache hits", "ratio");
    Some(gate(bench, names, bound, readings))
}

fn connections(bench: &Bench<'_>, facts: &Facts<'_>) -> Option<Gate> {
    if bench.component != Component::Websocket {
        return None;
    }
    let established = |step: &Step| {
        let connect = step.operations.get("connect")?;
        (connect.attempted > 0).then(|| connect.succeeded as f64 / connect.attempted as f64)
    };
    let fields = [
        ("connections attempted", "operations/connect/attempted"),
        ("connections succeeded", "operations/connect/succeeded"),
    ];
    let readings = of_repeats(bench, established, &fields, "no connection was attempted");
    let bound = Bound::AtLeast(facts.thresholds.objectives.websocket_success_ratio);
    let names = ("success", "connections established", "ratio");
    Some(gate(bench, names, bound, readings))
}

fn memory(facts: &Facts<'_>) -> Option<Gate> {
    let machine = facts.machine?;
    let reading = machine.read("memory.used_ratio", machine.whole());
    let readings = reading.ok_or("memory was not recorded").map(|r| {
        let evidence = machine.peak("memory used", r).into_iter().collect();
        vec![Reading::of(machine.source, r.max, evidence)]
    });
    let bound = Bound::AtMost(facts.thresholds.objectives.memory_used_ratio);
    let names = ("memory", "memory used", "ratio");
    Some(build("machine", Component::Machine, names, bound, readings))
}
