//! Conclusions of a sweep from the data in its report.

use bench_report::names::summaries;
use bench_report::{Report, Summary};

use super::{PoolSweepPlan, SettingGroup, carry_over, cost, fleet, limit, scalability};
use bench_cli::settings::{headline, recommend};

/// Returns the conclusions of a sweep: a recommendation for each driver under each set of
/// conditions, the scalability, the cost of drivers, the predictions for other conditions, and the
/// limit of the setting with the highest throughput.
pub(super) fn summarize(report: &Report, plan: &PoolSweepPlan) -> Summary {
    let mut summary = Summary::default();
    let groups = SettingGroup::all(report, &plan.settings);
    for group in &groups {
        let results: Vec<_> = group.results.iter().collect();
        let parameter = group.driver.swept();
        let objectives = &plan.flags.objective;
        let found = recommend(&group.subject, parameter, &results, objectives);
        summary.recommendations.extend(found);
        scalability::figures(group, &mut summary);
    }
    cost::compare(&cost::comparable(&groups), &mut summary);
    carry_over::figures(&groups, &mut summary);
    fleet::figures(report, plan.flags.app_instances, &mut summary);
    let results = groups
        .iter()
        .flat_map(|group| group.results.iter().map(move |result| (group, result)));
    let best = results.filter_map(|(group, r)| Some((group, r, r.throughput_per_s()?)));
    if let Some((group, best, throughput)) = best.max_by(|a, b| a.2.total_cmp(&b.2)) {
        summary.figure(summaries::BEST_THROUGHPUT_PER_S, throughput);
        let mut found = summary.recommendations.iter();
        let open_above = found.any(|r| {
            let is_best = r.subject == group.subject && r.value == Some(best.value as f64);
            is_best && r.high.is_none() && group.results.len() > 1
        });
        summary.limit = limit::find(best, open_above, &report.environment);
    }
    summary.headline = headline(&summary);
    summary
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::plan::tests::flags;
    use crate::sweep::tests::{report, step};

    fn summary(steps: Vec<bench_report::Step>, sizes: &str) -> Summary {
        let flags = flags(&format!("--driver deadpool --pool-sizes {sizes}"));
        summarize(&report(steps), &PoolSweepPlan::new(&flags).unwrap())
    }

    /// Creates three repeats of each size 1, 2, 4 and 8; throughput stops rising at 4.
    fn knee_at_four() -> Vec<bench_report::Step> {
        let levels = [(1, 100.0), (2, 200.0), (4, 400.0), (8, 402.0)];
        (0..3)
            .flat_map(|repeat| {
                levels.map(|(size, level)| step(size, repeat, level + repeat as f64))
            })
            .collect()
    }

    #[test]
    fn the_knee_that_was_planted_is_recommended_with_the_steps_that_show_it() {
        let summary = summary(knee_at_four(), "1,2,4,8");
        let found = &summary.recommendations[0];
        assert_eq!(
            (found.value, found.low, found.high),
            (Some(4.0), Some(4.0), Some(4.0))
        );
        assert_eq!(found.steps, [2, 6, 10]);
        assert_eq!(
            (found.subject.as_str(), found.parameter.as_str()),
            ("deadpool", "pool_size")
        );
        assert!(found.detectable_difference_ratio.unwrap() < 0.05);
        assert!(summary.figures["best_throughput_per_s"] > 402.0);
    }

    #[test]
    fn a_sweep_that_still_rises_at_its_end_is_open_above() {
        let steps = (0..3)
            .flat_map(|n| [(1, 100.0), (2, 200.0)].map(|(size, x)| step(size, n, x + n as f64)));
        let summary = summary(steps.collect(), "1,2");
        let found = &summary.recommendations[0];
        assert_eq!((found.value, found.high), (Some(2.0), None));
        assert!(found.reason.contains("not bracketed"), "{}", found.reason);
        assert!(
            summary.headline.contains("2 or more"),
            "{}",
            summary.headline
        );
    }

    #[test]
    fn a_setting_that_failed_is_not_recommended_and_a_round_cut_short_does_not_count() {
        let mut steps = knee_at_four();
        for broken in steps
            .iter_mut()
            .filter(|s| s.parameter("pool_size") == Some(4.0))
        {
            let operation = broken.operations.get_mut("read").unwrap();
            operation
                .errors
                .insert("sqlstate.53300".to_owned(), operation.succeeded);
            operation.attempted += operation.succeeded;
        }
        steps.pop();
        let summary = summary(steps, "1,2,4,8");
        assert_eq!(summary.recommendations[0].value, Some(8.0));
    }

    #[test]
    fn where_repeats_scatter_the_measured_mean_decides_and_the_interval_stays_wide() {
        let scattered = [
            (1, [100.0, 900.0]),
            (2, [990.0, 120.0]),
            (4, [900.0, 1_100.0]),
            (8, [400.0, 1_610.0]),
        ];
        let steps = (0..2).flat_map(|n| scattered.map(|(size, x)| step(size, n, x[n as usize])));
        let summary = summary(steps.collect(), "1,2,4,8");
        let found = &summary.recommendations[0];
        assert_eq!(found.value, Some(4.0));
        assert!(
            found.low.unwrap_or(1.0) < 4.0 && found.reason.contains("scatter"),
            "{found:?}"
        );
    }

    #[test]
    fn where_nothing_was_measured_nothing_is_recommended() {
        let summary = summary(Vec::new(), "1");
        assert!(summary.recommendations.is_empty() && summary.figures.is_empty());
        assert!(!summary.headline.is_empty());
    }
}
