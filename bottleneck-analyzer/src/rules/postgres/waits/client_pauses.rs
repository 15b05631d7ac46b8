//! Pauses of the client between two statements of a transaction.

use bench_report::Step;

use super::wait_group::WaitGroup;
use crate::cost::{CheckResult, RepeatFacts};
use crate::figures::duration_ns;
use crate::rules::postgres::round_trips;

/// Pauses between two statements below which a client is at work, not away.
pub(super) const SHORT_PAUSE_NS: f64 = 1e6;

/// Share of the open transactions that the client's own work and want of a CPU must explain for it
/// to be their reason.
const EXPLAINED: f64 = 0.5;

/// Bounds for reports that do not tell for how long the client waited for a CPU: pauses that a client
/// makes on a machine that was not recorded, and that may have no CPU for it …
const UNCLEAR_PAUSE_NS: f64 = 5e6;

/// … and pauses that it makes because it waits for a CPU among many: some slices of the scheduler.
const CROWDED_PAUSE_NS: f64 = 5e7;

/// A client that sends its next statement at once makes round trips: it keeps nothing. One that
/// waits for a CPU cannot be told from one that thinks.
pub(super) fn short_pauses(probe: &RepeatFacts<'_, '_>, group: &WaitGroup) -> Option<CheckResult> {
    const RULE: &str = "kept_transactions";
    if !group.has("client.idle_in_transaction") {
        return None;
    }
    let pause = pause_ns(probe);
    let statement = format!(
        "between two statements of a transaction the client takes {}",
        duration_ns(pause)
    );
    if pause < SHORT_PAUSE_NS {
        let evidence = group.waits.iter().filter_map(|wait| wait.evidence.clone());
        return Some(CheckResult::Fine(RULE, statement, evidence.collect()));
    }
    let (unclear, reason) = want_of_cpu(probe, group)?;
    (pause < unclear).then(|| {
        CheckResult::Unknown(
            RULE,
            format!("whether the client keeps transactions open: {statement}, and {reason}"),
            "the same load with a generator and a machine that have room".to_owned(),
        )
    })
}

/// The pauses that may come of a client that has no CPU, with the reason; `None` where it had one.
fn want_of_cpu(probe: &RepeatFacts<'_, '_>, group: &WaitGroup) -> Option<(f64, &'static str)> {
    if let Some(sessions) = sessions_before_the_client(probe.view.step) {
        let reason = "its threads work or wait for a CPU for as long";
        return (sessions >= EXPLAINED * group.sessions()).then_some((f64::INFINITY, reason));
    }
    let bound = probe.facts.thresholds.cpu.warning_ratio;
    match probe.bench.cpu_has_room(bound) {
        Some(true) => None,
        Some(false) => Some((CROWDED_PAUSE_NS, "the CPU has no room for it")),
        None => Some((UNCLEAR_PAUSE_NS, "the machine's CPU was not recorded")),
    }
}

/// Answers that the client's threads have not taken up yet, on average: a thread that is at work or
/// waits for a CPU for the share ρ of the time has ρ ÷ (1 − ρ) of them before it (M/M/1). `None` where
/// the report does not tell for how long threads waited.
fn sessions_before_the_client(step: &Step) -> Option<f64> {
    let generator = &step.generator;
    let taken_ns = (generator.cpu_ns + generator.ready_ns?) as f64;
    let threads = generator.threads.max(1) as f64;
    let busy = taken_ns / (step.window.measured_s() * 1e9 * threads);
    Some(threads * busy / (1.0 - busy.min(0.999)))
}

/// Time that the client takes between two statements of a transaction, the way there and back left
/// out.
pub(super) fn pause_ns(probe: &RepeatFacts<'_, '_>) -> f64 {
    kept_ns(probe) / round_trips::gaps(probe).max(1.0)
}

/// Time of a call for which its client keeps a transaction open, round trips left out.
pub(super) fn kept_ns(probe: &RepeatFacts<'_, '_>) -> f64 {
    let open = probe
        .model
        .part("client.idle_in_transaction")
        .map_or(0.0, |p| p.ns);
    (open - round_trips::in_transactions_ns(probe)).max(0.0)
}
