//! Text about the bursts of a finished run: the backlog before, in and after the spike, and the storm
//! of connections.

use bench_cli::table::{self, Table};
use bench_report::Report;
use bench_report::names::{FigureName, steps};

use crate::results::group::{ClientGroup, groups};
use crate::run::workload::Variants;

/// Segments of a load with a spike, in the order of time.
const SEGMENTS: [&str; 3] = ["before", "spike", "after"];

/// Returns the text of a finished run. `has_storm` is true if the user asked for a storm.
pub(super) fn told(report: &Report, variants: &Variants, has_storm: bool) -> String {
    let groups = groups(report, variants);
    let mut text = backlog_table(&groups);
    if has_storm {
        text.push_str(&storm_table(&groups));
    }
    text
}

/// Returns a table of the largest backlog of each way to connect, over all repeats, by segment;
/// empty if none is known.
fn backlog_table(groups: &[ClientGroup<'_>]) -> String {
    let mut table = Table::new(&["backlog", "before", "in the spike", "after"]);
    let mut is_any_known = false;
    for group in groups {
        let mut row = vec![group.name()];
        for segment in SEGMENTS {
            let name = steps::BACKLOG_BY_SEGMENT.of(segment);
            let known = group.all_steps().filter_map(|step| step.figures.get(&name));
            let most = known.copied().reduce(f64::max);
            is_any_known |= most.is_some();
            row.push(most.map_or("–".to_owned(), |count| format!("{count:.0}")));
        }
        table.row(&row);
    }
    if !is_any_known {
        return String::new();
    }
    let legend = "backlog: the most requests that were due and had no answer, as read at the end of \
                  each interval of the time charts";
    format!("\n{table}{}", table::paragraph(legend, 0))
}

/// Returns a table of the storm of each way to connect, over all repeats.
fn storm_table(groups: &[ClientGroup<'_>]) -> String {
    let mut table = Table::new(&[
        "storm",
        "connected",
        "failed",
        "median",
        "longest",
        "all in",
    ]);
    let mut failures = Vec::new();
    for group in groups {
        let Some(asked) = group.total(steps::STORM_LOGINS) else {
            table.row(&[group.name(), "did not begin".to_owned()]);
            continue;
        };
        let failed = group.total(steps::STORM_FAILED).unwrap_or(0.0);
        let longest = |name: FigureName| {
            let known = group.all_steps().filter_map(|step| step.value(name));
            let most = known.reduce(f64::max);
            most.map_or("–".to_owned(), |ns| table::duration_ns(ns as u64))
        };
        table.row(&[
            group.name(),
            format!("{:.0} of {asked:.0}", asked - failed),
            format!("{failed:.0}"),
            longest(steps::STORM_MEDIAN_NS),
            longest(steps::STORM_LONGEST_NS),
            longest(steps::STORM_WHOLE_NS),
        ]);
        let kinds = failed_kinds(group);
        if !kinds.is_empty() {
            failures.push(format!("{}: {}", group.name(), kinds.join(", ")));
        }
    }
    let mut text = format!("\n{table}");
    text.push_str(&table::paragraph(
        "storm: further clients that connected at once when the spike began, over all repeats; the \
         times run from that instant to the first answer, those of the worst repeat",
        0,
    ));
    if !failures.is_empty() {
        let told = format!(
            "Connections of the storm that failed: {}.",
            failures.join("; ")
        );
        text.push('\n');
        text.push_str(&table::paragraph(&told, 0));
    }
    text
}

/// Returns the number of connections of the storm that failed of each kind, as in `12 reset`.
fn failed_kinds(group: &ClientGroup<'_>) -> Vec<String> {
    let mut kinds = std::collections::BTreeMap::new();
    for (name, count) in group.all_steps().flat_map(|step| &step.figures) {
        if let Some(kind) = steps::STORM_FAILED_BY_KIND.member(name) {
            *kinds.entry(kind).or_insert(0.0) += count;
        }
    }
    let told = kinds.into_iter();
    told.map(|(kind, count): (&str, f64)| format!("{count:.0} {kind}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::summary::tests::report;

    #[test]
    fn backlog_and_storm_are_told_and_what_is_not_known_is_a_dash() {
        let mut report = report(&[100.0, 120.0], &[200.0]);
        for (step, backlog, failed) in [(0, 40.0, 0.0), (2, 70.0, 12.0)] {
            let step = &mut report.steps[step];
            step.member(steps::BACKLOG_BY_SEGMENT, "spike", backlog);
            step.figure(steps::STORM_LOGINS, 100.0);
            step.figure(steps::STORM_FAILED, failed);
            step.figure(steps::STORM_MEDIAN_NS, 2e6 + failed * 1e6);
        }
        report.steps[2].member(steps::STORM_FAILED_BY_KIND, "response.maxclients", 12.0);
        let told = told(&report, &Variants::default(), true);
        for wanted in [
            "– 70 –",
            "188 of 200 12 14.0 ms – –",
            "did not begin",
            "pool of 8: 12 response.maxclients.",
        ] {
            let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(told.contains(wanted), "{wanted}: {told}");
        }
        assert!(
            told.lines().all(|line| line.chars().count() <= 80),
            "{told}"
        );
        assert_eq!(
            super::told(&report, &Variants::default(), false)
                .matches("storm")
                .count(),
            0
        );
    }
}
