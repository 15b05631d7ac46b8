//! Text of the result of `lifecycle` for the terminal.

use bench_cli::table::{self, Table};
use bench_report::names::steps;
use bench_report::{Operation, Report, Step};

use super::findings::{cost_sentence, gap_sentence, idle_sentence, leak_sentence, part, turnover};
use super::plan::{LifecyclePlan, NO_POOL, SPIKE, SPIKE_AGAIN, STORM};
use crate::text::{append_early_end, append_errors, quantile_text, time_sentence};
use bench_cli::settings::whole;

const LEGEND: &str = "\nresponse: median, then 99th percentile; wait: for a connection, 99th percentile; \
                      open (at the end), opened, closed: sessions that the server saw";

/// Returns the cost of connecting, then a table and conclusions for each pool, wrapped for a
/// terminal and ending with a line break.
pub(super) fn render(report: &Report, plan: &LifecyclePlan) -> String {
    if report.steps.is_empty() {
        return "Nothing was measured.\n".to_owned();
    }
    let mut text = String::new();
    for step in &report.steps {
        append_early_end(&mut text, step);
    }
    if let Some(said) = cost_sentence(report) {
        text += &table::paragraph(&said, 0);
    }
    if let Some(step) = part(report, NO_POOL, STORM) {
        let said = storm_sentence(step);
        text += &said.map_or_else(String::new, |said| table::paragraph(&said, 0));
        let spent = time_sentence("those who came in", &std::iter::once(step));
        text += &spent.map_or_else(String::new, |said| table::paragraph(&said, 2));
    }
    for driver in &plan.drivers {
        let who = driver.name();
        let Some(turnover) = turnover(report, who) else {
            continue;
        };
        let title = format!(
            "\n{who}, at most {} connections: opened {}, closed {}, established again {}",
            plan.flags.pool.size, turnover.opened, turnover.closed, turnover.established_again
        );
        text += &table::paragraph(&title, 0);
        text += &parts_table(report, who, plan);
        for name in plan.parts.iter().map(|part| part.name) {
            let steps: Vec<&Step> = part(report, who, name).into_iter().collect();
            append_errors(&mut text, &format!("{who}, {name}"), &steps);
        }
        let said = [
            gap_sentence(report, who),
            idle_sentence(report, who, plan),
            Some(leak_sentence(report, who)),
        ];
        let spent = [SPIKE, SPIKE_AGAIN].map(|name| {
            let step = part(report, who, name);
            time_sentence(&format!("in the {name} users"), &step.into_iter())
        });
        for sentence in said.into_iter().chain(spent).flatten() {
            text += &table::paragraph(&sentence, 2);
        }
    }
    if plan
        .drivers
        .iter()
        .any(|d| turnover(report, d.name()).is_some())
    {
        text += &table::paragraph(LEGEND, 0);
    }
    text
}

/// Returns a clause about the step with many logins at once: their number, their times and their
/// failures. `None` if no login was attempted.
fn storm_sentence(step: &Step) -> Option<String> {
    let logins = step.value(steps::STORM_LOGINS)?;
    let took = step.value(steps::STORM_WHOLE_NS)?;
    let felt = whole(step, Operation::latency);
    let failed: u64 = step.operations.values().map(Operation::failures).sum();
    Some(format!(
        "login storm: {logins} at once took {}; median {}, longest {}; {failed} failed",
        table::duration_ns(took as u64),
        quantile_text(felt.as_ref(), 0.5),
        quantile_text(felt.as_ref(), 1.0)
    ))
}

fn parts_table(report: &Report, who: &str, plan: &LifecyclePlan) -> String {
    let header = [
        "", "carried", "response", "p99", "wait", "open", "opened", "closed", "errors",
    ];
    let mut table = Table::new(&header);
    let parts = plan.parts.iter();
    for step in parts.filter_map(|planned| part(report, who, planned.name)) {
        let felt = whole(step, Operation::latency);
        let checkout = whole(step, |o| o.checkout.as_ref());
        let errors: u64 = step.operations.values().map(Operation::failures).sum();
        let count = |name| step.value(name).map_or("–".into(), |n: f64| n.to_string());
        // The full name would make the table wider than a terminal.
        let name = match step.parameters.get("part").map(ToString::to_string) {
            Some(again) if again == SPIKE_AGAIN => "spike again".to_owned(),
            name => name.unwrap_or_default(),
        };
        table.row(&[
            name,
            table::rate(step.throughput_per_s().abs()),
            quantile_text(felt.as_ref(), 0.5),
            quantile_text(felt.as_ref(), 0.99),
            quantile_text(checkout.as_ref(), 0.99),
            count(steps::SERVER_OPEN_AT_END),
            count(steps::SERVER_OPENED),
            count(steps::SERVER_CLOSED),
            errors.to_string(),
        ]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::PoolBenchCommand;
    use crate::golden;

    #[test]
    fn a_real_run_is_told_as_it_was() {
        let PoolBenchCommand::Lifecycle(flags) = golden::command("lifecycle") else {
            panic!("it names the scenario");
        };
        let (plan, report) = (
            LifecyclePlan::new(&flags).unwrap(),
            golden::report("lifecycle"),
        );
        golden::assert_made_with(&report, &plan.config());
        let text = render(&report, &plan);
        golden::assert_fits(&text);
        insta::assert_snapshot!(text);
    }
}
