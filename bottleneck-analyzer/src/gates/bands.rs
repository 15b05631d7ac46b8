//! Bands: how far a figure is from its objective, in words.

use crate::assessment::{Band, BandLevel, ComponentKind, GateOrigin, GateOutcome};
use crate::bench_facts::BenchFacts;
use crate::requirement::{GateBound, GateFigure, Requirement};
use crate::run_facts::RunFacts;

use super::of_machine;
use super::of_steps;
use super::planned::PlannedGate;
use super::reading::{GateDecision, GateReading, decide};

/// Figure with the bounds between its bands, from the best to the worst.
struct BandedFigure {
    figure: GateFigure,
    /// Each bound with the band of the values past it.
    bounds: Vec<(GateBound, BandLevel)>,
}

/// Returns the bands of all figures of a run that have some.
pub(crate) fn bands(facts: &RunFacts<'_>) -> Vec<Band> {
    let mut all = Vec::new();
    for bench in facts.benches.iter().filter(|b| b.made_load()) {
        for banded in of_bench(bench, facts) {
            let least = facts.thresholds.measurement.least_samples;
            let read = |gate: &PlannedGate<'_>| of_steps::readings(bench, gate, least);
            let mut band = band(&banded, bench.component, read);
            band.scenario = Some(bench.source.report.scenario.clone());
            band.file = bench.distinguishing_file.map(str::to_owned);
            all.push(band);
        }
    }
    if facts.machine.is_some() {
        for banded in machine(facts) {
            let read = |gate: &PlannedGate<'_>| vec![of_machine::reading(gate, facts)];
            all.push(band(&banded, ComponentKind::Machine, read));
        }
    }
    all
}

/// Returns the bands of a bench.
fn of_bench(bench: &BenchFacts<'_>, facts: &RunFacts<'_>) -> Vec<BandedFigure> {
    use BandLevel::{Acceptable, Critical, Warning};
    let thresholds = facts.thresholds;
    let (objectives, bands) = (bench.objectives(), &thresholds.bands);
    let mut all = Vec::new();
    let mut push =
        |figure, bounds: Vec<(GateBound, BandLevel)>| all.push(BandedFigure { figure, bounds });
    if let Some((which, bound_ns)) = objectives.latency {
        let mut bounds = vec![(GateBound::at_most(bound_ns), Warning)];
        let latency = bench.component.definition().latency.as_ref();
        if let Some(critical_ms) = latency.and_then(|latency| latency.critical_ms) {
            let critical = GateBound::at_most(critical_ms(bands) * 1e6);
            bounds.push((critical, Critical));
        }
        push(GateFigure::Percentile(which), bounds);
    }
    push(
        GateFigure::Errors,
        vec![
            (GateBound::at_most(objectives.error_ratio), Acceptable),
            (GateBound::at_most(bands.error_warning_ratio), Warning),
            (GateBound::at_most(bands.error_critical_ratio), Critical),
        ],
    );
    if bench.source.report.scenario == "cache" {
        let least = GateBound::at_least(objectives.cache_hit_ratio);
        push(GateFigure::HitRatio, vec![(least, Warning)]);
    }
    if bench.component.has_own(GateFigure::Connected) {
        let least = GateBound::at_least(thresholds.objectives.websocket_success_ratio);
        let critical = GateBound::at_least(bands.websocket_success_critical_ratio);
        push(
            GateFigure::Connected,
            vec![(least, Warning), (critical, Critical)],
        );
    }
    let pool = bench
        .operating_step()
        .and_then(|(_, step)| step.pool.as_ref());
    if pool.is_some() {
        let limits = &thresholds.pool;
        push(
            GateFigure::PoolUse,
            vec![
                (GateBound::at_most(limits.use_warning_ratio), Warning),
                (GateBound::at_most(limits.use_critical_ratio), Critical),
            ],
        );
    }
    all
}

/// Returns the bands of the machine.
fn machine(facts: &RunFacts<'_>) -> [BandedFigure; 2] {
    let thresholds = facts.thresholds;
    let two = |figure, warning, critical| BandedFigure {
        figure,
        bounds: vec![
            (GateBound::at_most(warning), BandLevel::Warning),
            (GateBound::at_most(critical), BandLevel::Critical),
        ],
    };
    let (cpu, memory) = (&thresholds.cpu, &thresholds.memory);
    [
        two(GateFigure::Cpu, cpu.warning_ratio, cpu.critical_ratio),
        two(
            GateFigure::Memory,
            memory.warning_ratio,
            thresholds.objectives.memory_used_ratio,
        ),
    ]
}

/// Finds the band of a figure: the last one whose bound the figure is certainly past, if it is
/// certainly within the next. Each bound is judged as a gate is.
fn band(
    banded: &BandedFigure,
    component: ComponentKind,
    read: impl Fn(&PlannedGate<'_>) -> Vec<GateReading>,
) -> Band {
    let figure = banded.figure;
    let judged = |bound| {
        let gate = PlannedGate::on(Requirement { figure, bound }, GateOrigin::Shipped);
        decide(gate.requirement, read(&gate))
    };
    let mut level = BandLevel::Good;
    let mut last: Option<GateDecision> = None;
    for (bound, past) in &banded.bounds {
        let decision = judged(*bound);
        let outcome = decision.outcome;
        if outcome == GateOutcome::Fail || last.is_none() || outcome == GateOutcome::Unknown {
            last = Some(decision);
        }
        match outcome {
            GateOutcome::Fail => level = *past,
            GateOutcome::Pass => break,
            GateOutcome::Unknown => {
                level = BandLevel::Unknown;
                break;
            }
        }
    }
    let reason = last.as_ref().and_then(|l| l.reason.clone());
    Band {
        component,
        scenario: None,
        file: None,
        figure: figure.id().to_owned(),
        title: figure.title(),
        measured: last.as_ref().and_then(|l| l.measured),
        unit: figure.unit().to_owned(),
        level,
        reason: reason.filter(|_| level == BandLevel::Unknown),
        evidence: last.map_or(Vec::new(), |l| l.evidence),
    }
}
