//! Tests of drifts on both sides of the bounds, of the repeat that is shown, and of what moves with them.

use bench_report::{Report, Series, Window};

use super::common::server::Server;
use super::common::{SECOND, held_for};
use super::machine_bounds::exactly;
use super::{assess_reports, finding, is_unknown};
use crate::assessment::{Assessment, Confidence, Finding, FindingKind, ImpactOf};

/// Returns a repeat for each share in `slower`, each of `seconds` and in 40 points, in whose course calls get slower by
/// that share of their time and throughput falls accordingly; and a recording of the machine.
fn run(seconds: u64, slower: &[f64]) -> Vec<Report> {
    let mut reports = Server::default().run();
    reports[0] = held_for(reports[0].clone(), seconds);
    reports[0].steps.truncate(slower.len());
    let mut throughput = Series::new("throughput_per_s");
    let mut latency = Series::new("latency.p50_ns");
    for (step, slower) in reports[0].steps.iter().zip(slower) {
        for point in 1..=40u64 {
            let at_ns = step.window.measure_start_ns + point * seconds * SECOND / 40;
            // Neighbours differ by a per cent, as measured ones do.
            let ripple = if point % 2 == 0 { 0.995 } else { 1.005 };
            let grown = 1.0 + slower * point as f64 / 40.0;
            throughput.push(at_ns, Some(2_000.0 / grown * ripple));
            latency.push(at_ns, Some(2e6 * grown * ripple));
        }
    }
    reports[0].series.extend([throughput, latency]);
    reports
}

/// Adds a series to the recording of the machine. Each sample has the value that `of` returns for its place in its step,
/// from 0 at the start of measuring to 1 at its end; 0 stands for samples outside of the steps, too.
fn sample(reports: &mut [Report], mut series: Series, of: impl Fn(f64) -> f64) {
    let steps = reports[0].steps.iter();
    let windows: Vec<Window> = steps.map(|step| step.window).collect();
    for at_ns in reports[1].series[0].at_ns.clone() {
        let mut windows = windows.iter();
        let inside = windows.find(|w| (w.measure_start_ns..=w.measure_end_ns).contains(&at_ns));
        let place = inside.map_or(0.0, |w| {
            (at_ns - w.measure_start_ns) as f64 / 1e9 / w.measured_s()
        });
        series.push(at_ns, Some(of(place)));
    }
    reports[1].series.push(series);
}

/// Adds a series to the recording of the machine that goes from one value to another in the course of each step.
fn record(reports: &mut [Report], series: Series, from: f64, to: f64) {
    sample(reports, series, |place| from + (to - from) * place);
}

fn told(assessment: &Assessment) -> &Finding {
    let found = finding(assessment, "drift");
    found.unwrap_or_else(|| panic!("no drift: {:?}", assessment.findings))
}

fn kind(seconds: u64, slower: &[f64]) -> FindingKind {
    told(&assess_reports(&run(seconds, slower))).kind
}

#[test]
fn the_repeat_with_the_median_change_stands_for_all_that_drift() {
    let three = assess_reports(&run(20, &[0.6, 0.2, 0.3]));
    let found = told(&three);
    let words = "the trend is in 3 of 3 repeats, and repeat 3 is shown";
    assert!(found.detail.contains(words), "{}", found.detail);
    assert!(found.title.contains("rises by 30 %"), "{}", found.title);
    let parts = "The step was read in 10 parts of 2.00 s each";
    assert!(found.detail.starts_with(parts), "{}", found.detail);
    // The smaller one of two.
    let two = assess_reports(&run(20, &[0.6, 0.3, 0.0]));
    let found = told(&two);
    let words = "the trend is in 2 of 3 repeats, and repeat 2 is shown";
    assert!(found.detail.contains(words), "{}", found.detail);
    assert_eq!(found.kind, FindingKind::Problem);
}

#[test]
fn a_drift_is_a_problem_if_more_than_half_of_the_repeats_have_it() {
    assert_eq!(kind(20, &[0.4, 0.0]), FindingKind::Information);
    assert_eq!(kind(20, &[0.4, 0.4]), FindingKind::Problem);
}

