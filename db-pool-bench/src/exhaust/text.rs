//! Text of the result of `exhaust` for the terminal.

use bench_cli::table::{self, Table};
use bench_report::names::steps;
use bench_report::{Operation, Report, Step};
use pg_evidence::gap;

use super::findings::{FEWEST_BEFORE, Fairness};
use super::plan::{AFTER, BEFORE, HELD};
use super::plan::{ExhaustPlan, ExhaustSetting};
use super::steps::{deadlock_of, deadlock_sentence, of_part};
use crate::text::{append_early_end, quantile_text, time_sentence};
use bench_cli::settings::whole;

const LEGEND: &str = "call, wait (for a connection), p99 and longest: of those who got one; call and \
                      wait: medians; gave up after: median of those who got none";

/// Returns a table of the parts of each setting, each followed by the conclusions, wrapped for a
/// terminal and ending with a line break.
pub(super) fn render(report: &Report, plan: &ExhaustPlan) -> String {
    if report.steps.is_empty() {
        return "Nothing was measured.\n".to_owned();
    }
    let mut text = String::new();
    for &setting in &plan.settings {
        for part in [BEFORE, HELD, AFTER] {
            for step in of_part(report, setting, part) {
                append_early_end(&mut text, step);
            }
        }
        if measured(report, setting, HELD).next().is_none() {
            continue;
        }
        let title = format!(
            "{}: {} users and {} holders on {} connections",
            setting.name(),
            plan.users(),
            plan.holders(),
            plan.flags.pool.size
        );
        text += &table::paragraph(&title, 0);
        text += &parts_table(report, setting);
        for gap in gap_sentences(report, setting, plan.flags.repeats) {
            text += &table::paragraph(&gap, 2);
        }
        let held = measured(report, setting, HELD);
        if let Some(said) = time_sentence("while connections were kept users and holders", &held) {
            text += &table::paragraph(&said, 2);
        }
        for step in measured(report, setting, HELD) {
            for sentence in held_sentences(step, plan) {
                text += &table::paragraph(&sentence, 2);
            }
        }
        for step in measured(report, setting, AFTER) {
            let mut before = of_part(report, setting, BEFORE);
            let before = before.find(|before| before.repeat == step.repeat);
            let before = before.map_or(0, |step| {
                step.operations.values().map(|o| o.attempted).sum()
            });
            text += &table::paragraph(&recovery_sentence(step, before), 2);
        }
        text.push('\n');
    }
    text += &table::paragraph(LEGEND, 0);
    text
}

/// Iterates over the steps of this setting and part in which requests were made.
fn measured<'r>(
    report: &'r Report,
    setting: ExhaustSetting,
    part: &'r str,
) -> impl Iterator<Item = &'r Step> + Clone {
    of_part(report, setting, part).filter(|step| !step.operations.is_empty())
}

fn parts_table(report: &Report, setting: ExhaustSetting) -> String {
    let header = [
        "",
        "throughput",
        "call",
        "wait",
        "p99",
        "longest",
        "gave up after",
        "errors",
    ];
    let mut table = Table::new(&header);
    for part in [BEFORE, HELD, AFTER] {
        for step in measured(report, setting, part) {
            let call = whole(step, Operation::latency);
            let wait = whole(step, |o| o.checkout.as_ref());
            let failed = whole(step, |o| o.failed.as_ref());
            let errors: u64 = step.operations.values().map(Operation::failures).sum();
            table.row(&[
                part.to_owned(),
                table::rate(step.throughput_per_s()),
                quantile_text(call.as_ref(), 0.5),
                quantile_text(wait.as_ref(), 0.5),
                quantile_text(wait.as_ref(), 0.99),
                quantile_text(wait.as_ref(), 1.0),
                quantile_text(failed.as_ref(), 0.5),
                errors.to_string(),
            ]);
        }
    }
    table.to_string()
}

/// Returns a sentence for each repeat of `setting` in which the server could not be reached for
/// some time. `repeats` is the number of repeats.
fn gap_sentences(report: &Report, setting: ExhaustSetting, repeats: u64) -> Vec<String> {
    let of = |repeat| {
        let parts = [BEFORE, HELD, AFTER].into_iter();
        let steps = parts.flat_map(|part| {
            let steps = measured(report, setting, part);
            steps.map(move |step| (part, step))
        });
        let of_one = steps.filter(move |(_, step)| step.repeat == repeat);
        gap::sentence(&of_one.collect::<Vec<_>>())
    };
    (0..repeats).filter_map(of).collect()
}

fn held_sentences(step: &Step, plan: &ExhaustPlan) -> Vec<String> {
    let figure = |name| step.value(name).unwrap_or(0.0);
    let fairness = Fairness {
        median_ns: figure(steps::WAIT_MEDIAN_NS) as u64,
        longest_ns: figure(steps::WAIT_LONGEST_NS) as u64,
        gave_up: figure(steps::WAIT_GAVE_UP) as usize,
        passed_over: figure(steps::WAIT_PASSED_OVER) as usize,
        starved: figure(steps::WAIT_STARVED) as usize,
        visits: 0,
    };
    let mut sentences = vec![wait_sentence(&fairness)];
    if let Some(timeouts) = timeouts(step) {
        sentences.push(timeouts);
    }
    if let Some(found) = deadlock_of(step) {
        sentences.push(deadlock_sentence(found, plan));
    }
    sentences
}

fn wait_sentence(fairness: &Fairness) -> String {
    let longest = table::duration_ns(fairness.longest_ns);
    let ratio = fairness.longest_by_median();
    let ratio = ratio.map_or_else(String::new, |r| format!(", {r:.1} times the median"));
    let order = match (fairness.passed_over, fairness.starved) {
        (0, _) => "nobody was passed over: the pool serves in the order of arrival".to_owned(),
        (1, 0) => "one was served after somebody who came later".to_owned(),
        (passed, 0) => format!("{passed} were served after somebody who came later"),
        (passed, starved) => format!(
            "{passed} were passed over by somebody who came later, and {starved} of them gave up: \
             the longest waiters starve"
        ),
    };
    format!("longest wait {longest}{ratio}; {order}")
}

/// Returns a clause with the number of the step's failures of each kind and operation; the kind
/// names the phase that timed out. `None` if there were none.
fn timeouts(step: &Step) -> Option<String> {
    let mut kinds: Vec<String> = Vec::new();
    for (name, operation) in &step.operations {
        for (kind, count) in &operation.errors {
            kinds.push(format!("{count} × {kind} ({name})"));
        }
    }
    (!kinds.is_empty()).then(|| format!("while connections were kept: {}", kinds.join(", ")))
}

fn recovery_sentence(step: &Step, before: u64) -> String {
    match step.value(steps::RECOVERY_NS) {
        _ if before < FEWEST_BEFORE as u64 => format!(
            "whether waits were as before is unknown: only {before} requests came before the holders"
        ),
        Some(ns) => format!(
            "waits were as before {} after the holders let go",
            table::duration_ns(ns as u64)
        ),
        None => format!(
            "waits were not as before within {}",
            table::duration_ns((step.window.measured_s() * 1e9) as u64)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::PoolBenchCommand;
    use crate::golden;

    #[test]
    fn a_real_run_is_told_as_it_was() {
        let PoolBenchCommand::Exhaust(flags) = golden::command("exhaust") else {
            panic!("it names the scenario");
        };
        let (plan, report) = (ExhaustPlan::new(&flags).unwrap(), golden::report("exhaust"));
        golden::assert_made_with(&report, &plan.config());
        let text = render(&report, &plan);
        golden::assert_fits(&text);
        insta::assert_snapshot!(text);
    }
}
