//! Rule `redis_swap`: memory of the Redis process that was moved to swap.
//!
//! Fires from 1 MiB on, as information. Memory in swap costs nothing until it is read; the rule `swapping`
//! reports that for the machine. Reads `swap_bytes` and `used_memory_bytes`.

use crate::assessment::{Confidence, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{bytes, share};
use crate::redis::RedisEvidence;
use bench_report::names;

const RULE: Rule = Rule::RedisSwap;

/// Smallest number of bytes in swap at which the rule fires.
const TOLD_BYTES: f64 = 1_048_576.0;

pub(super) fn check(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, out: &mut Conclusions) {
    let Some(swapped) = server.figure(names::redis::SWAP_BYTES) else {
        out.cannot_judge(
            RULE,
            bench.component,
            "whether memory of Redis lies in swap: its process could not be seen",
            "redis-bench on the server's machine, or the swap of the process there",
        );
        return;
    };
    let evidence = server.evidence(names::redis::SWAP_BYTES);
    if swapped < TOLD_BYTES {
        let statement = format!("{} of Redis's memory in swap", bytes(swapped));
        return out.rule_out(RULE, bench.component, statement, evidence);
    }
    let used = server
        .figure(names::redis::USED_MEMORY_BYTES)
        .filter(|used| *used > 0.0);
    let part = used.map_or(String::new(), |used| {
        format!(", {} of what it uses", share((swapped / used).min(1.0)))
    });
    // Memory in swap costs nothing until it is read; the rule `swapping` reports such reads.
    out.add_finding(
        bench
            .finding(RULE, FindingKind::Information)
            .thing("swap")
            .says(
                format!("{} of Redis's memory lies in swap{part}", bytes(swapped)),
                "A call that touches it waits for the disk, and everybody behind it too. How often \
                 that happened is in the machine's recording, not here.",
            )
            .confidence(Confidence::Medium)
            .evidence(evidence)
            .evidence(server.evidence(names::redis::USED_MEMORY_BYTES))
            .advice(
                &[
                    "give the machine more memory, or Redis less (maxmemory)",
                    "and restart Redis, or switch swap off and on, to bring it back",
                ],
                "no tails that wait for the disk",
                "the one thread stands still while a page is read back",
            )
            .needs_restart(),
    );
}
