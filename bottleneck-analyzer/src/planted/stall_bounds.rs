//! Tests of stalls on both sides of the bounds: which of them are judged, and what counts as present only then.

use bench_report::{Report, Series};

use super::causes::ruled_out;
use super::common::server::{Server, row};
use super::stalls::run;
use super::{assess_reports, finding};
use crate::assessment::{Assessment, Finding, FindingKind};

const MS: u64 = 1_000_000;

fn told(assessment: &Assessment) -> &Finding {
    finding(assessment, "stalls").unwrap()
}

/// Returns three repeats of 20 s, in the second of which nothing comes back between two times, in milliseconds after
/// the start of measuring, and a recording of the machine.
fn still(from: u64, to: u64) -> Vec<Report> {
    run(|repeat| {
        let is_second = repeat == 1;
        is_second.then_some((from, to)).into_iter().collect()
    })
}

/// Adds a series to the recording of the machine. Each sample, of a quarter of a second, has the value that `of` returns
/// for its end, in seconds after the start of measuring in the second repeat.
fn sample(reports: &mut [Report], mut series: Series, of: impl Fn(f64) -> f64) {
    let from_ns = reports[0].steps[1].window.measure_start_ns as f64;
    for at_ns in reports[1].series[0].at_ns.clone() {
        series.push(at_ns, Some(of((at_ns as f64 - from_ns) / 1e9)));
    }
    reports[1].series.push(series);
}

/// Planted: two processes of the server use a core each in the second repeat, and `cores` each in a stall of a second; in
/// the other repeats they hardly work. Of both together, a fifth of what they use else in that repeat is 0.4 cores.
#[test]
fn a_server_whose_processes_used_more_than_a_fifth_of_their_cores_in_a_stall_worked() {
    let said = |cores: f64| {
        let mut reports = still(5_000, 6_000);
        let is_server = |series: &Series| {
            let name = series.labels.get("name");
            series.name == "process.cpu_cores" && name.is_some_and(|name| name == "postgres")
        };
        reports[1].series.retain(|series| !is_server(series));
        for pid in ["1000", "1001"] {
            let series = Series::new("process.cpu_cores")
                .label("name", "postgres")
                .label("pid", pid);
            let is_then = |at_s: f64| at_s > 5.0 && at_s <= 6.0;
            let is_measured = |at_s: f64| at_s > 0.0 && at_s <= 20.0;
            sample(&mut reports, series, |at_s| match at_s {
                at_s if is_then(at_s) => cores,
                at_s if is_measured(at_s) => 1.0,
                _ => 0.1,
            });
        }
        told(&assess_reports(&reports)).detail.clone()
    };
    let worked = said(0.25);
    assert!(worked.contains("used the CPU meanwhile"), "{worked}");
    let waited = said(0.15);
    assert!(waited.contains("used no CPU meanwhile"), "{waited}");
}

/// Planted: a stall of 0.4 s in a step of 20 s, and work of the server around it. Half of the rest of the step is 9.8 s.
#[test]
fn work_of_the_server_is_named_if_it_filled_half_of_the_stall_and_less_than_half_of_the_rest() {
    let is_named = |from_s: f64, to_s: f64| {
        let mut reports = still(5_000, 5_400);
        let step = &mut reports[0].steps[1];
        let start_ns = step.window.measure_start_ns as f64;
        let labels = [
            ("process", "autovacuum worker"),
            ("work", "VACUUM public.orders"),
        ];
        let figures = [
            ("begin_ns", start_ns + from_s * 1e9),
            ("end_ns", start_ns + to_s * 1e9),
        ];
        let tables = &mut step.server.as_mut().unwrap().tables;
        tables.insert("background_work".into(), vec![row(&labels, &figures)]);
        let assessment = assess_reports(&reports);
        let detail = &told(&assessment).detail;
        detail.contains("Present only then: VACUUM public.orders")
    };
    assert!(is_named(5.0, 14.7));
    assert!(!is_named(5.0, 15.2) && !is_named(5.0, 15.3));
    assert!(is_named(4.0, 5.2) && !is_named(4.0, 5.19));
}

