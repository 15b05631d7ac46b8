//! Which share of the requests, and of the connections, may be promised.

use bench_report::Step;

use super::Promise;
use crate::assessment::{Evidence, Objective};
use crate::facts::Bench;
use crate::figures::{percent, plain};
use crate::requests;
use crate::thresholds::Sla;

/// Availabilities that people promise, the strictest first.
const AVAILABILITIES: [f64; 6] = [0.9999, 0.9995, 0.999, 0.995, 0.99, 0.95];

/// How sure the bound on failures is.
const CONFIDENCE: f64 = 0.95;

/// Requests that are answered. One that never came back failed.
pub(super) fn of_requests(
    bench: &Bench<'_>,
    index: usize,
    step: &Step,
    sla: &Sla,
) -> Option<Objective> {
    let (mut failed, mut asked) = (0, 0);
    for (_, operation) in requests::of(step) {
        failed += operation.attempted.saturating_sub(operation.succeeded);
        asked += operation.attempted;
    }
    let seen = Seen {
        failed,
        of: asked,
        what: "requests failed or never came back",
    };
    let evidence = bench.source.outcomes(index);
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
    Some(promise("availability", "availability", value, held.basis, evidence).of(bench))
}

/// Connections that are opened and kept.
pub(super) fn of_connections(bench: &Bench<'_>, step: &Step) -> Option<Objective> {
    let connect = step.operations.get("connect")?;
    let lost = step.figures.get("lost_connections").copied();
    let level = step.parameter("connections").unwrap_or(0.0) as u64;
    let refused = connect.attempted.saturating_sub(connect.succeeded);
    let seen = Seen {
        failed: refused + lost.unwrap_or(0.0) as u64,
        of: level.max(connect.attempted),
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
    Some(promise(indicator, title, value, held.basis, evidence.collect()).of(bench))
}

fn promise<'a>(
    indicator: &'a str,
    title: &'a str,
    value: Option<(f64, String)>,
    basis: String,
    evidence: Vec<Evidence>,
) -> Promise<'a> {
    Promise {
        indicator,
        title,
        unit: "ratio",
        value: value.ok_or("too few measured, or too many failed"),
        basis,
        evidence,
    }
}

fn words(target: f64) -> String {
    format!("{} %", (target * 1e4).round() / 1e2)
}

/// Failures among trials.
struct Seen {
    failed: u64,
    of: u64,
    what: &'static str,
}

/// What trials allow.
struct Held {
    /// The strictest usual availability that they do not contradict.
    target: Option<f64>,
    basis: String,
}

impl Seen {
    /// By the upper bound of Clopper and Pearson on the share that fails, which holds where none
    /// failed as well; `None` without a trial.
    fn held(&self) -> Option<Held> {
        let worst = statistics::proportion_at_most(self.failed, self.of, CONFIDENCE)?;
        let target = AVAILABILITIES.into_iter().find(|a| 1.0 - a >= worst);
        let basis = format!(
            "{} of {} {}: at most {} at {} confidence",
            self.failed,
            plain(self.of as f64),
            self.what,
            percent(worst),
            crate::figures::share(CONFIDENCE)
        );
        Some(Held { target, basis })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(failed: u64, of: u64) -> Option<f64> {
        let what = "failed";
        Seen { failed, of, what }.held().unwrap().target
    }

    #[test]
    fn one_failure_never_promises_more_than_none() {
        for of in [10, 60, 300, 600, 1_000, 3_000, 10_000, 30_000, 1_000_000] {
            let with = |failed| target(failed, of).unwrap_or(0.0);
            assert!(with(0) >= with(1) && with(1) >= with(2), "{of}");
        }
    }

    #[test]
    fn the_fewest_requests_that_allow_each_availability() {
        // The fewest n with 1 − 0.05^(1/n) ≤ 1 − availability, by hand.
        for (fewest, promised) in [(59, 0.95), (299, 0.99), (2_995, 0.999), (29_956, 0.9999)] {
            assert_eq!(target(0, fewest), Some(promised), "{fewest}");
            assert!(target(0, fewest - 1).unwrap_or(0.0) < promised, "{fewest}");
        }
    }
}
