//! Rule `checkout_cost`: cost of a pool of Redis connections, compared with one multiplexed connection.
//!
//! Fires if the multiplexed client carries more throughput than the pooled one by `pool.checkout_cost_ratio`
//! or more. Reads the throughput of both clients at their best settings. The impact is gain ÷ (1 + gain) of
//! the capacity.

use crate::assessment::{ComponentKind, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{rate, share};
use crate::finding_draft::{FindingDraft, confidence_past};
use crate::run_facts::RunFacts;
use crate::sweep::Sweep;

const RULE: Rule = Rule::CheckoutCost;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in facts.benches_of(ComponentKind::Redis) {
        judge(bench, facts, out);
    }
}

fn judge(bench: &BenchFacts<'_>, facts: &RunFacts<'_>, out: &mut Conclusions) {
    let (Some(pooled), Some(shared)) = (best(bench, "pooled"), best(bench, "multiplexed")) else {
        return not_compared(bench, out);
    };
    let gain = shared.1 / pooled.1 - 1.0;
    let limit = facts.thresholds.pool.checkout_cost_ratio;
    let evidence: Vec<_> = [("pooled", pooled.0), ("multiplexed", shared.0)]
        .into_iter()
        .filter_map(|(client, step)| {
            let operation = bench.source.report.steps[step].operations.keys().next()?;
            let operation = crate::json_pointer::escape(operation);
            let pointer = format!("/steps/{step}/operations/{operation}/throughput_per_s");
            bench
                .source
                .evidence(format!("{operation}, {client}"), &pointer)
        })
        .collect();
    let figures = format!(
        "{} multiplexed against {} pooled",
        rate(shared.1),
        rate(pooled.1)
    );
    if gain < limit {
        out.rule_out(
            RULE,
            bench.component,
            format!("cost of the pool: {figures}"),
            evidence,
        );
        return;
    }
    out.add_finding(finding(bench, gain, limit, &figures).evidence(evidence));
}

/// Adds an open question if a bench that compares clients did not measure both of them.
fn not_compared(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    let (why, to_find_out) = if !bench.source.report.summary.found_rates.is_empty() {
        (
            "the limits of pooled and multiplexed were not both found",
            "searches of both clients that come to a limit",
        )
    } else if bench.sweeps.iter().any(|s| !s.subject.is_empty()) {
        (
            "pooled and multiplexed were not both measured",
            "the same scenario with both clients",
        )
    } else {
        return;
    };
    let question = format!("what the pool costs: {why}");
    out.cannot_judge(RULE, bench.component, question, to_find_out);
}

/// Builds the finding about a pool that carries less throughput than one multiplexed connection.
/// `gain` is the relative difference, and `limit` the bound that it reached.
fn finding(bench: &BenchFacts<'_>, gain: f64, limit: f64, figures: &str) -> FindingDraft {
    bench
        .finding(RULE, FindingKind::Information)
        .says(
            format!(
                "One multiplexed connection carries {} more than the pool",
                share(gain)
            ),
            format!("The same commands: {figures}."),
        )
        .impact(gain / (1.0 + gain), ImpactOf::Capacity)
        .confidence(confidence_past(gain, limit, bench.noise_ratio()))
        .advice(
            &[
                "use a multiplexed connection for short commands",
                "keep a pool for blocking commands and transactions",
                "where the pool stays: send several commands per checkout, as a pipeline",
            ],
            format!("{} more commands from the same load", share(gain)),
            "deadpool-redis checks a connection with a round trip at every checkout, with no way \
             to turn that off, and a pool cannot share one write among commands",
        )
}

/// Returns the index of a step at the best setting of `client`, and the throughput of that setting
/// in requests per second. If the run searched for rates, the throughput is the highest rate below
/// the limit that was found. `None` if the client was not measured.
fn best(bench: &BenchFacts<'_>, client: &str) -> Option<(usize, f64)> {
    let of_client = |sweep: &&Sweep| sweep.subject.split(", ").any(|part| part == client);
    let settings = bench
        .sweeps
        .iter()
        .filter(of_client)
        .flat_map(|s| &s.settings);
    let top = settings.max_by(|a, b| a.throughput_per_s.total_cmp(&b.throughput_per_s))?;
    let found = (*top.steps.first()?, top.throughput_per_s);
    (found.1 > 0.0).then_some(found)
}
