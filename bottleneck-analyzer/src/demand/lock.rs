//! Throughput bound of a lock that all calls take: one transaction holds it at a time.

use super::ResourceBound;
use super::call_time::cpu_ns;
use crate::assessment::{Confidence, TimeModel, TimePart};
use crate::bench_facts::BenchFacts;
use crate::figures::{duration_ns, plain, share};
use crate::postgres::{LockHolders, PostgresEvidence};
use crate::queueing::utilisation_behind;
use crate::run_facts::RunFacts;

/// Smallest share of the service time at which lock waits can limit calls.
const LEAST_SHARE: f64 = 0.25;

/// Computes the bound of the locks that calls wait for. The lock's utilisation follows from the
/// number of waiting sessions (the machine-repairman model, see [`utilisation_behind`]). `None` if
/// lock waits take less than a quarter of the service time, or less time than the CPU.
pub(super) fn hot_lock(bench: &BenchFacts<'_>, _: &RunFacts<'_>) -> Option<ResourceBound> {
    let model = bench.time_model.as_ref()?;
    let (index, step) = bench.operating_step()?;
    let server = PostgresEvidence::of_step(bench.source, index)?;
    let (part, total) = lock_waits(model)?;
    let share_of_service = total / model.served_ns().max(1.0);
    if share_of_service < LEAST_SHARE || total < cpu_ns(model) {
        return None;
    }
    // Little's law turns times of a call into mean numbers of sessions.
    let waiting = total / 1e9 * server.calls_per_s();
    let in_service = model.served_ns() / 1e9 * server.calls_per_s();
    let inside = step
        .pool
        .as_ref()
        .map_or(in_service, |pool| pool.in_use_mean);
    let kind = part.name.strip_prefix("lock.").unwrap_or_default();
    let holders = LockHolders::find(&server, &[kind, "transactionid", "tuple"]);
    let thing = holders.map(|h| h.thing).filter(|t| !t.is_empty());
    let thing = thing.map_or_else(
        || part.title.clone(),
        |thing| format!("{} ({thing})", part.title),
    );
    let of = if model.is_of_sessions() {
        "the time of sessions at work"
    } else {
        "a call's time in service"
    };
    Some(ResourceBound {
        factor: "wait.lock".to_owned(),
        title: format!(
            "{thing}: {} of {of} ({})",
            share(share_of_service),
            duration_ns(total)
        ),
        reason: format!(
            "a lock lets one holder through at a time, and {} of {} sessions wait for one on average; \
             calls spend less time on a CPU, or waiting for one",
            plain(waiting),
            plain(inside.max(waiting))
        ),
        used_ratio: utilisation_behind(inside.max(waiting), waiting),
        confidence: if kind.is_empty() {
            Confidence::Medium
        } else {
            Confidence::High
        },
        evidence: part.evidence.clone(),
        to_find_out: None,
    })
}

/// Returns the largest part of a call that is a wait for a lock, and the sum of all such parts, in
/// nanoseconds; `None` if no part is one.
fn lock_waits(model: &TimeModel) -> Option<(&TimePart, f64)> {
    let parts = model.parts.iter();
    let locks = parts.filter(|part| part.name == "lock" || part.name.starts_with("lock."));
    let total = locks.clone().map(|part| part.ns).sum();
    // `max_by` returns the last of equal parts; reversed, it is the first.
    let larger = |a: &&TimePart, b: &&TimePart| a.ns.total_cmp(&b.ns);
    let largest = locks.rev().max_by(larger)?;
    Some((largest, total))
}
