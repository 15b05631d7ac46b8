//! Bound of a lock that all calls take: it lets one transaction through at a time.

use super::{ResourceBound, cpu_ns};
use crate::assessment::Confidence;
use crate::bench_facts::BenchFacts;
use crate::figures::{duration_ns, plain, share};
use crate::postgres::{LockHolders, PostgresEvidence};
use crate::queueing::utilisation_behind;
use crate::run_facts::RunFacts;

/// Share of the service time below which lock waits do not limit calls.
const LEAST_SHARE: f64 = 0.25;

/// Computes the bound of the locks that calls wait for, by the machine-repairman model; see
/// [`utilisation_behind`].
pub(super) fn hot_lock(bench: &BenchFacts<'_>, _: &RunFacts<'_>) -> Option<ResourceBound> {
    let model = bench.time_model.as_ref()?;
    let (index, step) = bench.operating_step()?;
    let view = PostgresEvidence::of_step(bench.source, index)?;
    let locks = model
        .parts
        .iter()
        .filter(|p| p.name == "lock" || p.name.starts_with("lock."));
    let (part, total) = locks.fold(
        (None, 0.0),
        |(most, total): (Option<&_>, f64), part: &crate::assessment::TimePart| {
            let larger = most.is_none_or(|m: &crate::assessment::TimePart| part.ns > m.ns);
            (if larger { Some(part) } else { most }, total + part.ns)
        },
    );
    let part = part?;
    let share_of_service = total / model.served_ns().max(1.0);
    if share_of_service < LEAST_SHARE || total < cpu_ns(model) {
        return None;
    }
    // Little's law, of the time as the model has it.
    let waiting = total / 1e9 * view.calls_per_s();
    let served = model.served_ns() / 1e9 * view.calls_per_s();
    let inside = step.pool.as_ref().map_or(served, |pool| pool.in_use_mean);
    let kind = part.name.strip_prefix("lock.").unwrap_or_default();
    let holders = LockHolders::find(&view, &[kind, "transactionid", "tuple"]);
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
        would_tell: None,
    })
}
