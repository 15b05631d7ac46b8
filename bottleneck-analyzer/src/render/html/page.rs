//! The whole page: verdict, findings, limiting factors, promises, gates, charts, the lists at the end, and
//! the method.

use bench_report::plain_text;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::data::{PageCharts, inert_json};
use super::{all_figures, charts, resources, sections, time_models};
use crate::assessment::Assessment;
use crate::render::excerpt::Excerpt;
use crate::run_reports::RunReports;

const CHART_SCRIPT: &str = include_str!("../../../assets/uPlot.iife.min.js");
const CHART_STYLE: &str = include_str!("../../../assets/uPlot.min.css");
const SCRIPT: &str = include_str!("../../../assets/report.js");
const STYLE: &str = include_str!("../../../assets/report.css");

/// Returns the page of an assessment as one HTML document with its charts, which loads nothing from
/// elsewhere.
pub(crate) fn page(run: &RunReports, assessment: &Assessment) -> String {
    let assessment = &*Excerpt::PAGE.of(assessment);
    let data = charts::all_charts(run, assessment);
    let markup: Markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // The policy forbids the browser to load anything, even if a label of a report contained
                // markup.
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";
                link rel="icon" href="data:,";
                title { "Plimsoll: " (assessment.run_id) }
                style { (PreEscaped(CHART_STYLE)) (PreEscaped(STYLE)) }
            }
            body { (body(run, assessment, &data)) }
        }
    };
    // Labels of reports may contain characters that turn the writing direction or that nobody sees.
    let is_layout = |c: char| matches!(c, '\n' | '\t' | '\r');
    plain_text::visible(&markup.into_string(), '\u{fffd}', is_layout).into_owned()
}

fn body(run: &RunReports, assessment: &Assessment, data: &PageCharts) -> Markup {
    let of = |prefix: &'static str| data.charts.iter().filter(move |c| c.id.starts_with(prefix));
    html! {
        (sections::head(assessment))
        main {
            (sections::findings(assessment))
            (sections::components(assessment))
            (sections::promises(assessment))
            (sections::gates(assessment))
            (sections::bands(assessment))
            (sections::charts("time", "Over time", "Drag over a chart to zoom, all of them zoom together; double-click to see the whole run again.", of("time-"), &sections::marks(&data.marks)))
            (sections::charts("sweeps", "Sweeps", "Each setting that was tried, and what it bought and cost.", of("sweep-").chain(of("levels")), &sections::caches(run)))
            (sections::charts("percentiles", "Percentiles", "How long the slowest took: the further right, the rarer.", of("percentiles-"), &html! {}))
            (time_models::time_models(assessment))
            (resources::section(assessment))
            (all_figures::section(run))
            (sections::ruled_out(assessment))
            (sections::unknown(assessment))
            (sections::spoiled(assessment))
            (sections::method(assessment))
        }
        script type="application/json" id="plimsoll-data" { (PreEscaped(inert_json(data))) }
        script { (PreEscaped(CHART_SCRIPT)) }
        script { (PreEscaped(SCRIPT)) }
    }
}
