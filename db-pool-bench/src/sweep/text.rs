//! The result as people read it.

use std::fmt::Write as _;

use bench_cli::table::{self, Table};
use bench_report::histogram::Recording;
use bench_report::{LimitOwner, Operation, Recommendation, Report, StepEnd};

use super::Setting;
use super::cost;
use super::recommendation::interval;
use super::results::Results;

/// Tables for 80 columns: what each setting gave, what to run with, and why.
pub(super) fn render(report: &Report, settings: &[Setting]) -> String {
    let results: Vec<Results> = settings
        .iter()
        .map(|&setting| Results::of(setting, &report.steps))
        .collect();
    if report.steps.is_empty() {
        return "Nothing was measured.\n".to_owned();
    }
    let open = report
        .steps
        .iter()
        .any(|step| step.operations.values().any(|o| o.response.is_some()));
    let mut text = settings_table(&results, if open { "response" } else { "call" });
    for result in &results {
        broken(&mut text, result);
    }
    text.push_str(&cost::text(&results, &report.summary));
    text.push('\n');
    for recommendation in &report.summary.recommendations {
        recommended(&mut text, recommendation);
    }
    if let Some(limit) = &report.summary.limit {
        let whose = match limit.owner {
            LimitOwner::Target => "the server's",
            LimitOwner::Network => "the network's",
            LimitOwner::Generator => "the load generator's",
            LimitOwner::Bound => "the bound that was set",
            LimitOwner::Unknown => "not known",
        };
        let throughput = table::rate(limit.value);
        let _ = writeln!(text, "Limit at {throughput}: {whose}\n  {}", limit.reason);
    }
    text
}

fn settings_table(results: &[Results], latency: &str) -> String {
    let header = [
        "",
        "throughput",
        latency,
        "p99",
        "checkout",
        "service",
        "p99",
        "errors",
    ];
    let mut table = Table::new(&header);
    for result in results.iter().filter(|r| !r.held.is_empty()) {
        let felt = result.phase(Operation::latency);
        let checkout = result.phase(|o| o.checkout.as_ref());
        let service = result.phase(|o| o.service.as_ref());
        let setting = result.setting;
        let errors: u64 = result.errors().values().sum();
        table.row(&[
            format!("{} {}", setting.driver.name(), setting.size),
            result
                .throughput_per_s()
                .map_or("–".to_owned(), table::rate),
            at(felt.as_ref(), 0.5),
            at(felt.as_ref(), 0.99),
            at(checkout.as_ref(), 0.99),
            at(service.as_ref(), 0.5),
            at(service.as_ref(), 0.99),
            errors.to_string(),
        ]);
    }
    format!(
        "{table}{latency} and service: median, then 99th percentile; checkout: 99th percentile\n"
    )
}

fn at(recording: Option<&Recording>, quantile: f64) -> String {
    recording.map_or("–".to_owned(), |r| {
        table::duration_ns(r.value_at_quantile(quantile))
    })
}

/// Errors by kind, and how steps ended that did not last.
fn broken(text: &mut String, result: &Results) {
    let errors = result.errors();
    if !errors.is_empty() {
        let kinds: Vec<String> = errors
            .iter()
            .map(|(kind, count)| format!("{count} × {kind}"))
            .collect();
        let _ = writeln!(
            text,
            "{}: errors: {}",
            result.setting.name(),
            kinds.join(", ")
        );
    }
    for step in &result.broken {
        let how = match &step.end {
            StepEnd::Completed => continue,
            StepEnd::Stopped { rule, reason } => format!("stopped by {rule}: {reason}"),
            StepEnd::Interrupted => "interrupted".to_owned(),
            StepEnd::Failed { reason } => format!("failed: {reason}"),
        };
        let _ = writeln!(text, "{} (repeat {}): {how}", step.name, step.repeat + 1);
    }
}

fn recommended(text: &mut String, recommendation: &Recommendation) {
    let r = recommendation;
    let what = if r.parameter == "users" {
        "users, each with a connection"
    } else {
        "connections"
    };
    let _ = match (r.value, r.throughput_per_s) {
        (Some(value), Some(throughput)) => writeln!(
            text,
            "{}: run with {value} {what} ({}), {}",
            r.subject,
            interval(r),
            table::rate(throughput)
        ),
        _ => writeln!(text, "{}: no recommendation", r.subject),
    };
    let _ = writeln!(text, "  {}", r.reason);
    if let Some(detectable) = r.detectable_difference_ratio {
        let _ = writeln!(
            text,
            "  this sweep could tell differences of {} from noise",
            table::ratio(detectable)
        );
    }
}

#[cfg(test)]
mod tests {
    use bench_report::Histogram;
    use bench_report::histogram::recording;

    use super::*;
    use crate::drivers::Driver;
    use crate::sweep::tests::{report, step};

    #[test]
    fn the_table_fits_into_80_columns_and_names_what_broke() {
        let mut slow = recording();
        slow.saturating_record(123_456_789);
        let mut held = step(1_024, 0, 84_700.0);
        for operation in held.operations.values_mut() {
            let histogram = Histogram::of(&slow);
            operation.response.clone_from(&histogram);
            operation.checkout.clone_from(&histogram);
            operation.service = histogram;
            operation.errors.insert("timeout.wait".to_owned(), 123_456);
        }
        let mut broken = step(1_024, 1, 0.0);
        broken.end = StepEnd::Failed {
            reason: "it broke".to_owned(),
        };
        let setting = Setting {
            driver: Driver::Deadpool,
            size: 1_024,
        };
        let text = render(&report(vec![held, broken]), &[setting]);
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
}
