//! Table of results by segment of a load curve.

use std::collections::BTreeMap;

use bench_report::{CurveUnit, Latency, Operation, Step, StepCurve, StepSegment};

use bench_cli::table::{self, Table};

/// Returns a table of results by segment, over all repeats of a step, followed by paragraphs about
/// changes of the load and the recovery from a spike. Segments are in the order in which they first
/// occur. Empty if the steps have no segments.
pub(crate) fn segment_table(repeats: &[&Step]) -> String {
    let segments = || repeats.iter().flat_map(|step| &step.segments);
    let mut names: Vec<&str> = Vec::new();
    for segment in segments() {
        if !names.contains(&segment.name.as_str()) {
            names.push(&segment.name);
        }
    }
    if names.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&[
        "segment",
        "arrivals",
        "throughput",
        "p50",
        "p99",
        "errors",
        "unanswered",
    ]);
    for name in names {
        let same: Vec<&StepSegment> = segments().filter(|other| other.name == name).collect();
        table.row(&row(name, &same));
    }
    table.to_string() + &changes(repeats) + &recoveries(repeats)
}

/// Returns a paragraph for each repeat whose load the user changed while it ran; empty if there is
/// none.
fn changes(repeats: &[&Step]) -> String {
    let changed = repeats.iter().filter_map(|step| {
        let told = change_sentence(step.curve.as_ref()?, step.window.measure_start_ns)?;
        let repeat = match repeats.len() {
            1 => String::new(),
            _ => format!("repeat {}: ", step.repeat + 1),
        };
        Some(table::paragraph(&format!("{repeat}{told}"), 2))
    });
    changed.collect()
}

/// Returns a phrase about the changes of a load while a step ran: `the load was changed to 500/s
/// after 12.0 s (change 1)`. Times are relative to `measure_start_ns`, on the clock of the changes.
/// `None` if there were no changes.
fn change_sentence(curve: &StepCurve, measure_start_ns: u64) -> Option<String> {
    let changes = curve.changes.iter().enumerate().map(|(n, change)| {
        let load = match (change.curve.parse::<f64>(), curve.unit) {
            (Ok(per_s), CurveUnit::RatePerS) => table::rate(per_s),
            (Ok(users), CurveUnit::Users) => table::counted(users as u64, "user"),
            (Ok(_), CurveUnit::Unknown) | (Err(_), _) => change.curve.clone(),
        };
        let after = table::duration_ns(change.at_ns.saturating_sub(measure_start_ns));
        format!("to {load} after {after} (change {})", n + 1)
    });
    let changes: Vec<String> = changes.collect();
    (!changes.is_empty()).then(|| format!("the load was changed {}", changes.join(", ")))
}

/// Returns a paragraph for each recovery from a spike; equal ones of several repeats are merged,
/// with their number.
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

/// Returns the cells of one segment over all repeats: name, arrivals, throughput, median, 99th
/// percentile, errors and unanswered requests.
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

#[cfg(test)]
mod tests {
    use bench_report::CurveChange;

    use super::*;

    #[test]
    fn a_load_that_was_changed_tells_to_what_and_when() {
        let changed = |unit, changes: &[(u64, &str)]| {
            let changes = changes.iter().map(|(after_s, curve)| CurveChange {
                at_ns: (100 + after_s) * 1_000_000_000,
                curve: (*curve).to_owned(),
            });
            let curve = StepCurve {
                unit,
                written: "200".to_owned(),
                first: 200.0,
                peak: 500.0,
                spawn_per_s: None,
                changes: changes.collect(),
                recovery: None,
            };
            change_sentence(&curve, 100_000_000_000)
        };
        let told = changed(CurveUnit::RatePerS, &[(12, "500"), (20, "ramp:10..20/5s")]);
        assert_eq!(
            told.unwrap(),
            "the load was changed to 500/s after 12.0 s (change 1), to ramp:10..20/5s after 20.0 s \
             (change 2)"
        );
        let told = changed(CurveUnit::Users, &[(1, "50")]);
        assert_eq!(
            told.unwrap(),
            "the load was changed to 50 users after 1.00 s (change 1)"
        );
        assert_eq!(changed(CurveUnit::Users, &[]), None);
    }
}
