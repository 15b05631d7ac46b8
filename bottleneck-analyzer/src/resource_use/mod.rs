//! Table of the resources at an operating point, by the USE method: utilisation, saturation and errors of
//! each. A cell without a figure says why.
//!
//! Source: Gregg, *Thinking Methodically about Performance*, Communications of the ACM 56(2), 2013.

mod bench;
mod machine;

use crate::assessment::{ResourceKind, ResourceUse};
use crate::bench_facts::BenchFacts;
use crate::run_facts::RunFacts;

/// Returns the use of each resource at the operating point of a bench; empty without an operating point, and
/// for an observer, which makes no load.
pub(crate) fn of_bench(bench: &BenchFacts<'_>, facts: &RunFacts<'_>) -> Vec<ResourceUse> {
    let Some((_, step)) = bench.operating_step().filter(|_| bench.made_load()) else {
        return Vec::new();
    };
    let mut table = machine::rows(bench, step, facts);
    table.extend(bench::pool(bench, step));
    let own = bench.component.definition().own_resources.iter();
    table.extend(own.filter_map(|resource| match resource {
        ResourceKind::Connections => Some(bench::connections(bench, step)),
        ResourceKind::Locks => Some(bench::locks(bench)),
        ResourceKind::RedisThread => Some(bench::redis_thread(bench)),
        ResourceKind::AcceptQueue => Some(machine::accept_queue(bench, step, facts)),
        // Every bench has these rows.
        ResourceKind::Cpu
        | ResourceKind::Memory
        | ResourceKind::Disk
        | ResourceKind::Network
        | ResourceKind::Pool
        | ResourceKind::Generator => None,
    }));
    table.push(bench::generator(bench, step));
    table
}
