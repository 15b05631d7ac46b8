//! Throughput bound of the pool: each connection serves one call at a time.

use super::{EXPLAINS, ResourceBound, cpu_matters, held_ns};
use crate::assessment::Confidence;
use crate::bench_facts::BenchFacts;
use crate::figures::{duration_ns, plain, share};
use crate::postgres::PostgresEvidence;
use crate::run_facts::RunFacts;
use crate::time_model::checkout;

/// Smallest share of a call's time at which waiting for a connection matters.
const LEAST_WAIT: f64 = 0.10;

/// Computes the bound of the pool's connections; the time in which they wait for locks is left out. `None` if
/// calls hardly wait for a connection, or if a larger pool carried no more.
pub(super) fn connections(bench: &BenchFacts<'_>, facts: &RunFacts<'_>) -> Option<ResourceBound> {
    let model = bench.time_model.as_ref()?;
    let (_, step) = bench.operating_step()?;
    let pool = step.pool.as_ref()?;
    if bench.component.holds_connections() {
        return None;
    }
    let room = bench.cpu_has_room(facts.thresholds.cpu.warning_ratio);
    let size = pool.max_size as f64;
    let wait = checkout::wait_ns(step, model.part("checkout")?.ns)?;
    let rate = PostgresEvidence::of_operating_step(bench)?.calls_per_s();
    let held = held_ns(model, room == Some(false));
    // A larger pool that carried no more shows that the limit lies behind the pool.
    let larger = bench.gain_past_operating();
    let tried = larger.is_some_and(|gain| gain <= bench.noise_ratio());
    let cpu_is_out = room == Some(true) || !cpu_matters(bench) || larger.is_some() && !tried;
    if tried || wait < LEAST_WAIT * model.whole_ns {
        return None;
    }
    let used = rate * held / 1e9 / size;
    // If the CPU was not recorded, it may be what the connections wait for. The ratio then stays below
    // `EXPLAINS`, so that the pool is a candidate and not the answer.
    let used_ratio = if cpu_is_out {
        used
    } else {
        used.min(0.99 * EXPLAINS)
    };
    Some(ResourceBound {
        factor: "pool_size".to_owned(),
        title: format!(
            "the pool: its {} connections are each held for {} of a call, and {} of a call is waiting for \
             one",
            plain(size),
            duration_ns(held),
            share(wait / model.whole_ns)
        ),
        reason: "the connections carry no more, queues behind them taken out, and the CPU is not what they \
                 wait for"
            .to_owned(),
        used_ratio,
        confidence: Confidence::High,
        evidence: model.part("checkout")?.evidence.clone(),
        to_find_out: None,
    })
}
