//! Summary of a `redis-bench` run: its figures, its recommendation, its tables and its text.

use bench_cli::Objective;
use bench_cli::settings::interval;
use bench_cli::table::{self, Table};
use bench_report::names::{steps, summaries};
use bench_report::{Latency, Report, Step, Summary};
use statistics::{mean, mean_interval};

use crate::results::advice::recommend;
use crate::results::group::{ClientGroup, groups};
use crate::results::limit_sentence::limits;
use crate::results::load_text::{by_segment, load_sentence};
use crate::results::sizes::recommended_sizes;
use crate::results::troubles::troubles;
use crate::run::workload::Variants;

/// Computes headline, figures and recommendation from the steps of a run. Figures are means over
/// completed steps.
pub(crate) fn conclude(report: &Report, variants: &Variants, objectives: &[Objective]) -> Summary {
    let groups = groups(report, variants);
    let mut summary = Summary {
        headline: headline(&groups),
        ..Summary::default()
    };
    let mut best: Option<f64> = None;
    for group in &groups {
        if let Some(throughput) = mean(&group.throughputs()) {
            summary.member(summaries::THROUGHPUT_BY_GROUP, group.key(), throughput);
            best = Some(best.map_or(throughput, |best: f64| best.max(throughput)));
        }
    }
    if let Some(best) = best {
        summary.figure(summaries::BEST_THROUGHPUT_PER_S, best);
    }
    for (of_step, of_run) in [
        (steps::HIT_RATIO, summaries::HIT_RATIO),
        (steps::SERVER_HIT_RATIO, summaries::SERVER_HIT_RATIO),
    ] {
        let seen = groups.iter().flat_map(|group| group.figures(of_step));
        if let Some(ratio) = mean(&seen.collect::<Vec<f64>>()) {
            summary.figure(of_run, ratio);
        }
    }
    // Ways to connect are compared; the variants of a workload do not do the same.
    if variants.count() == 1 {
        summary.recommendations = recommended_sizes(report, &groups, objectives);
        let ways = recommend(&groups, &summary.recommendations);
        summary.recommendations.extend(ways);
    }
    summary
}

