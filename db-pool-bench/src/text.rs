//! Blocks of text that the results of several scenarios have in common, for the terminal.

use std::fmt::Write as _;

use bench_cli::table::{self, Table};
use bench_report::histogram::Recording;
use bench_report::{CheckoutParts, Latency, Recommendation, Report, Step, StepEnd};

use pg_evidence::dominant_event;

use crate::results::SettingResults;
use bench_cli::settings::errors_by_kind;
use bench_cli::settings::interval;

/// Returns the name of the reported latency: `response` if requests had an instant at which they
/// were due (open loop), else `call`.
pub(crate) fn latency_name(report: &Report) -> &'static str {
    let mut operations = report
        .steps
        .iter()
        .flat_map(|step| step.operations.values());
    if operations.any(|operation| operation.response.is_some()) {
        "response"
    } else {
        "call"
    }
}

/// Returns two tables with one row for each setting that has completed repeats: one of the latency,
/// named `latency`, and one of its phases. `rows` are names and results. Empty if no setting has
/// any.
pub(crate) fn settings_table(rows: &[(String, &SettingResults)], latency: &str) -> String {
    let rows: Vec<_> = rows.iter().filter(|(_, r)| !r.held.is_empty()).collect();
    if rows.is_empty() {
        return String::new();
    }
    let header = ["", "checkout", "service", "p99", "errors", "unanswered"];
    let mut table = Table::new(&header);
    for (label, result) in &rows {
        let checkout = result.phase(|o| o.checkout.as_ref());
        let service = result.phase(|o| o.service.as_ref());
        table.row(&[
            label.clone(),
            quantile_text(checkout.as_ref(), 0.99),
            quantile_text(service.as_ref(), 0.5),
            quantile_text(service.as_ref(), 0.99),
            error_count(result),
            result.unanswered().to_string(),
        ]);
    }
    let felt = felt_table(
        "",
        latency,
        rows.iter().map(|(label, r)| (label.clone(), *r)),
    );
    let legend = "checkout: 99th percentile; service: median, then 99th percentile; both of \
                  requests that were answered";
    felt + &table.to_string() + &table::paragraph(legend, 0)
}

/// Returns a table of throughput and latency with a row for each of `rows` (name and results), over
/// all repeats, and its legend. `first` is the header of the column with the names.
pub(crate) fn felt_table<'r>(
    first: &str,
    latency: &str,
    rows: impl Iterator<Item = (String, &'r SettingResults<'r>)> + Clone,
) -> String {
    let is_open = rows.clone().any(|(_, result)| result.is_open_loop());
    let carried: &[&str] = if is_open { &["carried"] } else { &[] };
    let header = [
        &[first, "throughput"],
        carried,
        &[latency, "p99", "worst", "max"],
    ];
    let mut table = Table::new(&header.concat());
    let mut any_unanswered = false;
    for (label, result) in rows {
        let felt = result.latency();
        let at = |q| table::quantile(felt.as_ref().and_then(|felt| felt.quantile(q)));
        let mut row = vec![
            label,
            result.throughput_per_s().map_or_else(dash, table::rate),
        ];
        if is_open {
            let carried = result.mean(|step| step.carried_ratio().unwrap_or(f64::NAN));
            row.push(carried.map_or_else(dash, table::ratio));
        }
        let worst = result.worst_interval_ns();
        row.extend([
            at(0.5),
            at(0.99),
            table::worst_interval(worst, felt.as_ref().map_or(0, Latency::unfinished)),
            table::quantile(felt.as_ref().and_then(Latency::longest)),
        ]);
        any_unanswered |= felt.is_some_and(|felt| felt.unfinished() > 0);
        table.row(&row);
    }
    let mut legend = format!(
        "{latency}: median, then 99th percentile; worst: the highest 99th percentile of one \
         interval of any repeat; max: the longest"
    );
    if is_open {
        legend += "; carried: of the arrivals that were due";
    }
    if any_unanswered {
        legend += "; ≥: requests that were never answered count with the time they had waited, and \
                   take longer";
    }
    table.to_string() + &table::paragraph(&legend, 0)
}

fn dash() -> String {
    "–".to_owned()
}

/// Returns the number of failures of all kinds and all steps together, as text.
pub(crate) fn error_count(result: &SettingResults) -> String {
    result.errors().values().sum::<u64>().to_string()
}

/// Joins the sentences of a scenario, without their full stops, into its headline.
pub(crate) fn headline(sentences: &[String]) -> String {
    if sentences.is_empty() {
        return "nothing was measured".to_owned();
    }
    sentences.join(". ")
}

/// Formats the value at `quantile` (0 to 1) as a duration; a dash if nothing was recorded.
pub(crate) fn quantile_text(recording: Option<&Recording>, quantile: f64) -> String {
    recording.map_or("–".to_owned(), |r| {
        table::duration_ns(r.value_at_quantile(quantile))
    })
}

