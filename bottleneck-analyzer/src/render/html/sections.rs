//! Sections of the page. `maud` escapes every text that comes from a report.

use bench_report::Step;
use bench_report::names;
use maud::{Markup, html};

use super::data::{Chart, ChartMark};
use crate::assessment::{
    Assessment, Band, BandLevel, ComponentAssessment, EvidenceItem, Finding, GateOutcome,
    LimitingFactor, Readiness,
};
use crate::figures::{self, duration_ns, percent, plain, rate};
use crate::rate_search;
use crate::render::impact::{how_they_add_up, not_ordered, weight};
use crate::render::operating_point;
use crate::render::terminal::{self, measured};
use crate::requests::slowest;
use crate::run_reports::RunReports;
use crate::sweep;

pub(super) fn head(assessment: &Assessment) -> Markup {
    let verdict = &assessment.verdict;
    let class = match verdict.readiness {
        Readiness::Ready => "good",
        Readiness::ReadyWithReservations => "fair",
        Readiness::NotReady => "bad",
        Readiness::CannotTell => "open",
    };
    html! {
        header {
            p.brand { "Plimsoll · run " (assessment.run_id) }
            h1 class=(class) { span.badge { (verdict.readiness.title()) } }
            p.headline { (verdict.headline) "." }
            @if !verdict.reasons.is_empty() {
                ul.reasons { @for reason in &verdict.reasons { li { (reason) } } }
            }
            nav aria-label="Sections" {
                @for (id, title) in [("findings", "Findings"), ("objectives", "SLA"), ("gates", "Gates"), ("bands", "Bands"), ("time", "Over time"), ("sweeps", "Sweeps"), ("percentiles", "Percentiles"), ("time-models", "Where time goes"), ("resources", "Resources"), ("all-figures", "All figures"), ("ruled-out", "Ruled out"), ("method", "Method")] {
                    a href={ "#" (id) } { (title) }
                }
            }
        }
    }
}

pub(super) fn components(assessment: &Assessment) -> Markup {
    html! {
        section #components {
            h2 { "What holds each component" }
            div.cards { @for component in &assessment.components { (card(component, assessment)) } }
        }
    }
}

fn card(component: &ComponentAssessment, assessment: &Assessment) -> Markup {
    let factor = &component.limiting_factor;
    html! {
        article.card {
            h3 { (terminal::name_of(component, assessment)) }
            p.limit { (factor.title) }
            p { (factor.reason) }
            p.quiet { "confidence " (factor.confidence.name()) }
            @if let Some(to_find_out) = &factor.to_find_out { p { b { "To find out: " } (to_find_out) } }
            @if let Some(sentence) = operating_point::sentence(component) { p { (sentence) } }
            (foundation(component, factor))
        }
    }
}

fn foundation(component: &ComponentAssessment, factor: &LimitingFactor) -> Markup {
    let point = component.operating_point.iter().flat_map(|p| &p.evidence);
    let all: Vec<&EvidenceItem> = factor.evidence.iter().chain(point).collect();
    html! {
        details {
            summary { "Evidence" }
            @if let Some(point) = &component.operating_point { p { "Operating point: " (point.reason) } }
            (evidence(&all))
        }
    }
}

pub(super) fn findings(assessment: &Assessment) -> Markup {
    html! {
        section #findings {
            h2 { "Findings" }
            @if assessment.findings.is_empty() { p { "None: no rule found anything to tell." } }
            @if let Some(sentence) = how_they_add_up(assessment) {
                p.quiet { "What is wrong, then what is worth knowing, then what is in doubt; each by impact × confidence, those of which no impact was measured last. " (sentence) }
            }
            @for found in &assessment.findings { (finding(found, assessment)) }
        }
    }
}

