//! Time of a call on a CPU, and while it holds a connection.

use crate::assessment::TimeModel;
use crate::bench_facts::BenchFacts;
use crate::catalogue::events::{self, WaitKind};
use crate::postgres::PostgresEvidence;

/// Smallest share of the service time that calls must spend on a CPU or waiting for one for a fully
/// used CPU to limit them.
const CPU_MATTERS: f64 = 0.25;

/// Returns the mean time that a call spends on a CPU or waiting for one, in nanoseconds. The part
/// `rest` of the model is included: it passes in the client, which runs on the same machine.
pub(super) fn cpu_ns(model: &TimeModel) -> f64 {
    model.sum_of("server_cpu") + model.sum_of("server_runnable") + model.sum_of("rest")
}

/// Returns the mean time for which a call waits for its own parallel workers, in nanoseconds; they use a CPU
/// meanwhile.
fn led_ns(model: &TimeModel) -> f64 {
    let parts = model.parts.iter();
    let leads = |name: &str| events::find(name).is_some_and(|e| e.kind == WaitKind::Parallel);
    parts
        .filter(|part| leads(&part.name))
        .map(|part| part.ns)
        .sum()
}

/// Returns true if calls spend enough time on a CPU, waiting for one, or waiting for their parallel workers,
/// for a full CPU to limit them. Also true if the CPU time of calls is not known.
pub(crate) fn cpu_matters(bench: &BenchFacts<'_>) -> bool {
    bench.time_model.as_ref().is_none_or(|model| {
        let known = model.part("server_cpu").is_some();
        let on_one_or_before = cpu_ns(model)
            + led_ns(model)
            + PostgresEvidence::of_operating_step(bench)
                .and_then(|server| server.ready_ns())
                .unwrap_or(0.0);
        !known || on_one_or_before >= CPU_MATTERS * model.served_ns()
    })
}

/// Returns the mean time for which a call holds a connection, in nanoseconds, without its waits for
/// locks. With `cpu_is_crowded` the wait for a CPU is left out, too.
pub(super) fn held_ns(model: &TimeModel, cpu_is_crowded: bool) -> f64 {
    let locks = model.sum_of("lock") + model.sum_of("lwlock");
    let ready = if cpu_is_crowded {
        model.sum_of("server_runnable")
    } else {
        0.0
    };
    // `sum_of("lock")` does not include `lwlock…`, which begins with other letters.
    (model.served_ns() - locks - ready).max(0.0)
}

/// Returns the mean time of a call in lock waits, sleeps and temporary files while it holds its
/// connection, in nanoseconds. A larger pool does not shorten it.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(value: f64, expected: f64) {
        assert!((value - expected).abs() < 1e-3, "{value}, not {expected}");
    }

    /// Each part of the call is twice as long as the one before, so that a sum tells which parts are in it.
    #[test]
    fn each_sum_has_the_parts_of_a_call_that_it_is_about() {
        let names = [
            "server_cpu",
            "server_runnable",
            "rest",
            "io.walsync",
            "lock.tuple",
            "lwlock.walinsert",
            "checkout",
            "timeout.pgsleep",
            "ipc.executegather",
            "extension.queue",
            "io.buffileread",
        ];
        let lengths: Vec<f64> = (0..names.len()).map(|i| f64::from(1_u32 << i)).collect();
        let mut model = TimeModel::new("mean response time", lengths.iter().sum());
        for (name, ns) in names.iter().zip(&lengths) {
            model.add_part(name, name, *ns, Vec::new());
        }
        near(cpu_ns(&model), 1.0 + 2.0 + 4.0);
        near(led_ns(&model), 256.0);
        let held = 2_047.0 - 64.0 - 16.0 - 32.0;
        near(held_ns(&model, false), held);
        near(held_ns(&model, true), held - 2.0);
        let held_up = 16.0 + 32.0 + 128.0 + 256.0 + 512.0 + 1_024.0;
        near(held_up_ns(&model), held_up);
        let nothing = TimeModel::new("mean response time", 1e6);
        near(led_ns(&nothing), 0.0);
        near(held_ns(&nothing, true), 1e6);
    }
}
