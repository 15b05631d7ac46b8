//! Tests that the committed JSON schema is that of the types, and that each older report can still
//! be read.
#![allow(clippy::unwrap_used)]

#[path = "common/faults.rs"]
mod faults;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_committed_json_schema_is_the_one_of_the_types() {
    let committed = std::fs::read_to_string(root().join("docs/schema/report-1.json")).unwrap();
    let committed: Value = serde_json::from_str(&committed).unwrap();
    let types = serde_json::to_value(schemars::schema_for!(bench_report::Report)).unwrap();
    assert!(
        committed == types,
        "docs/schema/report-1.json is stale; mend it with `make schema`"
    );
}

/// Returns the first place at which the JSON document `raw` has a value that `read`, the same
/// document after reading it into the types, lacks or has differently. `None` if there is none.
fn unknown(raw: &Value, read: &Value) -> Option<String> {
    match (raw, read) {
        (Value::Object(raw), Value::Object(read)) => raw.iter().find_map(|(name, value)| {
            let Some(read) = read.get(name) else {
                return Some(name.clone());
            };
            unknown(value, read).map(|below| format!("{name}/{below}"))
        }),
        (Value::Array(raw), Value::Array(read)) if raw.len() == read.len() => {
            let mut pairs = raw.iter().zip(read);
            pairs.find_map(|(raw, read)| unknown(raw, read))
        }
        // A number may come back as another type of number.
        (Value::Number(raw), Value::Number(read)) if raw.as_f64() == read.as_f64() => None,
        (raw, read) if raw == read => None,
        (raw, _) => Some(raw.to_string()),
    }
}

#[test]
fn golden_reports_of_every_version_stay_readable_and_keep_to_the_schema() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut read = 0;
    for entry in std::fs::read_dir(golden).unwrap() {
        let path = entry.unwrap().path();
        let raw = std::fs::read_to_string(&path).unwrap();
        let raw: Value = serde_json::from_str(&raw).unwrap();
        let report = bench_report::store::load(&path).unwrap();
        let lost = unknown(&raw, &serde_json::to_value(&report).unwrap());
        assert_eq!(lost, None, "{}: no type knows it", path.display());
        assert!(!report.steps.is_empty() || !report.series.is_empty());
        for operation in report.steps.iter().flat_map(|s| s.operations.values()) {
            // Operations that were only observed, not timed, have no latency.
            let Some(latency) = operation.latency() else {
                continue;
            };
            let decoded = latency.decode().unwrap();
            assert_eq!(decoded.value_at_quantile(0.99), latency.percentiles_ns.p99);
        }
        read += 1;
    }
    assert!(
        read >= 7,
        "one of every scenario of db-pool-bench, and others: {read}"
    );
}

/// Returns the violations of the committed schema by a report, each with its place and the rule;
/// empty if it is valid.
fn faults(report: &Value) -> Vec<String> {
    faults::faults(&root().join("docs/schema/report-1.json"), report)
}

/// Reads the committed reports of real runs, and those of the example run, each with its path.
fn kept() -> Vec<(PathBuf, Value)> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let files = [golden, root().join("reports/examples/smoke")].map(|directory| {
        let files = std::fs::read_dir(directory).unwrap();
        files.map(|file| file.unwrap().path()).collect::<Vec<_>>()
    });
    let is_report = |file: &PathBuf| {
        file.extension().is_some_and(|end| end == "json") && !file.ends_with("assessment.json")
    };
    let read = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).unwrap();
        (file, serde_json::from_str(&text).unwrap())
    };
    let reports: Vec<_> = files.concat().into_iter().filter(is_report).collect();
    reports.into_iter().map(read).collect()
}

/// Validates with the schema alone, as a program in another language would do.
#[test]
fn every_report_that_is_kept_is_valid_by_the_committed_schema() {
    let kept = kept();
    assert!(kept.len() >= 11, "{}", kept.len());
    for (file, report) in kept {
        assert_eq!(faults(&report), [""; 0], "{}", file.display());
    }
}

#[test]
fn a_report_in_which_a_field_is_missing_or_of_another_kind_is_refused_at_its_place() {
    let (_, sound) = kept()
        .into_iter()
        .find(|(file, _)| file.ends_with("db-pool-bench.sweep-1.json"))
        .unwrap();
    for (pointer, wrong) in [
        ("/duration_ns", json!("5 s")),
        ("/duration_ns", json!(-1)),
        ("/status", json!("fine")),
        ("/steps", json!({})),
        ("/steps/0/window", Value::Null),
        ("/steps/0/window/end_ns", json!(0.5)),
        ("/steps/0/generator/cpu_ratio", json!("10 %")),
        ("/warnings/0/code", json!("bad_weather")),
    ] {
        let mut report = sound.clone();
        *report.pointer_mut(pointer).unwrap() = wrong.clone();
        let faults = faults(&report);
        assert!(
            faults.iter().any(|fault| fault.starts_with(pointer)),
            "{pointer} = {wrong}: {faults:?}"
        );
    }
    let mut report = sound;
    report.as_object_mut().unwrap().remove("run_id");
    let faults = faults(&report);
    assert!(
        faults.len() == 1 && faults[0].contains("run_id"),
        "{faults:?}"
    );
}
