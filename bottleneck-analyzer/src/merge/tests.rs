use bench_report::histogram::recording;
use bench_report::{Histogram, Pacing, StepSpan, Tool, Window};
use test_support::empty_step;

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

/// Returns the path and report of worker `i` of 4, on a host of its own that booted at another time
/// than the others.
fn report(i: u64) -> (PathBuf, Report) {
    let tool = Tool {
        name: "redis-bench".to_owned(),
        version: "1".to_owned(),
        commit: None,
    };
    let mut report = Report::begin(tool, format!("run-{i}"), "cache");
    report.status = Status::Complete;
    report.started_at = "2026-03-14T09:15:00.000Z".to_owned();
    report.clock.boot_id = Some(format!("host {i}"));
    report.clock.monotonic_ns = (i + 1) * 1_000 * SECOND;
    let worker = serde_json::json!({"i": i, "n": 4, "plan_hash": "7f3a", "clock_error_ns": 500});
    report.config.insert("worker".to_owned(), worker);
    report.config.insert("keys".to_owned(), 9.into());
    report.config.insert("seed".to_owned(), 7.into());
    report
        .config
        .insert("url".to_owned(), format!("redis://host-{i}/").into());
    let start_ns = report.clock.monotonic_ns + 5 * SECOND;
    report.steps.push(Step {
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
        generator: Generator {
            threads: 2,
            cpu_ns: 100,
            ..Generator::default()
        },
        ..empty_step("pool of 8")
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
        ("there is no worker 4 of 4", &|r| {
            r.config.get_mut("worker").unwrap()["i"] = 4.into();
        }),
        ("config.worker: invalid type", &|r| {
            r.config.get_mut("worker").unwrap()["i"] = "one".into();
        }),
        ("started_at is no instant", &|r| {
            r.started_at = "yesterday".to_owned();
        }),
        (
            "the scenario is sysmon.cache, not redis-bench.cache",
            &|r| {
                r.tool.name = "sysmon".to_owned();
            },
        ),
        ("the version is 2, not 1", &|r| {
            r.tool.version = "2".to_owned();
        }),
        ("keys is 5, not 9; seed is absent, not 7", &|r| {
            r.config.get_mut("worker").unwrap()["plan_hash"] = "x".into();
            r.config.insert("keys".to_owned(), 5.into());
            r.config.remove("seed");
        }),
        ("same time", &|r| {
            r.started_at = "2026-03-14T09:16:00.000Z".to_owned();
        }),
        (
            "step 0 is other (repeat 0), not pool of 8 (repeat 0)",
            &|r| r.steps[0].name = "other".to_owned(),
        ),
    ] {
        let said = with(change);
        assert!(said.contains(told), "{told}: {said}");
    }
}

#[test]
fn hosts_that_are_not_like_the_first_one_are_named_with_what_differs() {
    let on_hosts = |i| {
        let (path, mut report) = report(i);
        report.environment.cores = Some(4);
        report.environment.kernel = Some("6.1".to_owned());
        if i == 2 {
            report.environment.cores = Some(16);
            report.environment.kernel = None;
        }
        (path, report)
    };
    let merged = merge((0..4).map(on_hosts).collect()).unwrap();
    assert_eq!(merged.environment.cores, Some(4), "of worker 0");
    let told: Vec<&str> = merged.warnings.iter().map(|w| &*w.message).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    for part in [
        "worker 2/4",
        "cores is 16, not 4",
        "kernel is null, not \"6.1\"",
    ] {
        assert!(told[0].contains(part), "{told:?}");
    }
    let reports = &merged.config["workers_joined"]["reports"];
    let differences = &reports[2]["environment_differences"];
    assert_eq!(
        differences,
        &serde_json::json!({"cores": 16, "kernel": null})
    );
    assert_eq!(reports[1].get("environment_differences"), None);
}

/// Returns the path and report of worker `i` of 4 in an open loop of 100 arrivals per second. The
/// worker has made its share: 25 per second.
fn open_loop(i: u64) -> (PathBuf, Report) {
    let (path, mut report) = report(i);
    report.steps[0].load = Load::Open {
        rate_per_s: 25.0,
        pacing: Pacing::Constant,
        in_flight_cap: 8,
        delayed_at_cap: 0,
    };
    (path, report)
}

#[test]
fn the_load_that_missing_workers_were_to_make_is_told() {
    let merged = merge(vec![open_loop(0), open_loop(3)]).unwrap();
    let not_made = merged.steps[0].figures["arrivals_not_made"];
    assert!((not_made - 100.0).abs() < 1e-9, "{not_made}");
    let told: Vec<&str> = merged.warnings.iter().map(|w| &*w.message).collect();
    assert!(
        told[0].starts_with("the report of worker 1/4 is missing"),
        "{told:?}"
    );
    assert!(
        told[1].contains("worker 2/4") && told[1].contains("about 50 arrivals"),
        "{told:?}"
    );
    let with_users = |i| {
        let (path, mut report) = report(i);
        report.steps[0]
            .parameters
            .insert("users".to_owned(), 14_u64.into());
        (path, report)
    };
    let merged = merge(vec![with_users(0), with_users(3)]).unwrap();
    let told = &merged.warnings[0].message;
    assert!(
        told.contains("(4 of 14 users in each of 1 steps)"),
        "{told}"
    );
    assert!(
        !merged.steps[0].figures.contains_key("arrivals_not_made"),
        "not known"
    );
}

#[test]
fn so_many_workers_that_nobody_could_list_them_are_counted() {
    let huge = |i| {
        let (path, mut report) = report(i);
        report.config.get_mut("worker").unwrap()["n"] = u64::MAX.into();
        (path, report)
    };
    let merged = merge(vec![huge(0), huge(1)]).unwrap();
    assert_eq!(merged.warnings.len(), 33);
    assert!(merged.warnings[32].message.contains("further reports"));
}

#[test]
fn a_worker_that_ended_early_leaves_later_steps_doubtful() {
    let twice = |i| {
        let (path, mut report) = report(i);
        let mut second = report.steps[0].clone();
        second.repeat = 1;
        report.steps.push(second);
        (path, report)
    };
    let mut reports: Vec<_> = (0..4).map(twice).collect();
    reports[2].1.steps.truncate(1);
    reports[2].1.status = Status::Stopped;
    let merged = merge(reports).unwrap();
    assert_eq!(merged.status, Status::Stopped);
    let lost = &merged.warnings[0];
    assert!(
        lost.message.contains("worker 2/4 told of 1 of 2 steps"),
        "{lost:?}"
    );
    assert!(lost.spoils("/steps/1/operations") && !lost.spoils("/steps/0/operations"));
    assert_eq!(merged.steps[0].end, StepEnd::Completed);
    assert!(matches!(merged.steps[1].end, StepEnd::Failed { .. }));
    assert_eq!(merged.steps[1].operations["get"].attempted, 1_500);
}

#[test]
fn a_worker_that_began_apart_from_the_others_is_told_and_so_is_a_clock_that_nobody_keeps() {
    let doubts = |change: &dyn Fn(&mut Report)| {
        let mut reports: Vec<_> = (0..4).map(report).collect();
        change(&mut reports[1].1);
        let merged = merge(reports).unwrap();
        let told = merged.warnings.into_iter();
        told.map(|warning| (warning.code, warning.message))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        doubts(&|_| ()),
        [],
        "0.5 \u{b5}s of error each and no difference"
    );
    let later = |r: &mut Report| r.started_at = "2026-03-14T09:15:00.500Z".to_owned();
    let told = doubts(&later);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, WarningCode::WorkerLate);
    assert!(
        told[0]
            .1
            .contains("worker 1/4 began this step 500.0 ms apart"),
        "{told:?}"
    );
    let erring = |r: &mut Report| {
        later(r);
        r.config.get_mut("worker").unwrap()["clock_error_ns"] = 600_000_000.into();
    };
    assert_eq!(doubts(&erring), [], "the clock may err by more");
    let unknown = |r: &mut Report| {
        let worker = r.config.get_mut("worker").unwrap();
        worker.as_object_mut().unwrap().remove("clock_error_ns");
    };
    let told = doubts(&unknown);
    assert_eq!(told[0].0, WarningCode::EvidenceMissing);
    assert!(told[0].1.contains("wall clock of worker 1"), "{told:?}");
}