#[test]
fn a_drift_of_a_single_repeat_is_a_problem_from_30_s_on() {
    assert_eq!(kind(29, &[0.4]), FindingKind::Information);
    assert_eq!(kind(30, &[0.4]), FindingKind::Problem);
}

/// Planted: calls get slower by 15 %, half of which is lost: 7 % of their mean time.
#[test]
fn a_drift_that_costs_less_than_a_tenth_of_the_time_is_a_note_with_its_cost() {
    let assessment = assess_reports(&run(20, &[0.15; 3]));
    let found = told(&assessment);
    assert_eq!(found.kind, FindingKind::Information);
    let impact = found.impact.unwrap();
    assert_eq!(impact.of, ImpactOf::ResponseTime);
    assert!((impact.ratio - 0.07).abs() < 0.005, "{impact:?}");
}

#[test]
fn a_step_is_judged_from_5_s_on() {
    assert!(finding(&assess_reports(&run(5, &[0.4; 3])), "drift").is_some());
    let short = assess_reports(&run(4, &[0.4; 3]));
    assert!(finding(&short, "drift").is_none() && is_unknown(&short, "drift"));
}

/// Planted: only the throughput was recorded over time. It falls by 28 %, or rises.
#[test]
fn a_throughput_that_falls_costs_capacity_and_one_that_rises_costs_nothing() {
    let only_throughput = |slower: f64| {
        let mut reports = run(20, &[slower; 3]);
        reports[0].series.retain(|s| s.name != "latency.p50_ns");
        exactly(&reports)
    };
    let falling = only_throughput(0.4);
    let found = told(&falling);
    let words = "Throughput falls in the course of the step: throughput falls by";
    assert!(found.title.starts_with(words), "{}", found.title);
    assert_eq!(found.kind, FindingKind::Problem);
    let impact = found.impact.unwrap();
    assert_eq!((impact.of, impact.saved_ns), (ImpactOf::Capacity, None));
    assert!((impact.ratio - 0.142).abs() < 0.01, "{impact:?}");
    let rising = only_throughput(-0.3);
    let found = told(&rising);
    let words = "Throughput rises in the course of the step: throughput rises by";
    assert!(found.title.starts_with(words), "{}", found.title);
    assert_eq!(found.kind, FindingKind::Information);
    assert_eq!(found.impact, None);
}

/// Planted: two processes of one program use 0.04 cores together at the start of each step, and 0.18 at its end. Alone,
/// none of them uses a tenth of a core more.
#[test]
fn the_processes_of_a_program_are_added_up_and_the_busiest_is_shown() {
    for (ends, busiest) in [([0.07, 0.11], 1), ([0.11, 0.07], 0)] {
        let mut reports = run(20, &[0.3; 3]);
        let first = reports[1].series.len();
        for (pid, end) in ["7000", "7001"].into_iter().zip(ends) {
            let series = Series::new("process.cpu_cores")
                .label("name", "report-job")
                .label("pid", pid);
            record(&mut reports, series, 0.02, end);
        }
        let assessment = assess_reports(&reports);
        let found = told(&assessment);
        let words = "CPU use of report-job, which takes no part in the run, rose from";
        assert!(found.detail.contains(words), "{}", found.detail);
        let of_busiest = format!("/series/{}/mean/", first + busiest);
        let mut evidence = found.evidence.iter();
        assert!(
            evidence.any(|item| item.pointer.starts_with(&of_busiest)),
            "{:?}",
            found.evidence
        );
    }
}

/// Returns what is said about a drift beside a series of the machine that goes from one value to another.
fn beside(slower: f64, series: Series, from: f64, to: f64) -> String {
    let mut reports = run(20, &[slower; 3]);
    record(&mut reports, series, from, to);
    told(&exactly(&reports)).detail.clone()
}

