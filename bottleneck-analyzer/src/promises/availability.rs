//! Recommends an availability to promise: the strictest usual one that the measured failures allow
//! at 95 % confidence, for requests answered and for connections opened and kept.

use super::PromiseDraft;
use crate::assessment::{EvidenceItem, Promise};
use crate::bench_facts::BenchFacts;
use crate::figures::{percent, plain};
use crate::requests;
use crate::thresholds::Sla;
use bench_report::names::steps;

/// Usual availabilities as shares of all requests, the strictest first.
const AVAILABILITIES: [f64; 6] = [0.9999, 0.9995, 0.999, 0.995, 0.99, 0.95];

/// Confidence level, from 0 to 1, of the upper bound on the share of failures.
const CONFIDENCE: f64 = 0.95;

/// Recommends a share of requests that are answered. Requests without an answer count as failed.
/// `None` if no request was made.
pub(super) fn of_requests(bench: &BenchFacts<'_>, sla: &Sla) -> Option<Promise> {
    let (mut failed, mut asked) = (0, 0);
    let steps = bench.operating_repeats();
    for (_, operation) in steps.flat_map(|(_, step)| requests::request_operations(step)) {
        failed += operation.attempted.saturating_sub(operation.succeeded);
        asked += operation.attempted;
    }
    let seen = FailureTrials {
        failed,
        of: asked,
        seconds: bench.load_s(),
        what: "requests failed or never came back",
    };
    let repeats = bench.operating_repeats();
    let evidence = repeats.flat_map(|(index, _)| bench.source.outcomes(index));
    let held = seen.held()?;
    let minutes = |target: f64| (1.0 - target) * sla.budget_days as f64 * 24.0 * 60.0;
    let value = held.target.map(|target| {
        let (words, days) = (words(target), sla.budget_days);
        let budget = minutes(target);
        (
            target,
            format!("{words}, an error budget of {budget:.0} min in {days} days"),
        )
    });
    let value = value.ok_or(held.reason);
    Some(
        promise(
            "availability",
            "availability",
            value,
            held.basis,
            evidence.collect(),
        )
        .into_promise(bench),
    )
}

/// Recommends a share of connections that can be opened and are kept. `None` for a bench that opens
/// no connections, such as one of a database.
pub(super) fn of_connections(bench: &BenchFacts<'_>) -> Option<Promise> {
    let (_, step) = bench.operating_step()?;
    let connect = step.operations.get("connect")?;
    let lost = step.value(steps::LOST_CONNECTIONS);
    let level = step.parameter("connections").unwrap_or(0.0) as u64;
    let refused = connect.attempted.saturating_sub(connect.succeeded);
    let seen = FailureTrials {
        failed: refused + lost.unwrap_or(0.0) as u64,
        of: level.max(connect.attempted),
        seconds: bench.load_s(),
        what: "connections could not be opened or were lost",
    };
    let fields = [
        ("connections", "parameters/connections"),
        ("connections opened", "operations/connect/succeeded"),
        ("connections lost", "figures/lost_connections"),
    ];
    let evidence = fields
        .iter()
        .filter_map(|(label, at)| bench.step_evidence(label, at));
    let held = seen.held()?;
    let value = held.target.map(|target| {
        let share = words(target);
        (target, format!("{share} of connections opened and kept"))
    });
    let indicator = "connections_kept";
    let title = "connections opened and kept";
    let value = value.ok_or(held.reason);
    Some(promise(indicator, title, value, held.basis, evidence.collect()).into_promise(bench))
}

fn promise<'a>(
    indicator: &'a str,
    title: &'a str,
    value: Result<(f64, String), String>,
    basis: String,
    evidence: Vec<EvidenceItem>,
) -> PromiseDraft<'a> {
    PromiseDraft {
        indicator,
        title,
        unit: "ratio",
        value,
        basis,
        evidence,
    }
}

fn words(target: f64) -> String {
    format!("{} %", (target * 1e4).round() / 1e2)
}

