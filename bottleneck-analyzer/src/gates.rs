//! Gates: the objectives for production readiness, judged at each operating point.
//!
//! All repeats count, also those that a stop rule ended, because the fault that ended one may be the fault
//! that the gate looks for. The worst repeat decides on a percentile: the percentile of all requests together
//! would hide a bad repeat behind good ones. Errors are counted over all repeats together.
//!
//! A figure that a warning spoils makes the gate unknown, unless another repeat fails it for certain. One
//! exception: the generator's own delay can only make a latency larger, so a latency that is within the
//! bound passes in spite of it.

use bench_report::{Step, StepEnd, WarningCode};

use crate::assessment::{ComponentKind, EvidenceItem, Gate, GateOutcome};
use crate::bench_facts::BenchFacts;
use crate::figures;
use crate::requests::{self, OperationPercentile, slowest};
use crate::run_facts::RunFacts;
use crate::source_report::SourceReport;

/// Reason for an unknown gate of a bench without an operating point.
const NO_STEP: &str = "no setting held to the end of its step with requests that succeeded";

/// Reservation about a gate that passed although the generator was late.
const LATE: &str = "with the generator's own delay in it";

/// Reason for an unknown gate whose figure a warning spoils.
const SPOILT: &str = "a warning spoils the figure";

/// Reason for an unknown gate whose figure is a lower bound.
const UNANSWERED: &str = "it falls among requests that were never answered, and may be higher";

/// Warnings about the generator's own delay. It is part of a measured latency and can only have made it
/// larger.
const LATENESS: [WarningCode; 2] = [WarningCode::PacingLag, WarningCode::GeneratorStalled];

/// Judges all gates of a run and returns them with their outcomes. Benches without load of their
/// own have no gate.
pub(crate) fn judge(facts: &RunFacts<'_>) -> Vec<Gate> {
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

/// Bound of a gate: the largest (`AtMost`) or the smallest (`AtLeast`) value that passes.
#[derive(Clone, Copy)]
enum GateBound {
    AtMost(f64),
    AtLeast(f64),
}

impl GateBound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }

    /// Returns a key that is the larger, the worse `value` is for this bound.
    fn badness(self, value: f64) -> f64 {
        match self {
            Self::AtMost(_) => value,
            Self::AtLeast(_) => -value,
        }
    }
}

/// Doubt about a measured figure: which way the true figure may differ.
#[derive(Clone, Copy, PartialEq)]
enum Doubt {
    None,
    /// The true figure may be smaller, not larger.
    TooLarge,
    /// The true figure may be larger: it is a lower bound.
    TooSmall,
    Spoiled,
}

/// Measured figure that a gate judges, with its evidence.
struct GateFigure {
    value: f64,
    doubt: Doubt,
    evidence: Vec<EvidenceItem>,
}

/// Measured figure of one repeat, or the reason why the repeat has none.
type GateReading = Result<GateFigure, &'static str>;

impl GateFigure {
    fn new(source: &SourceReport, value: f64, evidence: Vec<EvidenceItem>) -> Self {
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

    /// Marks the figure as a lower bound, unless it has another reservation.
    fn at_least(mut self) -> Self {
        if self.doubt == Doubt::None {
            self.doubt = Doubt::TooSmall;
        }
        self
    }

    /// Returns true if the true figure is certainly past the bound.
    fn fails(&self, bound: GateBound) -> bool {
        let is_sure = match bound {
            GateBound::AtMost(_) => matches!(self.doubt, Doubt::None | Doubt::TooSmall),
            GateBound::AtLeast(_) => self.doubt == Doubt::None,
        };
        is_sure && !bound.holds(self.value)
    }

    /// Returns the reason why it is not certain that the true figure is within the bound; `None` if
    /// it is certain. Valid only for figures for which [`GateFigure::fails`] is false.
    fn is_open(&self, bound: GateBound) -> Option<&'static str> {
        match (self.doubt, bound) {
            (Doubt::None, _) => None,
            (Doubt::TooLarge, GateBound::AtMost(_)) if bound.holds(self.value) => None,
            (Doubt::TooSmall, _) => Some(UNANSWERED),
            _ => Some(SPOILT),
        }
    }
}

