//! Gates: the production-readiness objectives, judged at each operating point over all of its
//! repeats, those that a rule ended too: what it ended them for is what a gate looks for. The worst repeat decides a percentile, and all of them together the errors: the
//! percentile of all requests together lies between those of the repeats, so that a bad repeat
//! would hide behind good ones. A figure that a warning spoils neither passes nor fails, but for
//! one that the generator's own lateness can only have made larger: if even that keeps the bound,
//! so does the target.

use bench_report::{Step, StepEnd, WarningCode};

use crate::assessment::{ComponentKind, EvidenceItem, Gate, GateOutcome};
use crate::bench_facts::BenchFacts;
use crate::figures;
use crate::requests::{self, OperationPercentile, slowest};
use crate::run_facts::RunFacts;
use crate::source_report::SourceReport;

/// Reason for which a gate of a bench without an operating point could not be judged.
const NO_STEP: &str = "no setting held to the end of its step with requests that succeeded";

/// Remark on a figure that passes although the generator was late.
const LATE: &str = "with the generator's own delay in it";

/// Reason for which a figure that a warning spoils tells nothing.
const SPOILT: &str = "a warning spoils the figure";

/// Reason for which a lower bound within the gate's bound tells nothing.
const UNANSWERED: &str = "it falls among requests that were never answered, and may be higher";

/// Doubts that can only have made a latency larger than the target's own: what waited in the
/// generator counts.
const LATENESS: [WarningCode; 2] = [WarningCode::PacingLag, WarningCode::GeneratorStalled];

/// All gates of a run.
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

/// A bound with its side.
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

    /// Distance past the bound: larger is worse.
    fn badness(self, value: f64) -> f64 {
        match self {
            Self::AtMost(_) => value,
            Self::AtLeast(_) => -value,
        }
    }
}

/// Doubt that makes a figure less than certain.
#[derive(Clone, Copy, PartialEq)]
enum Doubt {
    None,
    /// It may be too large, and cannot be too small.
    TooLarge,
    /// It is a lower bound.
    TooSmall,
    Spoiled,
}

/// One figure with what it rests on.
struct GateFigure {
    value: f64,
    doubt: Doubt,
    evidence: Vec<EvidenceItem>,
}

/// Figure of one repeat, or the reason for which there is none.
type GateReading = Result<GateFigure, &'static str>;

impl GateFigure {
    fn of(source: &SourceReport, value: f64, evidence: Vec<EvidenceItem>) -> Self {
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

    /// Marks the figure as no more than a lower bound.
    fn at_least(mut self) -> Self {
        if self.doubt == Doubt::None {
            self.doubt = Doubt::TooSmall;
        }
        self
    }

    /// Returns true if the true figure is past the bound, whatever the doubts.
    fn fails(&self, bound: GateBound) -> bool {
        let is_sure = match bound {
            GateBound::AtMost(_) => matches!(self.doubt, Doubt::None | Doubt::TooSmall),
            GateBound::AtLeast(_) => self.doubt == Doubt::None,
        };
        is_sure && !bound.holds(self.value)
    }

    /// Returns the reason for which the true figure may be past the bound.
    fn is_open(&self, bound: GateBound) -> Option<&'static str> {
        match (self.doubt, bound) {
            (Doubt::None, _) => None,
            (Doubt::TooLarge, GateBound::AtMost(_)) if bound.holds(self.value) => None,
            (Doubt::TooSmall, _) => Some(UNANSWERED),
            _ => Some(SPOILT),
        }
    }
}

/// Subject of a gate: its name in ids, in words, and its unit.
type GateNames<'a> = (&'a str, &'a str, &'a str);

fn gate(
    bench: &BenchFacts<'_>,
    names: GateNames<'_>,
    bound: GateBound,
    readings: Vec<GateReading>,
) -> Gate {
    Gate {
        file: bench.namesake_file().map(str::to_owned),
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

/// A certain figure past the bound fails the gate, whatever the other repeats say; else each of them
/// has to be good enough to pass.
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
        requests::objective(bench.component, &facts.thresholds.objectives)?;
    let names = (which, which, "ns");
    let readings = percentiles(bench, facts, which, |step| slowest(step, pick));
    Some(gate(
        bench,
        names,
        GateBound::AtMost(bound_ms * 1e6),
        readings,
    ))
}

/// Opening a connection, under its own name: no echo waits for it.
fn connecting(bench: &BenchFacts<'_>, facts: &RunFacts<'_>) -> Option<Gate> {
    let took = |step| requests::connecting(step, |h| h.percentiles_ns.p95);
    took(bench.operating()?.1)?;
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

/// The repeats of the operating point but for one that an interrupt cut short, which says nothing of
/// the target.
fn repeats<'s>(bench: &BenchFacts<'s>) -> impl Iterator<Item = (usize, &'s Step)> {
    let held = bench.choice.is_some();
    let judged = bench.judged().filter(move |_| held);
    judged.filter(|(_, step)| step.end != StepEnd::Interrupted)
}

/// One percentile of every repeat. One with too few samples may have been held up by what the
/// gate looks for, so the others do not speak for it.
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
        let figure = GateFigure::of(bench.source, latency.ns as f64, evidence);
        Ok(if latency.at_least {
            figure.at_least()
        } else {
            figure
        })
    });
    readings.collect()
}

/// Over all repeats together. Where there is no operating point, the steps in which requests were
/// made can still fail.
fn errors(bench: &BenchFacts<'_>, facts: &RunFacts<'_>) -> Gate {
    let bound = GateBound::AtMost(facts.thresholds.objectives.error_ratio);
    let names = ("errors", "failed requests", "ratio");
    let steps: Vec<(usize, &Step)> = bench.judged().collect();
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
            Ok(GateFigure::of(bench.source, ratio, evidence.collect()))
        }
        _ => Err(missing),
    };
    gate(bench, names, bound, vec![reading])
}

/// A figure of every repeat.
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
        Ok(GateFigure::of(bench.source, value, evidence.collect()))
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
        let evidence = machine.peak("memory used", r).into_iter().collect();
        GateFigure::of(machine.source, r.max, evidence)
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
