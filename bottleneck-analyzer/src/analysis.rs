//! Computes the assessment of a run from its reports.

use std::collections::HashMap;

use bench_report::{Environment, Tool, Warning};

use crate::assessment::{
    Assessment, ComponentAssessment, ComponentKind, EvidenceItem, ReadinessVerdict, SCHEMA,
    SourceSummary, Spoiled,
};
use crate::bench_facts::BenchFacts;
use crate::run_facts::RunFacts;
use crate::run_reports::RunReports;
use crate::source_report::SourceReport;
use crate::thresholds::Thresholds;
use crate::{
    completeness, cost, gates, limiting_factor, operating_point, promises, ranking, resource_use,
    rules, scalability, time_model, verdict,
};

/// Computes the assessment of `run` by the bounds in `thresholds`. `tool` is the name and version
/// of this program, which the assessment records.
pub(crate) fn assess(run: &RunReports, thresholds: &Thresholds, tool: Tool) -> Assessment {
    let facts = RunFacts::gather(run, thresholds);
    let mut conclusions = rules::check_all(&facts);
    let own_times = &conclusions.own_times;
    cost::remove_in_turn(&mut conclusions.findings, own_times, &facts.benches);
    let findings = ranking::rank(conclusions.findings);
    let mut assessment = Assessment {
        schema: SCHEMA.to_owned(),
        tool,
        run_id: run.id(),
        reports: run.sources.iter().map(summary).collect(),
        notes: run.notes.clone(),
        skipped: run.skipped.clone(),
        missing: completeness::missing(&facts),
        verdict: ReadinessVerdict::default(),
        components: components(&facts),
        findings,
        ruled_out: conclusions.ruled_out,
        unknown: conclusions.unknown,
        spoiled: Vec::new(),
        gates: gates::judge(&facts),
        bands: gates::bands(&facts),
        promises: promises::recommend(&facts),
        thresholds: thresholds.clone(),
        environment: environment(run),
    };
    assessment.spoiled = spoiled(run, &assessment);
    assessment.verdict = verdict::decide(&assessment);
    assessment
}

fn components(facts: &RunFacts<'_>) -> Vec<ComponentAssessment> {
    let bench = |bench: &BenchFacts<'_>| ComponentAssessment {
        component: bench.component,
        scenario: bench.source.report.scenario.clone(),
        file: bench.source.file.clone(),
        operating_point: operating_point::describe(bench),
        limiting_factor: limiting_factor::of_bench(bench, facts),
        time_model: bench.time_model.clone(),
        resources: resource_use::of_bench(bench, facts),
        scalability: scalability::of_bench(bench),
    };
    let machine = facts.machine.map(|machine| ComponentAssessment {
        component: ComponentKind::Machine,
        scenario: machine.source.report.scenario.clone(),
        file: machine.source.file.clone(),
        operating_point: None,
        limiting_factor: limiting_factor::of_machine(machine, facts),
        time_model: time_model::machine::of_machine(machine, facts),
        resources: Vec::new(),
        scalability: None,
    });
    facts.benches.iter().map(bench).chain(machine).collect()
}

/// Returns every warning of the run, each with the shown figures that it spoils. Warnings that
/// spoil a figure of `assessment` come first. Within both groups the gravest code comes first, then
/// the warning that exceeds its bound the most.
fn spoiled(run: &RunReports, assessment: &Assessment) -> Vec<Spoiled> {
    let mut found: Vec<(&Warning, Spoiled)> = Vec::new();
    let mut shown: HashMap<&str, Vec<&EvidenceItem>> = HashMap::new();
    for evidence in assessment.all_evidence() {
        shown.entry(&evidence.file).or_default().push(evidence);
    }
    for source in &run.sources {
        let of_source = shown
            .get(source.file.as_str())
            .map_or(&[][..], Vec::as_slice);
        for (index, warning) in source.report.warnings.iter().enumerate() {
            found.push((warning, doubt(source, index, of_source)));
        }
    }
    found.sort_by(|(a, shown_a), (b, shown_b)| {
        let touched = (!shown_a.touches_a_conclusion).cmp(&!shown_b.touches_a_conclusion);
        let gravity = a.code.gravity().cmp(&b.code.gravity());
        touched
            .then(gravity)
            .then(b.excess().total_cmp(&a.excess()))
    });
    found.into_iter().map(|(_, spoiled)| spoiled).collect()
}

/// Describes warning `index` of `source`: its message, the labels of the figures that it spoils among
/// the `shown` ones of the report, and the name of one step that it is about.
fn doubt(source: &SourceReport, index: usize, shown: &[&EvidenceItem]) -> Spoiled {
    let warning = &source.report.warnings[index];
    let shown = shown.iter().filter(|e| warning.spoils(&e.pointer));
    let (mut figures, mut steps) = (Vec::new(), Vec::new());
    for evidence in shown {
        if !figures.contains(&evidence.label) {
            figures.push(evidence.label.clone());
        }
        steps.extend(step_of(&evidence.pointer));
    }
    // Names the step that a shown figure was taken from. The warning may cover several steps and names only
    // one.
    let told = warning.step.filter(|step| steps.contains(step));
    let place = told.or(steps.first().copied()).or(warning.step);
    let step = place.and_then(|index| source.report.steps.get(index));
    // Adds the name of the worst step to the message if it is not the step named above, because the number in
    // the message is of the worst step.
    let worst = warning.step.filter(|worst| Some(*worst) != place);
    let worst = worst.and_then(|worst| source.report.steps.get(worst));
    let worst = worst.map_or(String::new(), |worst| format!(": {}", worst.name));
    Spoiled {
        file: source.file.clone(),
        component: source.component().unwrap_or(ComponentKind::Machine),
        code: source.warning_code(index),
        message: format!("{}{worst}", warning.message),
        step: step.map(|s| s.name.clone()),
        spoils: warning.spoils.clone(),
        touches_a_conclusion: !figures.is_empty(),
        figures,
    }
}

/// Returns the index of the step that contains the field at `pointer`, as 3 for `/steps/3/end`;
/// `None` if the field is in no step.
fn step_of(pointer: &str) -> Option<usize> {
    pointer
        .strip_prefix("/steps/")?
        .split('/')
        .next()?
        .parse()
        .ok()
}

fn summary(source: &SourceReport) -> SourceSummary {
    let report = &source.report;
    SourceSummary {
        file: source.file.clone(),
        tool: report.tool.clone(),
        scenario: report.scenario.clone(),
        status: report.status,
        started_at: report.started_at.clone(),
        duration_ns: report.duration_ns,
        steps: report.steps.len() as u64,
        series: report.series.len() as u64,
        headline: report.summary.headline.clone(),
    }
}

/// Returns the environment of the first report, with the software versions of all reports. Of two
/// versions of one program the later report's counts. Empty for a run without a report.
fn environment(run: &RunReports) -> Environment {
    let mut sources = run.sources.iter().map(|s| &s.report.environment);
    let mut environment = sources.next().cloned().unwrap_or_default();
    for other in sources {
        environment.versions.extend(other.versions.clone());
    }
    environment
}
