//! Charts of sweeps, of WebSocket connections and of percentiles.

use bench_report::{Latency, Operation, Step};

use super::data::{Chart, ChartBand, ChartLine, PageCharts, four_digits};
use super::search_charts::search_charts;
use super::time_charts::{TimeAxis, marks, time_charts};
use crate::assessment::{Assessment, ComponentKind};
use crate::render::excerpt::Excerpt;
use crate::requests::{self, PercentileFn};
use crate::run_reports::RunReports;
use crate::source_report::SourceReport;
use crate::sweep::{self, Sweep};

/// Returns all charts of a run, and its marks: charts over time, of sweeps and searches, of
/// connections and of percentiles.
pub(super) fn all_charts(run: &RunReports, assessment: &Assessment) -> PageCharts {
    let axis = TimeAxis::new(run);
    let mut charts = time_charts(run, &axis);
    for source in run.benches().take(Excerpt::PAGE.components) {
        charts.extend(sweep_charts(source));
        charts.extend(search_charts(source));
        charts.extend(connection_chart(source));
    }
    charts.extend(percentiles(run, assessment));
    PageCharts {
        end_s: axis.end_s,
        marks: marks(run, &axis),
        charts,
    }
}

/// Returns two charts for each swept parameter, one of the throughput and one of the p99. Each
/// sweep with two or more settings is one line. Empty if nothing was swept.
fn sweep_charts(source: &SourceReport) -> Vec<Chart> {
    let all = Sweep::from_report(&source.report);
    let mut charts = Vec::new();
    for parameter in ["pool_size", "users", "rate_per_s"] {
        let wide = |s: &&Sweep| s.parameter == parameter && s.settings.len() > 1;
        let sweeps: Vec<&Sweep> = all.iter().filter(wide).collect();
        if sweeps.is_empty() {
            continue;
        }
        let base = Chart {
            id: format!("sweep-{}-{parameter}", source.file.replace(['.', ' '], "-")),
            title: format!(
                "{}: throughput by {}",
                source.title(),
                parameter.replace('_', " ")
            ),
            caption: "Mean of the repeats. Shaded: what the bench recommends.".to_owned(),
            x_label: parameter.replace('_', " "),
            x_scale: "log2",
            unit: "per_s",
            y_log: false,
            lines: Vec::new(),
            bands: recommended(source, parameter),
            group: None,
        };
        let mut throughput = base.clone();
        let mut latency = Chart {
            id: base.id.clone() + "-p99",
            title: format!("{}: p99 by {}", source.title(), parameter.replace('_', " ")),
            caption: "Median of the repeats, slowest operation.".to_owned(),
            unit: "ns",
            ..base
        };
        for sweep in sweeps {
            let x: Vec<f64> = sweep.settings.iter().map(|s| s.value).collect();
            let line = |y: Vec<Option<f64>>| ChartLine {
                label: sweep.subject.clone(),
                x: x.clone(),
                y,
                peak: None,
            };
            let speeds = sweep
                .settings
                .iter()
                .map(|s| Some(four_digits(s.throughput_per_s)));
            throughput.lines.push(line(speeds.collect()));
            let tails = sweep.settings.iter().map(|s| s.p99_ns.map(four_digits));
            latency.lines.push(line(tails.collect()));
        }
        charts.extend([throughput, latency]);
    }
    charts
}

fn recommended(source: &SourceReport, parameter: &str) -> Vec<ChartBand> {
    let all = source.report.summary.recommendations.iter();
    all.filter(|r| r.parameter == parameter)
        .filter_map(|r| {
            let value = r.value?;
            Some(ChartBand {
                from: r.low.unwrap_or(value),
                to: r.high.unwrap_or(value),
                label: format!("recommended for {}", r.subject),
            })
        })
        .collect()
}

