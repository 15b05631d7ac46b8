//! Pauses of the client between two statements of a transaction.

use bench_report::Step;

use super::wait_group::WaitGroup;
use crate::cost::{CheckResult, RepeatFacts};
use crate::figures::duration_ns;
use crate::rules::postgres::round_trips;

/// Length from which a pause between two statements keeps a transaction open, in nanoseconds.
pub(super) const SHORT_PAUSE_NS: f64 = 1e6;

/// Share of the idle transactions from which busy or waiting client threads explain them.
const EXPLAINED: f64 = 0.5;

/// Length up to which a pause can come from a missing CPU, in nanoseconds: for reports without the client's
/// waiting time, on a machine that was not recorded.
const UNCLEAR_PAUSE_NS: f64 = 5e6;

/// Length up to which a pause can come from a missing CPU on a crowded machine, in nanoseconds: some time
/// slices of the scheduler.
const CROWDED_PAUSE_NS: f64 = 5e7;

/// Rules out `kept_transactions` for short pauses, and asks an open question for pauses that a missing CPU
/// can explain. `None` if the pauses are the client's own.
pub(super) fn short_pauses(repeat: &RepeatFacts<'_, '_>, group: &WaitGroup) -> Option<CheckResult> {
    const RULE: &str = "kept_transactions";
    if !group.has("client.idle_in_transaction") {
        return None;
    }
    let pause = pause_ns(repeat);
    let statement = format!(
        "between two statements of a transaction the client takes {}",
        duration_ns(pause)
    );
    if pause < SHORT_PAUSE_NS {
        let evidence = group.waits.iter().filter_map(|wait| wait.evidence.clone());
        return Some(CheckResult::Fine(RULE, statement, evidence.collect()));
    }
    let (unclear, reason) = want_of_cpu(repeat, group)?;
    (pause < unclear).then(|| {
        CheckResult::Unknown(
            RULE,
            format!("whether the client keeps transactions open: {statement}, and {reason}"),
            "the same load with a generator and a machine that have room".to_owned(),
        )
    })
}

/// Returns the length up to which pauses can come from a missing CPU, in nanoseconds, with the reason.
/// `None` if the client had a CPU.
fn want_of_cpu(repeat: &RepeatFacts<'_, '_>, group: &WaitGroup) -> Option<(f64, &'static str)> {
    if let Some(sessions) = sessions_before_the_client(repeat.server.step) {
        let reason = "its threads work or wait for a CPU for as long";
        return (sessions >= EXPLAINED * group.sessions()).then_some((f64::INFINITY, reason));
    }
    let bound = repeat.facts.thresholds.cpu.warning_ratio;
    match repeat.bench.cpu_has_room(bound) {
        Some(true) => None,
        Some(false) => Some((CROWDED_PAUSE_NS, "the CPU has no room for it")),
        None => Some((UNCLEAR_PAUSE_NS, "the machine's CPU was not recorded")),
    }
}

/// Returns the mean number of answers that wait for the client's threads: ρ ÷ (1 − ρ) per thread that is
/// busy or waits for a CPU for the share ρ of the time (M/M/1). `None` if the report does not have the
/// waiting time of threads.
fn sessions_before_the_client(step: &Step) -> Option<f64> {
    let generator = &step.generator;
    let taken_ns = (generator.cpu_ns + generator.ready_ns?) as f64;
    let threads = generator.threads.max(1) as f64;
    let busy = taken_ns / (step.window.measured_s() * 1e9 * threads);
    Some(threads * busy / (1.0 - busy.min(0.999)))
}

/// Returns the mean pause of the client, in nanoseconds, between two statements of a transaction; the
/// round trip is left out.
pub(super) fn pause_ns(repeat: &RepeatFacts<'_, '_>) -> f64 {
    kept_ns(repeat) / round_trips::gaps(repeat).max(1.0)
}

/// Returns the time of each call, in nanoseconds, for which its client keeps a transaction open without
/// a statement; round trips are left out.
pub(super) fn kept_ns(repeat: &RepeatFacts<'_, '_>) -> f64 {
    let open = repeat
        .model
        .part("client.idle_in_transaction")
        .map_or(0.0, |p| p.ns);
    (open - round_trips::in_transactions_ns(repeat)).max(0.0)
}