/// Name of a gate in ids, its name in words, and its unit, in this order.
type GateNames<'a> = (&'a str, &'a str, &'a str);

fn gate(
    bench: &BenchFacts<'_>,
    names: GateNames<'_>,
    bound: GateBound,
    readings: Vec<GateReading>,
) -> Gate {
    Gate {
        file: bench.distinguishing_file().map(str::to_owned),
        ..build(&bench.id(), bench.component, names, bound, readings)
    }
}

fn build(
    subject: &str,
    component: ComponentKind,
    (name, what, unit): GateNames<'_>,
    bound: GateBound,
    readings: Vec<GateReading>,
) -> Gate {
    let (threshold, side) = match bound {
        GateBound::AtMost(value) => (value, "at most"),
        GateBound::AtLeast(value) => (value, "at least"),
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
    Vec<EvidenceItem>,
);

/// Decides a gate: it fails if a figure is certainly past the bound, passes if all figures are
/// certainly within, and is unknown otherwise. Returns the outcome, its reason, the worst value and
/// the evidence.
fn decide(bound: GateBound, readings: Vec<GateReading>) -> Decision {
    let mut open = readings.iter().find_map(|r| r.as_ref().err().copied());
    if readings.is_empty() {
        open = Some(NO_STEP);
    }
    let mut figures: Vec<GateFigure> = readings.into_iter().flatten().collect();
    figures.sort_by(|a, b| bound.badness(b.value).total_cmp(&bound.badness(a.value)));
    if let Some(worst) = figures.iter().position(|f| f.fails(bound)) {
        let worst = figures.swap_remove(worst);
        return (GateOutcome::Fail, None, Some(worst.value), worst.evidence);
    }
    let open = open.or_else(|| figures.iter().find_map(|f| f.is_open(bound)));
    let is_late = figures.iter().any(|f| f.doubt == Doubt::TooLarge);
    let (outcome, reason) = match open {
        Some(reason) => (GateOutcome::Unknown, Some(reason)),
        None => (GateOutcome::Pass, is_late.then_some(LATE)),
    };
    let measured = figures.first().map(|f| f.value);
    let evidence = figures.into_iter().flat_map(|f| f.evidence).collect();
    (outcome, reason, measured, evidence)
}

fn latency(bench: &BenchFacts<'_>, facts: &RunFacts<'_>) -> Option<Gate> {
    let (which, pick, bound_ms) =
        requests::latency_objective(bench.component, &facts.thresholds.objectives)?;
    let names = (which, which, "ns");
    let readings = percentiles(bench, facts, which, |step| slowest(step, pick));
    Some(gate(
        bench,
        names,
        GateBound::AtMost(bound_ms * 1e6),
        readings,
    ))
}

/// Judges the time to open a WebSocket connection, which is not part of an echo's time. `None` if
/// the chosen step opened no connection or sent no echo.
fn connecting(bench: &BenchFacts<'_>, facts: &RunFacts<'_>) -> Option<Gate> {
    let took = |step| requests::connecting(step, |h| h.percentiles_ns.p95);
    took(bench.operating_step()?.1)?;
    let names = ("connect_p95", "p95 of connecting", "ns");
    let bound_ms = facts.thresholds.objectives.websocket_connect_p95_ms;
    let readings = percentiles(bench, facts, "p95", took);
    Some(gate(
        bench,
        names,
        GateBound::AtMost(bound_ms * 1e6),
        readings,
    ))
}

/// Iterates over the repeats of the operating point with their indices, incomplete ones included
/// and interrupted ones left out; empty without an operating point.
fn repeats<'s>(bench: &BenchFacts<'s>) -> impl Iterator<Item = (usize, &'s Step)> {
    let held = bench.choice.is_some();
    let judged = bench.judged_steps().filter(move |_| held);
    judged.filter(|(_, step)| step.end != StepEnd::Interrupted)
}