fn finding(finding: &Finding, assessment: &Assessment) -> Markup {
    let kind = terminal::kind(finding);
    let all: Vec<&EvidenceItem> = finding.evidence.iter().collect();
    html! {
        details class={ "finding " (kind) @if finding.parent.is_some() { " child" } } {
            summary {
                span.kind { (kind) }
                span.title { (finding.title) }
                span.quiet { (finding.component.title()) " · " (weight(finding, assessment)) }
                @if let Some(impact) = finding.impact {
                    span.bar aria-hidden="true" { span style={ "width:" (format!("{:.1}", impact.ratio * 100.0)) "%" } {} }
                }
            }
            p { (finding.detail) }
            @if let Some(sentence) = not_ordered(finding, assessment) { p { (sentence) } }
            @if let Some(advice) = &finding.advice {
                h4 { @if finding.is_sure() { "What to do" } @else { "What to do if it is confirmed" } @if advice.needs_restart { " (needs a restart)" } }
                ul { @for action in &advice.actions { li { (action) } } }
                p { b { "Expected: " } (advice.expected_gain) ". " b { "Why: " } (advice.rationale) "." }
            }
            h4 { "Evidence" }
            (evidence(&all))
            @if !finding.computed.is_empty() {
                h4 { "Computed from it" }
                div.scroll { table.evidence {
                    thead { tr { th scope="col" { "What" } th scope="col" { "Value" } th scope="col" { "How" } } }
                    tbody { @for figure in &finding.computed { tr {
                        td { (figure.what) }
                        td.number { (plain(figure.value)) }
                        td { (figure.how) }
                    } } }
                } }
            }
        }
    }
}

fn evidence(all: &[&EvidenceItem]) -> Markup {
    html! {
        @if all.is_empty() { p.quiet { "No figure to point at." } }
        @else {
            div.scroll { table.evidence {
                thead { tr { th scope="col" { "What" } th scope="col" { "Value" } th scope="col" { "Where" } } }
                tbody { @for e in all { tr {
                    td { (e.label) @if e.spoiled { " " span.doubt { "doubtful" } } }
                    td.number { (e.shown) }
                    td { code { (e.file) "#" (e.pointer) } }
                } } }
            } }
        }
    }
}

pub(super) fn promises(assessment: &Assessment) -> Markup {
    html! {
        section #objectives {
            h2 { "What to promise" }
            p.quiet { "Provisional: a load test shows what can be held, not what users need." }
            @if assessment.promises.is_empty() { p { (terminal::NO_PROMISE) } }
            @else { div.scroll { table {
                thead { tr { th scope="col" { "Component" } th scope="col" { "Objective" } th scope="col" { "Basis" } } }
                tbody { @for o in &assessment.promises { tr {
                    td { (o.component.title()) " " span.quiet { (o.scenario) @if let Some(file) = &o.file { " (" (file) ")" } } }
                    td { @if o.value.is_some() { b { (o.shown) } } @else { span.doubt { (o.shown) } } }
                    td { (o.basis) }
                } } }
            } } }
        }
    }
}

pub(super) fn gates(assessment: &Assessment) -> Markup {
    html! {
        section #gates {
            h2 { "Gates" }
            @if assessment.gates.is_empty() { p { (terminal::NO_GATE) } }
            @else { div.scroll { table {
                thead { tr { th scope="col" { "Result" } th scope="col" { "Component" } th scope="col" { "Requirement" } th scope="col" { "Measured" } th scope="col" { "Set by" } } }
                tbody { @for gate in &assessment.gates { tr {
                    @match gate.outcome {
                        GateOutcome::Pass => { td.pass { "✓ pass" } }
                        GateOutcome::Fail => { td.fail { "✗ fail" } }
                        GateOutcome::Unknown => { td.open { "? unknown" } }
                    }
                    td { (gate.subject()) }
                    td { (gate.sentence()) }
                    td { (measured(gate)) }
                    td { span.quiet { (gate.set_by().unwrap_or_else(|| "shipped default".to_owned())) } }
                } } }
            } } }
        }
    }
}

