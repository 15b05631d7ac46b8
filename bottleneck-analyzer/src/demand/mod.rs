//! Demand of each call on every resource, and so the most calls that each lets through.
//!
//! A resource limits a run only where its bound explains the throughput that was measured; a queue
//! is no demand: it is taken out (the operational laws: Denning and Buzen, *The Operational
//! Analysis of Queueing Network Models*, ACM Computing Surveys 10(3), 1978).

mod cpu;
mod generator;
mod lock;
mod pool;
mod redis;

use bench_report::Load;

use crate::assessment::{Confidence, EvidenceItem, TimeModel};
use crate::bench_facts::BenchFacts;
use crate::cost::RepeatFacts;
use crate::run_facts::RunFacts;
use crate::step_cpu_use::StepCpuUse;

/// Measured throughput ÷ a bound from which the bound explains it.
pub(crate) const EXPLAINS: f64 = 0.90;
/// Share of the time in service below which a full CPU is not what calls wait for.
const CPU_MATTERS: f64 = 0.25;

/// The most that one resource lets through, beside what was measured.
#[derive(Debug, Clone)]
pub(crate) struct ResourceBound {
    /// A name for scripts, as in `redis_main_thread`.
    pub(crate) factor: String,
    /// One line with the figures.
    pub(crate) title: String,
    /// Way in which it was told from the others.
    pub(crate) reason: String,
    /// Measured throughput ÷ the most that it lets through; 1 is full.
    pub(crate) used_ratio: f64,
    /// Confidence on sound figures.
    pub(crate) confidence: Confidence,
    /// Evidence that it rests on.
    pub(crate) evidence: Vec<EvidenceItem>,
    /// The measurement that would tell more.
    pub(crate) would_tell: Option<String>,
}

/// Measures one resource at the operating point; `None` where it was not measured.
pub(crate) type ResourceMeasure = fn(&BenchFacts<'_>, &RunFacts<'_>) -> Option<ResourceBound>;

/// From the outside in: of the bounds that explain the run the first here is the limit.
const ALL: [ResourceMeasure; 6] = [
    generator::threads,
    generator::busiest_thread,
    lock::hot_lock,
    cpu::processors,
    redis::main_thread,
    pool::connections,
];

/// The bounds of all resources that were measured.
pub(crate) fn all(bench: &BenchFacts<'_>, facts: &RunFacts<'_>) -> Vec<ResourceBound> {
    ALL.iter().filter_map(|ask| ask(bench, facts)).collect()
}

/// Time of a call that a CPU serves or that queues for one; what is left by subtraction passes on
/// the client's side, which shares the machine.
fn cpu_ns(model: &TimeModel) -> f64 {
    model.sum_of("server_cpu") + model.sum_of("server_runnable") + model.sum_of("rest")
}

/// Returns true if a CPU could hold up calls at all: they spend a part of their time on one or
/// before one.
pub(crate) fn cpu_matters(bench: &BenchFacts<'_>) -> bool {
    bench.time_model.as_ref().is_none_or(|model| {
        let known = model.part("server_cpu").is_some();
        let on_one_or_before = cpu_ns(model) + ready_ns(bench).unwrap_or(0.0);
        !known || on_one_or_before >= CPU_MATTERS * model.served_ns()
    })
}

/// Time of a call for which its session was ready and had no CPU, as the kernel counted it: a
/// session that is woken shows what it waited for until it runs.
fn ready_ns(bench: &BenchFacts<'_>) -> Option<f64> {
    let (_, step) = bench.operating()?;
    let calls: u64 = step.operations.values().map(|o| o.attempted).sum();
    let ready = bench.server("server.load_ready_ns")?;
    (calls > 0).then(|| ready / calls as f64)
}

/// Time for which a call holds a connection and is not in a queue behind it.
fn held_ns(model: &TimeModel, cpu_is_crowded: bool) -> f64 {
    let locks = model.sum_of("lock") + model.sum_of("lwlock");
    let ready = if cpu_is_crowded {
        model.sum_of("server_runnable")
    } else {
        0.0
    };
    // A name that begins with `lock` is a lock; `lwlock` does not.
    (model.served_ns() - locks - ready).max(0.0)
}

/// Time of a call that others' locks, sleeping and spilling take while it holds its connection: a
/// larger pool only has more connections that do the same.
pub(crate) fn held_up_ns(model: &TimeModel) -> f64 {
    let prefixes = [
        "lock",
        "lwlock",
        "timeout.",
        "io.buffile",
        "extension.",
        "ipc.",
    ];
    prefixes.iter().map(|prefix| model.sum_of(prefix)).sum()
}

/// The most that the CPU lets through ÷ what was measured: what others leave ÷ what server and
/// generator used.
fn room_for_more(cpu: &StepCpuUse) -> Option<f64> {
    let ours = cpu.server_ratio.map(|server| server + cpu.generator_ratio);
    let times = match (ours, cpu.others_ratio()) {
        (Some(ours), Some(others)) if !cpu.quota_binds() => (cpu.left_ratio() - others) / ours,
        _ => 1.0 / cpu.used_ratio()?,
    };
    times.is_finite().then_some(times)
}

/// Rise of throughput without `own_ns` of each call, until the next limit; `None` where
/// the CPU, which may be that limit, was not recorded.
pub(crate) fn gain_without(probe: &RepeatFacts<'_, '_>, own_ns: f64) -> Option<f64> {
    let step = probe.view.step;
    let rate = probe.view.calls_per_s();
    let mut bounds = vec![rate * room_for_more(probe.bench.cpu.as_ref()?)?];
    if let Some(pool) = &step.pool {
        let held = held_ns(&probe.model, false);
        let queue = probe.model.served_ns() - held;
        let left = held - (own_ns - queue).max(0.0);
        bounds.push(pool.max_size as f64 / left.max(1.0) * 1e9);
    }
    if let Load::Closed {
        users,
        think_time_ns,
    } = step.load
    {
        let then = probe.model.whole_ns - probe.saved_ns(own_ns) + think_time_ns as f64;
        bounds.push(users as f64 / then.max(1.0) * 1e9);
    }
    let least = bounds.into_iter().fold(f64::MAX, f64::min);
    (probe.is_timed() && rate > 0.0).then(|| least / rate - 1.0)
}