/// Returns true if the time of a write is named that is `then` at some ends of samples, and else `usual`, in
/// milliseconds. The stall goes on from 5.03 to 5.43 s.
fn names_writes(ends_s: &[f64], then: f64, usual: f64) -> bool {
    let mut reports = still(5_030, 5_430);
    let series = Series::new("disk.write_await_ns").label("device", "vdb");
    let is_then = |at_s: f64| ends_s.iter().any(|end| (at_s - end).abs() < 0.01);
    sample(&mut reports, series, |at_s| {
        let milliseconds = if is_then(at_s) { then } else { usual };
        milliseconds * 1e6
    });
    let assessment = assess_reports(&reports);
    told(&assessment).detail.contains("time of a write of vdb")
}

#[test]
fn a_peak_belongs_to_a_stall_from_one_sample_before_it_to_one_after_it() {
    let cases: [(&[f64], bool); 10] = [
        (&[5.25], true),
        (&[5.5], true),
        (&[5.0], true),
        (&[5.75], true),
        (&[4.75], false),
        (&[6.0], false),
        // It was as high in the rest of the step, before or after the stall.
        (&[3.0, 5.25], false),
        (&[5.25, 12.0], false),
        // It was as high in another repeat, or after all of them.
        (&[-10.0, 5.25], true),
        (&[5.25, 60.0], true),
    ];
    for (ends_s, is_named) in cases {
        assert_eq!(names_writes(ends_s, 90.0, 1.0), is_named, "{ends_s:?}");
    }
}

#[test]
fn a_peak_is_told_if_it_is_high_and_twice_as_high_as_else() {
    let told = |then, usual| names_writes(&[5.25], then, usual);
    assert!(told(21.0, 1.0) && !told(19.0, 1.0));
    assert!(told(90.0, 44.0) && !told(90.0, 46.0));
}

/// Planted: the counts of checkpoints in each of three repeats, of which one stalls, or all.
#[test]
fn an_event_that_other_repeats_have_too_or_that_was_not_counted_is_no_cause() {
    let is_named = |counts: [f64; 3], all_stall: bool| {
        let mut reports = run(|repeat| {
            let stalls = all_stall || repeat == 1;
            stalls.then_some((5_030, 5_430)).into_iter().collect()
        });
        for (step, count) in reports[0].steps.iter_mut().zip(counts) {
            let figures = &mut step.server.as_mut().unwrap().figures;
            figures.insert("checkpointer.timed".into(), count);
        }
        let assessment = assess_reports(&reports);
        told(&assessment).detail.contains("checkpoints by time")
    };
    assert!(is_named([0.0, 1.0, 0.0], false));
    assert!(!is_named([0.0, 1.0, 1.0], false));
    assert!(!is_named([0.0; 3], false));
    assert!(!is_named([1.0; 3], true));
}

/// Planted: one process of a program uses `then` cores in a stall of two seconds, and `usual` in the rest of the step.
#[test]
fn a_program_is_present_if_it_used_half_a_core_and_twice_as_much_as_else() {
    let detail = |then: f64, usual: f64| {
        let mut reports = still(5_000, 7_000);
        let series = Series::new("process.cpu_cores")
            .label("name", "report-job")
            .label("pid", "7000");
        let is_then = |at_s: f64| at_s > 5.0 && at_s <= 7.0;
        sample(&mut reports, series, |at_s| {
            if is_then(at_s) { then } else { usual }
        });
        told(&assess_reports(&reports)).detail.clone()
    };
    let is_named = |then, usual| detail(then, usual).contains("report-job");
    assert!(is_named(0.6, 0.1) && !is_named(0.4, 0.05));
    assert!(is_named(1.2, 0.5) && !is_named(1.2, 0.7));
    let told = detail(1.2, 0.5);
    let words = "1.20 cores used by report-job, which takes no part in the run (0.50 in the rest of the step)";
    assert!(told.contains(words), "{told}");
}

