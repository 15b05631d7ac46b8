//! What the scenario says about its limiters: what they admitted against what the limit allows.

use bench_cli::table::{self, Table};
use bench_report::Report;
use bench_report::names::FigureName;
use bench_report::names::steps;
use statistics::mean;

use super::decision_log::MOST_DECISIONS;
use super::model::RateLimit;
use crate::results::group::{ClientGroup, groups};
use crate::run::workload::Variants;

/// Returns the table of the limiters' accuracy and what follows from it, for `limit`; empty if no
/// step was judged.
pub(super) fn text(report: &Report, variants: &Variants, limit: RateLimit) -> String {
    let all = groups(report, variants);
    let is_judged = |group: &&ClientGroup<'_>| !group.figures(steps::LIMITER_DECISIONS).is_empty();
    let groups: Vec<&ClientGroup<'_>> = all.iter().filter(is_judged).collect();
    let unjudged = unjudged(&all);
    if groups.is_empty() {
        return unjudged;
    }
    let mut text = format!("\nAgainst the limit of {limit}:\n");
    text.push_str(&accuracy_table(&groups).to_string());
    text.push_str(&table::paragraph(
        "admitted, over, under: requests in whole windows of the clock, as shares of those that the \
         limit allows; worst: most requests of a limiter in any stretch as long as a window, \
         as a multiple of the limit, and the algorithm's own bound; burst: most in a tenth of one. \
         The warm-up is included.",
        0,
    ));
    text.push_str(&server_cost(&groups));
    for group in &groups {
        text.push_str(&remarks(group, &name(&groups, group)));
    }
    text + &unjudged
}

