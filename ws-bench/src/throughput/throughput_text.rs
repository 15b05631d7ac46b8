//! Result of `throughput` as text, and its summary.

use bench_cli::settings::SettingResults;
use bench_cli::table::{self, Table};
use bench_report::names::{FigureName, steps, summaries};
use bench_report::{Report, Step, Summary};
use statistics::mean;

/// Counts of messages that went wrong without being errors of the load, as the text names them.
const STRAYS: [(FigureName, &str); 4] = [
    (steps::LOST_MESSAGES, "lost"),
    (steps::LATE_ANSWERS, "answered late"),
    (steps::DUPLICATE_ANSWERS, "answered twice"),
    (steps::UNMATCHED_MESSAGES, "received that answer none"),
];

/// Returns the name of the setting with this number of connections.
pub(crate) fn setting(connections: u64) -> String {
    table::counted(connections, "connection")
}

/// Steps of one number of connections.
type Setting<'a> = SettingResults<'a, ()>;

fn settings(report: &Report) -> Vec<Setting<'_>> {
    let counts = report.steps.iter().filter_map(connections);
    let mut counts: Vec<u64> = counts.collect();
    counts.sort_unstable();
    counts.dedup();
    let of = |count: u64| {
        let is_of = |step: &Step| connections(step) == Some(count);
        SettingResults::new((), setting(count), count, &report.steps, is_of)
    };
    counts.into_iter().map(of).collect()
}

fn connections(step: &Step) -> Option<u64> {
    step.parameter("connections").map(|count| count as u64)
}

/// Returns the mean of a figure over the completed repeats; `None` if it was not measured.
fn figure(setting: &Setting<'_>, of: impl Fn(&Step) -> Option<f64>) -> Option<f64> {
    let each: Vec<f64> = setting
        .held
        .iter()
        .filter_map(|(_, _, step)| of(step))
        .collect();
    mean(&each)
}

/// Returns the summary of a run: its best throughput and its headline.
pub(crate) fn conclude(report: &Report) -> Summary {
    let settings = settings(report);
    let told: Vec<String> = settings.iter().filter_map(sentence).collect();
    let mut summary = Summary {
        headline: if told.is_empty() {
            "nothing was measured to its end".to_owned()
        } else {
            told.join("; ")
        },
        ..Summary::default()
    };
    let each = settings.iter().filter_map(Setting::throughput_per_s);
    if let Some(best) = each.max_by(f64::total_cmp) {
        summary.figure(summaries::BEST_THROUGHPUT_PER_S, best);
    }
    summary
}

fn sentence(setting: &Setting<'_>) -> Option<String> {
    let rate = table::rate(setting.throughput_per_s()?);
    let p99 = setting.latency().and_then(|latency| latency.quantile(0.99));
    let (name, p99) = (&setting.name, table::quantile(p99));
    Some(format!("{name}: {rate} answered, p99 {p99}"))
}

/// Returns the whole result: a table with a row for each number of connections, and a line for each
/// of them with lost, late, doubled or foreign messages.
pub(crate) fn text(report: &Report) -> String {
    let settings = settings(report);
    if settings.is_empty() {
        return "no step was measured\n".to_owned();
    }
    let mut text = format!("{}\n", throughput_table(&settings));
    text.push_str(&format!("\n{}\n", cost_table(&settings)));
    for setting in &settings {
        let told = strays(setting);
        if !told.is_empty() {
            text.push_str(&table::paragraph(&format!("{}: {told}.", setting.name), 0));
        }
    }
    for setting in &settings {
        for (kind, count) in setting.errors() {
            let line = format!("{}: {count} × {kind}", setting.name);
            text.push_str(&table::paragraph(&line, 0));
        }
    }
    text
}

fn throughput_table(settings: &[Setting<'_>]) -> Table {
    let is_open = settings.iter().any(Setting::is_open_loop);
    let mut header = vec![
        "connections",
        "messages/s",
        "sent",
        "received",
        "p50",
        "p99",
        "p99.9",
    ];
    if is_open {
        header.push("carried");
    }
    let mut table = Table::new(&header);
    for setting in settings {
        let latency = setting.latency();
        let at = |q| table::quantile(latency.as_ref().and_then(|latency| latency.quantile(q)));
        let mut row = vec![
            setting.value.to_string(),
            shown(setting.throughput_per_s(), table::rate),
            mib_per_s(setting, steps::BYTES_SENT_PER_S),
            mib_per_s(setting, steps::BYTES_RECEIVED_PER_S),
            at(0.5),
            at(0.99),
            at(0.999),
        ];
        if is_open {
            row.push(shown(figure(setting, Step::carried_ratio), table::ratio));
        }
        table.row(&row);
    }
    table
}

fn cost_table(settings: &[Setting<'_>]) -> Table {
    let header = [
        "connections",
        "errors",
        "CPU/message",
        "client memory",
        "server memory",
    ];
    let mut table = Table::new(&header);
    for setting in settings {
        let errors: u64 = setting.errors().values().sum();
        let memory = |bytes: Option<f64>| shown(bytes, |bytes| table::bytes(bytes as u64));
        let cpu_ns = figure(setting, |step| step.generator.cpu_per_operation_ns);
        let server = figure(setting, |step| {
            let server = step.server.as_ref()?;
            server.value(bench_report::names::websocket::SERVER_RSS_BYTES)
        });
        table.row(&[
            setting.value.to_string(),
            errors.to_string(),
            shown(cpu_ns, |ns| table::duration_ns(ns as u64)),
            memory(figure(setting, |step| step.value(steps::CLIENT_RSS_BYTES))),
            memory(server),
        ]);
    }
    table
}

fn shown(figure: Option<f64>, text: impl Fn(f64) -> String) -> String {
    figure.map_or_else(|| "–".to_owned(), text)
}

fn mib_per_s(setting: &Setting<'_>, name: FigureName) -> String {
    let per_s = figure(setting, |step| step.value(name));
    shown(per_s, |bytes| format!("{}/s", table::bytes(bytes as u64)))
}

/// Returns the counts of lost, late, doubled and foreign messages of a setting, over all its steps,
/// as a part of a sentence; empty if there are none.
fn strays(setting: &Setting<'_>) -> String {
    let count = |name: FigureName| {
        let each = setting.all_steps().filter_map(|step| step.value(name));
        each.sum::<f64>() as u64
    };
    let told = STRAYS.iter().filter_map(|(name, what)| {
        let count = count(*name);
        (count > 0).then(|| format!("{} {what}", table::counted(count, "message")))
    });
    told.collect::<Vec<_>>().join(", ")
}