/// Appends the number of failures of each kind in `steps`, each kind with one message, to `text`;
/// appends nothing if there are none. `whose` is the name of the setting.
pub(crate) fn append_errors(text: &mut String, whose: &str, steps: &[&Step]) {
    let counts = errors_by_kind(steps.iter().copied());
    if !counts.is_empty() {
        text.push_str(&table::paragraph(&format!("{whose}: errors"), 0));
    }
    for (kind, count) in counts {
        let mut said = steps.iter().flat_map(|step| &step.failures);
        let said = said.find(|failure| failure.kind == kind);
        let said = said.map_or_else(String::new, |failure| format!(": {}", failure.message));
        text.push_str(&table::paragraph(&format!("{count} × {kind}{said}"), 2));
    }
}

/// Appends the failures and retries of a setting, and the reasons of its steps that ended early, to
/// `text`.
pub(crate) fn append_problems(text: &mut String, result: &SettingResults) {
    let steps: Vec<&Step> = result.all_steps().collect();
    append_errors(text, &result.name, &steps);
    let retries = result.retries();
    if retries > 0 {
        let line = format!(
            "{}: {retries} further tries after serialization failures and deadlocks",
            result.name
        );
        text.push_str(&table::paragraph(&line, 0));
    }
    for step in &result.broken {
        append_early_end(text, step);
    }
}

/// Smallest share of the users' time that [`time_sentence`] mentions.
const TOLD: f64 = 0.05;
/// Parts of the users' time: the name in figures, and the name in texts.
const TIME: [(&str, &str); 12] = [
    ("checkout", "checkout from the pool"),
    ("cpu", "the server's CPU"),
    ("lock", "locks of other sessions"),
    ("lwlock", "the server's own latches"),
    ("io", "the server's files"),
    ("client", "the server waiting for its client"),
    ("other_wait", "other waits in the server"),
    ("rest", "the client's own side (driver, network, hold)"),
    ("network", "reaching the server"),
    ("tls", "making TLS"),
    ("login", "logging in"),
    ("first_statement", "their first statement"),
];

/// Returns a clause about the parts of their time in `steps` on which `whom` spent at least 5 %,
/// largest first, each with its mean share over the steps that have the part, and the main wait
/// event. `None` if no part reaches 5 %, or none was measured.
pub(crate) fn time_sentence<'a>(
    whom: &str,
    steps: &(impl Iterator<Item = &'a Step> + Clone),
) -> Option<String> {
    let share = |part: &str| {
        let name = format!("time.{part}_ratio");
        let each = steps.clone().filter_map(|s| s.figures.get(&name).copied());
        statistics::mean(&each.collect::<Vec<_>>())
    };
    let mut parts: Vec<(&str, &str, f64)> = TIME
        .iter()
        .filter_map(|(part, said)| Some((*part, *said, share(part)?)))
        .filter(|(.., share)| *share >= TOLD)
        .collect();
    parts.sort_by(|a, b| b.2.total_cmp(&a.2));
    let told: Vec<String> = parts
        .iter()
        .map(|(part, said, share)| {
            let evidence = steps.clone().filter_map(|step| step.server.as_ref());
            let event = dominant_event(part, evidence);
            let event = event.map_or_else(String::new, |event| format!(" ({event})"));
            // The non-breaking space keeps a figure and its unit on one line.
            format!("{said}{event} {:.0}\u{a0}%", share * 100.0)
        })
        .collect();
    (!told.is_empty()).then(|| format!("{whom} spent their time on: {}", told.join(", ")))
}

/// Returns a clause about the parts of a checkout in `steps`; `None` if no pool recorded them.
pub(crate) fn checkout_sentence<'a>(steps: impl Iterator<Item = &'a Step>) -> Option<String> {
    let told = steps.filter_map(|step| step.pool.as_ref()?.checkout.as_ref());
    let parts = CheckoutParts::merged(told)?;
    Some(format!("a checkout took {}", table::checkout(&parts)))
}

/// Appends a line with the reason for which `step` ended early to `text`; appends nothing if it was
/// completed.
pub(crate) fn append_early_end(text: &mut String, step: &Step) {
    let how = match &step.end {
        StepEnd::Completed => return,
        StepEnd::Stopped { rule, reason } => format!("stopped by {rule}: {reason}"),
        StepEnd::Interrupted => "interrupted".to_owned(),
        StepEnd::Failed { reason } => format!("failed: {reason}"),
        StepEnd::Unknown => "ended in an unknown way".to_owned(),
    };
    let line = format!("{} (repeat {}): {how}", step.name, step.repeat + 1);
    text.push_str(&table::paragraph(&line, 0));
}

/// Appends one recommendation with its reason and the smallest detectable difference to `text`.
pub(crate) fn append_recommendation(text: &mut String, recommendation: &Recommendation) {
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
    text.push_str(&table::paragraph(&r.reason, 2));
    if let Some(detectable) = r.detectable_difference_ratio {
        let _ = writeln!(
            text,
            "  this sweep could tell differences of {} from noise",
            table::ratio(detectable)
        );
    }
}
