//! Result of the scenario `memory` as text, and its summary.

use std::fmt::Write as _;

use bench_cli::table::{self, Table};
use bench_report::names::redis::encoding_limits;
use bench_report::names::{FigureName, steps, summaries};
use bench_report::{EvidenceRow, Report, Step, StepEnd, Summary};

use crate::memory::{at_limit, churn, sizes};

/// Returns the summary: the predictions and their largest error.
pub(super) fn summary(steps: &[Step]) -> Summary {
    let mut summary = Summary::default();
    let measured: Vec<&Step> = of_part(steps, sizes::PART).collect();
    let errors = measured.iter().filter_map(|step| {
        let error = step.value(steps::MEMORY_PREDICTION_ERROR_RATIO)?;
        Some((*step, error))
    });
    let worst = errors
        .clone()
        .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
    summary.headline = match worst {
        Some((step, error)) => {
            summary.figure(summaries::WORST_PREDICTION_ERROR_RATIO, error.abs());
            let count = errors.count() as u64;
            format!(
                "{} of the memory of keys {} off by {} or less; {} has {}",
                table::counted(count, "prediction"),
                if count == 1 { "is" } else { "are" },
                table::ratio(error.abs()),
                step.name,
                signed(error)
            )
        }
        None if measured.is_empty() => "No memory was measured.".to_owned(),
        None => format!(
            "The memory of {} of keys was measured; it could not be predicted",
            table::counted(measured.len() as u64, "kind")
        ),
    };
    summary
}

/// Returns the headline, tables of at most 80 columns, and the reasons for what is missing.
pub(super) fn render(report: &Report) -> String {
    let mut text = table::paragraph(&report.summary.headline, 0);
    let steps = &report.steps;
    add_sizes(&mut text, steps);
    add_limits_of_encodings(&mut text, steps);
    for step in of_part(steps, churn::PART) {
        add_churn(&mut text, step);
    }
    add_limit(&mut text, steps);
    add_missing(&mut text, steps);
    text
}

fn of_part<'a>(steps: &'a [Step], part: &'a str) -> impl Iterator<Item = &'a Step> {
    steps
        .iter()
        .filter(move |step| step.is_with(&[("part", part)]))
}

fn add_sizes(text: &mut String, steps: &[Step]) {
    let mut sized = Table::new(&[
        "bytes of a key",
        "encoding",
        "payload",
        "measured",
        "predicted",
        "error",
    ]);
    let mut rows = 0;
    for step in of_part(steps, sizes::PART) {
        let encoding = step.parameters.get("encoding").map(ToString::to_string);
        let bytes = |name: FigureName| shown(step, name, table::three_digits);
        sized.row(&[
            step.name.clone(),
            encoding.unwrap_or_else(none),
            bytes(steps::MEMORY_PAYLOAD_BYTES),
            bytes(steps::MEMORY_KEY_BYTES),
            bytes(steps::MEMORY_PREDICTED_BYTES),
            shown(step, steps::MEMORY_PREDICTION_ERROR_RATIO, signed),
        ]);
        rows += 1;
    }
    if rows > 0 {
        let _ = write!(text, "\n{sized}");
    }
}

fn add_limits_of_encodings(text: &mut String, steps: &[Step]) {
    let servers = steps.iter().filter_map(|step| step.server.as_ref());
    let rows: Vec<&EvidenceRow> = servers
        .filter_map(|server| server.rows(encoding_limits::TABLE))
        .flatten()
        .collect();
    if rows.is_empty() {
        return;
    }
    let mut limits = Table::new(&["compact encoding", "up to", "setting", "encodings"]);
    for row in rows {
        let label = |column| row.label(column).unwrap_or_default().to_owned();
        let number = |column| {
            let value = row.value(column);
            value.map_or_else(none, |value| format!("{value:.0}"))
        };
        let (compact, larger) = (
            label(encoding_limits::COMPACT),
            label(encoding_limits::LARGER),
        );
        limits.row(&[
            label(encoding_limits::LIMIT),
            number(encoding_limits::FOUND),
            number(encoding_limits::CONFIGURED),
            format!("{compact} → {larger}"),
        ]);
    }
    let _ = write!(text, "\n{limits}");
}

fn add_churn(text: &mut String, step: &Step) {
    let parameter = |name: &str| step.parameter(name).unwrap_or(0.0);
    let _ = write!(
        text,
        "\nFragmentation: {} strings of {} B, every second one replaced by one of {} B\n",
        parameter("keys"),
        parameter("first_bytes"),
        parameter("second_bytes")
    );
    let mut states = Table::new(&["state", "used", "resident", "fragmentation"]);
    for state in churn::STATES {
        let value = |family: bench_report::names::FigureFamily| step.value_of(family, state);
        let bytes =
            |value: Option<f64>| value.map_or_else(none, |bytes| table::bytes(bytes as u64));
        let ratio = value(steps::CHURN_FRAGMENTATION_RATIO);
        states.row(&[
            state.to_owned(),
            bytes(value(steps::CHURN_USED_BYTES)),
            bytes(value(steps::CHURN_RSS_BYTES)),
            ratio.map_or_else(none, table::three_digits),
        ]);
    }
    let _ = write!(text, "{states}");
}

