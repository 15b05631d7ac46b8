//! Time of a call on a CPU, and while it holds a connection.

use crate::assessment::TimeModel;
use crate::bench_facts::BenchFacts;

/// Share of the service time on or before a CPU below which a full CPU does not limit calls.
const CPU_MATTERS: f64 = 0.25;

/// Returns the time of a call on a CPU or waiting for one, in nanoseconds. The remainder of the model is
/// included, because it passes in the client, which shares the machine.
pub(super) fn cpu_ns(model: &TimeModel) -> f64 {
    model.sum_of("server_cpu") + model.sum_of("server_runnable") + model.sum_of("rest")
}

/// Returns true if calls spend enough of their time on a CPU, or waiting for one, for it to limit
/// them.
pub(crate) fn cpu_matters(bench: &BenchFacts<'_>) -> bool {
    bench.time_model.as_ref().is_none_or(|model| {
        let known = model.part("server_cpu").is_some();
        let on_one_or_before = cpu_ns(model) + ready_ns(bench).unwrap_or(0.0);
        !known || on_one_or_before >= CPU_MATTERS * model.served_ns()
    })
}

/// Returns the time of a call for which its session was ready to run and had no CPU, as the kernel
/// counted it, in nanoseconds. Samples miss it: a woken session shows its last wait event until it
/// runs.
fn ready_ns(bench: &BenchFacts<'_>) -> Option<f64> {
    let (_, step) = bench.operating_step()?;
    let calls: u64 = step.operations.values().map(|o| o.attempted).sum();
    let ready = bench.server_figure("server.load_ready_ns")?;
    (calls > 0).then(|| ready / calls as f64)
}

/// Returns the time for which a call holds a connection, queues for locks left out, in nanoseconds.
pub(super) fn held_ns(model: &TimeModel, cpu_is_crowded: bool) -> f64 {
    let locks = model.sum_of("lock") + model.sum_of("lwlock");
    let ready = if cpu_is_crowded {
        model.sum_of("server_runnable")
    } else {
        0.0
    };
    // A name that begins with `lock` is a lock; `lwlock` does not.
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
