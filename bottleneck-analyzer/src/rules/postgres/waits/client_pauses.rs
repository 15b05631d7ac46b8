//! Pauses that the client makes between two statements of a transaction.

use bench_report::Step;

use super::wait_group::WaitGroup;
use crate::assessment::Rule;
use crate::cost::{CheckResult, RepeatFacts};
use crate::figures::duration_ns;
use crate::rules::postgres::round_trips;

/// Smallest length of a pause between two statements, in nanoseconds, at which it needlessly keeps
/// a transaction open.
pub(super) const SHORT_PAUSE_NS: f64 = 1e6;

/// Smallest share of the sessions idle in transaction that must wait for busy or waiting threads of
/// the client for those threads to explain the pauses.
const EXPLAINED: f64 = 0.5;

/// Length of a pause, in nanoseconds, below which a missing CPU may be the reason if the machine
/// was not recorded and the report lacks the client's waiting time.
const UNCLEAR_PAUSE_NS: f64 = 5e6;

/// Length of a pause, in nanoseconds, below which a missing CPU may be the reason on a machine
/// whose CPU has no room: some time slices of the scheduler.
const CROWDED_PAUSE_NS: f64 = 5e7;

/// Returns a passed check of `kept_transactions` if pauses are short, and an open question if a missing CPU
/// can explain them. `None` if the client itself makes the pauses.
pub(super) fn short_pauses(repeat: &RepeatFacts<'_, '_>, group: &WaitGroup) -> Option<CheckResult> {
    const RULE: Rule = Rule::KeptTransactions;
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

/// Returns the length of a pause, in nanoseconds, below which a missing CPU can explain it, with
/// the reason; infinite if it explains pauses of any length. `None` if the client had a CPU.
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

/// Returns the mean number of answers that wait for the client's threads or are handled by them,
/// from a queue for each thread (M/M/1): ρ ÷ (1 − ρ), where ρ is the share of the time in which the
/// thread is busy or waits for a CPU. `None` if the report does not have the threads' waiting time.
fn sessions_before_the_client(step: &Step) -> Option<f64> {
    let generator = &step.generator;
    let taken_ns = (generator.cpu_ns + generator.ready_ns?) as f64;
    let threads = generator.threads.max(1) as f64;
    let busy = taken_ns / (step.window.measured_s() * 1e9 * threads);
    Some(threads * busy / (1.0 - busy.min(0.999)))
}

/// Returns the mean pause that the client makes between two statements of a transaction, in
/// nanoseconds, without the time of the round trip.
pub(super) fn pause_ns(repeat: &RepeatFacts<'_, '_>) -> f64 {
    kept_ns(repeat) / round_trips::gaps(repeat).max(1.0)
}

/// Returns the mean time of a call, in nanoseconds, in which the client keeps a transaction open
/// and the server has no statement to execute, without the time of the round trips.
pub(super) fn kept_ns(repeat: &RepeatFacts<'_, '_>) -> f64 {
    let open = repeat
        .model
        .part("client.idle_in_transaction")
        .map_or(0.0, |p| p.ns);
    (open - round_trips::in_transactions_ns(repeat)).max(0.0)
}
