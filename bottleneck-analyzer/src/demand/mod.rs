//! Demand of each call on every resource, and the throughput bound that follows from it.
//!
//! A resource limits a run only if its bound explains the measured throughput. Queues are not part of
//! a demand and are subtracted (the operational laws: Denning and Buzen, *The Operational Analysis of
//! Queueing Network Models*, ACM Computing Surveys 10(3), 1978).

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

/// Measured throughput ÷ bound. From this ratio on, the bound explains the throughput.
pub(crate) const EXPLAINS: f64 = 0.90;
/// Share of the service time. If calls spend less than this on a CPU or waiting for one, a fully used CPU
/// does not limit them.
const CPU_MATTERS: f64 = 0.25;

/// Throughput bound of one resource, relative to the measured throughput.
#[derive(Debug, Clone)]
pub(crate) struct ResourceBound {
    /// Stable name, as in `redis_main_thread`.
    pub(crate) factor: String,
    /// Summary of one line with the figures.
    pub(crate) title: String,
    /// Reason for choosing this resource over others.
    pub(crate) reason: String,
    /// Measured throughput ÷ bound; 1 means that the resource is used up.
    pub(crate) used_ratio: f64,
    /// Confidence for figures that no warning spoils.
    pub(crate) confidence: Confidence,
    /// Evidence of the bound.
    pub(crate) evidence: Vec<EvidenceItem>,
    /// Measurement that would tell more; `None` if the result is certain.
    pub(crate) would_tell: Option<String>,
}

/// Computes the bound of one resource at the operating point; `None` if it was not measured.
pub(crate) type ResourceMeasure = fn(&BenchFacts<'_>, &RunFacts<'_>) -> Option<ResourceBound>;

/// All resources, from the generator inwards. The first one whose bound explains the measured throughput is
/// the limiting factor.
const ALL: [ResourceMeasure; 6] = [
    generator::threads,
    generator::busiest_thread,
    lock::hot_lock,
    cpu::processors,
    redis::main_thread,
    pool::connections,
];

/// Returns the bounds of all measured resources.
pub(crate) fn bounds(bench: &BenchFacts<'_>, facts: &RunFacts<'_>) -> Vec<ResourceBound> {
    ALL.iter().filter_map(|ask| ask(bench, facts)).collect()
}

/// Returns the time that a call spends on a CPU or waiting for one, in nanoseconds. The remainder of the
/// model is included: it passes in the client, which runs on the same machine.
fn cpu_ns(model: &TimeModel) -> f64 {
    model.sum_of("server_cpu") + model.sum_of("server_runnable") + model.sum_of("rest")
}

/// Returns true if calls spend enough time on a CPU, or waiting for one, for a full CPU to limit them. Also
/// true if the CPU time of calls is not known.
pub(crate) fn cpu_matters(bench: &BenchFacts<'_>) -> bool {
    bench.time_model.as_ref().is_none_or(|model| {
        let known = model.part("server_cpu").is_some();
        let on_one_or_before = cpu_ns(model) + ready_ns(bench).unwrap_or(0.0);
        !known || on_one_or_before >= CPU_MATTERS * model.served_ns()
    })
}

/// Returns the time of a call during which its session was ready to run but had no CPU, in nanoseconds, as
/// counted by the kernel. Samples of the session do not show this time: a session that was woken up shows its
/// last wait event until it runs.
fn ready_ns(bench: &BenchFacts<'_>) -> Option<f64> {
    let (_, step) = bench.operating_step()?;
    let calls: u64 = step.operations.values().map(|o| o.attempted).sum();
    let ready = bench.server_figure("server.load_ready_ns")?;
    (calls > 0).then(|| ready / calls as f64)
}

/// Returns the time for which a call holds a connection, in nanoseconds, without its waits for locks. With
/// `cpu_is_crowded` the wait for a CPU is left out, too.
fn held_ns(model: &TimeModel, cpu_is_crowded: bool) -> f64 {
    let locks = model.sum_of("lock") + model.sum_of("lwlock");
    let ready = if cpu_is_crowded {
        model.sum_of("server_runnable")
    } else {
        0.0
    };
    // `sum_of("lock")` does not include `lwlock…`, which begins with other letters.
    (model.served_ns() - locks - ready).max(0.0)
}

/// Returns the time of a call in lock waits, sleeps and temporary files while it holds its connection,
/// in nanoseconds. A larger pool does not shorten it.
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

/// Returns how often the measured throughput fits into what the CPU allows: the share of the CPU that other
/// programs leave ÷ the share that server and generator used. `None` if a share was not recorded.
fn room_for_more(cpu: &StepCpuUse) -> Option<f64> {
    let ours = cpu.server_ratio.map(|server| server + cpu.generator_ratio);
    let times = match (ours, cpu.others_ratio()) {
        (Some(ours), Some(others)) if !cpu.quota_binds() => (cpu.left_ratio() - others) / ours,
        _ => 1.0 / cpu.used_ratio()?,
    };
    times.is_finite().then_some(times)
}

/// Returns the possible rise of throughput, as a share of the measured one, if each call took `own_ns` less.
/// The rise ends at the next limit: CPU, pool or number of users. `None` if the CPU was not recorded.
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
