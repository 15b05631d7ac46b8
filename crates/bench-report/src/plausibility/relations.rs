//! Relations between the figures of a step: the order of its instants, the sums of its counts, and
//! histograms that have as many durations as there were requests.

use std::collections::BTreeMap;

use super::fault::{Fault, escaped};
use crate::histogram_payload::HistogramPayload;
use crate::{Histogram, Operation, Report, Step, StepSegment, Window};

/// Largest number of requests of an operation, with which sums cannot overflow.
const MOST_REQUESTS: u64 = 1_000_000_000_000_000;

/// Largest difference of a percentile from the longest duration: buckets are 0.1 % wide.
const BUCKET_WIDTH: f64 = 1.002;

/// Returns what the figures of a report's steps contradict.
pub(super) fn faults(report: &Report) -> Vec<Fault> {
    let mut found = Vec::new();
    let began_ns = report.clock.monotonic_ns;
    let run_ns = (began_ns, began_ns.saturating_add(report.duration_ns));
    for (index, step) in report.steps.iter().enumerate() {
        let base = format!("/steps/{index}");
        found.extend(
            times(&step.window, run_ns)
                .map(|reason| Fault::of_report(format!("{base}/window"), reason)),
        );
        step_faults(step, &base, &mut found);
    }
    found.extend(step_indices(report));
    found
}

/// Returns the reason for which the instants of a step cannot be; `None` if they can. `run_ns` is
/// the begin and the end of the run.
fn times(window: &Window, run_ns: (u64, u64)) -> Option<String> {
    let Window {
        start_ns,
        measure_start_ns,
        measure_end_ns,
        end_ns,
    } = *window;
    let in_order = [start_ns, measure_start_ns, measure_end_ns, end_ns];
    if !in_order.is_sorted() {
        return Some(format!(
            "ends before it begins: {start_ns}, {measure_start_ns}, {measure_end_ns}, {end_ns} ns \
             should rise"
        ));
    }
    let (begun_ns, ended_ns) = run_ns;
    let is_inside = begun_ns <= start_ns && end_ns <= ended_ns;
    (!is_inside).then(|| {
        format!(
            "is outside of the run: {start_ns} to {end_ns} ns in a run of {begun_ns} to {ended_ns} ns"
        )
    })
}

fn step_faults(step: &Step, base: &str, found: &mut Vec<Fault>) {
    operations(&step.operations, &format!("{base}/operations"), found);
    operations(&step.parts, &format!("{base}/parts"), found);
    for (index, segment) in step.segments.iter().enumerate() {
        let base = format!("{base}/segments/{index}");
        operations(&segment.operations, &format!("{base}/operations"), found);
        found.extend(
            spans(segment, &step.window)
                .map(|reason| Fault::of_report(format!("{base}/spans"), reason)),
        );
    }
    if let Some(open) = step
        .sessions
        .as_ref()
        .and_then(|sessions| sessions.open.as_ref())
    {
        histogram(open, &format!("{base}/sessions/open"), None, found);
    }
}

fn spans(segment: &StepSegment, window: &Window) -> Option<String> {
    let inside = |span: &crate::StepSpan| {
        window.start_ns <= span.start_ns
            && span.start_ns <= span.end_ns
            && span.end_ns <= window.end_ns
    };
    let outside = segment.spans.iter().find(|span| !inside(span))?;
    let (from, to) = (outside.start_ns, outside.end_ns);
    Some(format!(
        "has a period from {from} to {to} ns, which is not in its step"
    ))
}

fn operations(all: &BTreeMap<String, Operation>, base: &str, found: &mut Vec<Fault>) {
    for (name, operation) in all {
        let base = format!("{base}/{}", escaped(name));
        if let Some(reason) = sums(operation) {
            found.push(Fault::of_report(base.clone(), reason));
            continue;
        }
        for (phase, histogram_of, count) in phases(operation) {
            histogram(histogram_of, &format!("{base}/{phase}"), count, found);
        }
        for (phase, histogram_of) in &operation.phases {
            histogram(
                histogram_of,
                &format!("{base}/phases/{}", escaped(phase)),
                None,
                found,
            );
        }
    }
}

