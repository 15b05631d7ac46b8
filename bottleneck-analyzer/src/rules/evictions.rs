//! Rule `evictions`: Redis removes keys to stay below `maxmemory`.
//!
//! Fires if at least `cache.least_evictions` keys were evicted and evictions ÷ writes reaches
//! `cache.evicted_per_write_ratio`. Reads `evicted_keys`, `maxmemory_bytes` and `commands.set.calls` of the
//! server, and the reads and misses of the load. The impact is min(evictions, misses) ÷ reads.

use crate::assessment::{ComponentKind, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{bytes, counted, plain, share};
use crate::finding_draft::{FindingDraft, confidence_past};
use crate::run_facts::RunFacts;
use bench_report::names;

const RULE: Rule = Rule::Evictions;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in facts.benches_of(ComponentKind::Redis) {
        judge(bench, facts, out);
    }
}

fn judge(bench: &BenchFacts<'_>, facts: &RunFacts<'_>, out: &mut Conclusions) {
    let Some(evicted) = bench.server_figure(names::redis::EVICTED_KEYS) else {
        out.cannot_judge(
            RULE,
            bench.component,
            "whether Redis evicted keys: its statistics were not read",
            "a user that may run INFO",
        );
        return;
    };
    let evidence = bench.server_evidence_of(&[
        names::redis::EVICTED_KEYS,
        names::redis::USED_MEMORY_BYTES,
        names::redis::MAXMEMORY_BYTES,
    ]);
    let limits = &facts.thresholds.cache;
    let own = own_writes(bench);
    let written = bench
        .server_member(names::redis::COMMAND_CALLS, "set")
        .unwrap_or(own);
    let ratio = evicted / written.max(1.0);
    let enough = evicted >= limits.least_evictions as f64;
    if !enough || ratio < limits.evicted_per_write_ratio {
        let statement = format!("{} evicted", counted(evicted, "key"));
        out.rule_out(RULE, bench.component, statement, evidence);
        return;
    }
    out.add_finding(finding(bench, evicted, ratio, facts).evidence(evidence));
}

/// Builds the finding about evicted keys. `evicted` is their number, `ratio` evictions ÷ writes.
fn finding(bench: &BenchFacts<'_>, evicted: f64, ratio: f64, facts: &RunFacts<'_>) -> FindingDraft {
    let limits = &facts.thresholds.cache;
    let own = own_writes(bench);
    let written = bench
        .server_member(names::redis::COMMAND_CALLS, "set")
        .unwrap_or(own);
    let memory = bench
        .server_figure(names::redis::MAXMEMORY_BYTES)
        .filter(|m| *m > 0.0);
    let limit = memory.map_or(String::new(), |m| format!(" at a limit of {}", bytes(m)));
    // An evicted key causes one miss at most; further misses have other causes.
    let saved = reads(bench).map(|(read, missed)| evicted.min(missed) / read.max(1.0));
    bench
        .finding(RULE, FindingKind::Problem)
        .says(
            format!("Redis evicts keys{limit}: the working set does not fit"),
            format!(
                "{} keys were evicted at the operating point, while {} were written.{}",
                plain(evicted),
                plain(written),
                whose(own, written)
            ),
        )
        .thing("maxmemory")
        .impact(saved.unwrap_or(ratio), ImpactOf::Requests)
        .confidence(confidence_past(ratio, limits.evicted_per_write_ratio, 0.01))
        .advice(
            &[
                "raise maxmemory to the working set, or shard it",
                "or store less: smaller values, shorter times to live",
            ],
            format!(
                "up to {} of the reads hit again",
                share(saved.unwrap_or(0.0))
            ),
            "an evicted key that is read again is a miss that memory would have saved",
        )
}

/// Returns the number of reads in the chosen step and the number of misses among them; `None` if
/// there were no reads.
fn reads(bench: &BenchFacts<'_>) -> Option<(f64, f64)> {
    let (_, step) = bench.operating_step()?;
    let count = |name: &str| step.operations.get(name).map_or(0, |o| o.succeeded) as f64;
    let (hits, misses) = (count("get"), count("miss"));
    (hits + misses > 0.0).then_some((hits + misses, misses))
}

/// Returns the number of keys that the load is known to have written in the chosen step; 0 without
/// an operating point.
fn own_writes(bench: &BenchFacts<'_>) -> f64 {
    let Some((_, step)) = bench.operating_step() else {
        return 0.0;
    };
    let written = ["set", "miss"].into_iter();
    let written = written.filter_map(|name| step.operations.get(name));
    written.map(|o| o.attempted as f64).sum()
}

/// Describes the writes of other clients, if they are more than half of all writes; empty
/// otherwise. `own` and `written` are the numbers of the load's and of all writes.
fn whose(own: f64, written: f64) -> String {
    let others = 1.0 - own / written.max(1.0);
    if others <= 0.5 {
        return String::new();
    }
    format!(
        " Of {} writes {} were other clients', whose keys push the load's out.",
        plain(written),
        share(others)
    )
}
