//! Text of the result of `sweep` for the terminal.

use std::fmt::Write as _;

use bench_cli::table;
use bench_report::{LimitOwner, Report};

use super::{PoolSweepPlan, SettingGroup, carry_over, cost, fleet, scalability, statements};
use crate::results::SettingResults;
use crate::text::{
    append_problems, append_recommendation, checkout_sentence, latency_name, settings_table,
    time_sentence,
};

/// Returns tables of at most 80 columns with the figures of each setting, then the recommendations
/// with their reasons, ending with a line break.
pub(super) fn render(report: &Report, plan: &PoolSweepPlan) -> String {
    if report.steps.is_empty() {
        return "Nothing was measured.\n".to_owned();
    }
    let groups = SettingGroup::all(report, &plan.settings);
    let mut text = String::new();
    for crossed in groups.chunk_by(|a, b| a.conditions == b.conditions) {
        if groups.iter().any(|g| g.conditions != groups[0].conditions) {
            let _ = writeln!(text, "{}", crossed[0].conditions);
        }
        let rows: Vec<(String, &SettingResults)> = crossed
            .iter()
            .flat_map(|g| g.results.iter().map(|r| (label(g, r), r)))
            .collect();
        text += &settings_table(&rows, latency_name(report));
    }
    for result in groups.iter().flat_map(|group| &group.results) {
        append_problems(&mut text, result);
    }
    text.push_str(&cost::text(&cost::comparable(&groups), &report.summary));
    text.push_str(&statements::render(report));
    text.push('\n');
    // The recommendations come last, because a terminal shows the end of the text.
    conclusions(&mut text, report, plan, &groups);
    text
}

fn label(group: &SettingGroup, result: &SettingResults) -> String {
    format!("{} {}", group.driver.name(), result.value)
}

fn conclusions(text: &mut String, report: &Report, plan: &PoolSweepPlan, groups: &[SettingGroup]) {
    for recommendation in &report.summary.recommendations {
        append_recommendation(text, recommendation);
        let steps = recommendation.steps.iter();
        let steps = steps.filter_map(|index| report.steps.get(*index));
        if let Some(said) = time_sentence("at this size users", &steps) {
            text.push_str(&table::paragraph(&said, 2));
        }
        if let Some(said) = checkout_sentence(steps) {
            text.push_str(&table::paragraph(&said, 2));
        }
        let group = groups.iter().find(|g| g.subject == recommendation.subject);
        if let Some(group) = group {
            text.push_str(&table::paragraph(&scalability::sentence(group), 2));
        }
        if let (Some(instances), Some(size)) = (plan.flags.app_instances, recommendation.value) {
            let said = fleet::sentence(report, instances, size);
            text.push_str(&table::paragraph(&said, 2));
        }
    }
    text.push_str(&carry_over::text(groups, &report.summary));
    text.push_str(&table::paragraph(&fleet::classic(report), 0));
    if let Some(limit) = &report.summary.limit {
        let whose = match limit.owner {
            LimitOwner::Target => "the server's",
            LimitOwner::Network => "the network's",
            LimitOwner::Generator => "the load generator's",
            LimitOwner::Bound => "the bound that was set",
            LimitOwner::Unknown => "not known",
        };
        let throughput = table::rate(limit.value);
        let _ = writeln!(text, "Limit at {throughput}: {whose}");
        text.push_str(&table::paragraph(&limit.reason, 2));
    }
}

#[cfg(test)]
mod tests {
    use bench_report::histogram::recording;
    use bench_report::{Histogram, StepEnd};

    use super::*;
    use crate::cli::PoolBenchCommand;
    use crate::golden;
    use crate::sweep::plan::tests::flags;
    use crate::sweep::tests::{report, step};

    #[test]
    fn the_table_fits_into_80_columns_and_names_what_broke() {
        let mut slow = recording();
        slow.saturating_record(123_456_789);
        let mut held = step(1_024, 0, 84_700.0);
        for operation in held.operations.values_mut() {
            let histogram = Histogram::from_recording(&slow);
            operation.response.clone_from(&histogram);
            operation.checkout.clone_from(&histogram);
            operation.service = histogram;
            operation.errors.insert("timeout.wait".to_owned(), 123_456);
        }
        let mut broken = step(1_024, 1, 0.0);
        broken.end = StepEnd::Failed {
            reason: "it broke".to_owned(),
        };
        let flags = flags("--driver deadpool --pool-sizes 1024 --app-instances 12");
        let text = render(
            &report(vec![held, broken]),
            &PoolSweepPlan::new(&flags).unwrap(),
        );
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        for told in [
            "84.7 k/s",
            "123 ms",
            "123456 × timeout.wait",
            "(repeat 2): failed: it broke",
        ] {
            assert!(text.contains(told), "{told:?} in {text}");
        }
    }

    #[test]
    fn a_real_run_is_told_as_it_was() {
        let PoolBenchCommand::Sweep(flags) = golden::command("sweep") else {
            panic!("it names the scenario");
        };
        let (plan, report) = (PoolSweepPlan::new(&flags).unwrap(), golden::report("sweep"));
        golden::assert_made_with(&report, &plan.config());
        let text = render(&report, &plan);
        golden::assert_fits(&text);
        insta::assert_snapshot!(text);
    }
}
