//! Check of the series of a report: columns of one length, times that rise, values that can be.

use std::collections::HashSet;

use super::fault::{Fault, FaultExtent};
use super::figure_range::range_of;
use crate::{Report, Series};

/// Share by which a mean may be outside of the lowest and highest reading because of rounding.
const ROUNDING: f64 = 1e-6;

/// Returns what cannot be in the series of a report, at most one fault for each of them.
pub(super) fn faults(report: &Report) -> Vec<Fault> {
    let mut names = HashSet::new();
    let all = report.series.iter().enumerate();
    all.filter_map(|(index, series)| {
        let base = format!("/series/{index}");
        let (pointer, reason) = if names.insert((&series.name, &series.labels)) {
            fault(series).map(|(place, reason)| (base.clone() + &place, reason))?
        } else {
            let reason = format!("is the second series {}", described(series));
            (base, reason)
        };
        Some(Fault {
            pointer,
            reason,
            extent: FaultExtent::Series(index),
        })
    })
    .collect()
}

/// Returns the first fault of a series, with its place in it.
fn fault(series: &Series) -> Option<(String, String)> {
    let points = series.at_ns.len();
    let columns = [&series.mean, &series.min, &series.max];
    if columns.iter().any(|column| column.len() != points) {
        let [mean, min, max] = columns.map(Vec::len);
        let reason = format!(
            "({}) has columns of uneven length: {points} times, {mean} means, {min} lowest and \
             {max} highest readings",
            described(series)
        );
        return Some((String::new(), reason));
    }
    if let Some(index) = (1..points).find(|i| series.at_ns[*i] < series.at_ns[i - 1]) {
        let reason = format!("({}) goes back in time", described(series));
        return Some((format!("/at_ns/{index}"), reason));
    }
    let range = range_of(&series.name);
    for (name, column) in [
        ("mean", &series.mean),
        ("min", &series.min),
        ("max", &series.max),
    ] {
        for (index, value) in column.iter().enumerate() {
            if let Some(reason) = value.and_then(|value| range.refuses(value)) {
                let reason = format!("({}) {reason}", described(series));
                return Some((format!("/{name}/{index}"), reason));
            }
        }
    }
    (0..points).find_map(|index| {
        let (mean, min, max) = (series.mean[index]?, series.min[index]?, series.max[index]?);
        let slack = ROUNDING * mean.abs().max(min.abs()).max(max.abs());
        let is_between = min - slack <= mean && mean <= max + slack;
        (!is_between).then(|| {
            let reason = format!(
                "({}) is {mean:?}, outside of its readings from {min:?} to {max:?}",
                described(series)
            );
            (format!("/mean/{index}"), reason)
        })
    })
}

/// Returns the name of a series with its labels, as in `process.cpu_cores of process = postgres`.
fn described(series: &Series) -> String {
    let labels = series
        .labels
        .iter()
        .map(|(name, value)| format!("{name} = {value}"));
    let labels: Vec<String> = labels.collect();
    match labels.as_slice() {
        [] => series.name.clone(),
        labels => format!("{} of {}", series.name, labels.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(spoil: impl FnOnce(&mut Vec<Series>)) -> Vec<String> {
        let mut report = crate::run::report::begun();
        let mut series = Series::new("cpu.busy_ratio").label("core", "0");
        for (at_ns, value) in [(10, Some(0.25)), (20, None), (30, Some(0.75))] {
            series.push(at_ns, value);
        }
        report.series = vec![Series::new("load.runnable"), series];
        spoil(&mut report.series);
        let found = faults(&report).into_iter();
        found
            .map(|fault| format!("{} {}", fault.pointer, fault.reason))
            .collect()
    }

    #[test]
    fn a_series_that_cannot_be_is_told_with_its_place_and_its_name() {
        assert_eq!(told(|_| {}), Vec::<String>::new());
        let uneven = told(|series| {
            series[1].max.pop();
        });
        assert_eq!(
            uneven,
            [
                "/series/1 (cpu.busy_ratio of core = 0) has columns of uneven length: 3 times, 3 means, \
              3 lowest and 2 highest readings"
            ]
        );
        let no_times = told(|series| series[1].at_ns.clear());
        assert!(no_times[0].contains("0 times, 3 means"), "{no_times:?}");
        let back = told(|series| series[1].at_ns[2] = 5);
        assert_eq!(
            back,
            ["/series/1/at_ns/2 (cpu.busy_ratio of core = 0) goes back in time"]
        );
        let full = told(|series| series[1].max[2] = Some(7.0));
        assert!(
            full[0].starts_with("/series/1/max/2") && full[0].contains("a share"),
            "{full:?}"
        );
        let outside = told(|series| series[1].mean[0] = Some(0.5));
        assert!(
            outside[0].contains("outside of its readings"),
            "{outside:?}"
        );
        let twice = told(|series| series[0] = series[1].clone());
        assert_eq!(
            twice,
            ["/series/1 is the second series cpu.busy_ratio of core = 0"]
        );
    }
}
