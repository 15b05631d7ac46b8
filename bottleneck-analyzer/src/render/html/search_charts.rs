//! Charts of searches for a rate: latency at each rate that was tried, and the bound.

use bench_cli::Objective;
use bench_report::{FoundRate, Latency};

use super::data::{Chart, ChartBand, ChartLine, four_digits};
use crate::source_report::SourceReport;

/// Returns a chart for each bound on a percentile that a search had. The chart has the percentile
/// over the rate, with one line for each search, and the bound as a level line.
pub(super) fn search_charts(source: &SourceReport) -> Vec<Chart> {
    let searches = &source.report.summary.found_rates;
    let mut bounds: Vec<&String> = searches.iter().flat_map(|s| &s.objectives).collect();
    bounds.sort();
    bounds.dedup();
    let bounds = bounds.into_iter();
    let charts = bounds.filter_map(|text| search_chart(source, text, text.parse().ok()?));
    charts.collect()
}

fn search_chart(source: &SourceReport, text: &str, objective: Objective) -> Option<Chart> {
    let Objective::Latency {
        name,
        quantile,
        below,
    } = objective
    else {
        return None;
    };
    let searches: Vec<&FoundRate> = source
        .report
        .summary
        .found_rates
        .iter()
        .filter(|search| search.objectives.iter().any(|objective| objective == text))
        .collect();
    let lines = searches.iter();
    let mut lines: Vec<ChartLine> = lines
        .filter_map(|search| percentile_by_rate(source, search, quantile))
        .collect();
    let rates = lines.iter().flat_map(|line| line.x.iter().copied());
    let (least, most) = rates.fold((f64::INFINITY, 0.0_f64), |(least, most), rate| {
        (least.min(rate), most.max(rate))
    });
    if least >= most {
        return None;
    }
    lines.push(ChartLine {
        label: format!("bound {text}"),
        x: vec![least, most],
        y: vec![Some(below.as_nanos() as f64); 2],
        peak: None,
    });
    Some(Chart {
        id: format!(
            "sweep-search-{}-{}",
            source.file.replace(['.', ' '], "-"),
            name
        ),
        title: format!("{}: {} by rate, as searched", source.title(), name),
        caption: "Median of the steps at each rate that the search tried, response time from the instant \
                  due; where requests were never answered, at least. Rates past the bound were tried on \
                  purpose. Shaded: between the highest rate that held and the lowest that broke a bound."
            .to_owned(),
        x_label: "arrivals per second".to_owned(),
        x_scale: "log2",
        unit: "ns",
        y_log: true,
        lines,
        bands: searches.into_iter().filter_map(found).collect(),
        group: None,
    })
}

/// Returns the interval of rates that a search found (highest rate that held, lowest that broke a
/// bound) as a band of the chart; `None` if no rate held.
fn found(search: &FoundRate) -> Option<ChartBand> {
    let held = search.held_per_s?;
    Some(ChartBand {
        from: held,
        to: search.broken_per_s.unwrap_or(held),
        label: format!("found for {}", search.subject),
    })
}

/// Returns, for each rate that a search tried, in ascending order, the median of a percentile over
/// the steps at that rate. `None` if no step of the search was timed.
fn percentile_by_rate(
    source: &SourceReport,
    search: &FoundRate,
    quantile: f64,
) -> Option<ChartLine> {
    let mut measured: Vec<(f64, f64)> = search
        .steps
        .iter()
        .filter_map(|tried| {
            let step = source.report.steps.get(tried.step)?;
            let felt = Latency::from_operations(step.operations.values()).ok()?;
            Some((tried.rate_per_s, felt.quantile(quantile)?.ns as f64))
        })
        .collect();
    measured.sort_by(|a, b| a.0.total_cmp(&b.0));
    let at_rate = measured.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq());
    let points = at_rate.filter_map(|steps| {
        let values: Vec<f64> = steps.iter().map(|(_, ns)| *ns).collect();
        Some((steps.first()?.0, statistics::median(&values)?))
    });
    let (x, y): (Vec<f64>, Vec<Option<f64>>) = points
        .map(|(rate, ns)| (rate, Some(four_digits(ns))))
        .unzip();
    (!x.is_empty()).then_some(ChartLine {
        label: search.subject.clone(),
        x,
        y,
        peak: None,
    })
}
