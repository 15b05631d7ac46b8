//! Reports whose parts agree after a fault was planted in one of them: a test changes the number of
//! requests that succeeded, or the mean of a series, and means the rest to follow.

use std::collections::BTreeMap;

use bench_report::histogram::recording;
use bench_report::{Histogram, Operation, Report};

/// Returns `report` with a duration that covers its steps, with histograms of as many durations as
/// there were requests, and with series whose means are between their lowest and highest readings.
pub(crate) fn coherent(report: &Report) -> Report {
    let mut report = report.clone();
    let ends = report.steps.iter().map(|step| step.window.end_ns);
    let ended_ns = ends.max().unwrap_or(0);
    let steps_ns = ended_ns.saturating_sub(report.clock.monotonic_ns);
    report.duration_ns = report.duration_ns.max(steps_ns);
    for step in &mut report.steps {
        agree(&mut step.operations);
        agree(&mut step.parts);
        for segment in &mut step.segments {
            agree(&mut segment.operations);
        }
    }
    for series in &mut report.series {
        for (index, mean) in series.mean.iter().enumerate() {
            series.min[index] = join(series.min[index], *mean, f64::min);
            series.max[index] = join(series.max[index], *mean, f64::max);
        }
    }
    report
}

fn join(bound: Option<f64>, mean: Option<f64>, of: fn(f64, f64) -> f64) -> Option<f64> {
    bound.zip(mean).map(|(bound, mean)| of(bound, mean))
}

fn agree(operations: &mut BTreeMap<String, Operation>) {
    for operation in operations.values_mut() {
        let (succeeded, failed) = (operation.succeeded, operation.failures());
        for phase in [
            &mut operation.response,
            &mut operation.call,
            &mut operation.service,
            &mut operation.checkout,
            &mut operation.backlog,
        ] {
            scale(phase, succeeded);
        }
        scale(&mut operation.failed, failed);
        scale(&mut operation.unfinished, operation.censored);
    }
}

/// Changes the number of durations of a histogram to `wanted`, with the same distribution.
fn scale(phase: &mut Option<Histogram>, wanted: u64) {
    let Some(histogram) = phase.as_ref().filter(|histogram| histogram.count != wanted) else {
        return;
    };
    let whole = histogram.decode().unwrap();
    let mut scaled = recording();
    // What one bucket lacks of a whole request goes to the next one.
    let mut left = 0;
    for bucket in whole.iter_recorded() {
        left += u128::from(bucket.count_at_value()) * u128::from(wanted);
        let count = u64::try_from(left / u128::from(whole.len())).unwrap();
        left %= u128::from(whole.len());
        scaled.saturating_record_n(bucket.value_iterated_to(), count);
    }
    *phase = Histogram::from_recording(&scaled);
}
