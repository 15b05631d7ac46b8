//! Rule `low_hit_ratio`: a cache that misses too often.
//!
//! Fires in the scenario `cache` if the hit ratio is certainly below `objectives.cache_hit_ratio`, by the same
//! interval as the gate; an open question if so few reads were counted that it may be on either side. It is a
//! symptom of `evictions` if evicted keys explain half of the misses. Reads the figures `hit_ratio` and
//! `server_hit_ratio` of the step, and the numbers of its hits and misses. The impact is the share of the read
//! time spent in misses.

use bench_report::Step;

use super::cache_hits::{HitRatio, miss_share, reads};
use super::evictions;
use crate::assessment::{ComponentKind, EvidenceItem, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{counted, percent};
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
    let Some(hits) = HitRatio::of(bench) else {
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
    let (ratio, least) = (percent(hits.ratio), percent(hits.least));
    if hits.is_within() {
        let statement = format!("hit ratio {ratio} (bound {least})");
        out.rule_out(RULE, bench.component, statement, evidence);
    } else if hits.is_below() {
        out.add_finding(finding(bench, step, &hits, facts).evidence(evidence));
    } else {
        let question = format!(
            "whether the cache hits often enough (bound {least}): {ratio} of {} found their key, so that the \
             true hit ratio may be {} to {}",
            counted(reads(step).map_or(0.0, |(read, _)| read), "read"),
            percent(hits.low),
            percent(hits.high)
        );
        out.cannot_judge(RULE, bench.component, question, "a longer step");
    }
}

/// Builds the finding about a cache that hits too few of its reads.
fn finding(
    bench: &BenchFacts<'_>,
    step: &Step,
    hits: &HitRatio,
    facts: &RunFacts<'_>,
) -> FindingDraft {
    let evicted = evictions::explain_misses(bench, facts);
    let parent = evicted.then(|| bench.finding_id(Rule::Evictions));
    let kind = if evicted {
        FindingKind::Symptom
    } else {
        FindingKind::Problem
    };
    bench
        .finding(RULE, kind)
        .says(
            format!("The cache hits only {} of its reads", percent(hits.ratio)),
            format!(
                "The other {} go to the database behind the cache, and each answer is then written to the cache.",
                percent(1.0 - hits.ratio)
            ),
        )
        .impact(
            miss_share(step).unwrap_or(1.0 - hits.ratio),
            ImpactOf::ResponseTime,
        )
        .confidence(confidence_past(hits.least, hits.ratio, hits.noise()))
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
