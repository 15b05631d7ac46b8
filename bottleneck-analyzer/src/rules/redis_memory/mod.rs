//! Rules about the memory of keys, which `redis-bench memory` measures without load: what happens at the memory
//! limit, gaps in the memory, encodings, and predictions.

mod encodings;
mod fragmentation;
mod limit;
mod part_step;
mod prediction;

use crate::assessment::ComponentKind;
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::run_facts::RunFacts;

/// Name of the scenario.
const SCENARIO: &str = "memory";
/// Rule that checks the report of the scenario and adds its conclusions to the last argument.
type MemoryRule = fn(&BenchFacts<'_>, &mut Conclusions);

const ALL: [MemoryRule; 4] = [
    limit::check,
    fragmentation::check,
    encodings::check,
    prediction::check,
];

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    let redis = facts.benches_of(ComponentKind::Redis);
    for bench in redis.filter(|bench| bench.source.report.scenario == SCENARIO) {
        for judge in ALL {
            judge(bench, out);
        }
    }
}
