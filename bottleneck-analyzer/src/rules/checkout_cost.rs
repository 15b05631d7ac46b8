//! Rule `checkout_cost`: cost of a pool of Redis connections, compared with one multiplexed connection.
//!
//! Fires if the multiplexed client carries more throughput than the pooled one by `pool.checkout_cost_ratio`
//! or more. Reads the throughput of both clients at their best settings. The impact is gain ÷ (1 + gain) of
//! the capacity.

use crate::assessment::{ComponentKind, EvidenceItem, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{counted, plain, rate};
use crate::finding_draft::{FindingDraft, confidence_past};
use crate::run_facts::RunFacts;
use crate::sweep::{Sweep, SweepSetting};

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
    let gain = shared.throughput_per_s / pooled.throughput_per_s - 1.0;
    let limit = facts.thresholds.pool.checkout_cost_ratio;
    let evidence = throughputs(bench, [("pooled", pooled), ("multiplexed", shared)]);
    let figures = format!(
        "{} carries {}, one connection shared by all {}",
        pool_in_words(bench, pooled),
        rate(pooled.throughput_per_s),
        rate(shared.throughput_per_s)
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

/// Returns the throughput of each operation in each step of both clients' settings as evidence, those of one
/// operation together.
fn throughputs(bench: &BenchFacts<'_>, clients: [(&str, &SweepSetting); 2]) -> Vec<EvidenceItem> {
    let steps = &bench.source.report.steps;
    let mut places = Vec::new();
    for (client, setting) in clients {
        for step in &setting.steps {
            let names = steps[*step].operations.keys();
            places.extend(names.map(|name| (name, client, *step)));
        }
    }
    places.sort_by_key(|(name, ..)| *name);
    let evidence = places.into_iter().filter_map(|(name, client, step)| {
        let key = crate::json_pointer::escape(name);
        let pointer = format!("/steps/{step}/operations/{key}/throughput_per_s");
        bench.source.evidence(format!("{name}, {client}"), &pointer)
    });
    evidence.collect()
}

/// Describes the pool at `setting`: `a pool of 8 for 50 users`.
fn pool_in_words(bench: &BenchFacts<'_>, setting: &SweepSetting) -> String {
    let step = setting.steps.first();
    let step = step.and_then(|step| bench.source.report.steps.get(*step));
    let parameter = |name: &str| step.and_then(|step| step.parameter(name));
    match (parameter("pool_size"), parameter("users")) {
        (Some(size), Some(users)) => {
            format!("a pool of {} for {}", plain(size), counted(users, "user"))
        }
        (Some(size), None) => format!("a pool of {}", plain(size)),
        (None, _) => "the pool".to_owned(),
    }
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
            format!("Redis through a pool costs throughput: {figures}"),
            format!(
                "Both sent the same commands; the shared (multiplexed) connection carried {} times as many.",
                plain(1.0 + gain)
            ),
        )
        .impact(gain / (1.0 + gain), ImpactOf::Capacity)
        .confidence(confidence_past(gain, limit, bench.noise_ratio()))
        .advice(
            &[
                "use a multiplexed connection for short commands",
                "keep a pool for blocking commands and transactions",
                "where the pool stays: send several commands per checkout, as a pipeline",
            ],
            format!("up to {} times the throughput", plain(1.0 + gain)),
            "deadpool-redis checks a connection with a round trip at every checkout, with no way \
             to turn that off, and a pool cannot share one write among commands",
        )
}

/// Returns the setting of `client` with the highest throughput. If the run searched for rates, the
/// throughput is the highest rate below the limit that was found. `None` if the client was not measured.
fn best<'f>(bench: &'f BenchFacts<'_>, client: &str) -> Option<&'f SweepSetting> {
    let of_client = |sweep: &&Sweep| sweep.subject.split(", ").any(|part| part == client);
    let settings = bench
        .sweeps
        .iter()
        .filter(of_client)
        .flat_map(|s| &s.settings);
    let top = settings.max_by(|a, b| a.throughput_per_s.total_cmp(&b.throughput_per_s))?;
    let is_measured = !top.steps.is_empty() && top.throughput_per_s > 0.0;
    is_measured.then_some(top)
}
