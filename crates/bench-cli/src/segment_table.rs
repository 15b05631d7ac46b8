//! Table of results by segment of a load curve.

use bench_report::{Latency, Operation, Step, StepSegment};

use crate::table::{self, Table};

/// Returns the results of repeats of a step by segment of their curve; empty where the load did
/// not change.
pub fn segment_table(repeats: &[&Step]) -> String {
    let Some(first) = repeats.iter().find(|step| !step.segments.is_empty()) else {
        return String::new();
    };
    let mut table = Table::new(&[
        "segment",
        "arrivals",
        "throughput",
        "p50",
        "p99",
        "errors",
        "unanswered",
    ]);
    for segment in &first.segments {
        let name = &segment.name;
        let same = repeats.iter().flat_map(|step| &step.segments);
        let same: Vec<&StepSegment> = same.filter(|other| other.name == *name).collect();
        table.row(&row(name, &same));
    }
    table.to_string()
}

/// Returns the cells of one segment over all repeats.
fn row(name: &str, repeats: &[&StepSegment]) -> [String; 7] {
    let operations = || {
        repeats
            .iter()
            .flat_map(|segment| segment.operations.values())
    };
    let seconds: f64 = repeats.iter().map(|segment| segment.seconds()).sum();
    let carried: f64 = repeats
        .iter()
        .map(|s| s.throughput_per_s() * s.seconds())
        .sum();
    let latency = Latency::from_operations(operations()).ok();
    let at = |q: f64| table::quantile(latency.as_ref().and_then(|latency| latency.quantile(q)));
    let throughput = if seconds > 0.0 {
        table::rate(carried / seconds)
    } else {
        "–".to_owned()
    };
    [
        name.replace('_', " "),
        operations().map(|o| o.attempted).sum::<u64>().to_string(),
        throughput,
        at(0.5),
        at(0.99),
        operations()
            .map(Operation::failures)
            .sum::<u64>()
            .to_string(),
        operations().map(|o| o.censored).sum::<u64>().to_string(),
    ]
}