pub(super) fn bands(assessment: &Assessment) -> Markup {
    html! {
        @if !assessment.bands.is_empty() { section #bands {
            h2 { "Bands" }
            p.quiet { "How far each figure is from its objective: good, acceptable, warning, critical." }
            div.scroll { table {
                thead { tr { th scope="col" { "Band" } th scope="col" { "Component" } th scope="col" { "Figure" } th scope="col" { "Measured" } } }
                tbody { @for band in &assessment.bands { tr {
                    @match band.level {
                        BandLevel::Good => { td.pass { "good" } }
                        BandLevel::Acceptable | BandLevel::Unknown => { td.open { (band.level.title()) } }
                        BandLevel::Warning => { td.fair { "warning" } }
                        BandLevel::Critical => { td.fail { "critical" } }
                    }
                    td { (band.subject()) }
                    td { (band.title) }
                    td {
                        @if let Some(value) = band.measured { (figures::show(&band.unit, value)) }
                        @if let Some(reason) = &band.reason { " " span.quiet { (reason) } }
                    }
                } } }
            } }
            @if assessment.bands.iter().any(Band::is_high_use) { p.quiet { (terminal::HIGH_USE) } }
        } }
    }
}

pub(super) fn charts<'a>(
    id: &str,
    title: &str,
    how: &str,
    charts: impl Iterator<Item = &'a Chart>,
    below: &Markup,
) -> Markup {
    let charts: Vec<&Chart> = charts.collect();
    html! {
        section id=(id) {
            h2 { (title) }
            @if charts.is_empty() { p { "Nothing to draw in this run." } }
            @else {
                p.quiet { (how) }
                div class={ "charts " (id) } {
                    @for chart in charts {
                        figure {
                            figcaption { b { (chart.title) } " " span.quiet { (chart.caption) } }
                            div.chart id=(chart.id) role="img" aria-label=(format!("{}. {} Lines: {}.", chart.title, chart.caption, names(chart))) {}
                        }
                    }
                }
            }
            (below)
        }
    }
}

fn names(chart: &Chart) -> String {
    let names: Vec<&str> = chart.lines.iter().map(|l| l.label.as_str()).collect();
    names.join(", ")
}

/// Returns a list of the marks that the time charts show as vertical lines; empty without marks.
pub(super) fn marks(marks: &[ChartMark]) -> Markup {
    html! {
        @if !marks.is_empty() {
            h3 { "Marks" }
            ul.plain { @for mark in marks {
                li { span.quiet { (format!("{:.1} s", mark.at_s)) } " " (mark.name) }
            } }
        }
    }
}

/// Returns a table for each cache bench, with the throughput, hit ratio, p99 and evictions of each
/// step.
pub(super) fn caches(run: &RunReports) -> Markup {
    let caches = run.benches().filter(|s| s.report.scenario == "cache");
    html! {
        @for source in caches {
            @let fastest = source.report.steps.iter().map(Step::throughput_per_s).fold(1.0, f64::max);
            h3 { "Cache, setting by setting" }
            div.scroll { table {
                thead { tr { th scope="col" { "Setting" } th scope="col" { "Throughput" } th scope="col" { "Hit ratio" } th scope="col" { "p99" } th scope="col" { "Evicted" } } }
                tbody { @for (index, step) in source.report.steps.iter().enumerate() { tr {
                    td {
                        (sweep::describe_setting(step)) @if step.repeat > 0 { " (again)" }
                        @if let Some(verdict) = rate_search::verdict(&source.report, index) { " " span.quiet { (verdict) } }
                    }
                    td { (rate(step.throughput_per_s())) span.bar.wide aria-hidden="true" { span style={ "width:" (format!("{:.1}", 100.0 * step.throughput_per_s() / fastest)) "%" } {} } }
                    td.number { (step.value(names::steps::HIT_RATIO).map_or("–".to_owned(), percent)) }
                    td.number { (slowest(step, |h| h.percentiles_ns.p99).map_or("–".to_owned(), |s| s.shown())) }
                    td.number { (step.server.as_ref().and_then(|s| s.value(names::redis::EVICTED_KEYS)).map_or("–".to_owned(), plain)) }
                } } }
            } }
        }
    }
}

