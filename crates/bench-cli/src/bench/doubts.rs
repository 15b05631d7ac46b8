//! Warnings about the figures that a bench's table shows. The report's warnings name all figures
//! that may be distorted. The text output repeats only warnings about figures in its own table, so
//! that they are noticed.

use bench_report::{Report, Step, Summary, Warning, WarningCode};
use load_engine::is_thin_percentile;

use super::merged_warnings;

/// Selection of the latency figures that a bench's table shows.
#[derive(Debug, Clone, Copy)]
pub struct ShownFigures {
    /// Percentiles by their names in the report, such as `p99` and `p999`; also `mean_ns` for the
    /// mean and `max_ns` for the longest latency.
    pub percentiles: &'static [&'static str],
    /// True if each percentile is calculated over all operations and repeats of a setting together.
    pub merged: bool,
}

impl Default for ShownFigures {
    fn default() -> Self {
        Self {
            percentiles: &["p50", "p99"],
            merged: true,
        }
    }
}

impl ShownFigures {
    /// Returns the paragraph below the table: a heading and the warnings about figures in the
    /// table, each with the name of its step, the gravest first. Empty if there are none. Warnings
    /// of the same kind about several steps are merged into one. Leaves out steps that a search
    /// tried on the way to its result, because the table of the search shows a verdict on each of
    /// them.
    pub(crate) fn doubts(&self, report: &Report, warnings: &[Warning]) -> String {
        let is_on_the_way = |warning: &Warning| {
            let step = warning.step;
            step.is_some_and(|index| report.summary.is_on_the_way(index))
        };
        let about = |warning: &Warning| {
            let mut warning = warning.clone();
            let is_shown = |pointer: &String| self.has(report, warning.code, pointer);
            let spoils: Vec<String> = warning
                .spoils
                .iter()
                .filter(|p| is_shown(p))
                .cloned()
                .collect();
            warning.spoils = spoils;
            (!warning.spoils.is_empty()).then_some(warning)
        };
        let warnings = warnings.iter().filter(|warning| !is_on_the_way(warning));
        let mut doubts = merged_warnings::merge(warnings.filter_map(about).collect());
        doubts.sort_by_key(|warning| warning.code.gravity());
        let lines: Vec<String> = doubts
            .iter()
            .map(|warning| {
                let named = warning.step.and_then(|index| report.steps.get(index));
                let place = named.map_or(String::new(), |step| format!(" [{}]", step.name));
                crate::table::paragraph(&format!("{}{place}", warning.message), 2)
            })
            .collect();
        if lines.is_empty() {
            return String::new();
        }
        format!("\nDoubtful:\n{}", lines.concat())
    }

    /// Returns true if the table shows the figure at `pointer`, a JSON pointer into the report, or
    /// a figure within it. Figures that are no percentile, mean or maximum count as shown. A
    /// percentile with too few samples in one step counts as not shown if all repeats of the
    /// setting together have enough.
    fn has(&self, report: &Report, code: WarningCode, pointer: &str) -> bool {
        let mut parts = pointer.rsplit('/');
        let last = parts.next().unwrap_or_default();
        if parts.next() != Some("percentiles_ns") {
            let is_other = !matches!(last, "mean_ns" | "max_ns");
            return is_other || self.percentiles.contains(&last);
        }
        let samples = || samples(report, pointer);
        self.percentiles.contains(&last)
            && (code != WarningCode::TooFewSamples
                || !self.merged
                || samples().is_none_or(|count| is_thin_percentile(last, count)))
    }
}

/// Merges warnings of the same kind into the worst of them. Warnings about steps that a search
/// tried on the way to its result are merged separately and come last, because such a step may be
/// overloaded and says nothing about the result.
pub(crate) fn merge_warnings(summary: &Summary, warnings: Vec<Warning>) -> Vec<Warning> {
    let is_on_the_way = |warning: &Warning| {
        warning
            .step
            .is_some_and(|index| summary.is_on_the_way(index))
    };
    let (tried, others): (Vec<_>, Vec<_>) = warnings.into_iter().partition(is_on_the_way);
    let mut merged = merged_warnings::merge(others);
    merged.extend(merged_warnings::merge(tried));
    merged
}

/// Returns the number of requests with a latency in all steps with the same parameters as the step
/// that `pointer` names. `None` if `pointer` is not within `/steps/` or the step does not exist.
fn samples(report: &Report, pointer: &str) -> Option<u64> {
    let index = pointer.strip_prefix("/steps/")?.split('/').next()?;
    let setting = &report.steps.get(index.parse::<usize>().ok()?)?.parameters;
    let repeats = report
        .steps
        .iter()
        .filter(|step| step.parameters == *setting);
    Some(repeats.map(finished).sum())
}

