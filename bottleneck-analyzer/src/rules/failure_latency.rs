//! Times of failures: those that come back sooner than answers make the other figures look better, and late ones
//! tell the length of a time-out.

use crate::assessment::ComputedFigure;
use crate::bench_facts::BenchFacts;
use crate::figures::duration_ns;
use crate::requests;
use crate::rules::failure_totals::FailureTotals;

/// Largest mean time of a failure ÷ mean time of a success at which failures count as fast.
const FAST: f64 = 0.5;

/// Smallest mean time of a failure ÷ mean time of a success at which failures count as late.
const LATE: f64 = 2.0;

/// Returns a sentence about `failures` that came back in less than half of the time of a success, or in more than
/// twice that time, with its figures; empty if they did not, or if their times were not recorded.
pub(super) fn told(
    bench: &BenchFacts<'_>,
    failures: &FailureTotals,
) -> (String, Vec<ComputedFigure>) {
    let (mut failed, mut succeeded) = ((0.0, 0.0), (0.0, 0.0));
    let steps = failures.steps.iter();
    let all = steps.filter_map(|i| bench.source.report.steps.get(*i));
    for (_, operation) in all.flat_map(requests::request_operations) {
        let good = requests::latency(operation).map(|(_, histogram)| histogram);
        for (sum, times) in [
            (&mut failed, operation.failed.as_ref()),
            (&mut succeeded, good),
        ] {
            if let Some(times) = times {
                sum.0 += times.mean_ns * times.count as f64;
                sum.1 += times.count as f64;
            }
        }
    }
    let mean = |(sum, count): (f64, f64)| (count > 0.0).then(|| sum / count);
    let (failed, succeeded) = (mean(failed), mean(succeeded));
    let words = words(failures.of_all(), failed, succeeded);
    let times = [("failures", failed), ("successes", succeeded)].into_iter();
    let figures = times.filter_map(|(what, ns)| {
        let how = "mean over all operations of the steps";
        Some(ComputedFigure::new(
            format!("time of {what}, in nanoseconds"),
            ns?,
            how,
        ))
    });
    let figures = figures.filter(|_| !words.is_empty()).collect();
    (words, figures)
}

/// Returns the sentence about the mean times of failures and of successes, in nanoseconds; empty if they do not
/// differ enough. `of_all` are words that follow `Failures`.
fn words(of_all: &str, failed: Option<f64>, succeeded: Option<f64>) -> String {
    match (failed, succeeded) {
        (Some(failed), Some(good)) if failed <= FAST * good => format!(
            " Failures{of_all} came back after {} on average, successes after {}: a target that fails fast has \
             less to do, so the percentiles, which are of successes only, look better than they are.",
            duration_ns(failed),
            duration_ns(good)
        ),
        (Some(failed), Some(good)) if failed >= LATE * good => format!(
            " Failures{of_all} came back after {} on average, successes after {}.",
            duration_ns(failed),
            duration_ns(good)
        ),
        (Some(failed), None) => {
            format!(
                " Failures{of_all} came back after {} on average.",
                duration_ns(failed)
            )
        }
        _ => String::new(),
    }
}
