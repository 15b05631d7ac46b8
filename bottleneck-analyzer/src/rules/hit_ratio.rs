//! Rule `low_hit_ratio`: a cache that misses too often.
//!
//! Fires in the scenario `cache` if the hit ratio is below `objectives.cache_hit_ratio`; a symptom of
//! `evictions` if the server evicted keys. Reads the figures `hit_ratio` and `server_hit_ratio` of the step
//! and `evicted_keys` of the server. The impact is the share of the read time spent in misses.

use bench_report::Step;
use bench_report::names;
use bench_report::names::steps;

use crate::assessment::{ComponentKind, EvidenceItem, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::percent;
use crate::finding_draft::{FindingDraft, confidence_past};
use crate::run_facts::RunFacts;

const RULE: Rule = Rule::LowHitRatio;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    let caches = facts.benches_of(ComponentKind::Redis);
    for bench in caches.filter(|b| b.source.report.scenario == "cache") {
        judge(bench, facts, out);
    }
}

fn judge(bench: &BenchFacts<'_>, facts: &RunFacts<'_>, out: &mut Conclusions) {
    let Some((_, step)) = bench.operating_step() else {
        return;
    };
    let Some(ratio) = step.value(steps::HIT_RATIO) else {
        out.cannot_judge(
            RULE,
            bench.component,
            "how often the cache hits: the ratio was not measured",
            "redis-bench cache with reads in its mix",
        );
        return;
    };
    let evidence: Vec<EvidenceItem> = ["hit_ratio", "server_hit_ratio"]
        .into_iter()
        .filter_map(|name| bench.step_evidence(name, &format!("figures/{name}")))
        .collect();
    let least = bench.objectives().cache_hit_ratio;
    if ratio >= least {
        let statement = format!("hit ratio {} (bound {})", percent(ratio), percent(least));
        out.rule_out(RULE, bench.component, statement, evidence);
        return;
    }
    out.add_finding(finding(bench, step, ratio, facts).evidence(evidence));
}

/// Builds the finding about a cache that hits only the share `ratio` of its reads.
fn finding(bench: &BenchFacts<'_>, step: &Step, ratio: f64, facts: &RunFacts<'_>) -> FindingDraft {
    let least = bench.objectives().cache_hit_ratio;
    let evicted = bench
        .server_figure(names::redis::EVICTED_KEYS)
        .unwrap_or(0.0)
        >= facts.thresholds.cache.least_evictions as f64;
    let parent = evicted.then(|| bench.finding_id(Rule::Evictions));
    let kind = if evicted {
        FindingKind::Symptom
    } else {
        FindingKind::Problem
    };
    bench
        .finding(RULE, kind)
        .says(
            format!("The cache hits only {} of its reads", percent(ratio)),
            format!(
                "The other {} go to the database behind the cache, and each answer is then written to the cache.",
                percent(1.0 - ratio)
            ),
        )
        .impact(
            miss_share(step).unwrap_or(1.0 - ratio),
            ImpactOf::ResponseTime,
        )
        .confidence(confidence_past(least, ratio, 0.02))
        .parent(parent)
        .advice(
            &[
                "see why keys are missing: evicted, expired, or never written",
                "raise the time to live or maxmemory, or cache at a coarser grain",
            ],
            "each miss saved is a call to the database saved",
            "a cache that misses costs a round trip and saves none",
        )
}

/// Returns the share of the time of all reads, from 0 to 1, that was spent in misses; `None` if
/// hits or misses were not timed.
fn miss_share(step: &Step) -> Option<f64> {
    let time = |name: &str| {
        let operation = step.operations.get(name)?;
        Some(operation.latency()?.mean_ns * operation.succeeded as f64)
    };
    let misses = time("miss")?;
    Some(misses / (misses + time("get")?))
}