/// Returns a paragraph about steps whose decisions are not all in the log; empty if there are none.
fn unjudged(groups: &[ClientGroup<'_>]) -> String {
    let steps = groups.iter().flat_map(ClientGroup::completed);
    let without = steps.filter(|step| step.value(steps::LIMITER_DECISIONS).is_none());
    let count = without.count() as u64;
    if count == 0 {
        return String::new();
    }
    let told = table::counted(count, "step");
    table::paragraph(
        &format!(
            "Not judged: {told}, because the log of its decisions has gaps or would be longer than \
             {MOST_DECISIONS}."
        ),
        0,
    )
}

/// Returns the name of a limiter, with the way to connect only if there are several.
fn name(groups: &[&ClientGroup<'_>], group: &ClientGroup<'_>) -> String {
    let is_only = groups.iter().all(|other| other.client == group.client);
    match &group.variant {
        Some(variant) if is_only => variant.clone(),
        _ => group.name(),
    }
}

fn accuracy_table(groups: &[&ClientGroup<'_>]) -> Table {
    let mut table = Table::new(&["", "admitted", "over", "under", "worst", "bound", "burst"]);
    for group in groups {
        let share = |name| {
            let mean = mean(&group.figures(name));
            mean.map_or("–".to_owned(), table::ratio)
        };
        let times = |name| {
            let worst = largest(group, name);
            worst.map_or("–".to_owned(), |ratio| format!("{ratio:.2}×"))
        };
        let burst = largest(group, steps::LIMITER_WORST_BURST);
        table.row(&[
            name(groups, group),
            share(steps::LIMITER_ADMITTED_RATIO),
            share(steps::LIMITER_OVER_ADMITTED_RATIO),
            share(steps::LIMITER_UNDER_ADMITTED_RATIO),
            times(steps::LIMITER_WORST_WINDOW_RATIO),
            times(steps::LIMITER_BOUND_RATIO),
            burst.map_or("–".to_owned(), |burst| burst.to_string()),
        ]);
    }
    table
}

/// Returns a paragraph about the cost of a decision to the server; empty if it is not known.
fn server_cost(groups: &[&ClientGroup<'_>]) -> String {
    let costs = groups.iter().filter_map(|group| {
        let ns = mean(&group.figures(steps::LIMITER_SERVER_NS))?;
        let cost = table::duration_ns(ns as u64);
        Some(format!("{} {cost}", name(groups, group)))
    });
    let costs: Vec<String> = costs.collect();
    if costs.is_empty() {
        return String::new();
    }
    let told = costs.join(", ");
    table::paragraph(
        &format!("Time of the server's thread for a decision: {told}."),
        0,
    )
}

/// Returns the largest value of a figure over the completed steps of a group.
fn largest(group: &ClientGroup<'_>, name: FigureName) -> Option<f64> {
    group.figures(name).into_iter().max_by(f64::total_cmp)
}

/// Returns sentences about what a limiter did wrong, or was shown to do right.
fn remarks(group: &ClientGroup<'_>, name: &str) -> String {
    let sum = |name| group.figures(name).iter().sum::<f64>();
    let counted = |count, one| table::counted(count as u64, one);
    let mut told = Vec::new();
    let (agreed, disagreed) = (sum(steps::LIMITER_AGREED), sum(steps::LIMITER_DISAGREED));
    if disagreed > 0.0 {
        told.push(format!(
            "{disagreed} of {} not as its model decides",
            counted(agreed + disagreed, "decision")
        ));
    } else if agreed > 0.0 {
        told.push(format!("all {agreed} decisions are those of its model"));
    }
    let unverified = sum(steps::LIMITER_UNVERIFIED);
    if unverified > 0.0 {
        told.push(format!(
            "{} could not be compared, after one without an answer",
            counted(unverified, "decision")
        ));
    }
    let locked = sum(steps::LIMITER_NEVER_EXPIRING);
    if locked > 0.0 {
        told.push(format!(
            "{} at the limit will never expire, so that the clients are locked out for ever",
            counted(locked, "counter")
        ));
    }
    let blind = sum(steps::LIMITER_WITHOUT_ANSWER);
    if blind > 0.0 {
        told.push(format!(
            "{} got no answer in time, and the users decided themselves",
            counted(blind, "request")
        ));
    }
    if told.is_empty() {
        return String::new();
    }
    table::paragraph(&format!("{name}: {}.", told.join("; ")), 0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use bench_report::{Operation, Step, Tool};
    use test_support::empty_step;

    use super::*;

    fn step(limiter: &str, figures: &[(FigureName, f64)]) -> Step {
        let mut step = Step {
            parameters: BTreeMap::from([
                ("client".to_owned(), "multiplexed".into()),
                ("connections".to_owned(), 1_u64.into()),
                ("limiter".to_owned(), limiter.into()),
            ]),
            operations: BTreeMap::from([("admitted".to_owned(), Operation::default())]),
            ..empty_step(limiter)
        };
        for (name, value) in figures {
            step.figure(*name, *value);
        }
        step
    }

    fn told(steps: Vec<Step>) -> String {
        let tool = Tool {
            name: "redis-bench".into(),
            version: "0".into(),
            commit: None,
        };
        let mut report = Report::begin(tool, "run".into(), "rate-limit");
        report.steps = steps;
        let variants = Variants {
            parameter: "limiter",
            names: vec!["spring-cloud-gateway-old".to_owned(), "gcra".to_owned()],
        };
        let limit = RateLimit::new(10, Duration::from_secs(1), 10).unwrap();
        text(&report, &variants, limit)
    }

    #[test]
    fn the_result_fits_80_columns_and_tells_what_went_wrong() {
        let bad = [
            (steps::LIMITER_DECISIONS, 9_000.0),
            (steps::LIMITER_ADMITTED_RATIO, 21.58),
            (steps::LIMITER_OVER_ADMITTED_RATIO, 20.58),
            (steps::LIMITER_UNDER_ADMITTED_RATIO, 0.015),
            (steps::LIMITER_WORST_WINDOW_RATIO, 48.7),
            (steps::LIMITER_WORST_BURST, 1_234.0),
            (steps::LIMITER_NEVER_EXPIRING, 3.0),
            (steps::LIMITER_WITHOUT_ANSWER, 17.0),
        ];
        let wrong = [
            (steps::LIMITER_DECISIONS, 100.0),
            (steps::LIMITER_AGREED, 90.0),
            (steps::LIMITER_DISAGREED, 8.0),
            (steps::LIMITER_UNVERIFIED, 2.0),
            (steps::LIMITER_SERVER_NS, 12_900.0),
        ];
        let text = told(vec![
            step("spring-cloud-gateway-old", &bad),
            step("gcra", &wrong),
            step("gcra", &[]),
        ]);
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for wanted in [
            "48.70×",
            "3 counters at the limit will never expire",
            "17 requests got no answer in time",
            "8 of 98 decisions not as its model decides",
            "2 decisions could not be compared",
            "gcra 12.9",
            "Not judged: 1 step,",
        ] {
            assert!(words.contains(wanted), "{wanted}: {text}");
        }
    }

    #[test]
    fn a_run_without_a_judged_step_has_no_table() {
        assert_eq!(told(Vec::new()), "");
        let text = told(vec![step("gcra", &[])]);
        assert!(text.starts_with("Not judged: 1 step"), "{text}");
    }
}
