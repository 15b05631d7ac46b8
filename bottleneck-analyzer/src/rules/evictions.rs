//! Rule `evictions`: Redis removes keys to stay below `maxmemory`.
//!
//! Fires if at least `cache.least_evictions` keys were evicted and evictions ÷ calls that write reaches
//! `cache.evicted_per_write_ratio`. It is a problem if the hit ratio of the load is certainly below
//! `objectives.cache_hit_ratio` and evicted keys explain half of the misses; else it is information, because
//! a full cache evicts keys on purpose. Reads `evicted_keys`, `maxmemory_bytes` and `commands.NAME.calls` of
//! the server, and the hits and misses of the load. The impact is the share of the read time that is spent in
//! misses × the share of the misses that evicted keys explain.

use bench_report::names;

use super::cache_hits::{self, HitRatio};
use crate::assessment::{ComponentKind, Confidence, EvidenceItem, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{bytes, counted, percent, plain, share};
use crate::finding_draft::FindingDraft;
use crate::json_pointer::escape;
use crate::run_facts::RunFacts;

const RULE: Rule = Rule::Evictions;

/// Smallest share of the misses that evicted keys must explain to be their cause.
const EXPLAINS: f64 = 0.5;

/// Commands that write keys, as the server's statistics name them.
pub(super) const WRITING: &[&str] = &[
    "append",
    "bitfield",
    "bitop",
    "copy",
    "decr",
    "decrby",
    "geoadd",
    "geosearchstore",
    "getset",
    "hincrby",
    "hincrbyfloat",
    "hmset",
    "hset",
    "hsetex",
    "hsetnx",
    "incr",
    "incrby",
    "incrbyfloat",
    "linsert",
    "lmove",
    "lpush",
    "lpushx",
    "mset",
    "msetnx",
    "pfadd",
    "pfmerge",
    "psetex",
    "restore",
    "rpoplpush",
    "rpush",
    "rpushx",
    "sadd",
    "sdiffstore",
    "set",
    "setbit",
    "setex",
    "setnx",
    "setrange",
    "sinterstore",
    "smove",
    "sunionstore",
    "xadd",
    "zadd",
    "zdiffstore",
    "zincrby",
    "zinterstore",
    "zrangestore",
    "zunionstore",
];

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    let redis = facts.benches_of(ComponentKind::Redis);
    for bench in redis.filter(|bench| !bench.measured_at_rest()) {
        judge(bench, facts, out);
    }
}

/// Returns true if the rule fires and evicted keys explain half of the misses of the load.
pub(super) fn explain_misses(bench: &BenchFacts<'_>, facts: &RunFacts<'_>) -> bool {
    let evictions = Evictions::of(bench).filter(|evictions| evictions.are_many(facts));
    evictions.is_some_and(|evictions| evictions.explain_misses())
}