/// Reads the percentile `which` in every repeat. A repeat with too few samples makes the gate
/// unknown: the fault that the gate looks for may be the reason, so the other repeats cannot stand
/// in for it.
fn percentiles<'s>(
    bench: &BenchFacts<'s>,
    facts: &RunFacts<'_>,
    which: &str,
    pick: impl Fn(&'s Step) -> Option<OperationPercentile<'s>>,
) -> Vec<GateReading> {
    let least = facts.thresholds.measurement.least_samples;
    let readings = repeats(bench).map(|(index, step)| {
        let latency = pick(step).ok_or("no request was timed")?;
        if latency.count < least {
            return Err("too few samples");
        }
        let pointer = latency.pointer(index, which);
        let evidence = bench.source.evidence(latency.label(which), &pointer);
        let evidence = evidence.into_iter().collect();
        let figure = GateFigure::new(bench.source, latency.ns as f64, evidence);
        Ok(if latency.at_least {
            figure.at_least()
        } else {
            figure
        })
    });
    readings.collect()
}

/// Judges the share of failed requests over all repeats together. Without an operating point, the
/// steps with requests can fail the gate but not pass it.
fn errors(bench: &BenchFacts<'_>, facts: &RunFacts<'_>) -> Gate {
    let bound = GateBound::AtMost(facts.thresholds.objectives.error_ratio);
    let names = ("errors", "failed requests", "ratio");
    let steps: Vec<(usize, &Step)> = bench.judged_steps().collect();
    let none_held = bench.choice.is_none();
    let ratio = requests::error_ratio_of(steps.iter().map(|(_, step)| *step));
    let missing = if none_held {
        NO_STEP
    } else {
        "no request was made"
    };
    let reading = match ratio {
        Some(ratio) if !(none_held && bound.holds(ratio)) => {
            let evidence = steps
                .iter()
                .flat_map(|(index, _)| bench.source.outcomes(*index));
            Ok(GateFigure::new(bench.source, ratio, evidence.collect()))
        }
        _ => Err(missing),
    };
    gate(bench, names, bound, vec![reading])
}

/// Reads a figure in every repeat; `missing` is the reason for a repeat without one. `fields` are
/// the labels and JSON pointers, inside the step, of its evidence.
fn of_repeats(
    bench: &BenchFacts<'_>,
    value: impl Fn(&Step) -> Option<f64>,
    fields: &[(&str, &str)],
    missing: &'static str,
) -> Vec<GateReading> {
    let readings = repeats(bench).map(|(index, step)| {
        let value = value(step).ok_or(missing)?;
        let evidence = fields.iter().filter_map(|(label, field)| {
            let pointer = format!("/steps/{index}/{field}");
            bench.source.evidence(*label, &pointer)
        });
        Ok(GateFigure::new(bench.source, value, evidence.collect()))
    });
    readings.collect()
}

fn hit_ratio(bench: &BenchFacts<'_>, facts: &RunFacts<'_>) -> Option<Gate> {
    if bench.source.report.scenario != "cache" {
        return None;
    }
    let readings = of_repeats(
        bench,
        |step| step.figures.get("hit_ratio").copied(),
        &[("hit ratio", "figures/hit_ratio")],
        "the hit ratio was not measured",
    );
    let bound = GateBound::AtLeast(facts.thresholds.objectives.cache_hit_ratio);
    let names = ("hit_ratio", "cache hits", "ratio");
    Some(gate(bench, names, bound, readings))
}

fn connections(bench: &BenchFacts<'_>, facts: &RunFacts<'_>) -> Option<Gate> {
    if bench.component != ComponentKind::Websocket {
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
    let bound = GateBound::AtLeast(facts.thresholds.objectives.websocket_success_ratio);
    let names = ("success", "connections established", "ratio");
    Some(gate(bench, names, bound, readings))
}

fn memory(facts: &RunFacts<'_>) -> Option<Gate> {
    let machine = facts.machine?;
    let reading = machine.read("memory.used_ratio", machine.whole());
    let reading = reading.ok_or("memory was not recorded").map(|r| {
        let evidence = machine.peak_sample("memory used", r).into_iter().collect();
        GateFigure::new(machine.source, r.max, evidence)
    });
    let bound = GateBound::AtMost(facts.thresholds.objectives.memory_used_ratio);
    let names = ("memory", "memory used", "ratio");
    Some(build(
        "machine",
        ComponentKind::Machine,
        names,
        bound,
        vec![reading],
    ))
}
