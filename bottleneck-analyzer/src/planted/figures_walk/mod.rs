//! Walk over the figures in the sentences of every finding: each is the value of a piece of evidence, or
//! follows from such values, and is printed with its unit by the formatters.
//!
//! The formatters note which value each text was printed for (`printed_figures.rs`), and planted reports have
//! no two fractions alike (`tests/common/fingerprint.rs`), so that a value that matches is the one that is
//! meant. A figure may be:
//!
//! - the value of one of the finding's pieces of evidence, or a mean or peak of the series that it points into;
//! - a figure that the assessment states in a field of its own: impact, time model, use of the CPU, interval of
//!   a gate;
//! - a threshold or a setting;
//! - the sum, difference, product or quotient of two of these, one of them evidence or stated;
//! - a fixed number of the rule's own words, such as the length of a time-out of TCP.

mod known_values;
mod sentence;

use std::path::Path;
use std::sync::OnceLock;

use crate::assessment::{Assessment, Finding};
use crate::figures::printed;
use crate::run_facts::RunFacts;
use crate::run_reports::RunReports;
use crate::thresholds::Thresholds;
use known_values::KnownValues;
use sentence::WrittenFigure;

/// Largest relative difference of two equal values. Planted fractions differ by 1e-12 or more.
const PRECISION: f64 = 2e-13;

/// Panics if a figure in the title or the explanation of a finding has no source. The assessment must have
/// been made in this thread, after [`printed::forget`].
pub(super) fn every_figure_has_a_source(
    assessment: &Assessment,
    run: &RunReports,
    thresholds: &Thresholds,
) {
    let missing = figures_without_source(assessment, run, thresholds);
    assert!(
        missing.is_empty(),
        "figures that are no evidence (add the pointer to the finding's evidence, or print the figure with a \
         formatter of `figures.rs`):\n{}",
        missing.join("\n")
    );
}

/// Returns the figures in `sentence` as they are written, with their units.
pub(super) fn figures_of(sentence: &str) -> Vec<String> {
    let found = sentence::figures(sentence).into_iter();
    found.map(|figure| figure.text).collect()
}

fn figures_without_source(
    assessment: &Assessment,
    run: &RunReports,
    thresholds: &Thresholds,
) -> Vec<String> {
    let facts = RunFacts::gather(run, thresholds);
    let of_benches: Vec<_> = facts.benches.iter().map(KnownValues::of_bench).collect();
    let of_machine = facts
        .machine
        .map(|machine| KnownValues::of_report(machine.source));
    let thresholds = KnownValues::of_thresholds(thresholds);
    let of_gates = KnownValues::of_gates(&assessment.gates);
    let mut missing = Vec::new();
    for finding in &assessment.findings {
        let mut known = KnownValues::default();
        for (bench, of_bench) in facts.benches.iter().zip(&of_benches) {
            let is_shown = finding.evidence.iter().any(|e| e.file == bench.source.file);
            if is_shown || finding.is_about(&bench.id()) {
                known.extend(of_bench);
            }
        }
        if let Some(of_machine) = &of_machine {
            known.extend(of_machine);
        }
        known.extend(&thresholds);
        known.extend(&of_gates);
        let known = known.with(finding, &facts);
        for text in [&finding.title, &finding.detail] {
            for figure in sentence::figures(&without_names(text, finding, run)) {
                if source_of(&figure, &known).is_none() {
                    missing.push(describe(&figure, finding));
                }
            }
        }
    }
    missing
}

fn describe(figure: &WrittenFigure, finding: &Finding) -> String {
    let evidence = finding.evidence.iter();
    let evidence: Vec<String> = evidence
        .map(|e| format!("{} {}", e.label, e.shown))
        .collect();
    format!(
        "{}: `{}` in `{}`; evidence: {}",
        finding.id,
        figure.text,
        figure.context,
        evidence.join(", ")
    )
}

/// Kinds of sources of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FigureSource {
    Evidence,
    Stated,
    Setting,
    Threshold,
    Computed,
    FixedWords,
}

