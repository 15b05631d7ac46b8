//! Tests of stalls: their length, their period, the repeats they are in, and what was present only then.

use bench_report::{Report, Series};

use super::common::server::{Server, row};
use super::common::{SECOND, held_for};
use super::{assess_reports, finding, is_unknown};
use crate::assessment::Assessment;

const MS: u64 = 1_000_000;

/// Returns three repeats of 20 s with points every 100 ms, and a recording of the machine. In the repeats for
/// which `stalled` gives spans, in milliseconds after the start of measuring, nothing comes back in them.
pub(super) fn run(stalled: impl Fn(usize) -> Vec<(u64, u64)>) -> Vec<Report> {
    let mut reports = Server::default().run();
    reports[0] = held_for(reports[0].clone(), 20);
    let mut throughput = Series::new("throughput_per_s");
    for (repeat, step) in reports[0].steps.iter().enumerate() {
        for point in 1..=200u64 {
            let (start, end) = ((point - 1) * 100, point * 100);
            let still: u64 = stalled(repeat)
                .into_iter()
                .map(|(from, to)| end.min(to).saturating_sub(start.max(from)))
                .sum();
            let rate = 2_000.0 * (100 - still) as f64 / 100.0;
            throughput.push(step.window.measure_start_ns + end * MS, Some(rate));
        }
    }
    reports[0].series.push(throughput);
    reports
}

/// Sets the samples of a new series of the machine: `then` in the stall of the second repeat, else `usual`.
fn record(reports: &mut [Report], name: &str, then: f64, usual: f64) {
    let from = reports[0].steps[1].window.measure_start_ns + 5 * SECOND;
    let at_ns = reports[1].series[0].at_ns.clone();
    let mut series = Series::new(name).label("device", "vdb");
    for at_ns in at_ns {
        let is_then = (from..from + SECOND).contains(&at_ns);
        series.push(at_ns, Some(if is_then { then } else { usual }));
    }
    reports[1].series.push(series);
}

fn in_the_second(repeat: usize) -> Vec<(u64, u64)> {
    if repeat == 1 {
        vec![(5_030, 5_430)]
    } else {
        Vec::new()
    }
}

fn detail(assessment: &Assessment) -> &str {
    &finding(assessment, "stalls").unwrap().detail
}

#[test]
fn a_stall_in_one_repeat_is_told_as_such_with_what_was_present_only_then() {
    let mut reports = run(in_the_second);
    record(&mut reports, "disk.write_await_ns", 9e7, 1e6);
    let assessment = assess_reports(&reports);
    let found = finding(&assessment, "stalls").unwrap();
    assert!(
        found.title.contains("1 time, for 400 ms at the longest"),
        "{}",
        found.title
    );
    assert!(
        found.detail.starts_with("Only in repeat 2 of 3"),
        "{}",
        found.detail
    );
    assert!(
        found.detail.contains("Present only then: time of a write of vdb (up to 90.0 ms, and at most 1.00 ms in the rest of the step)"),
        "{}",
        found.detail
    );
    assert!(
        found.evidence.iter().any(|e| e.shown == "90.0 ms"),
        "{:?}",
        found.evidence
    );
}

#[test]
fn what_is_there_all_the_time_is_no_cause_and_the_stall_s_cause_is_not_known() {
    let mut reports = run(in_the_second);
    record(&mut reports, "disk.write_await_ns", 9e7, 8e7);
    let assessment = assess_reports(&reports);
    assert!(
        detail(&assessment)
            .contains("The cause of the stall of 400 ms is not known: no recorded figure"),
        "{}",
        detail(&assessment)
    );
    let unrecorded = assess_reports(&reports[..1]);
    assert!(
        detail(&unrecorded).contains("To find out: sysmon record"),
        "{}",
        detail(&unrecorded)
    );
}

#[test]
fn an_event_that_only_the_stalled_repeat_has_is_named() {
    let mut reports = run(in_the_second);
    for (repeat, step) in reports[0].steps.iter_mut().enumerate() {
        let server = step.server.as_mut().unwrap();
        let count = if repeat == 1 { 1.0 } else { 0.0 };
        server.figures.insert("checkpointer.timed".into(), count);
    }
    let assessment = assess_reports(&reports);
    assert!(
        detail(&assessment)
            .contains("checkpoints by time (1 in this repeat, none in those without a stall)"),
        "{}",
        detail(&assessment)
    );
}

