//! Rule `redis_memory_limit`: what a server does with writes when its memory is full.
//!
//! Fires if a throwaway server did otherwise than its eviction policy says: it lost keys that it did not evict, it
//! refused writes although it may evict every key (`allkeys-*`), or it evicted keys although it may not: they have no
//! expiry, so that only `allkeys-*` may. Reads the figures `limit.*` of each policy. The impact is the share of the
//! writes that this concerned. A server that does what its policy says is ruled out, with what clients see.

use bench_report::names::steps;

use super::part_step::{PartStep, of_part, why_without};
use crate::assessment::{Confidence, EvidenceItem, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{bytes, counted, plain};
use crate::finding_draft::FindingDraft;

const RULE: Rule = Rule::RedisMemoryLimit;
/// Part of the scenario that fills servers to their limit.
const PART: &str = "limit";
/// Beginning of the names of policies that may evict every key.
const ANY_KEY: &str = "allkeys-";

/// Server that was filled to its limit, with the numbers of keys.
struct FilledServer<'a> {
    step: PartStep<'a>,
    policy: String,
    writes: f64,
    refused: f64,
    evicted: f64,
    lost: f64,
}

pub(super) fn check(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    let steps = of_part(bench, PART);
    let filled: Vec<FilledServer<'_>> = steps.iter().filter_map(|s| FilledServer::of(*s)).collect();
    if filled.is_empty() {
        let question = format!(
            "what the server does when its memory is full{}",
            why_without(&steps, PART)
        );
        let to_find_out = "redis-bench memory without --url, which fills throwaway servers";
        return out.cannot_judge(RULE, bench.component, question, to_find_out);
    }
    let wrong = filled.iter().filter_map(|server| finding(bench, server));
    let wrong: Vec<FindingDraft> = wrong.collect();
    if wrong.is_empty() {
        let told: Vec<String> = filled.iter().map(FilledServer::told).collect();
        let evidence = filled.iter().flat_map(FilledServer::evidence);
        out.rule_out(RULE, bench.component, told.join("; "), evidence);
    }
    for draft in wrong {
        out.add_finding(draft);
    }
}

impl<'a> FilledServer<'a> {
    /// Returns the numbers of a step; `None` if one of them is missing or the limit was not reached.
    fn of(step: PartStep<'a>) -> Option<Self> {
        step.value(steps::LIMIT_KEYS)?;
        Some(Self {
            policy: step.text("policy"),
            writes: step.value(steps::LIMIT_WRITES)?,
            refused: step.value(steps::LIMIT_REFUSED_WRITES)?,
            evicted: step.value(steps::LIMIT_EVICTED_KEYS)?,
            lost: step.value(steps::LIMIT_LOST_KEYS)?,
            step,
        })
    }

    fn may_evict(&self) -> bool {
        self.policy.starts_with(ANY_KEY)
    }

    /// Describes what clients see at the limit.
    fn told(&self) -> String {
        let limit = self.step.step.parameter("maxmemory_bytes");
        let keys = self.step.value(steps::LIMIT_KEYS).unwrap_or(0.0);
        let at = limit.map_or_else(String::new, |limit| format!(" in {}", bytes(limit)));
        let then = if self.may_evict() {
            format!(
                "evicted {} without an error, which clients find missing",
                plain(self.evicted)
            )
        } else {
            format!(
                "refused {} ({}) and kept what it had",
                counted(self.refused, "write"),
                self.code()
            )
        };
        format!(
            "{} held {}{at}, then it {then}",
            self.policy,
            counted(keys, "key")
        )
    }

    /// Returns the code with which the server refused writes.
    fn code(&self) -> &str {
        let failure = self.step.step.failures.first();
        let kind = failure.map_or("no code was kept", |failure| failure.kind.as_str());
        kind.strip_prefix("response.").unwrap_or(kind)
    }

    fn evidence(&self) -> Vec<EvidenceItem> {
        let figures = [
            steps::LIMIT_KEYS,
            steps::LIMIT_WRITES,
            steps::LIMIT_REFUSED_WRITES,
            steps::LIMIT_EVICTED_KEYS,
            steps::LIMIT_LOST_KEYS,
            steps::LIMIT_USED_BYTES,
        ];
        let figures = figures.into_iter();
        figures
            .filter_map(|name| self.step.evidence(name.as_str()))
            .collect()
    }
}

/// Builds the finding about a server that did not do what its policy says; `None` if it did.
fn finding(bench: &BenchFacts<'_>, server: &FilledServer<'_>) -> Option<FindingDraft> {
    let policy = &server.policy;
    let unexplained = server.lost - server.evicted;
    let (concerned, title, actions, rationale) = if unexplained >= 1.0 {
        (
            unexplained,
            format!(
                "Redis lost {} that it had taken at its memory limit, without evicting them ({policy})",
                counted(unexplained, "key")
            ),
            [
                "read the server's log and the known faults of its version, and compare what was written with what is there",
            ],
            "a key that neither expired nor was evicted must be there until it is removed",
        )
    } else if server.may_evict() && server.refused >= 1.0 {
        (
            server.refused,
            format!(
                "Redis refuses {} at its memory limit although {policy} lets it evict keys",
                counted(server.refused, "write")
            ),
            [
                "see what else the limit holds: buffers of clients and of replicas count in it (INFO memory, CLIENT LIST)",
            ],
            "a server that finds no key to evict refuses writes as without eviction",
        )
    } else if !server.may_evict() && server.evicted >= 1.0 {
        (
            server.evicted,
            format!(
                "Redis evicts {} without an expiry although {policy} forbids it",
                counted(server.evicted, "key")
            ),
            ["read maxmemory-policy (CONFIG GET) of the server that lost keys, and who changed it"],
            "with this policy only a refused write tells that the memory is full",
        )
    } else {
        return None;
    };
    let detail = format!(
        "Of {} it refused {} and evicted {}; clients did not find {} of those that it took.",
        counted(server.writes, "write"),
        plain(server.refused),
        plain(server.evicted),
        plain(server.lost)
    );
    Some(
        bench
            .finding(RULE, FindingKind::Problem)
            .one_of_several(policy)
            .thing(policy.clone())
            .says(title, detail)
            .impact(concerned / server.writes.max(1.0), ImpactOf::Requests)
            .confidence(Confidence::High)
            .evidence(server.evidence())
            .advice(
                &actions,
                "no write or key lost otherwise than the policy says",
                rationale,
            ),
    )
}
