//! Table of results by segment of a load curve.

use std::collections::BTreeMap;

use bench_report::{Latency, Operation, Step, StepSegment};

use bench_cli::table::{self, Table};

/// Returns a table of results by segment, over all repeats of a step, and sentences about the
/// recovery from a spike. Empty if the load is constant.
pub(crate) fn segment_table(repeats: &[&Step]) -> String {
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
    table.to_string() + &recoveries(repeats)
}

/// Returns a paragraph for each recovery from a spike; equal ones of several repeats are merged.
fn recoveries(repeats: &[&Step]) -> String {
    let found = repeats
        .iter()
        .filter_map(|step| step.curve.as_ref()?.recovery.as_ref());
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for recovery in found {
        let sentence = recovery.sentence(table::duration_ns);
        *told.entry(sentence).or_default() += 1;
    }
    let paragraph = |(sentence, times): (String, usize)| {
        let times = match times {
            1 => String::new(),
            _ => format!(" ({times} repeats)"),
        };
        table::paragraph(&format!("{sentence}{times}"), 2)
    };
    told.into_iter().map(paragraph).collect()
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