#[test]
fn work_of_the_server_that_went_on_in_the_stall_only_is_named() {
    let mut reports = run(in_the_second);
    let begin = (reports[0].steps[1].window.measure_start_ns + 5 * SECOND) as f64;
    let labels = [
        ("process", "autovacuum worker"),
        ("work", "VACUUM public.orders"),
    ];
    let figures = [("begin_ns", begin), ("end_ns", begin + 0.5e9)];
    let server = reports[0].steps[1].server.as_mut().unwrap();
    server
        .tables
        .insert("background_work".into(), vec![row(&labels, &figures)]);
    let assessment = assess_reports(&reports);
    assert!(
        detail(&assessment)
            .contains("Present only then: VACUUM public.orders of the server (autovacuum worker)"),
        "{}",
        detail(&assessment)
    );
}

/// Planted: for two seconds of the second repeat a quarter of the calls comes back, while four processes of one
/// program, which is no part of the run, use 1.2 cores together; else they use 0.2.
#[test]
fn a_slow_time_is_no_standstill_and_the_program_that_ran_then_is_named_with_all_its_processes() {
    let mut reports = run(|_| Vec::new());
    let slow = |from: u64| from + 5 * SECOND..from + 7 * SECOND;
    let then = slow(reports[0].steps[1].window.measure_start_ns);
    let throughput = reports[0].series.last_mut().unwrap();
    for (at_ns, rate) in throughput.at_ns.iter().zip(&mut throughput.mean) {
        if then.start < *at_ns && *at_ns <= then.end {
            *rate = Some(500.0);
        }
    }
    let at_ns = reports[1].series[0].at_ns.clone();
    for pid in 0..4 {
        let mut series = Series::new("process.cpu_cores")
            .label("name", "report-job")
            .label("pid", format!("70{pid}"));
        for at_ns in &at_ns {
            let is_then = then.start < *at_ns && *at_ns <= then.end;
            series.push(*at_ns, Some(if is_then { 0.3 } else { 0.05 }));
        }
        reports[1].series.push(series);
    }
    let assessment = assess_reports(&reports);
    let found = finding(&assessment, "stalls").unwrap();
    assert!(
        found
            .title
            .contains("slowed down 1 time, to 25 % of its usual calls in 2.00 s"),
        "{}",
        found.title
    );
    assert!(
        found.detail.contains("came back for 10 % of the time"),
        "{}",
        found.detail
    );
    assert!(
        found.detail.contains(
            "Present only then: 1.20 cores used by report-job (4 processes), which takes no part in the run \
             (0.20 in the rest of the step)"
        ),
        "{}",
        found.detail
    );
}

#[test]
fn stalls_at_even_distances_are_told_with_their_period_and_known_lengths_with_their_meaning() {
    let every = |_| {
        vec![
            (2_000, 2_200),
            (7_000, 7_200),
            (12_000, 12_200),
            (17_000, 17_200),
        ]
    };
    let assessment = assess_reports(&run(every));
    let found = finding(&assessment, "stalls").unwrap();
    assert!(
        found.title.contains("4 times, every 5.00 s, for 200 ms"),
        "{}",
        found.title
    );
    assert!(
        found.detail.contains("In 3 of 3 repeats"),
        "{}",
        found.detail
    );
    assert!(
        found.detail.contains("TCP sends a lost packet again"),
        "{}",
        found.detail
    );
}

#[test]
fn no_stall_is_ruled_out_and_a_load_that_changes_is_not_judged() {
    let none = assess_reports(&run(|_| Vec::new()));
    assert!(none.ruled_out.iter().any(|r| r.rule == "stalls"));
    let mut reports = run(in_the_second);
    for step in &mut reports[0].steps {
        step.generator.worst_stall_ns = 390 * MS;
    }
    assert!(
        is_unknown(&assess_reports(&reports), "stalls"),
        "the generator itself stood still"
    );
}
