//! Result of a search for the limit, as text.

use bench_cli::table::{Table, bytes, counted, quantile, rate, ratio};
use bench_report::names::{steps, websocket};
use bench_report::{Limit, LimitOwner, Report, Step, StepEnd};

/// Returns one sentence without a full stop: how many connections were held, whose limit it was,
/// and why.
pub(crate) fn headline(limit: &Limit) -> String {
    let whose = match limit.owner {
        LimitOwner::Target => "the limit is the target's",
        LimitOwner::Network => "the limit is the network's",
        LimitOwner::Generator => "the limit is this generator's, not the target's",
        LimitOwner::Bound => "no limit was met",
        LimitOwner::Unknown => "the limit is not known",
    };
    format!(
        "{} connections held; {whose}: {}",
        limit.value, limit.reason
    )
}

/// Returns the whole result, a table with a row for each step and then the headline, with a
/// trailing line break.
pub(crate) fn text(report: &Report) -> String {
    let is_open = report.steps.iter().any(|s| s.carried_ratio().is_some());
    let mut header = vec![
        "connections",
        "opened/s",
        "connect p50",
        "p99",
        "echo p50",
        "p99",
        "server",
        "result",
    ];
    if is_open {
        header.insert(CARRIED_AT, "carried");
    }
    let mut table = Table::new(&header);
    for step in &report.steps {
        let mut row = row(step).to_vec();
        if is_open {
            let carried = step.carried_ratio().map_or_else(absent, ratio);
            row.insert(CARRIED_AT, carried);
        }
        table.row(&row);
    }
    let headline = match report.summary.headline.as_str() {
        "" => "no step was measured",
        headline => headline,
    };
    if report.steps.is_empty() {
        return format!("{headline}\n");
    }
    format!(
        "{table}\n{headline}\n{twice}",
        twice = answered_twice(report)
    )
}

/// Returns a line about the messages that were answered twice; empty if there are none.
fn answered_twice(report: &Report) -> String {
    let counts = report.steps.iter();
    let counts = counts.filter_map(|step| step.figures.get(steps::DUPLICATE_ANSWERS.as_str()));
    match counts.sum::<f64>() as u64 {
        0 => String::new(),
        count => format!("{} answered twice\n", counted(count, "message")),
    }
}

/// Index, from 0, of the table's column with the share of due messages that were answered. The
/// column is shown only if messages were due at a rate.
const CARRIED_AT: usize = 4;

fn absent() -> String {
    "–".to_owned()
}

fn row(step: &Step) -> [String; 8] {
    let operation = |name: &str| step.operations.get(name);
    let at = |name: &str, q: f64| {
        quantile(operation(name).and_then(|operation| operation.latency_at(q)))
    };
    let server = step.server.as_ref();
    let rss = server.and_then(|server| server.value(websocket::SERVER_RSS_BYTES));
    let result = match &step.end {
        StepEnd::Completed => "held",
        StepEnd::Stopped { .. } => "broke",
        StepEnd::Interrupted => "cut off",
        StepEnd::Failed { .. } => "failed",
        StepEnd::Unknown => "unknown",
    };
    [
        step.parameters
            .get("connections")
            .map_or_else(absent, ToString::to_string),
        operation("connect").map_or_else(absent, |o| rate(o.throughput_per_s)),
        at("connect", 0.5),
        at("connect", 0.99),
        at("echo", 0.5),
        at("echo", 0.99),
        rss.map_or_else(absent, |rss| bytes(rss as u64)),
        result.to_owned(),
    ]
}
