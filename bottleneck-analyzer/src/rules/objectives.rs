//! Latency or errors past the objective at the operating point.

use bench_report::Step;

use crate::assessment::{Component, Confidence, Evidence, Finding, FindingKind, ImpactOf};
use crate::conclusions::{Conclusions, Draft, confidence_past};
use crate::facts::{Bench, Facts};
use crate::figures::{duration_ns, percent};
use crate::operating_point::percentile_pointer;
use crate::source::escape;
use crate::sweep::{Slowest, slowest};

pub(super) fn look(facts: &Facts<'_>, out: &mut Conclusions) {
    for bench in &facts.benches {
        let Some((index, step)) = bench.operating() else {
            continue;
        };
        latency(bench, index, step, facts, out);
        errors(bench, index, step, facts, out);
    }
}

/// The cause already found for this bench with the most behind it.
fn cause(bench: &Bench<'_>, out: &Conclusions) -> Option<String> {
    let id = format!(":{}", bench.id());
    let causes = out.findings.iter().filter(|f: &&Finding| {
        let names_it = f.kind == FindingKind::Problem || f.id.starts_with("cpu_saturated");
        names_it && f.id.ends_with(&id)
    });
    causes
        .max_by(|a, b| a.score.total_cmp(&b.score))
        .map(|f| f.id.clone())
}

fn kind_under(parent: Option<&String>) -> FindingKind {
    parent.map_or(FindingKind::Problem, |_| FindingKind::Symptom)
}

fn latency(bench: &Bench<'_>, index: usize, step: &Step, facts: &Facts<'_>, out: &mut Conclusions) {
    let rule = "latency_past_objective";
    let (which, bound_ms, slow) = objective(bench.component, step, facts);
    let Some(slow) = slow else {
        return;
    };
    let objective_ns = bound_ms * 1e6;
    let evidence = bench.source.evidence(
        format!("{which} of {}", slow.operation),
        &percentile_pointer(index, &slow, which),
    );
    let ns = slow.ns as f64;
    let figures = format!(
        "{which} {} against {}",
        duration_ns(ns),
        duration_ns(objective_ns)
    );
    if ns <= objective_ns {
        out.rule_out(
            rule,
            bench.component,
            format!("latency: {figures}"),
            evidence,
        );
        return;
    }
    let parent = cause(bench, out);
    let draft = Draft::new(
        rule,
        &bench.id(),
        bench.component,
        kind_under(parent.as_ref()),
    )
    .says(
        format!(
            "{} is slower than its objective: {figures}",
            bench.component.title()
        ),
        format!("Measured at the operating point, {}.", slow.operation),
    )
    .impact(1.0 - objective_ns / ns, ImpactOf::ResponseTime)
    .confidence(if slow.count < facts.thresholds.measurement.least_samples {
        Confidence::Low
    } else {
        confidence_past(ns / objective_ns, 1.0, bench.noise_ratio())
    })
    .evidence(evidence)
    .parent(parent)
    .advice(
        &[
            "offer less load, or remove what limits the component",
            "or set another objective",
        ],
        "the objective",
        "past the knee latency rises with load and throughput does not",
    );
    out.find(draft);
}

/// The percentile that a component is held to, its bound, and the slowest operation by it.
fn objective<'s>(
    component: Component,
    step: &'s Step,
    facts: &Facts<'_>,
) -> (&'static str, f64, Option<Slowest<'s>>) {
    let bounds = &facts.thresholds.objectives;
    let p90 = || slowest(step, |h| h.percentiles_ns.p90);
    match component {
        Component::Postgres => ("p90", bounds.postgres_p90_ms, p90()),
        Component::Redis => ("p90", bounds.redis_p90_ms, p90()),
        Component::Websocket | Component::Machine => (
            "p95",
            bounds.websocket_p95_ms,
            slowest(step, |h| h.percentiles_ns.p95),
        ),
    }
}

fn errors(bench: &Bench<'_>, index: usize, step: &Step, facts: &Facts<'_>, out: &mut Conclusions) {
    let rule = "errors_past_objective";
    let Some(ratio) = step.error_ratio() else {
        return;
    };
    let mut evidence: Vec<Evidence> = Vec::new();
    let mut kinds: Vec<String> = Vec::new();
    for (name, operation) in &step.operations {
        let base = format!("/steps/{index}/operations/{}", escape(name));
        for kind in operation.errors.keys() {
            kinds.push(kind.clone());
            let pointer = format!("{base}/errors/{}", escape(kind));
            evidence.extend(bench.source.evidence(format!("{name}: {kind}"), &pointer));
        }
        let label = format!("{name}: succeeded");
        evidence.extend(bench.source.evidence(label, &format!("{base}/succeeded")));
    }
    let limit = facts.thresholds.objectives.error_ratio;
    if ratio <= limit {
        let statement = format!(
            "errors: {} of the requests (bound {})",
            percent(ratio),
            percent(limit)
        );
        out.rule_out(rule, bench.component, statement, evidence);
        return;
    }
    kinds.sort();
    kinds.dedup();
    let parent = cause(bench, out).filter(|id| id.starts_with("connections_near_limit"));
    let draft = Draft::new(
        rule,
        &bench.id(),
        bench.component,
        kind_under(parent.as_ref()),
    )
    .says(
        format!(
            "{} of the requests to {} fail",
            percent(ratio),
            bench.component.title()
        ),
        format!(
            "Kinds: {}. The report's `failures` have samples.",
            kinds.join(", ")
        ),
    )
    .impact(ratio, ImpactOf::Requests)
    .confidence(confidence_past(ratio / limit, 1.0, 0.5))
    .evidence(evidence)
    .parent(parent)
    .advice(
        &["read the sample of failures in the report and remove their cause"],
        format!("up to {} of the requests", percent(ratio)),
        "a request that fails is served late or never",
    );
    out.find(draft);
}