fn finished(step: &Step) -> u64 {
    let operations = step.operations.values();
    let latencies = operations.filter_map(|operation| operation.latency());
    latencies.map(|latency| latency.count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bench_report::histogram::{self, Histogram};
    use bench_report::{FoundRate, Operation, RateSearchEnd, RateVerdict, TriedRate};
    use test_support::empty_step;

    fn step(samples: u64) -> Step {
        let mut recording = histogram::recording();
        recording.saturating_record_n(1_000, samples);
        let operation = Operation {
            call: Histogram::from_recording(&recording),
            ..Operation::default()
        };
        Step {
            parameters: [("pool_size".to_owned(), 8.into())].into(),
            operations: [("read".to_owned(), operation)].into(),
            ..empty_step("pool of 8")
        }
    }

    fn report(steps: Vec<Step>) -> Report {
        let tool = crate::output::tool("a-bench", "1");
        let mut report = Report::begin(tool, "run".to_owned(), "sweep");
        report.steps = steps;
        report
    }

    fn of(code: WarningCode, field: &str) -> Warning {
        Warning::new(code, format!("{code:?}")).about_step(0, &[field])
    }

    #[test]
    fn what_spoils_shown_figures_is_told_with_its_step_and_nothing_else() {
        let report = report(vec![step(100)]);
        let call = "operations/read/call";
        for (code, field, told) in [
            (
                WarningCode::NotSteady,
                "operations/*/throughput_per_s".to_owned(),
                true,
            ),
            (
                WarningCode::GeneratorSaturated,
                "operations".to_owned(),
                true,
            ),
            (
                WarningCode::GeneratorStalled,
                format!("{call}/percentiles_ns/p99"),
                true,
            ),
            (
                WarningCode::PacingLag,
                format!("{call}/percentiles_ns/p9999"),
                false,
            ),
            (
                WarningCode::PacingLag,
                format!("{call}/percentiles_ns/p90"),
                false,
            ),
            (WarningCode::PacingLag, format!("{call}/mean_ns"), false),
            (
                WarningCode::TooFewSamples,
                format!("{call}/percentiles_ns/p99"),
                true,
            ),
            (
                WarningCode::TooFewSamples,
                format!("{call}/percentiles_ns/p999"),
                false,
            ),
        ] {
            let doubts = ShownFigures::default().doubts(&report, &[of(code, &field)]);
            let expected = format!("\nDoubtful:\n  {code:?} [pool of 8]\n");
            assert_eq!(
                doubts,
                if told { expected } else { String::new() },
                "{field}"
            );
        }
        let harmless = Warning::new(WarningCode::EvidenceMissing, "no evidence");
        assert_eq!(ShownFigures::default().doubts(&report, &[harmless]), "");
    }

    #[test]
    fn a_percentile_over_all_repeats_is_as_sure_as_all_their_samples() {
        let few = of(
            WarningCode::TooFewSamples,
            "operations/read/call/percentiles_ns/p99",
        );
        let one = report(vec![step(600)]);
        let two = report(vec![step(600), step(600)]);
        let each = ShownFigures {
            merged: false,
            ..ShownFigures::default()
        };
        let merged = ShownFigures::default();
        assert_ne!(merged.doubts(&one, std::slice::from_ref(&few)), "");
        assert_eq!(merged.doubts(&two, std::slice::from_ref(&few)), "");
        assert_ne!(each.doubts(&two, &[few]), "");
    }

    #[test]
    fn the_gravest_doubt_comes_first_and_each_kind_once() {
        let report = report(vec![step(100), step(100)]);
        let p99 = "operations/read/call/percentiles_ns/p99";
        let warnings = [
            of(WarningCode::TooFewSamples, p99),
            of(WarningCode::NotSteady, "operations/*/throughput_per_s"),
            of(WarningCode::GeneratorStalled, p99),
            of(WarningCode::GeneratorStalled, p99),
        ];
        let doubts = ShownFigures::default().doubts(&report, &warnings);
        let place = |code: &str| doubts.find(code).unwrap();
        assert!(place("Stalled") < place("NotSteady"), "{doubts}");
        assert!(place("NotSteady") < place("TooFew"), "{doubts}");
        assert_eq!(doubts.matches("Stalled").count(), 1, "{doubts}");
        assert!(doubts.contains("(the worst of 2 steps)"), "{doubts}");
    }

    #[test]
    fn a_step_that_a_search_overloaded_does_not_speak_for_its_result() {
        let tried = |step, rate_per_s, verdict| TriedRate {
            step,
            rate_per_s,
            verdict,
            reason: None,
        };
        let mut report = report(vec![step(100), step(100)]);
        report.summary.found_rates.push(FoundRate {
            subject: "pool of 8".to_owned(),
            objectives: vec!["p99<5ms".to_owned()],
            repeats: 1,
            held_per_s: Some(100.0),
            broken_per_s: Some(105.0),
            end: RateSearchEnd::Bracketed,
            reason: String::new(),
            steps: vec![
                tried(0, 100.0, RateVerdict::Held),
                tried(1, 105.0, RateVerdict::Broken),
            ],
        });
        let late = |step: usize, ratio: f64| {
            let warning = Warning::new(WarningCode::PacingLag, format!("late by {ratio}"));
            let spoilt = ["operations/read/call/percentiles_ns/p99"];
            warning.with_figures(ratio, 0.3).about_step(step, &spoilt)
        };
        let warnings = vec![late(0, 0.4), late(1, 0.9)];
        let doubts = ShownFigures::default().doubts(&report, &warnings);
        assert_eq!(doubts, "\nDoubtful:\n  late by 0.4 [pool of 8]\n");
        let merged = merge_warnings(&report.summary, warnings);
        let steps: Vec<_> = merged.iter().map(|warning| warning.step).collect();
        assert_eq!(steps, [Some(0), Some(1)], "each speaks for itself");
    }
}
