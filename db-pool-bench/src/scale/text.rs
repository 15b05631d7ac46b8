//! Text of the result of `scale` for the terminal.

use bench_cli::table::{self, Table};
use bench_report::Report;

use super::findings::{little_discrepancy, little_sentence, wait_begins};
use super::plan::ScalePlan;
use crate::results::SettingResults;
use crate::text::{append_problems, error_count, felt_table, quantile_text};

/// Returns a table for each driver with a row for each number of users, and then the conclusions,
/// wrapped for a terminal and ending with a line break.
pub(super) fn render(report: &Report, plan: &ScalePlan) -> String {
    let all = plan.results(report);
    if report.steps.is_empty() {
        return "Nothing was measured.\n".to_owned();
    }
    let mut text = String::new();
    for (driver, results) in &all {
        text += &table::paragraph(
            &format!("{}, pool of {}", driver.name(), plan.flags.pool.size),
            0,
        );
        text += &users_table(results);
    }
    text += &table::paragraph(
        "wait: mean for a connection; service: median; in use: mean of connections; Little: users that Little's law counts, less those there were",
        0,
    );
    for result in all.iter().flat_map(|(_, results)| results) {
        append_problems(&mut text, result);
    }
    text.push('\n');
    for (driver, results) in &all {
        let begins = wait_begins(results, plan.flags.pool.size);
        if let Some(begins) = begins {
            let said = format!(
                "{}: {}",
                driver.name(),
                begins.sentence(plan.flags.pool.size)
            );
            text += &table::paragraph(&said, 0);
        }
        if let Some(said) = little_sentence(results) {
            text += &table::paragraph(&said, 2);
        }
        let mut recommendations = report.summary.recommendations.iter();
        if let Some(most) = recommendations.find(|r| r.subject == driver.name()) {
            text += &table::paragraph(&most.reason, 2);
        }
    }
    text
}

fn users_table(results: &[SettingResults]) -> String {
    let held = results.iter().filter(|r| !r.held.is_empty());
    let rows = held.clone().map(|r| (r.value.to_string(), r));
    let header = [
        "users",
        "wait",
        "service",
        "in use",
        "Little",
        "errors",
        "unanswered",
    ];
    let mut table = Table::new(&header);
    for result in held {
        let service = result.phase(|o| o.service.as_ref());
        let wait = statistics::mean(&result.phase_means(|o| o.checkout.as_ref()));
        let in_use = result.held.iter();
        let in_use = in_use.filter_map(|(_, _, step)| Some(step.pool.as_ref()?.in_use_mean));
        let in_use = statistics::mean(&in_use.collect::<Vec<_>>());
        let little = result.held.iter();
        let little = little.filter_map(|(_, _, step)| little_discrepancy(step));
        let little = statistics::mean(&little.collect::<Vec<_>>());
        table.row(&[
            result.value.to_string(),
            wait.map_or("–".into(), |wait| table::duration_ns(wait as u64)),
            quantile_text(service.as_ref(), 0.5),
            in_use.map_or("–".into(), |n| format!("{n:.1}")),
            little.map_or("–".into(), |share| {
                format!("{:+.1} %", tenths(share * 100.0))
            }),
            error_count(result),
            result.unanswered().to_string(),
        ]);
    }
    felt_table("users", "call", rows) + &table.to_string()
}

/// Rounds `value` to one decimal place; a rounded zero loses its minus sign.
fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0 + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::PoolBenchCommand;
    use crate::golden;

    #[test]
    fn a_real_run_is_told_as_it_was() {
        let PoolBenchCommand::Scale(flags) = golden::command("scale") else {
            panic!("it names the scenario");
        };
        let (plan, report) = (ScalePlan::new(&flags).unwrap(), golden::report("scale"));
        golden::assert_made_with(&report, &plan.config());
        let text = render(&report, &plan);
        golden::assert_fits(&text);
        insta::assert_snapshot!(text);
    }
}
