//! Tests of reports with figures that cannot be: none of them passes a gate, and each is told with
//! its place.

use std::path::Path;

use serde_json::{Value, json};

use crate::assessment::{Assessment, Readiness};
use crate::report_files::{ReadBudget, ReportFiles};

use super::common::{Plant, coherent};
use super::{gate, is_unknown, judge, named};

/// Saves a healthy run, with one of its reports changed by `plant`, and assesses it.
fn changed(file: &str, plant: impl FnOnce(&mut Value)) -> Assessment {
    let home = tempfile::tempdir().unwrap();
    Plant::default().write(home.path());
    change(&home.path().join(file), plant);
    let (_, assessment) = judge(home.path());
    assessment
}

fn change(path: &Path, plant: impl FnOnce(&mut Value)) {
    let whole = std::fs::read_to_string(path).unwrap();
    let mut document: Value = serde_json::from_str(&whole).unwrap();
    plant(&mut document);
    std::fs::write(path, document.to_string()).unwrap();
}

/// Panics unless the Redis report with the value at `pointer` replaced is refused for a reason that
/// contains `why`, with the file and the place `told`.
fn is_refused(pointer: &str, value: &Value, told: &str, why: &str) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("redis-bench.cache.json");
    let report = coherent(&Plant::default().redis());
    std::fs::write(&path, serde_json::to_string(&report).unwrap()).unwrap();
    change(&path, |document| {
        *document.pointer_mut(pointer).unwrap() = value.clone();
    });
    let error = ReportFiles::read(&path, &mut ReadBudget::default())
        .unwrap_err()
        .to_string();
    let place = format!("redis-bench.cache.json: {told} ");
    assert!(
        error.contains(&place) && error.contains(why),
        "{pointer}: {error}"
    );
}

#[test]
fn a_count_a_time_or_a_histogram_that_cannot_be_is_refused_with_its_place() {
    let get = "/steps/0/operations/get";
    let of = |field: &str| format!("{get}/{field}");
    for (field, value, why) in [
        (
            "throughput_per_s",
            json!(-5.0),
            "is -5, and a rate is from 0",
        ),
        ("throughput_per_s", json!(1e300), "is 1e300, and a rate"),
        ("call/mean_ns", json!(1e17), "outside of its durations"),
        ("call/mean_ns", json!(-1.0), "a duration in nanoseconds"),
        (
            "call/percentiles_ns/p50",
            json!(3_000_000_000_000_u64),
            "do not rise",
        ),
        ("call/count", json!(7), "is 7, but there were"),
        ("call/hdr", json!("AAAA"), "is damaged"),
    ] {
        let told = match field {
            "call/mean_ns" if value == json!(1e17) => of("call"),
            "call/percentiles_ns/p50" => of("call"),
            "call/hdr" => of("call/hdr"),
            field => of(field),
        };
        is_refused(&of(field), &value, &told, why);
    }
}

#[test]
fn counts_instants_and_shares_that_contradict_one_another_are_refused_with_their_place() {
    let get = "/steps/0/operations/get";
    let of = |field: &str| format!("{get}/{field}");
    is_refused(&of("attempted"), &json!(1), get, "has 1 requests, but");
    is_refused(
        &of("attempted"),
        &json!(u64::MAX),
        get,
        "more than can be made",
    );
    is_refused(
        &of("errors"),
        &json!({"timeout": u64::MAX, "refused": u64::MAX}),
        get,
        "failed",
    );
    let window = "/steps/0/window";
    is_refused(
        &format!("{window}/measure_end_ns"),
        &json!(5),
        window,
        "ends before it begins",
    );
    is_refused(
        &format!("{window}/end_ns"),
        &json!(1e17 as u64),
        window,
        "outside of the run",
    );
    is_refused(
        "/clock/monotonic_ns",
        &json!(1e17 as u64),
        window,
        "outside of the run",
    );
    is_refused("/duration_ns", &json!(1), window, "outside of the run");
    let full = "/steps/0/generator/busiest_thread_ratio";
    is_refused(
        "/steps/0/generator/cpu_ratio",
        &json!(-0.5),
        "/steps/0/generator/cpu_ratio",
        "a ratio",
    );
    is_refused(
        "/steps/0/generator",
        &json!({"threads": 1, "cpu_ns": 1, "cpu_ratio": 0.5,
        "worst_stall_ns": 0, "busiest_thread_ratio": 40.0}),
        full,
        "a share",
    );
}

#[test]
fn a_report_that_cannot_be_passes_no_gate() {
    let assessment = changed("redis-bench.cache.json", |report| {
        for operation in report["steps"][0]["operations"]
            .as_object_mut()
            .unwrap()
            .values_mut()
        {
            operation["throughput_per_s"] = json!(-1e300);
        }
    });
    assert_eq!(assessment.verdict.readiness, Readiness::CannotTell);
    assert_eq!(assessment.reports.len(), 3);
    let place = "redis-bench.cache.json: /steps/0/operations/get/throughput_per_s is -1e300";
    assert!(
        assessment.missing[0].starts_with(place),
        "{:?}",
        assessment.missing
    );
    assert!(
        !assessment
            .gates
            .iter()
            .any(|gate| gate.name.starts_with("redis"))
    );
}

#[test]
fn a_named_figure_that_cannot_be_is_left_out_and_the_rest_is_judged() {
    let at = "/steps/0/figures/hit_ratio";
    let assessment = changed("redis-bench.cache.json", |report| {
        for step in report["steps"].as_array_mut().unwrap() {
            step["figures"]["hit_ratio"] = json!(7.3);
            step["figures"]["server_hit_ratio"] = json!(1e300);
        }
    });
    assert_eq!(assessment.verdict.readiness, Readiness::CannotTell);
    assert_eq!(assessment.reports.len(), 4);
    let skipped = assessment
        .skipped
        .iter()
        .find(|skipped| skipped.pointer.as_deref() == Some(at));
    assert!(
        skipped
            .unwrap()
            .reason
            .contains("is 7.3, and a share is from 0 to 1.05")
    );
    assert!(
        assessment
            .skipped
            .iter()
            .all(|skipped| skipped.makes_incomplete)
    );
    assert!(
        is_unknown(&assessment, "low_hit_ratio"),
        "{:?}",
        assessment.unknown
    );
    assert_eq!(
        gate(&assessment, "redis.cache.errors").outcome,
        crate::assessment::GateOutcome::Pass
    );
}

#[test]
fn a_series_of_uneven_columns_is_told_and_makes_no_finding() {
    for column in ["at_ns", "mean", "min", "max"] {
        let assessment = changed("sysmon.record.json", |report| {
            let series = report["series"].as_array_mut().unwrap();
            for series in series
                .iter_mut()
                .filter(|series| series["name"] == "cpu.busy_ratio")
            {
                let values = series[column].as_array_mut().unwrap();
                values.truncate(values.len() / 2);
            }
        });
        assert_eq!(named(&assessment), Vec::<&str>::new(), "{column}");
        assert_eq!(
            assessment.verdict.readiness,
            Readiness::CannotTell,
            "{column}"
        );
        let told = &assessment.skipped[0];
        assert!(
            told.reason
                .contains("(cpu.busy_ratio) has columns of uneven length"),
            "{told:?}"
        );
        assert!(assessment.missing.contains(&told.reason));
        let mut ruled_out = assessment.ruled_out.iter();
        assert!(ruled_out.all(|checked| checked.rule != "cpu_saturated"));
    }
}