#[test]
fn a_program_that_takes_part_is_no_outsider_that_moved() {
    let series = Series::new("process.cpu_cores")
        .label("name", "docker-proxy")
        .label("pid", "7000");
    let detail = beside(0.3, series, 0.02, 0.5);
    assert!(!detail.contains("docker-proxy"), "{detail}");
}

#[test]
fn a_clock_that_falls_and_a_disk_that_gets_slower_fit_calls_that_get_slower() {
    let clock = |from, to| beside(0.3, Series::new("cpu.clock_hertz"), from, to);
    let slower = clock(3e9, 2.4e9);
    assert!(slower.contains("clock of the CPU fell from"), "{slower}");
    assert!(slower.contains(" GHz to "), "{slower}");
    let faster = clock(2.4e9, 3e9);
    assert!(!faster.contains("clock of the CPU"), "{faster}");
    let disk = |slower: f64, from: f64, to: f64| {
        let series = Series::new("disk.read_await_ns").label("device", "vda");
        beside(slower, series, from, to)
    };
    let rose = disk(0.3, 1e6, 2e6);
    assert!(rose.contains("time of a read of vda rose from"), "{rose}");
    let fell = disk(0.3, 2e6, 1e6);
    assert!(!fell.contains("time of a read"), "{fell}");
    // Where calls get faster, a disk that does so fits.
    let fell = disk(-0.3, 2e6, 1e6);
    assert!(fell.contains("time of a read of vda fell from"), "{fell}");
}

/// Planted: a read takes 0.15 ms more, of 1 ms; 0.8 ms more, of 10 ms; and 1.5 ms more, of 10 ms.
#[test]
fn what_moves_by_little_or_by_less_than_a_tenth_is_not_told() {
    let is_told = |from: f64, to: f64| {
        let series = Series::new("disk.read_await_ns").label("device", "vda");
        beside(0.3, series, from, to).contains("time of a read")
    };
    assert!(!is_told(1e6, 1.15e6) && !is_told(10e6, 10.8e6));
    assert!(is_told(10e6, 11.5e6));
}

/// Returns the assessment of repeats in whose course calls of 2 ms get slower by the shares `slower`, while the server's
/// processes use 0.5 ms for each call and `more`, in milliseconds at each place of a step, on top of it.
fn beside_server(slower: &[f64], more: impl Fn(f64) -> f64) -> Assessment {
    let mut reports = run(20, slower);
    let is_server = |series: &Series| {
        let name = series.labels.get("name");
        series.name == "process.cpu_cores" && name.is_some_and(|name| name == "postgres")
    };
    reports[1].series.retain(|series| !is_server(series));
    let series = Series::new("process.cpu_cores")
        .label("name", "postgres")
        .label("pid", "1000");
    sample(&mut reports, series, |place| {
        let calls_per_ms = 2.0 / (1.0 + slower[0] * place);
        calls_per_ms * (0.5 + more(place))
    });
    assess_reports(&reports)
}

/// Planted: the CPU time of each call rises by as much as its time or by less than half of it, and by more, but later.
#[test]
fn what_covers_half_of_the_change_and_moves_no_later_is_its_cause() {
    let confidence = |slower: &[f64], more: fn(f64) -> f64| {
        let assessment = beside_server(slower, more);
        let found = told(&assessment);
        let is_cause = found.detail.contains("it changed no later, and its time");
        assert_ne!(is_cause, found.detail.contains("is the cause is not shown"));
        (is_cause, found.confidence)
    };
    let all = [0.3; 3];
    let sure = (true, Confidence::High);
    assert_eq!(confidence(&all, |place| 0.6 * place), sure);
    let only_beside = (false, Confidence::Medium);
    assert_eq!(confidence(&all, |place| 0.25 * place), only_beside);
    assert_eq!(confidence(&all, |place| 0.9 * place.powi(3)), only_beside);
    // One repeat, or one of three, may be chance.
    let doubtful = (true, Confidence::Medium);
    assert_eq!(confidence(&[0.3], |place| 0.6 * place), doubtful);
    let one_of_three = [0.3, 0.0, 0.0];
    assert_eq!(confidence(&one_of_three, |place| 0.6 * place), doubtful);
}