fn headline(groups: &[ClientGroup<'_>]) -> String {
    let told: Vec<String> = groups
        .iter()
        .filter_map(|group| {
            let throughput = mean(&group.throughputs())?;
            let p99 = table::quantile(group.latency().and_then(|latency| latency.quantile(0.99)));
            let hits = mean(&group.figures(steps::HIT_RATIO)).map_or_else(String::new, |ratio| {
                format!(", {} hits", table::ratio(ratio))
            });
            let rate = table::rate(throughput);
            Some(format!("{}: {rate}, p99 {p99}{hits}", group.name()))
        })
        .collect();
    if told.is_empty() {
        "nothing was measured to its end".to_owned()
    } else {
        told.join("; ")
    }
}

/// Returns the result of a run as text for the user; paragraphs are broken at 80 columns.
pub(crate) fn text(report: &Report, variants: &Variants) -> String {
    let groups = groups(report, variants);
    let head = format!("redis-bench {}: {}", report.scenario, load_sentence(report));
    let mut text = table::paragraph(&head, 0) + "\n";
    text.push_str(&throughput_table(&groups).to_string());
    text.push('\n');
    text.push_str(&latency_table(&groups));
    text.push_str(&limits(&groups));
    for group in &groups {
        text.push_str(&by_segment(group));
    }
    for group in &groups {
        if let Some(parts) = group.checkout() {
            let told = table::checkout(&parts);
            let checks = mean(&group.figures(steps::EXTRA_ROUND_TRIPS_PER_REQUEST));
            let checks = checks.map_or_else(String::new, |checks| {
                format!("; {checks:.2} extra round trips a request, by the server's count")
            });
            text.push_str(&table::paragraph(
                &format!("{}: checkout {told}{checks}.", group.name()),
                0,
            ));
        }
    }
    for recommendation in &report.summary.recommendations {
        let advice = recommendation.value.map_or_else(
            || format!("No recommendation for {}", recommendation.subject),
            |value| {
                let is_of = |group: &&ClientGroup<'_>| {
                    group.client.name() == recommendation.subject && group.count == value as u64
                };
                let group = groups.iter().find(is_of);
                let name = group.map_or_else(|| value.to_string(), ClientGroup::name);
                match (recommendation.low, recommendation.high) {
                    (None, None) => format!("Recommended: {name}"),
                    _ => format!("Recommended: {name} ({})", interval(recommendation)),
                }
            },
        );
        text.push('\n');
        text.push_str(&table::paragraph(
            &format!("{advice}. {}.", sentence(&recommendation.reason)),
            0,
        ));
    }
    for line in troubles(report) {
        text.push('\n');
        text.push_str(&table::paragraph(&line, 0));
    }
    text
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// Returns a table of the mean throughput of each way to connect, with errors and unanswered
/// requests; for an open loop also the share of the arrivals that was carried, for a cache the hit
/// ratio and what it is in theory. A second row has the half width of the 95 % interval over the repeats, if there are
/// several.
fn throughput_table(groups: &[ClientGroup<'_>]) -> Table {
    let is_open = groups.iter().any(|group| !carried_ratios(group).is_empty());
    let cached = groups
        .iter()
        .any(|group| !group.figures(steps::HIT_RATIO).is_empty());
    let has_theory = groups
        .iter()
        .any(|group| !group.figures(steps::THEORY_HIT_RATIO).is_empty());
    let shown = |header: &'static str, is_shown: bool| is_shown.then_some(header);
    let header: Vec<&str> = [
        Some(""),
        Some("throughput"),
        shown("carried", is_open),
        shown("hits", cached),
        shown("in theory", has_theory),
        Some("errors"),
        Some("unanswered"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut table = Table::new(&header);
    let ratio = |each: &[f64]| mean(each).map_or("–".to_owned(), table::ratio);
    for group in groups {
        let throughputs = group.throughputs();
        let throughput = mean(&throughputs).map_or("–".to_owned(), table::rate);
        let mut row = vec![group.name(), throughput];
        row.extend(is_open.then(|| ratio(&carried_ratios(group))));
        row.extend(cached.then(|| ratio(&group.figures(steps::HIT_RATIO))));
        row.extend(has_theory.then(|| ratio(&group.figures(steps::THEORY_HIT_RATIO))));
        row.extend([group.errors().to_string(), group.unanswered().to_string()]);
        table.row(&row);
        if let Some(estimate) = mean_interval(&throughputs, 0.95) {
            let share = table::ratio(estimate.half_width() / estimate.mean);
            let mut row = vec![
                format!("  {} repeats", estimate.count),
                format!("± {share}"),
            ];
            row.resize(header.len(), String::new());
            table.row(&row);
        }
    }
    table
}

/// Returns the share of the planned arrivals that were carried, from 0 to 1, for each completed
/// step; empty for a closed loop.
fn carried_ratios(group: &ClientGroup<'_>) -> Vec<f64> {
    group.completed().filter_map(Step::carried_ratio).collect()
}

/// Returns a table of the latency of each way to connect, over all repeats, followed by its legend.
fn latency_table(groups: &[ClientGroup<'_>]) -> String {
    let mut table = Table::new(&["", "p50", "p99", "p99.9", "worst", "max"]);
    let mut any_unanswered = false;
    for group in groups {
        let latency = group.latency();
        let at = |q: f64| table::quantile(latency.as_ref().and_then(|l| l.quantile(q)));
        let worst = group.figures(steps::WORST_INTERVAL_P99_NS).into_iter();
        let worst = worst.max_by(f64::total_cmp);
        table.row(&[
            group.name(),
            at(0.5),
            at(0.99),
            at(0.999),
            table::worst_interval(worst, group.unanswered()),
            table::quantile(latency.as_ref().and_then(Latency::longest)),
        ]);
        any_unanswered |= group.unanswered() > 0;
    }
    let mut legend = "worst: the highest p99 of one interval of any repeat".to_owned();
    if any_unanswered {
        legend += "; ≥: requests that were never answered count with the time they had waited, and \
                   take longer";
    }
    table.to_string() + &table::paragraph(&legend, 0)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use bench_report::histogram::recording;
    use bench_report::{Histogram, Operation, StepEnd, Tool};
    use test_support::empty_step;

    /// Creates the report of closed loops in which repeat i of the pool and of the shared
    /// connection had the i-th throughput of `pooled` and `shared`, in requests per second.
    pub(crate) fn report(pooled: &[f64], shared: &[f64]) -> Report {
        let tool = Tool {
            name: "redis-bench".into(),
            version: "0".into(),
            commit: None,
        };
        let mut report = Report::begin(tool, "run".into(), "cache");
        for repeat in 0..pooled.len().max(shared.len()) {
            let of = |throughputs: &[f64], client, parameter, count| {
                let throughput = *throughputs.get(repeat)?;
                Some(step(client, parameter, count, repeat as u64, throughput))
            };
            report
                .steps
                .extend(of(pooled, "pooled", "pool_size", 8_u64));
            report
                .steps
                .extend(of(shared, "multiplexed", "connections", 1));
        }
        report
    }

    /// Creates a repeat of `client` with `count` connections and this throughput.
    pub(crate) fn step(
        client: &str,
        parameter: &str,
        count: u64,
        repeat: u64,
        throughput_per_s: f64,
    ) -> Step {
        let mut call = recording();
        call.saturating_record(1_000_000);
        let call = Histogram::from_recording(&call);
        let get = Operation {
            attempted: 1,
            succeeded: 1,
            throughput_per_s,
            service: call.clone(),
            checkout: (client == "pooled").then(|| call.clone()).flatten(),
            call,
            ..Operation::default()
        };
        Step {
            parameters: BTreeMap::from([
                ("client".to_owned(), client.into()),
                (parameter.to_owned(), count.into()),
            ]),
            repeat,
            operations: BTreeMap::from([("get".to_owned(), get)]),
            figures: BTreeMap::from([
                ("hit_ratio".to_owned(), 0.9),
                ("theory_hit_ratio".to_owned(), 0.912),
            ]),
            ..empty_step(client)
        }
    }

    #[test]
    fn a_run_is_summed_up_by_client() {
        let mut report = report(&[100.0, 120.0], &[200.0, 240.0]);
        report.summary = conclude(&report, &Variants::default(), &[]);
        let figures = &report.summary.figures;
        assert!((figures["throughput_per_s.pooled"] - 110.0).abs() < 1e-9);
        assert!((figures["best_throughput_per_s"] - 220.0).abs() < 1e-9);
        assert!((figures["hit_ratio"] - 0.9).abs() < 1e-9);
        assert!(
            !figures.contains_key("server_hit_ratio"),
            "missing is not zero"
        );
        assert!(report.summary.headline.contains("pool of 8: 110/s"));
    }

    #[test]
    fn the_result_fits_80_columns_and_tells_what_went_wrong() {
        let mut report = report(&[123_456.0, 98_765.4, 1.0], &[654_321.0, 700_000.0, 2.0]);
        report.steps[0].end = StepEnd::Failed {
            reason: "0 of 50 sessions were open after 10s".to_owned(),
        };
        let get = report.steps[1].operations.get_mut("get").unwrap();
        get.errors = BTreeMap::from([("refused".to_owned(), 7)]);
        report.summary = conclude(&report, &Variants::default(), &[]);
        let text = text(&report, &Variants::default());
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        for wanted in [
            "pool of 8",
            "1 shared connection",
            "sessions were open",
            "7 refused",
            "hits",
            "in theory",
            "91.2 %",
        ] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn a_stall_in_one_repeat_of_three_and_requests_without_an_answer_are_seen() {
        let mut report = report(&[100.0, 100.0, 100.0], &[]);
        report.steps[1]
            .figures
            .insert(steps::WORST_INTERVAL_P99_NS.to_string(), 3.01e9);
        let get = report.steps[2].operations.get_mut("get").unwrap();
        let mut unfinished = recording();
        unfinished.saturating_record_n(9_800_000_000, 2_667);
        get.unfinished = Histogram::from_recording(&unfinished);
        (get.censored, get.attempted) = (2_667, 2_668);
        report.summary = conclude(&report, &Variants::default(), &[]);
        let text = text(&report, &Variants::default());
        for wanted in ["3.01 s", "2667", "≥\u{a0}9.80 s", "unanswered"] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
        assert!(report.summary.headline.contains("p99 ≥\u{a0}9.80 s"));
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
    }

    #[test]
    fn a_run_without_a_step_still_has_a_summary() {
        let report = report(&[], &[]);
        assert_eq!(
            conclude(&report, &Variants::default(), &[]).headline,
            "nothing was measured to its end"
        );
        assert!(text(&report, &Variants::default()).contains("nothing was measured"));
    }
}