/// Failures of requests or connections during a time of load, as independent trials. Failures come
/// in bursts (a restart, a lock, a lost network), so the requests within one second are not
/// independent: one second of load is one trial. The number of failed trials is the number of
/// seconds × the share of failed requests, rounded up.
struct FailureTrials {
    failed: u64,
    of: u64,
    seconds: f64,
    what: &'static str,
}

/// Availability that the trials allow to promise, with its derivation.
struct AllowedAvailability {
    /// Strictest usual availability that the trials allow, from 0 to 1; `None` if they allow none.
    target: Option<f64>,
    basis: String,
    /// Reason why there is no target; used only if there is none.
    reason: String,
}

impl FailureTrials {
    /// Computes the availability that the trials allow, from an upper bound on the share of failures (Clopper
    /// and Pearson), which also exists without any failure. `None` if no request was made.
    fn held(&self) -> Option<AllowedAvailability> {
        if self.of == 0 {
            return None;
        }
        let trials = (self.seconds as u64).clamp(1, self.of);
        let failed = (self.failed as f64 * trials as f64 / self.of as f64).ceil() as u64;
        let worst = statistics::proportion_at_most(failed.min(trials), trials, CONFIDENCE)?;
        let target = AVAILABILITIES.into_iter().find(|a| 1.0 - a >= worst);
        let seconds = crate::figures::duration_ns(self.seconds * 1e9);
        let seen = format!(
            "{} of {} {} in {seconds} of load",
            self.failed,
            plain(self.of as f64),
            self.what
        );
        let sure = crate::figures::share(CONFIDENCE);
        let basis = format!(
            "{seen}: in at most {} of the time at {sure} confidence, each second being one trial",
            percent(worst)
        );
        let least = AVAILABILITIES[AVAILABILITIES.len() - 1];
        let reason = if self.failed == 0 {
            format!("{seconds} of load, {} s are needed", fewest_s(least))
        } else {
            format!("too many failed, or too little load ({seconds})")
        };
        Some(AllowedAvailability {
            target,
            basis,
            reason,
        })
    }
}

/// Returns the smallest number of seconds of load without a failure that allows to promise
/// `availability`, a share from 0 to 1.
fn fewest_s(availability: f64) -> u64 {
    ((1.0 - CONFIDENCE).ln() / availability.ln()).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(failed: u64, of: u64, seconds: f64) -> Option<f64> {
        let what = "failed";
        let seen = FailureTrials {
            failed,
            of,
            seconds,
            what,
        };
        seen.held().unwrap().target
    }

    #[test]
    fn one_failure_never_promises_more_than_none() {
        for of in [10, 60, 300, 600, 1_000, 3_000, 10_000, 30_000, 1_000_000] {
            for seconds in [60.0, 600.0, 36_000.0] {
                let with = |failed| target(failed, of, seconds).unwrap_or(0.0);
                assert!(with(0) >= with(1) && with(1) >= with(2), "{of} {seconds}");
            }
        }
    }

    #[test]
    fn the_fewest_seconds_that_allow_each_availability() {
        // Smallest n with 1 − 0.05^(1/n) ≤ 1 − availability, computed by hand. The number of requests does
        // not matter.
        for (fewest, promised) in [(59, 0.95), (299, 0.99), (2_995, 0.999), (29_956, 0.9999)] {
            assert_eq!(fewest_s(promised), fewest);
            for of in [fewest, 1_000_000_000] {
                assert_eq!(target(0, of, fewest as f64), Some(promised), "{fewest}");
                let less = target(0, of, fewest as f64 - 1.0);
                assert!(less.unwrap_or(0.0) < promised, "{fewest}");
            }
        }
    }

    #[test]
    fn a_second_and_a_half_of_load_promises_nothing_however_many_requests_it_had() {
        assert_eq!(target(0, 400_000, 1.5), None);
    }

    #[test]
    fn a_thin_rain_of_failures_still_allows_what_it_allows() {
        // One failure in 10,000 requests over an hour counts as one failed second of 3,600.
        assert_eq!(target(100, 1_000_000, 3_600.0), Some(0.995));
    }
}
