//! Load that workers were planned to make and that is missing in the joined report.

use bench_report::{Load, Step, Warning, WarningCode, share_of};

use super::worker_report::WorkerReport;

/// Largest number of missing reports that are named, each in a warning; one more warning tells the
/// number of further ones.
const NAMED: u64 = 32;

/// Returns a warning for each worker whose report is missing, and for each worker whose report has
/// fewer steps than the joined `steps`.
pub(super) fn warnings(workers: &[WorkerReport], steps: &[Step]) -> Vec<Warning> {
    let mut all = missing_reports(workers);
    all.extend(workers.iter().filter_map(|one| missing_steps(one, steps)));
    all
}

fn missing_reports(workers: &[WorkerReport]) -> Vec<Warning> {
    let Some(first) = workers.first() else {
        return Vec::new();
    };
    let n = first.worker.n;
    let is_there = |i: u64| workers.iter().any(|one| one.worker.i == i);
    let count = n.saturating_sub(workers.len() as u64);
    let named = (0..n)
        .filter(|i| !is_there(*i))
        .take(count.min(NAMED) as usize);
    let mut all: Vec<Warning> = named
        .map(|i| {
            spoiling(
                format!(
                    "the report of worker {i}/{n} is missing: its share of the load is in no figure{}",
                    share(&first.report.steps, n, i)
                ),
                ["/steps".to_owned()],
            )
        })
        .collect();
    if count > NAMED {
        let message = format!("{} further reports of workers are missing", count - NAMED);
        all.push(spoiling(message, ["/steps".to_owned()]));
    }
    all
}

/// Describes the load that worker `i` of `n` was to make, as the end of a message. It is computed
/// from `steps` of another worker; empty if these have neither a rate nor users.
fn share(steps: &[Step], n: u64, i: u64) -> String {
    let arrivals: f64 = steps.iter().filter_map(arrivals_of_a_share).sum();
    if arrivals > 0.0 {
        return format!(" (about {arrivals:.0} arrivals over {} steps)", steps.len());
    }
    let users = steps.iter().find_map(|step| step.parameter("users"));
    match users {
        Some(users) => format!(
            " ({} of {users} users in each of {} steps)",
            share_of(users as u64, i, n),
            steps.len()
        ),
        None => String::new(),
    }
}

/// Returns the number of arrivals that one worker makes in the measured part of a step, computed
/// from the same step of another worker. `None` in a closed loop, and if nothing was measured.
pub(super) fn arrivals_of_a_share(step: &Step) -> Option<f64> {
    let Load::Open { rate_per_s, .. } = step.load else {
        return None;
    };
    let arrivals = rate_per_s * step.window.measured_s();
    (arrivals > 0.0).then_some(arrivals)
}

fn missing_steps(worker: &WorkerReport, steps: &[Step]) -> Option<Warning> {
    let told = worker.report.steps.len();
    if told >= steps.len() {
        return None;
    }
    let message = format!(
        "worker {}/{} told of {told} of {} steps: its share of the load is missing in the rest",
        worker.worker.i,
        worker.worker.n,
        steps.len()
    );
    let spoilt = (told..steps.len()).map(|index| format!("/steps/{index}"));
    Some(spoiling(message, spoilt))
}

fn spoiling(message: String, spoils: impl IntoIterator<Item = String>) -> Warning {
    let mut warning = Warning::new(WarningCode::WorkerLost, message);
    warning.spoils = spoils.into_iter().collect();
    warning
}