fn judge(bench: &BenchFacts<'_>, facts: &RunFacts<'_>, out: &mut Conclusions) {
    let Some(evictions) = Evictions::of(bench) else {
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
    if !evictions.are_many(facts) {
        let statement = format!("{} evicted", counted(evictions.evicted, "key"));
        out.rule_out(RULE, bench.component, statement, evidence);
        return;
    }
    out.add_finding(finding(bench, &evictions).evidence(evidence));
}

/// Keys that were evicted in the chosen step, beside the calls that wrote keys and the load's own reads.
struct Evictions {
    evicted: f64,
    /// Number of calls that wrote keys, by any client. A call may write several keys.
    written: f64,
    /// Evidence of `written`; empty if only the load's own writes are known.
    written_evidence: Vec<EvidenceItem>,
    /// Numbers of the load's reads and of the misses among them; `None` if it made no reads.
    reads: Option<(f64, f64)>,
}

impl Evictions {
    /// Returns the evictions of the chosen step; `None` if they were not counted.
    fn of(bench: &BenchFacts<'_>) -> Option<Self> {
        let (_, step) = bench.operating_step()?;
        let (written, written_evidence) = written(bench);
        Some(Self {
            evicted: bench.server_figure(names::redis::EVICTED_KEYS)?,
            written,
            written_evidence,
            reads: cache_hits::reads(step),
        })
    }

    /// Returns true if so many keys were evicted that the rule fires.
    fn are_many(&self, facts: &RunFacts<'_>) -> bool {
        let limits = &facts.thresholds.cache;
        let ratio = (self.evicted / self.written.max(1.0)).min(1.0);
        self.evicted >= limits.least_evictions as f64 && ratio >= limits.evicted_per_write_ratio
    }

    /// Returns the largest number of misses that evictions can have caused, because an evicted key causes one
    /// miss at most; `None` if the load made no reads.
    fn explained(&self) -> Option<f64> {
        self.reads.map(|(_, missed)| self.evicted.min(missed))
    }

    /// Returns true if evicted keys explain half of the misses, and there were any.
    fn explain_misses(&self) -> bool {
        let explained = self.explained().zip(self.reads);
        explained
            .is_some_and(|(explained, (_, missed))| missed > 0.0 && explained >= EXPLAINS * missed)
    }
}

/// Builds the finding about evicted keys.
fn finding(bench: &BenchFacts<'_>, evictions: &Evictions) -> FindingDraft {
    let hits = HitRatio::of(bench);
    let suffers = hits.as_ref().is_some_and(HitRatio::is_below);
    let is_problem = suffers && evictions.explain_misses();
    let (kind, effect) = if is_problem {
        (FindingKind::Problem, ": the working set does not fit")
    } else {
        (FindingKind::Information, "")
    };
    let memory = bench.server_figure(names::redis::MAXMEMORY_BYTES);
    let memory = memory.filter(|m| *m > 0.0);
    let limit = memory.map_or(String::new(), |m| format!(" at a limit of {}", bytes(m)));
    let read = evictions.reads.map_or(0.0, |(read, _)| read);
    let again = evictions.explained().unwrap_or(0.0) / read.max(1.0);
    let draft = bench
        .finding(RULE, kind)
        .says(
            format!("Redis evicts keys{limit}{effect}"),
            format!(
                "{} keys were evicted at the operating point, while {} wrote keys.{}{}",
                plain(evictions.evicted),
                counted(evictions.written, "call"),
                whose(own_writes(bench), evictions.written),
                cost(evictions, hits.as_ref()),
            ),
        )
        .thing("maxmemory")
        .confidence(Confidence::Medium)
        .evidence(bench.step_evidence("hit ratio", "figures/hit_ratio"))
        .evidence(bench.step_evidence("reads that missed", "operations/miss/succeeded"))
        .evidence(bench.step_evidence("writes after a miss", "operations/miss/attempted"))
        .evidence(bench.step_evidence("other writes of the load", "operations/set/attempted"))
        .evidence(evictions.written_evidence.iter().cloned())
        .advice(
            &[
                "raise maxmemory to the working set, or shard it",
                "or store less: smaller values, shorter times to live",
            ],
            format!("up to {} of the reads hit again", share(again)),
            "an evicted key that is read again is a miss that memory would have saved",
        );
    let impact = impact(bench, evictions).filter(|_| is_problem);
    match impact {
        Some(ratio) => draft.impact(ratio, ImpactOf::ResponseTime),
        None => draft,
    }
}

/// Describes what the evictions cost the load, as a sentence that begins with a space.
fn cost(evictions: &Evictions, hits: Option<&HitRatio>) -> String {
    let explained = evictions.explained().zip(evictions.reads);
    let Some((hits, (explained, (_, missed)))) = hits.zip(explained) else {
        return " What that costs is not known: the load does not count its hits.".to_owned();
    };
    format!(
        " The cache hits {} of its reads (bound {}); evicted keys explain at most {} of {} misses.",
        percent(hits.ratio),
        percent(hits.least),
        plain(explained),
        plain(missed)
    )
}

/// Returns the share of the time of reads that misses of evicted keys can have taken; `None` if it was not timed.
fn impact(bench: &BenchFacts<'_>, evictions: &Evictions) -> Option<f64> {
    let (_, step) = bench.operating_step()?;
    let (_, missed) = evictions.reads?;
    Some(cache_hits::miss_share(step)? * evictions.explained()? / missed)
}

/// Returns the number of calls that wrote keys in the chosen step, with its evidence: those of all clients, or
/// the load's own if the server's statistics of commands were not read.
fn written(bench: &BenchFacts<'_>) -> (f64, Vec<EvidenceItem>) {
    let family = names::redis::COMMAND_CALLS;
    let counted = WRITING.iter().filter_map(|command| {
        let calls = bench.server_member(family, command)?;
        let figure = family.of(command);
        let evidence = bench.step_evidence(&figure, &format!("server/figures/{}", escape(&figure)));
        Some((calls, evidence))
    });
    let (calls, evidence): (Vec<f64>, Vec<Option<EvidenceItem>>) = counted.unzip();
    if calls.is_empty() {
        return (own_writes(bench), Vec::new());
    }
    (calls.iter().sum(), evidence.into_iter().flatten().collect())
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

/// Tells that other clients wrote more than half of the keys, as a sentence that begins with a space; empty if they
/// did not. `own` and `written` are the numbers of the load's and of all writes.
fn whose(own: f64, written: f64) -> String {
    if 2.0 * own >= written {
        return String::new();
    }
    format!(
        " The load made {} of these: other clients' keys push its own out.",
        plain(own)
    )
}