/// Returns a chart of latency over the number of WebSocket connections; `None` for other benches,
/// and if no line has two points.
fn connection_chart(source: &SourceReport) -> Option<Chart> {
    if !source
        .component()
        .is_some_and(ComponentKind::holds_connections)
    {
        return None;
    }
    let lines: [(&str, &str, PercentileFn); 4] = [
        ("connect", "establishing, p50", |h| h.percentiles_ns.p50),
        ("connect", "establishing, p99", |h| h.percentiles_ns.p99),
        ("echo", "echo round trip, p50", |h| h.percentiles_ns.p50),
        ("echo", "echo round trip, p99", |h| h.percentiles_ns.p99),
    ];
    let mut steps: Vec<_> = source.report.steps.iter().collect();
    let level = |s: &Step| s.parameter("connections").unwrap_or(0.0);
    steps.sort_by(|a, b| level(a).total_cmp(&level(b)));
    let line = |(operation, label, pick): (&str, &str, PercentileFn)| {
        let value = |s: &&Step| {
            let felt = s.operations.get(operation)?.percentiles()?;
            Some(four_digits(pick(&felt) as f64))
        };
        ChartLine {
            label: label.to_owned(),
            x: steps.iter().map(|s| level(s)).collect(),
            y: steps.iter().map(value).collect(),
            peak: None,
        }
    };
    let lines: Vec<ChartLine> = lines.map(line).into_iter().collect();
    let drawn = lines.iter().any(|l| l.y.iter().flatten().count() > 1);
    drawn.then(|| Chart {
        id: "levels".to_owned(),
        title: "WebSocket: latency by open connections".to_owned(),
        caption: "Logarithmic in both directions.".to_owned(),
        x_label: "connections".to_owned(),
        x_scale: "log2",
        unit: "ns",
        y_log: true,
        lines,
        bands: Vec::new(),
        group: None,
    })
}

/// Returns one chart for each operating point: the latency at quantile q over 1 ÷ (1 − q), with a
/// curve for each operation. Components without an operating point have none.
fn percentiles(run: &RunReports, assessment: &Assessment) -> Vec<Chart> {
    let mut charts = Vec::new();
    for component in &assessment.components {
        let source = run.sources.iter().find(|s| s.file == component.file);
        let (Some(source), Some(point)) = (source, &component.operating_point) else {
            continue;
        };
        let Some(step) = source.report.steps.get(point.step) else {
            continue;
        };
        let curves = step.operations.iter().filter_map(|(name, operation)| {
            let (field, _) = requests::latency(operation)?;
            curve(format!("{name}, {field}"), operation)
        });
        let lines: Vec<ChartLine> = curves.collect();
        let unanswered = match step.censored() {
            0 => String::new(),
            count => format!(
                " {count} requests were never answered: where a curve falls among them it shows how \
                 long they had waited at least."
            ),
        };
        if !lines.is_empty() {
            charts.push(Chart {
                id: format!("percentiles-{}", source.file.replace(['.', ' '], "-")),
                title: format!("{}: latency by percentile", source.title()),
                caption: format!("At {}.{unanswered}", sweep::describe_setting(step)),
                x_label: "percentile".to_owned(),
                x_scale: "percentile",
                unit: "ns",
                y_log: true,
                lines,
                bands: Vec::new(),
                group: None,
            });
        }
    }
    charts
}

fn curve(label: String, operation: &Operation) -> Option<ChartLine> {
    let felt = Latency::from_operations([operation]).ok()?;
    let count = felt.finished().len() + felt.unfinished();
    let mut line = ChartLine {
        label,
        x: Vec::new(),
        y: Vec::new(),
        peak: None,
    };
    // Draws eight points per decade, up to the quantile above which only one sample lies.
    for eighth in 0..=40 {
        let x = 10f64.powf(f64::from(eighth) / 8.0);
        if x > count as f64 {
            break;
        }
        line.x.push(four_digits(x));
        let value = felt.quantile(1.0 - 1.0 / x);
        line.y.push(value.map(|value| value.ns as f64));
    }
    Some(line)
}
