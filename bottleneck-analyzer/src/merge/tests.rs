use bench_report::histogram::recording;
use bench_report::{Histogram, Tool, Window};

use super::*;

const SECOND: u64 = 1_000_000_000;

fn histogram(durations: impl Iterator<Item = u64>) -> Option<Histogram> {
    let mut recorded = recording();
    durations.for_each(|ns| recorded.saturating_record(ns));
    Histogram::from_recording(&recorded)
}

fn durations(worker: u64) -> impl Iterator<Item = u64> + Clone {
    (0..500).map(move |n: u64| {
        1_000 + (n * 4 + worker).wrapping_mul(0x9E37_79B9_7F4A_7C15) % 3_000_000_000
    })
}

fn operation(durations: impl Iterator<Item = u64> + Clone) -> Operation {
    let count = durations.clone().count() as u64;
    Operation {
        attempted: count,
        succeeded: count,
        throughput_per_s: count as f64 / 2.0,
        response: histogram(durations.clone()),
        call: histogram(durations),
        ..Operation::default()
    }
}

/// Report of worker `i` of 4 on a host of its own, which was started at another time.
fn report(i: u64) -> (PathBuf, Report) {
    let tool = Tool {
        name: "redis-bench".to_owned(),
        version: "1".to_owned(),
        commit: None,
    };
    let mut report = Report::begin(tool, format!("run-{i}"), "cache");
    report.status = Status::Complete;
    report.started_at = "2026-03-14T09:15:00.000Z".to_owned();
    report.clock.monotonic_ns = (i + 1) * 1_000 * SECOND;
    let worker = serde_json::json!({"i": i, "n": 4, "plan_hash": "7f3a", "clock_error_ns": 500});
    report.config.insert("worker".to_owned(), worker);
    let start_ns = report.clock.monotonic_ns + 5 * SECOND;
    report.steps.push(Step {
        name: "pool of 8".to_owned(),
        parameters: BTreeMap::new(),
        repeat: 0,
        window: Window {
            start_ns,
            measure_start_ns: start_ns,
            measure_end_ns: start_ns + 2 * SECOND,
            end_ns: start_ns + 2 * SECOND,
        },
        load: Load::Closed {
            users: 3,
            think_time_ns: 0,
        },
        operations: BTreeMap::from([("get".to_owned(), operation(durations(i)))]),
        parts: BTreeMap::new(),
        failures: Vec::new(),
        pool: None,
        server: None,
        generator: Generator {
            threads: 2,
            cpu_ns: 100,
            ..Generator::default()
        },
        curve: None,
        segments: Vec::new(),
        sessions: None,
        figures: BTreeMap::new(),
        end: StepEnd::Completed,
    });
    (PathBuf::from(format!("{i}.json")), report)
}

#[test]
fn the_merge_of_four_reports_equals_one_histogram_of_all_their_values() {
    let merged = merge([2, 0, 3, 1].map(report).into()).unwrap();
    let get = &merged.steps[0].operations["get"];
    let all = operation((0..4).flat_map(durations));
    assert_eq!(get, &all, "buckets, percentiles, counts and throughput");
    assert_eq!(get.attempted, 2_000);
    let step = &merged.steps[0];
    assert_eq!(
        step.load,
        Load::Closed {
            users: 12,
            think_time_ns: 0
        }
    );
    assert_eq!((step.generator.threads, step.generator.cpu_ns), (8, 400));
    assert_eq!(
        (merged.status, merged.warnings.len()),
        (Status::Complete, 0)
    );
    assert!(!merged.config.contains_key("worker"));
}

#[test]
fn a_missing_report_is_named_and_the_result_is_no_complete_run() {
    let merged = merge([0, 1, 3].map(report).into()).unwrap();
    assert_eq!(merged.status, Status::Failed);
    let lost = &merged.warnings[0];
    assert_eq!(lost.code, WarningCode::WorkerLost);
    assert!(lost.message.contains("worker 2/4") && lost.spoils("/steps/0/operations"));
    assert!(matches!(merged.steps[0].end, StepEnd::Failed { .. }));
}

#[test]
fn reports_of_other_loads_or_times_and_the_same_one_twice_are_refused() {
    let with = |change: &dyn Fn(&mut Report)| {
        let (path, mut other) = report(1);
        change(&mut other);
        merge(vec![report(0), (path, other)])
            .unwrap_err()
            .to_string()
    };
    for (told, change) in [
        (
            "plan",
            &(|r: &mut Report| r.config.get_mut("worker").unwrap()["plan_hash"] = "x".into())
                as &dyn Fn(&mut Report),
        ),
        ("number of workers", &|r| {
            r.config.get_mut("worker").unwrap()["n"] = 5.into();
        }),
        ("second report of worker 0", &|r| {
            r.config.get_mut("worker").unwrap()["i"] = 0.into();
        }),
        ("no config.worker", &|r| drop(r.config.remove("worker"))),
        ("same time", &|r| {
            r.started_at = "2026-03-14T09:16:00.000Z".to_owned();
        }),
        ("order of steps", &|r| r.steps[0].name = "other".to_owned()),
    ] {
        let said = with(change);
        assert!(said.contains(told), "{told}: {said}");
    }
}
