//! Programs that take no part in the run and use its CPU.

use crate::assessment::{Component, FindingKind, ImpactOf};
use crate::conclusions::{Conclusions, Draft, confidence_past};
use crate::cpu_use::CpuUse;
use crate::facts::{Bench, Facts};
use crate::figures::share;
use crate::machine::{Machine, Stranger};

const RULE: &str = "cpu_others";

/// What strangers did at one operating point.
struct Disturbance<'f> {
    bench: &'f Bench<'f>,
    cpu: &'f CpuUse,
    strangers: Vec<Stranger>,
    /// Their share of the machine.
    ratio: f64,
}

pub(super) fn look(facts: &Facts<'_>, out: &mut Conclusions) {
    let Some(machine) = facts.machine else {
        return;
    };
    let disturbances = facts.benches.iter().filter_map(|b| at(b, machine));
    let Some(worst) = disturbances.max_by(|a, b| a.ratio.total_cmp(&b.ratio)) else {
        return;
    };
    let mut series = machine.source.report.series.iter();
    if !series.any(|s| s.name == "process.cpu_cores") {
        out.cannot_judge(
            RULE,
            Component::Machine,
            "whether programs that take no part used the CPU: processes were not recorded",
            "sysmon record --processes top",
        );
        return;
    }
    judge(&worst, machine, facts, out);
}

fn at<'f>(bench: &'f Bench<'f>, machine: Machine<'_>) -> Option<Disturbance<'f>> {
    let cpu = bench.cpu.as_ref()?;
    let (_, step) = bench.operating()?;
    let strangers = machine.strangers(step.window);
    let ratio = strangers.iter().map(|s| s.cores / cpu.cores).sum();
    Some(Disturbance {
        bench,
        cpu,
        strangers,
        ratio,
    })
}

fn judge(worst: &Disturbance<'_>, machine: Machine<'_>, facts: &Facts<'_>, out: &mut Conclusions) {
    let limit = facts.thresholds.cpu.others_ratio;
    let first = worst.strangers.first();
    let evidence = first.and_then(|s| {
        machine.typical(&format!("CPU of the busiest {} process", s.name), s.reading)
    });
    let used = share(worst.ratio);
    if worst.ratio < limit {
        let statement = format!(
            "programs that take no part used at most {used} of the CPU (bound {})",
            share(limit)
        );
        out.rule_out(RULE, Component::Machine, statement, evidence);
        return;
    }
    let name = first.map_or("unnamed", |s| s.name.as_str());
    let draft = Draft::new(RULE, "machine", Component::Machine, FindingKind::Problem)
        .says(
            format!("Programs that take no part use {used} of the CPU, most of it {name}"),
            format!(
                "That is at the operating point of {}, where the CPU is {}.",
                worst.bench.component.title(),
                worst.cpu.sentence()
            ),
        )
        .impact(worst.ratio, ImpactOf::Capacity)
        .confidence(confidence_past(worst.ratio, limit, 0.03))
        .evidence(evidence)
        .evidence(worst.cpu.evidence.clone())
        .advice(
            &["stop them, or move them to another machine, and repeat the run"],
            format!("up to {used} of the machine's CPU"),
            "what somebody else uses is neither the server's nor repeatable",
        );
    out.find(draft);
}
