//! Section with the figures of each bench, of its summary and of its steps, with their meaning: the rest of what
//! a report says, for readers who look for one figure.

use bench_report::names::{self, Place, reads};
use maud::{Markup, html};

use crate::figures;
use crate::run_reports::RunReports;
use crate::source_report::SourceReport;

/// Largest number of reports that are shown.
const REPORTS: usize = 20;
/// Largest number of figures of the steps of one report that are shown.
const MOST: usize = 200;

/// Figure of a report as the page shows it.
struct ShownFigure<'a> {
    /// Step that has the figure; empty for a figure of the summary.
    step: &'a str,
    name: &'a str,
    value: String,
    meaning: String,
}

impl<'a> ShownFigure<'a> {
    fn new(step: &'a str, place: Place, (name, value): (&'a String, &f64)) -> Self {
        reads::note(place, name);
        let meaning = names::find(place, name).map_or("", |entry| entry.meaning);
        Self {
            step,
            name,
            value: figures::show(name, *value),
            meaning: meaning.trim().replace('`', ""),
        }
    }
}

pub(super) fn section(run: &RunReports) -> Markup {
    let more = run.sources.len().saturating_sub(REPORTS);
    html! {
        section #all-figures {
            h2 { "All figures" }
            p.quiet { "What the reports say beside latencies and counts of requests, each figure with its meaning." }
            @for source in run.sources.iter().take(REPORTS) { (of_report(source)) }
            @if more > 0 { p.quiet { "Those of " (more) " more reports stand in their files." } }
        }
    }
}

fn of_report(source: &SourceReport) -> Markup {
    let summary = source.report.summary.figures.iter();
    let summary = summary.map(|figure| ShownFigure::new("", Place::Summary, figure));
    let count = source
        .report
        .steps
        .iter()
        .map(|s| s.figures.len())
        .sum::<usize>();
    let steps = source.report.steps.iter().flat_map(|step| {
        let figures = step.figures.iter();
        figures.map(|figure| (step.name.as_str(), figure))
    });
    let steps = steps.take(MOST);
    let steps = steps.map(|(step, figure)| ShownFigure::new(step, Place::Step, figure));
    let all: Vec<ShownFigure<'_>> = summary.chain(steps).collect();
    html! {
        @if !all.is_empty() {
            details {
                summary { (source.title()) " " span.quiet { (source.file) } }
                div.scroll { table {
                    thead { tr { th scope="col" { "Step" } th scope="col" { "Figure" } th scope="col" { "Value" } th scope="col" { "Meaning" } } }
                    tbody { @for figure in &all { tr {
                        td { @if figure.step.is_empty() { span.quiet { "whole run" } } @else { (figure.step) } }
                        td { code { (figure.name) } }
                        td.number { (figure.value) }
                        td { (figure.meaning) }
                    } } }
                } }
                @if count > MOST { p.quiet { (count - MOST) " more figures of steps stand in the report." } }
            }
        }
    }
}
