//! Throughput bound of a lock that all calls take: one transaction holds it at a time.

use super::call_time::cpu_ns;
use super::lock_hold::{LockHold, inside};
use super::{EXPLAINS, ResourceBound};
use crate::assessment::{Confidence, TimeModel, TimePart};
use crate::bench_facts::BenchFacts;
use crate::figures::{duration_ns, plain, share};
use crate::postgres::{LockHolders, PostgresEvidence};
use crate::run_facts::RunFacts;
use crate::step_cpu_use::StepCpuUse;

/// Smallest share of the service time at which lock waits can limit calls.
const LEAST_SHARE: f64 = 0.25;

/// Computes the bound of the locks that calls wait for. The lock's utilisation follows from the
/// number of waiting sessions (see [`LockHold`]). `None` if
/// lock waits take less than a quarter of the service time. Also `None` if they take less time than the CPU and
/// the CPU is, or may be, used up: of two resources that both explain the run, the one that takes more time
/// of a call is the limit.
pub(super) fn hot_lock(bench: &BenchFacts<'_>, _: &RunFacts<'_>) -> Option<ResourceBound> {
    let model = bench.time_model.as_ref()?;
    let server = PostgresEvidence::of_operating_step(bench)?;
    let (part, total) = (lock_wait(model)?, model.lock_ns());
    let hold = LockHold::of(model, &server)?;
    let share_of_service = total / model.served_ns().max(1.0);
    let cpu = bench.cpu.as_ref().and_then(StepCpuUse::used_ratio);
    let crowded = cpu.is_none_or(|used| used >= EXPLAINS);
    if share_of_service < LEAST_SHARE || crowded && total < cpu_ns(model) {
        return None;
    }
    // Little's law turns times of a call into mean numbers of sessions.
    let waiting = total / 1e9 * server.calls_per_s();
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
            "a lock lets one holder through at a time, each call holds it for {}, and {} of {} sessions \
             wait for one on average{}",
            duration_ns(hold.ns),
            plain(waiting),
            plain(inside(model, &server).max(waiting)),
            if crowded {
                "; calls spend less time on a CPU, or waiting for one"
            } else {
                ""
            }
        ),
        used_ratio: hold.used_ratio,
        confidence: if kind.is_empty() {
            Confidence::Medium
        } else {
            Confidence::High
        },
        evidence: part.evidence.clone(),
        to_find_out: None,
    })
}

/// Returns the largest part of a call that is a wait for a lock; `None` if no part is one.
fn lock_wait(model: &TimeModel) -> Option<&TimePart> {
    let parts = model.parts.iter();
    let locks = parts.filter(|part| part.name == "lock" || part.name.starts_with("lock."));
    // `max_by` returns the last of equal parts; reversed, it is the first.
    locks.rev().max_by(|a, b| a.ns.total_cmp(&b.ns))
}