pub(super) fn ruled_out(assessment: &Assessment) -> Markup {
    html! {
        section #ruled-out {
            h2 { "Ruled out" }
            p.quiet { "Checked and fine." }
            ul.plain { @for r in &assessment.ruled_out {
                @let all: Vec<&EvidenceItem> = r.evidence.iter().collect();
                li { details {
                    summary { span.quiet { (r.component.title()) } " " (r.statement) }
                    (evidence(&all))
                } }
            } }
        }
    }
}

pub(super) fn unknown(assessment: &Assessment) -> Markup {
    html! {
        section #unknown {
            h2 { "Unknown" }
            @if assessment.unknown.is_empty() { p { "Nothing: every rule could judge." } }
            ul { @for u in &assessment.unknown {
                li { span.quiet { (u.component.title()) } " " (u.question) ". " b { "To find out: " } (u.to_find_out) "." }
            } }
        }
    }
}

pub(super) fn spoiled(assessment: &Assessment) -> Markup {
    let shown = || assessment.spoiled.iter().filter(|s| s.is_shown());
    let others = assessment.spoiled.len() - shown().count();
    html! {
        section #spoiled {
            h2 { "Doubtful figures" }
            @if shown().next().is_none() { p { "None: no tool had doubts about a figure of this page." } }
            @else {
                p.quiet { "What the tools hold against figures of this page, the gravest first. No conclusion with confidence rests on these." }
                ul { @for s in shown() {
                    li {
                        (s.sentence()) " "
                        details {
                            summary { "Where" }
                            @for pointer in &s.spoils { code { (s.file) "#" (pointer) } " " }
                        }
                    }
                } }
            }
            @if others > 0 { p.quiet { (others) " more are about figures that this page does not show; the reports and assessment.json have them." } }
        }
    }
}

pub(super) fn method(assessment: &Assessment) -> Markup {
    let e = &assessment.environment;
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "not read".to_owned());
    let number =
        |value: Option<u64>| value.map_or_else(|| "not read".to_owned(), |n| n.to_string());
    let memory = e.memory_bytes.map(|n| crate::figures::bytes(n as f64));
    html! {
        section #method {
            h2 { "Environment and method" }
            dl {
                dt { "Machine" } dd { (text(&e.cpu_model)) ", " (number(e.cores)) " cores, " (text(&memory)) " memory" }
                dt { "System" } dd { (text(&e.os)) ", kernel " (text(&e.kernel)) @if let Some(c) = &e.container { ", in " (c) } }
                dt { "Open files" } dd { (number(e.nofile_soft)) " (at most " (number(e.nofile_hard)) ")" }
                @for (name, version) in &e.versions { dt { (name) } dd { (version) } }
            }
            h3 { "Reports" }
            div.scroll { table {
                thead { tr { th scope="col" { "File" } th scope="col" { "Tool" } th scope="col" { "Started" } th scope="col" { "Took" } th scope="col" { "It says" } } }
                tbody { @for r in &assessment.reports { tr {
                    td { code { (r.file) } }
                    td { (r.tool.name) " " (r.tool.version) }
                    td { (r.started_at) }
                    td.number { (duration_ns(r.duration_ns as f64)) }
                    td { (r.headline) @if r.status != bench_report::Status::Complete { " " span.doubt { (format!("{:?}", r.status).to_lowercase()) } } }
                } } }
            } }
            @if !assessment.skipped.is_empty() {
                h3 { "Not used" }
                ul { @for skipped in &assessment.skipped { li { (skipped.reason) } } }
            }
            p { "Reports are aligned by boot id and the monotonic clock. Response time runs from the instant a request was due. The operating point is the bench's own recommendation, or its best step. The limiting factor is what is used up there; a problem is what keeps a component from its objective. Every figure shown as evidence stands in a report at the pointer beside it; no conclusion of high confidence rests on a figure that a warning spoils." }
            p.quiet { "Written by " (assessment.tool.name) " " (assessment.tool.version) ". Charts: uPlot, MIT licence, © Leon Sorokin." }
        }
    }
}
