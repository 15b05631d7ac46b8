//! Text of a finished measurement of recovery.

use bench_cli::table::{self, Table};
use bench_report::names::{FigureName, steps};
use bench_report::{Report, Step, StepEnd};
use serde_json::Value;

const LEGEND: &str = "ended: connections of the client that the event ended; failed: requests that \
                      failed or were never answered from then on; first success and p99 back: from \
                      the instant at which the server takes connections again, p99 within 10 % of \
                      that before the event for three windows of 200 requests; opened: connections \
                      that the server took from then on";

/// Returns the steps in which a client was watched after an event, in their order.
fn watched(report: &Report) -> impl Iterator<Item = &Step> {
    let steps = report.steps.iter();
    steps.filter(|step| step.is_with(&[("part", "after")]))
}

/// Returns the name of the event of a step.
fn event(step: &Step) -> String {
    let event = step.parameters.get("event");
    event.map_or_else(String::new, ToString::to_string)
}

/// Returns the way to connect of a step.
fn way(step: &Step) -> &str {
    step.name.split(", ").next().unwrap_or_default()
}

/// Returns the result in one sentence.
pub(super) fn headline(report: &Report) -> String {
    let all = table::counted(watched(report).count() as u64, "event");
    let answered = |step: &&Step| step.value(steps::EVENT_FIRST_SUCCESS_NS).is_some();
    let back = |step: &&Step| step.value(steps::EVENT_P99_BACK_NS).is_some();
    format!(
        "of {all}, clients answered again after {}, and as fast as before after {}",
        watched(report).filter(answered).count(),
        watched(report).filter(back).count()
    )
}

/// Returns the result as a table, with a row for each way to connect and each event.
pub(super) fn render(report: &Report) -> String {
    let mut table = Table::new(&[
        "way to connect",
        "event",
        "ended",
        "failed",
        "first success",
        "p99 back",
        "opened",
    ]);
    for step in watched(report) {
        let count = |name: FigureName| {
            let count = step.value(name);
            count.map_or_else(|| "–".to_owned(), |count| format!("{count:.0}"))
        };
        table.row(&[
            way(step).to_owned(),
            event(step),
            count(steps::EVENT_CONNECTIONS_ENDED),
            count(steps::EVENT_REQUESTS_FAILED),
            first_success(step),
            p99_back(step),
            count(steps::EVENT_CONNECTIONS_OPENED),
        ]);
    }
    let rate = report.config.get("rate_per_s").and_then(Value::as_f64);
    let rate = table::rate(rate.unwrap_or_default());
    let head = format!("redis-bench pool --recovery: {rate} with each way to connect");
    let (head, legend) = (table::paragraph(&head, 0), table::paragraph(LEGEND, 0));
    format!("{head}\n{table}{legend}")
}

fn first_success(step: &Step) -> String {
    if step.value(steps::EVENT_REQUESTS_FAILED).is_none() {
        return "–".to_owned();
    }
    match step.value(steps::EVENT_FIRST_SUCCESS_NS) {
        Some(ns) => table::duration_ns(ns as u64),
        None => format!("none in {}", length(step)),
    }
}

/// Returns the time until the latency was as before, or why there is none.
fn p99_back(step: &Step) -> String {
    let (back, unconfirmed) = (
        step.value(steps::EVENT_P99_BACK_NS),
        step.value(steps::EVENT_P99_UNCONFIRMED_NS),
    );
    match (back, unconfirmed) {
        (Some(0.0), _) => "at once".to_owned(),
        (Some(ns), _) => table::duration_ns(ns as u64),
        (None, Some(ns)) => format!("perhaps {}", table::duration_ns(ns as u64)),
        _ if step.value(steps::EVENT_BASE_P99_NS).is_none() => "unknown".to_owned(),
        _ if step.end == StepEnd::Completed => format!("not in {}", length(step)),
        _ => "–".to_owned(),
    }
}

/// Returns the time for which the client was watched.
fn length(step: &Step) -> String {
    let window = step.window;
    let ns = window
        .measure_end_ns
        .saturating_sub(window.measure_start_ns);
    table::duration_ns(ns)
}
