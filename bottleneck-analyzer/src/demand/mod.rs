//! Demand of each call on every resource, and the throughput bound that follows from it.
//!
//! A resource limits a run only if its bound explains the measured throughput. Queues are not part of
//! a demand and are subtracted (the operational laws: Denning and Buzen, *The Operational Analysis of
//! Queueing Network Models*, ACM Computing Surveys 10(3), 1978).

mod call_time;
mod cpu;
mod generator;
mod lock;
mod lock_hold;
mod pool;
mod redis;
mod resource_bound;

use crate::bench_facts::BenchFacts;
use crate::run_facts::RunFacts;

use call_time::held_ns;
pub(crate) use call_time::{cpu_matters, held_up_ns};
pub(crate) use generator::used_of_left as generator_used_of_left;
pub(crate) use lock_hold::LockHold;
pub(crate) use resource_bound::{EXPLAINS, ResourceBound};

/// Function that computes the bound of one resource at the operating point; it returns `None` if
/// the bound was not measured or does not apply.
pub(crate) type ResourceMeasure = fn(&BenchFacts<'_>, &RunFacts<'_>) -> Option<ResourceBound>;

/// Measures of all resources, from the generator inwards. The first resource whose bound explains
/// the measured throughput is the limiting factor.
const ALL: [ResourceMeasure; 6] = [
    generator::threads,
    generator::busiest_thread,
    lock::hot_lock,
    cpu::processors,
    redis::main_thread,
    pool::connections,
];

/// Returns the bounds of all measured resources, in the order of [`ALL`].
pub(crate) fn bounds(bench: &BenchFacts<'_>, facts: &RunFacts<'_>) -> Vec<ResourceBound> {
    ALL.iter().filter_map(|ask| ask(bench, facts)).collect()
}