/// Returns the reason for which the counts of an operation cannot be; `None` if they can.
fn sums(operation: &Operation) -> Option<String> {
    let Operation {
        attempted,
        succeeded,
        censored,
        never_started,
        ..
    } = *operation;
    let failed: u128 = operation
        .errors
        .values()
        .map(|count| u128::from(*count))
        .sum();
    let outcomes = u128::from(succeeded) + failed + u128::from(censored);
    if attempted > MOST_REQUESTS {
        return Some(format!("has {attempted} requests, more than can be made"));
    }
    if outcomes != u128::from(attempted) {
        return Some(format!(
            "has {attempted} requests, but {succeeded} succeeded, {failed} failed and {censored} \
             were not answered"
        ));
    }
    (never_started > censored).then(|| {
        format!("has {never_started} requests that never started, but {censored} without an answer")
    })
}

/// Returns the histograms of an operation by the names of their fields, with the number of durations
/// that each must have; `None` where that is not fixed.
fn phases(operation: &Operation) -> impl Iterator<Item = (&'static str, &Histogram, Option<u64>)> {
    let successes = Some(operation.succeeded);
    [
        ("response", &operation.response, successes),
        ("call", &operation.call, successes),
        ("service", &operation.service, successes),
        ("checkout", &operation.checkout, successes),
        ("backlog", &operation.backlog, successes),
        ("pacing_lag", &operation.pacing_lag, None),
        ("failed", &operation.failed, Some(operation.failures())),
        (
            "unfinished",
            &operation.unfinished,
            Some(operation.censored),
        ),
    ]
    .into_iter()
    .filter_map(|(name, histogram, count)| Some((name, histogram.as_ref()?, count)))
}

fn histogram(histogram: &Histogram, base: &str, requests: Option<u64>, found: &mut Vec<Fault>) {
    let mut fault = |field: &str, reason: String| {
        found.push(Fault::of_report(format!("{base}{field}"), reason));
    };
    let count = histogram.count;
    if let Some(requests) = requests.filter(|requests| *requests != count) {
        fault(
            "/count",
            format!("is {count}, but there were {requests} requests of its kind"),
        );
    }
    if let Some(reason) = order(histogram) {
        fault("", reason);
    }
    match HistogramPayload::read(&histogram.hdr) {
        Err(error) => fault("/hdr", error.to_string()),
        Ok(payload) if payload.count != count => {
            let reason = format!(
                "has {} durations in its buckets, but its count is {count}",
                payload.count
            );
            fault("", reason);
        }
        Ok(_) => {}
    }
}

/// Returns the reason for which the figures of a histogram contradict one another; `None` if they do
/// not.
fn order(histogram: &Histogram) -> Option<String> {
    let Histogram {
        count,
        min_ns,
        max_ns,
        mean_ns,
        percentiles_ns,
        ..
    } = histogram;
    let percentiles = percentiles_ns.values();
    let highest = *max_ns as f64 * BUCKET_WIDTH + 1.0;
    let lowest = *min_ns as f64 / BUCKET_WIDTH - 1.0;
    let is_possible = |ns: f64| (lowest..=highest).contains(&ns);
    if *count == 0 {
        return Some("is of no duration at all".to_owned());
    }
    if !percentiles.is_sorted() {
        return Some(format!(
            "has percentiles that do not rise: {percentiles:?} ns"
        ));
    }
    if !is_possible(*mean_ns) || !percentiles.iter().all(|ns| is_possible(*ns as f64)) {
        return Some(format!(
            "has a mean or percentiles outside of its durations from {min_ns} to {max_ns} ns"
        ));
    }
    None
}

/// Returns the places of a report that name a step that does not exist.
fn step_indices(report: &Report) -> Vec<Fault> {
    let summary = &report.summary;
    let mut named: Vec<(String, usize)> = Vec::new();
    for (n, recommendation) in summary.recommendations.iter().enumerate() {
        let steps = recommendation.steps.iter().enumerate();
        named.extend(steps.map(|(i, s)| (format!("/summary/recommendations/{n}/steps/{i}"), *s)));
    }
    for (n, search) in summary.found_rates.iter().enumerate() {
        let steps = search.steps.iter().enumerate();
        named.extend(
            steps.map(|(i, t)| (format!("/summary/found_rates/{n}/steps/{i}/step"), t.step)),
        );
    }
    for (n, warning) in report.warnings.iter().enumerate() {
        named.extend(
            warning
                .step
                .map(|step| (format!("/warnings/{n}/step"), step)),
        );
    }
    let steps = report.steps.len();
    let missing = named.into_iter().filter(|(_, step)| *step >= steps);
    missing
        .map(|(pointer, step)| {
            Fault::of_report(
                pointer,
                format!("is {step}, but the report has {steps} steps, from 0"),
            )
        })
        .collect()
}