#[test]
fn reports_of_one_host_are_compared_by_its_own_clock() {
    let mut reports: Vec<_> = (0..4).map(report).collect();
    for (i, (_, report)) in reports.iter_mut().enumerate() {
        report.clock.boot_id = Some("one host".to_owned());
        // The workers were started one after another: their start times differ, the instants of their steps
        // do not.
        report.clock.monotonic_ns = 1_000 * SECOND + i as u64;
        report.started_at = format!("2026-03-14T09:15:{i:02}.000Z");
        let window = &mut report.steps[0].window;
        (window.start_ns, window.measure_start_ns) = (1_005 * SECOND, 1_005 * SECOND);
        (window.measure_end_ns, window.end_ns) = (1_007 * SECOND, 1_007 * SECOND);
        report.config.get_mut("worker").unwrap()["clock_error_ns"] = serde_json::Value::Null;
    }
    let merged = merge(reports).unwrap();
    assert_eq!(
        (merged.status, merged.warnings),
        (Status::Complete, Vec::new())
    );
    assert_eq!(merged.steps[0].window.start_ns, 1_005 * SECOND);
}

#[test]
fn segments_of_a_curve_add_up_and_times_are_those_of_the_first_workers_clock() {
    let with_segments = |i| {
        let (path, mut report) = report(i);
        let step = &mut report.steps[0];
        let start_ns = step.window.measure_start_ns;
        step.segments.push(StepSegment {
            name: "spike".to_owned(),
            spans: vec![StepSpan {
                start_ns,
                end_ns: start_ns + SECOND,
            }],
            operations: step.operations.clone(),
        });
        step.sessions = Some(SessionUse {
            opened: i,
            ..SessionUse::default()
        });
        if i == 0 {
            // This worker was late and made no load in the step.
            step.window.measure_end_ns = step.window.measure_start_ns;
            (step.segments, step.operations) = (Vec::new(), BTreeMap::new());
            step.end = StepEnd::Failed {
                reason: "late".to_owned(),
            };
        }
        (path, report)
    };
    let merged = merge((0..4).map(with_segments).collect()).unwrap();
    let step = &merged.steps[0];
    let spike = &step.segments[0];
    assert_eq!(
        spike.operations, step.operations,
        "all arrivals of this step"
    );
    assert_eq!(step.operations["get"].attempted, 1_500);
    // The first host had been up for 1,000 s when its worker started.
    assert_eq!(step.window.measure_start_ns, 1_005 * SECOND);
    assert_eq!(spike.spans[0].start_ns, 1_005 * SECOND);
    assert_eq!(step.sessions.as_ref().unwrap().opened, 6);
    assert_eq!(step.generator.threads, 6, "of those that made load");
    assert_eq!(
        step.end,
        StepEnd::Failed {
            reason: "late".to_owned()
        }
    );
}
