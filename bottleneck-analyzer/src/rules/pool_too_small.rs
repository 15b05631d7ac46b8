//! Calls wait for a connection, and more connections would serve them.

use crate::assessment::{Component, Evidence, FindingKind, ImpactOf};
use crate::conclusions::{Conclusions, Draft, confidence_past};
use crate::cpu_use::CpuUse;
use crate::facts::{Bench, Facts};
use crate::figures::{plain, share};

const RULE: &str = "pool_too_small";

pub(super) fn look(facts: &Facts<'_>, out: &mut Conclusions) {
    let pooled = [Component::Postgres, Component::Redis];
    let benches = facts
        .benches
        .iter()
        .filter(|b| pooled.contains(&b.component));
    for bench in benches {
        judge(bench, facts, out);
    }
}

fn judge(bench: &Bench<'_>, facts: &Facts<'_>, out: &mut Conclusions) {
    let Some((_, step)) = bench.operating().filter(|(_, s)| s.pool.is_some()) else {
        return;
    };
    let checkout = bench.time_model.as_ref().and_then(|m| m.part("checkout"));
    let waited = checkout.map_or(0.0, |part| part.share_ratio);
    let mut evidence: Vec<Evidence> = checkout.map_or(Vec::new(), |p| p.evidence.clone());
    evidence.extend(bench.step_evidence("connections in use", "pool/in_use_mean"));
    evidence.extend(bench.step_evidence("connections in the pool", "pool/max_size"));
    let least = facts.thresholds.pool.checkout_share_ratio;
    if waited < least {
        let statement = format!(
            "calls wait {} of their time for a connection (bound {})",
            share(waited),
            share(least)
        );
        out.rule_out(RULE, bench.component, statement, evidence);
        return;
    }
    let size = step.pool.as_ref().map_or(0, |p| p.max_size);
    let room = bench.cpu_has_room(facts.thresholds.cpu.warning_ratio);
    match bench.still_rising() {
        Some(false) => {
            let statement = format!(
                "calls wait {} of their time for a connection, but a larger pool carried no more: \
                 the wait is for what is behind the pool",
                share(waited)
            );
            out.rule_out(RULE, bench.component, statement, evidence);
        }
        Some(true) if room == Some(false) => out.cannot_judge(
            RULE,
            bench.component,
            format!(
                "whether a pool larger than {size} is worth it: throughput still rose, but {}",
                no_room(bench)
            ),
            "larger pools, with the generator on a machine of its own",
        ),
        None if room != Some(true) => out.cannot_judge(
            RULE,
            bench.component,
            format!("whether a pool larger than {size} would help: only one size was measured"),
            "a sweep over pool sizes around it (--pool-sizes)",
        ),
        Some(true) | None => out.find(too_small(bench, waited, size, evidence, least)),
    }
}

fn no_room(bench: &Bench<'_>) -> &'static str {
    match bench.cpu.as_ref().and_then(CpuUse::used_ratio) {
        Some(_) => "the CPU is nearly used up",
        None => "how much of the CPU quota was used is not known",
    }
}

fn too_small(
    bench: &Bench<'_>,
    waited: f64,
    size: u64,
    evidence: Vec<Evidence>,
    least: f64,
) -> Draft {
    let title = format!(
        "The pool of {size} is too small: {} of a call is waiting for a connection",
        share(waited)
    );
    let rose = bench.rise().map(|rise| {
        format!(
            "Throughput rose by {} from a pool of {} to one of {}. ",
            share(rise.gain_ratio),
            plain(rise.from),
            plain(rise.to)
        )
    });
    let detail = format!(
        "{}Calls spend the rest of their time being served, so the server has room.",
        rose.unwrap_or_default()
    );
    Draft::new(RULE, &bench.id(), bench.component, FindingKind::Problem)
        .says(title, detail)
        .impact(waited, ImpactOf::ResponseTime)
        .confidence(confidence_past(waited, least, bench.noise_ratio()))
        .evidence(evidence)
        .advice(
            &[
                "sweep larger pools, as in --pool-sizes with the double and the fourfold",
                "set the pool to the size that the sweep recommends",
            ],
            format!("up to {} of the response time", share(waited)),
            "a call that waits for a connection does nothing; the server could already serve it",
        )
        .needs_restart()
}
