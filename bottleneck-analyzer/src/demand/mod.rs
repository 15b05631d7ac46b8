//! Demand of each call on every resource, and the throughput bound that follows from it.
//!
//! A resource limits a run only if its bound explains the measured throughput. Queues are not part of
//! a demand and are subtracted (the operational laws: Denning and Buzen, *The Operational Analysis of
//! Queueing Network Models*, ACM Computing Surveys 10(3), 1978).

mod call_time;
mod cpu;
mod generator;
mod lock;
mod pool;
mod redis;
mod resource_bound;

use bench_report::Load;

use crate::bench_facts::BenchFacts;
use crate::cost::RepeatFacts;
use crate::run_facts::RunFacts;
use crate::step_cpu_use::StepCpuUse;

use call_time::held_ns;
pub(crate) use call_time::{cpu_matters, held_up_ns};
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

/// Returns the throughput that the CPU allows ÷ the measured throughput: the share of the CPU that
/// other programs leave ÷ the share that server and generator used. Under a CPU quota it is 1 ÷ the
/// used share. `None` if a share was not recorded.
fn room_for_more(cpu: &StepCpuUse) -> Option<f64> {
    let ours = cpu.server_ratio.map(|server| server + cpu.generator_ratio);
    let times = match (ours, cpu.others_ratio()) {
        (Some(ours), Some(others)) if !cpu.quota_binds() => (cpu.left_ratio() - others) / ours,
        _ => 1.0 / cpu.used_ratio()?,
    };
    times.is_finite().then_some(times)
}

/// Returns the possible rise of throughput, as a share of the measured one, if each call took
/// `own_ns` nanoseconds less. The rise ends at the next limit: CPU, pool or number of users. `None`
/// if the CPU was not recorded or calls were not timed.
pub(crate) fn gain_without(repeat: &RepeatFacts<'_, '_>, own_ns: f64) -> Option<f64> {
    let step = repeat.server.step;
    let rate = repeat.server.calls_per_s();
    let mut bounds = vec![rate * room_for_more(repeat.bench.cpu.as_ref()?)?];
    if let Some(pool) = &step.pool {
        let held = held_ns(&repeat.model, false);
        let queue = repeat.model.served_ns() - held;
        let left = held - (own_ns - queue).max(0.0);
        bounds.push(pool.max_size as f64 / left.max(1.0) * 1e9);
    }
    if let Load::Closed {
        users,
        think_time_ns,
    } = step.load
    {
        let then = repeat.model.whole_ns - repeat.saved_ns(own_ns) + think_time_ns as f64;
        bounds.push(users as f64 / then.max(1.0) * 1e9);
    }
    let least = bounds.into_iter().fold(f64::MAX, f64::min);
    (repeat.is_timed() && rate > 0.0).then(|| least / rate - 1.0)
}