/// Returns the source of `figure`; `None` if it has none.
fn source_of(figure: &WrittenFigure, known: &KnownValues) -> Option<FigureSource> {
    let is_count = figure.unit.is_empty();
    let mut values = printed::values_of(&figure.text);
    let is_printed = !values.is_empty();
    if !is_printed && is_count {
        values.push(figure.number);
    }
    let is = |known: f64| {
        let scales = scales(figure.unit).iter();
        scales.map(|scale| known * scale).any(|known| {
            // A count may be rounded to a whole number before it is printed.
            let known = [Some(known), is_count.then(|| known.round())];
            let mut known = known.into_iter().flatten();
            known.any(|known| values.iter().any(|value| equal(*value, known)))
        })
    };
    let among = |all: &[f64]| all.iter().any(|value| is(*value));
    if among(&known.evidence) {
        Some(FigureSource::Evidence)
    } else if among(&known.stated) {
        Some(FigureSource::Stated)
    } else if figure.unit != "%" && among(&known.settings) {
        Some(FigureSource::Setting)
    } else if !is_count && among(&known.thresholds) {
        Some(FigureSource::Threshold)
    } else if is_printed && is_computed(known, is) {
        Some(FigureSource::Computed)
    } else {
        // Searches all words of the rules, so it comes last.
        is_fixed(figure).then_some(FigureSource::FixedWords)
    }
}

/// Returns true if `is` holds for the sum of all evidence, for the rest of a whole, or for a sum, difference,
/// product or quotient of two known values of which one is evidence or stated.
fn is_computed(known: &KnownValues, is: impl Fn(f64) -> bool) -> bool {
    let firsts = || known.evidence.iter().chain(&known.stated);
    let others = || firsts().chain(&known.load).chain(&known.settings);
    let of_two = |a: f64, b: f64| {
        let (more, less) = (a / b, b / a);
        [more, less, more - 1.0, less - 1.0, 1.0 - more, 1.0 - less]
            .into_iter()
            .chain([a * b, a + b, a - b, b - a, a / (a + b), b / (a + b)])
            .any(&is)
    };
    is(known.evidence.iter().sum())
        || firsts().any(|a| is(1.0 - a))
        || firsts().any(|a| others().any(|b| of_two(*a, *b)))
}

fn equal(a: f64, b: f64) -> bool {
    a.is_finite() && b.is_finite() && (a - b).abs() <= PRECISION * a.abs().max(b.abs())
}

/// Returns the factors from the units that reports use for a quantity to the one that formatters take:
/// nanoseconds from microseconds, milliseconds and seconds, and bytes in an hour from bytes per second.
fn scales(unit: &str) -> &'static [f64] {
    match unit {
        "ns" | "µs" | "ms" | "s" | "min" | "h" => &[1.0, 1e3, 1e6, 1e9],
        "B" | "KiB" | "MiB" | "GiB" | "TiB" => &[1.0, 3_600.0],
        _ => &[1.0],
    }
}

/// Returns true if the figure stands so in the words of a rule or of a catalogue.
fn is_fixed(figure: &WrittenFigure) -> bool {
    static WORDS: OnceLock<String> = OnceLock::new();
    let words = WORDS.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut words = String::new();
        for file in ["wait-events.toml", "error-codes.toml"] {
            words += &std::fs::read_to_string(root.join(file)).unwrap();
        }
        add_sources(&root.join("src/rules"), &mut words);
        words
    });
    words.contains(&figure.context)
}

/// Adds the Rust files below `directory` to `words`, each sentence on one line.
fn add_sources(directory: &Path, words: &mut String) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_sources(&path, words);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let source = std::fs::read_to_string(&path).unwrap();
            for part in source.split("\\\n") {
                words.push_str(part.trim_start());
            }
        }
    }
}

/// Returns `sentence` without the texts in it that come from the reports, whose digits are no figures of the
/// finding: names of things and steps, messages of warnings, reasons of a limit.
fn without_names(sentence: &str, finding: &Finding, run: &RunReports) -> String {
    let mut names: Vec<&str> = finding.thing.iter().map(String::as_str).collect();
    names.extend(finding.evidence.iter().filter_map(|e| e.value.as_str()));
    for source in &run.sources {
        let report = &source.report;
        for warning in &report.warnings {
            // A sentence may begin with the message in upper case.
            let rest = warning.message.char_indices().nth(1);
            names.extend(rest.map(|(at, _)| &warning.message[at..]));
        }
        names.extend(report.steps.iter().map(|step| step.name.as_str()));
        names.extend(
            report
                .summary
                .limit
                .iter()
                .map(|limit| limit.reason.as_str()),
        );
        let searches = report.summary.found_rates.iter();
        names.extend(searches.map(|search| search.reason.as_str()));
    }
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    let names = names.iter().filter(|name| name.len() > 2);
    names.fold(sentence.to_owned(), |text, name| text.replace(name, "…"))
}

#[cfg(test)]
mod tests;
