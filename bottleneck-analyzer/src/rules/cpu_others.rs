//! Programs that take no part in the run and use its CPU.

use crate::assessment::{Component, FindingKind, ImpactOf};
use crate::conclusions::{Conclusions, Draft, confidence_past};
use crate::cpu_use::CpuUse;
use crate::facts::{Bench, Facts};
use crate::figures::share;
use crate::machine::{Machine, Stranger};
use crate::target;

const RULE: &str = "cpu_others";

/// What strangers did at one operating point.
struct Disturbance<'f> {
    bench: &'f Bench<'f>,
    cpu: &'f CpuUse,
    strangers: Vec<Stranger>,
    /// Their share of the machine.
    ratio: f64,
    /// Whether the server under test may be one of them.
    may_be_the_server: bool,
}

pub(super) fn look(facts: &Facts<'_>, out: &mut Conclusions) {
    let Some(machine) = facts.machine else {
        return;
    };
    let all: Vec<_> = facts
        .benches
        .iter()
        .filter_map(|b| at(b, machine))
        .collect();
    if all.is_empty() {
        return;
    }
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
    let limit = facts.thresholds.cpu.others_ratio;
    let (unclear, clear): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|d| d.may_be_the_server && d.ratio >= limit);
    if let Some(worst) = worst(clear) {
        judge(&worst, machine, limit, out);
    }
    if let Some(worst) = worst(unclear) {
        cannot_tell(&worst, out);
    }
}

fn worst(all: Vec<Disturbance<'_>>) -> Option<Disturbance<'_>> {
    all.into_iter().max_by(|a, b| a.ratio.total_cmp(&b.ratio))
}

/// A server on this machine whose name says nothing looks like any other program.
fn cannot_tell(worst: &Disturbance<'_>, out: &mut Conclusions) {
    let name = worst.strangers.first().map_or("unnamed", |s| &s.name);
    out.cannot_judge(
        RULE,
        worst.bench.component,
        format!(
            "whether programs that take no part used the CPU: {name} and others used {} of it, and \
             the server under test may be one of them",
            share(worst.ratio)
        ),
        "the server on a machine of its own, or nothing else on this one",
    );
}

fn at<'f>(bench: &'f Bench<'f>, machine: Machine<'_>) -> Option<Disturbance<'f>> {
    let cpu = bench.cpu.as_ref()?;
    let (_, step) = bench.operating()?;
    let strangers = machine.strangers(step.window, target::process_name(bench.source));
    let ratio = strangers.iter().map(|s| s.cores / cpu.cores).sum();
    Some(Disturbance {
        bench,
        cpu,
        strangers,
        ratio,
        may_be_the_server: target::may_be_a_stranger(bench.source, machine, step.window),
    })
}

fn judge(worst: &Disturbance<'_>, machine: Machine<'_>, limit: f64, out: &mut Conclusions) {
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