/// Planted: on a machine that is 95 % busy, a program uses three of four cores in eight of the 20 s of each repeat, while
/// no call comes back, and 0.3 of a core else; and one that uses 1.4 cores all the time.
#[test]
fn a_stall_is_a_symptom_of_the_program_that_used_the_cpu_up_only_then() {
    let beside = |then: f64, usual: f64| {
        let mut reports = run(|_| vec![(5_000, 13_000)]);
        let mut series = reports[1].series.iter_mut();
        let busy = series.find(|s| s.name == "cpu.busy_ratio").unwrap();
        for value in busy.mean.iter_mut().chain(&mut busy.max) {
            *value = value.map(|_| 0.95);
        }
        let series = Series::new("process.cpu_cores")
            .label("name", "report-job")
            .label("pid", "7000");
        // A repeat begins every 22 s.
        let place = |at_s: f64| at_s.rem_euclid(22.0);
        let is_then = |at_s: f64| place(at_s) > 5.0 && place(at_s) <= 13.0;
        sample(&mut reports, series, |at_s| {
            if is_then(at_s) { then } else { usual }
        });
        assess_reports(&reports)
    };
    let only_then = beside(3.0, 0.3);
    let others = finding(&only_then, "cpu_others").unwrap();
    assert_eq!(others.kind, FindingKind::Problem);
    let symptom = told(&only_then);
    assert_eq!(symptom.kind, FindingKind::Symptom);
    assert_eq!(symptom.parent.as_ref(), Some(&others.id));
    let words = "cores used by report-job, which takes no part in the run";
    assert!(symptom.detail.contains(words), "{}", symptom.detail);
    let all_along = beside(1.4, 1.4);
    let others = finding(&all_along, "cpu_others").unwrap();
    assert_eq!(others.kind, FindingKind::Problem);
    assert_eq!(told(&all_along).parent, None);
}

/// Planted: a stall as long as the objective allows a call to take, and one that is longer. Both take less than a tenth
/// of the step.
#[test]
fn a_stall_that_is_longer_than_the_objective_is_a_problem_although_it_is_rare() {
    let half = assess_reports(&still(5_000, 5_500));
    let note = told(&half);
    assert_eq!(note.kind, FindingKind::Information);
    assert!(!note.breaks_objective);
    let ratio = note.impact.unwrap().ratio;
    assert!((ratio - 0.025).abs() < 1e-6, "{ratio}");
    let longer = assess_reports(&still(5_000, 5_600));
    let problem = told(&longer);
    assert_eq!(problem.kind, FindingKind::Problem);
    assert!(problem.breaks_objective);
}

/// Planted: calls that come back at an even rate, in intervals of 100 ms of each step's second. A rate of 100 calls each
/// second is ten in an interval.
#[test]
fn stalls_are_looked_for_in_nine_intervals_of_ten_calls_and_more() {
    let is_judged = |rate: f64, intervals: u64| {
        let mut reports = Server::default().run();
        let mut throughput = Series::new("throughput_per_s");
        for step in &reports[0].steps {
            let from_ns = step.window.measure_start_ns;
            for interval in 0..=intervals {
                throughput.push(from_ns + interval * 100 * MS, Some(rate));
            }
        }
        reports[0].series.push(throughput);
        ruled_out(&assess_reports(&reports), "stalls")
    };
    assert!(is_judged(100.0, 10) && !is_judged(99.0, 10));
    assert!(is_judged(2_000.0, 9) && !is_judged(2_000.0, 8));
}

/// Planted: stalls of 200 ms at the given seconds, in all repeats.
#[test]
fn three_stalls_at_distances_that_differ_by_a_fifth_at_most_have_a_period() {
    let title = |seconds: &[u64]| {
        let spans = seconds.iter().map(|s| (s * 1_000, s * 1_000 + 200));
        let spans: Vec<(u64, u64)> = spans.collect();
        told(&assess_reports(&run(|_| spans.clone()))).title.clone()
    };
    let cases: [(&[u64], &str); 5] = [
        (&[2, 7, 12, 18], "4 times, every 5.00 s"),
        (&[2, 7, 12], "3 times, every 5.00 s"),
        (&[2, 7, 12, 19], "4 times, for"),
        (&[2, 7], "2 times, for"),
        (&[2], "1 time, for"),
    ];
    for (seconds, words) in cases {
        let title = title(seconds);
        assert!(title.contains(words), "{title}");
    }
}