fn add_limit(text: &mut String, steps: &[Step]) {
    let tried: Vec<&Step> = of_part(steps, at_limit::PART)
        .filter(|step| step.parameters.contains_key("policy"))
        .collect();
    if tried.is_empty() {
        return;
    }
    let _ = write!(
        text,
        "\nA limit of {}, and keys without expiry\n",
        table::bytes(at_limit::MAXMEMORY_BYTES)
    );
    let mut limits = Table::new(&[
        "policy",
        "keys fit",
        "predicted",
        "refused",
        "evicted",
        "lost",
    ]);
    for step in &tried {
        let count = |name: FigureName| shown(step, name, |value| format!("{value:.0}"));
        limits.row(&[
            step.parameters
                .get("policy")
                .map_or_else(none, ToString::to_string),
            count(steps::LIMIT_KEYS),
            count(steps::LIMIT_PREDICTED_KEYS),
            count(steps::LIMIT_REFUSED_WRITES),
            count(steps::LIMIT_EVICTED_KEYS),
            count(steps::LIMIT_LOST_KEYS),
        ]);
    }
    let _ = write!(text, "{limits}");
    for step in tried {
        let policy = step
            .parameters
            .get("policy")
            .map_or_else(none, ToString::to_string);
        let said = match step.failures.first() {
            Some(failure) => format!("{policy}: clients are told {}", failure.message),
            None if step.value(steps::LIMIT_LOST_KEYS).unwrap_or(0.0) > 0.0 => {
                format!("{policy}: no write fails, and keys are missing without a word")
            }
            None => continue,
        };
        text.push_str(&table::paragraph(&said, 2));
    }
}

fn add_missing(text: &mut String, steps: &[Step]) {
    let mut missing: Vec<String> = Vec::new();
    for step in steps {
        if let StepEnd::Failed { reason } = &step.end {
            missing.push(format!("{}: {reason}", step.name));
        }
        let unavailable = step.server.iter().flat_map(|server| &server.unavailable);
        for (what, reason) in unavailable {
            let told = format!("{what}: {reason}");
            if !missing.contains(&told) {
                missing.push(told);
            }
        }
    }
    table::list(text, "Not available", missing);
}

/// Returns the figure `name` of a step in the form that `show` gives it; a dash if it has none.
fn shown(step: &Step, name: FigureName, show: impl Fn(f64) -> String) -> String {
    step.value(name).map_or_else(none, show)
}

/// Returns the text for a figure that was not measured.
fn none() -> String {
    "–".to_owned()
}

/// Formats a fraction of 1 as a percentage with its sign: `+0.3 %`.
fn signed(ratio: f64) -> String {
    format!("{:+.1} %", ratio * 100.0)
}

#[cfg(test)]
mod tests {
    use bench_report::names::{self, Place};

    use super::*;

    /// Report of a real run: `--types string,hash --value-size 44,45 --elements 10 --keys 20k`.
    fn golden() -> Report {
        let json =
            include_str!("../../../crates/bench-report/tests/golden/redis-bench.memory-1.json");
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_registry_has_all_names_of_a_real_result() {
        let report = golden();
        let known = |place, name: &str| assert!(names::find(place, name).is_some(), "{name}");
        for name in report.summary.figures.keys() {
            known(Place::Summary, name);
        }
        for step in &report.steps {
            for name in step.figures.keys() {
                known(Place::Step, name);
            }
            let tables = step.server.iter().flat_map(|server| &server.tables);
            for (table, rows) in tables {
                let place = Place::Table(names::table(table).unwrap());
                for row in rows {
                    for name in row.labels.keys().chain(row.figures.keys()) {
                        known(place, name);
                    }
                }
            }
        }
    }

    fn text(report: &mut Report) -> String {
        report.summary = summary(&report.steps);
        render(report)
    }

    #[test]
    fn a_real_result_is_shown_whole_and_fits_the_terminal() {
        let mut report = golden();
        let kept = report.summary.clone();
        let shown = text(&mut report);
        assert_eq!(report.summary, kept);
        for line in shown.lines() {
            assert!(line.chars().count() <= 80, "{line:?}");
        }
        for part in [
            "6 predictions of the memory of keys are off by 0.1 % or less",
            " string of 44 B + expiry       embstr     80.4       202        202  +0.0 %",
            " hash-max-listpack-entries    512      512  listpack → hashtable",
            "Fragmentation: 20000 strings of 100 B, every second one",
            "A limit of 16.0 MiB",
            "allkeys-lru: no write fails, and keys are missing without a word",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(!shown.contains("Not available"), "{shown}");
    }

    #[test]
    fn what_is_not_known_is_a_dash_with_its_reason_and_not_zero() {
        let mut report = golden();
        let step = &mut report.steps[0];
        for name in [
            steps::MEMORY_PREDICTED_BYTES,
            steps::MEMORY_PREDICTION_ERROR_RATIO,
        ] {
            step.figures.remove(name.as_str());
        }
        let unavailable = &mut step.server.get_or_insert_default().unavailable;
        unavailable.insert("prediction".to_owned(), "NOPERM memory|usage".to_owned());
        report.steps[1].end = StepEnd::Failed {
            reason: "NOPERM set".to_owned(),
        };
        let shown = text(&mut report);
        assert!(shown.contains("157          –       –\n"), "{shown}");
        let missing = "\nNot available\n  prediction: NOPERM memory|usage\n  string of 44 B + expiry: \
                       NOPERM set\n";
        assert!(shown.contains(missing), "{shown}");
    }

    #[test]
    fn a_run_without_steps_or_predictions_says_so() {
        assert_eq!(summary(&[]).headline, "No memory was measured.");
        let mut report = golden();
        for step in &mut report.steps {
            step.figures
                .remove(steps::MEMORY_PREDICTION_ERROR_RATIO.as_str());
        }
        let headline = summary(&report.steps).headline;
        assert!(headline.contains("could not be predicted"), "{headline}");
    }
}
