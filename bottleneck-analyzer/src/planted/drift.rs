//! Tests of steps in whose course calls get slower, and of what moved with them.

use bench_report::{Report, Series};

use super::common::server::Server;
use super::common::{SECOND, held_for};
use super::{assess_reports, finding, is_unknown, named};
use crate::assessment::{Assessment, FindingKind};

/// Change of a step from its start to its end, as a share of the value at the start.
#[derive(Debug, Clone, Copy, Default)]
struct Planted {
    /// Change of the median latency; throughput falls accordingly.
    slower: f64,
    /// Change of the server's CPU time for each call.
    cpu_of_each_call: f64,
    /// Repeats, of three, in which the change is.
    repeats: usize,
}

/// Makes three repeats of 20 s with points every half second, and a recording of the machine.
fn run(planted: Planted) -> Vec<Report> {
    let mut reports = Server::default().run();
    reports[0] = held_for(reports[0].clone(), 20);
    let mut throughput = Series::new("throughput_per_s");
    let mut latency = Series::new("latency.p50_ns");
    for (repeat, step) in reports[0].steps.iter().enumerate() {
        let slower = if repeat < planted.repeats {
            planted.slower
        } else {
            0.0
        };
        for point in 1..=40u64 {
            let at_ns = step.window.measure_start_ns + point * SECOND / 2;
            // Neighbours differ by a per cent, as measured ones do.
            let ripple = if point % 2 == 0 { 0.995 } else { 1.005 };
            let grown = 1.0 + slower * point as f64 / 40.0;
            throughput.push(at_ns, Some(2_000.0 / grown * ripple));
            latency.push(at_ns, Some(2e6 * grown * ripple));
        }
    }
    let windows: Vec<_> = reports[0].steps.iter().map(|step| step.window).collect();
    reports[0].series.extend([throughput, latency]);
    let of_server = |s: &&mut Series| s.labels.get("name").is_some_and(|name| name == "postgres");
    let cpu = reports[1].series.iter_mut().find(of_server).unwrap();
    for (at_ns, mean) in cpu.at_ns.iter().zip(&mut cpu.mean) {
        let Some((repeat, window)) = windows
            .iter()
            .enumerate()
            .find(|(_, window)| (window.measure_start_ns..=window.measure_end_ns).contains(at_ns))
        else {
            continue;
        };
        if repeat < planted.repeats {
            let part = (at_ns - window.measure_start_ns) as f64 / 20e9;
            let rate = 2_000.0 / (1.0 + planted.slower * part);
            let each_s = 0.0005 * (1.0 + planted.cpu_of_each_call * part);
            *mean = mean.map(|ripple| ripple * rate * each_s);
        }
    }
    cpu.min.clone_from(&cpu.mean);
    cpu.max.clone_from(&cpu.mean);
    reports
}

fn detail(assessment: &Assessment) -> &str {
    &finding(assessment, "drift").unwrap().detail
}

#[test]
fn calls_that_get_slower_with_the_cpu_time_of_each_are_told_with_their_cause() {
    let planted = Planted {
        slower: 0.3,
        cpu_of_each_call: 1.2,
        repeats: 3,
    };
    let assessment = assess_reports(&run(planted));
    let found = finding(&assessment, "drift").unwrap();
    assert_eq!(found.kind, FindingKind::Problem, "{found:?}");
    assert!(
        found
            .title
            .contains("p50 rises by 30 %, from 2.01 ms to 2.61 ms, in 20.0 s"),
        "{}",
        found.title
    );
    // Each call takes 0.6 ms more, and 0.6 ms more of CPU time.
    assert!(
        found
            .detail
            .contains("CPU time of postgres in each call rose from 505 µs to 1.11 ms"),
        "{}",
        found.detail
    );
    assert!(
        found.detail.contains("accounts for 100 % of the change"),
        "{}",
        found.detail
    );
    assert!(
        found.detail.contains("in 3 of 3 repeats"),
        "{}",
        found.detail
    );
    // Half of the change is lost, on average over the step: 0.3 of 2.3 ms.
    let lost = found.impact.unwrap().ratio;
    assert!((lost - 0.15 / 1.15).abs() < 0.01, "{lost}");
}

#[test]
fn what_is_too_small_for_the_change_only_coincides() {
    let planted = Planted {
        slower: 0.3,
        cpu_of_each_call: 0.4,
        repeats: 3,
    };
    let assessment = assess_reports(&run(planted));
    assert!(
        detail(&assessment).contains("is the cause is not shown"),
        "{}",
        detail(&assessment)
    );
    let nothing = Planted {
        cpu_of_each_call: 0.0,
        ..planted
    };
    let assessment = assess_reports(&run(nothing));
    assert!(
        detail(&assessment).contains("No other recorded figure changed with it"),
        "{}",
        detail(&assessment)
    );
}

#[test]
fn a_drift_in_one_repeat_of_three_is_told_as_such() {
    let planted = Planted {
        slower: 0.4,
        cpu_of_each_call: 0.0,
        repeats: 1,
    };
    let assessment = assess_reports(&run(planted));
    assert!(
        detail(&assessment).contains("only in repeat 1 of 3"),
        "{}",
        detail(&assessment)
    );
    assert_eq!(
        finding(&assessment, "drift").unwrap().kind,
        FindingKind::Information
    );
}

/// A shared host that slows down for some seconds looks like a drift. Only a repeat, or a longer load, tells
/// them apart.
#[test]
fn a_drift_of_a_single_short_repeat_is_no_problem_yet() {
    let planted = Planted {
        slower: 0.4,
        cpu_of_each_call: 1.0,
        repeats: 3,
    };
    let mut alone = run(planted);
    alone[0].steps.truncate(1);
    let assessment = assess_reports(&alone);
    let found = finding(&assessment, "drift").unwrap();
    assert_eq!(found.kind, FindingKind::Information);
    assert!(
        found.detail.contains("it has no other repeat"),
        "{}",
        found.detail
    );
    let actions = &found.advice.as_ref().unwrap().actions;
    assert!(
        actions.iter().any(|a| a.contains("--repeats 3")),
        "{actions:?}"
    );
}

#[test]
fn a_drift_below_a_tenth_is_ruled_out_and_one_to_the_better_is_no_problem() {
    let small = Planted {
        slower: 0.05,
        repeats: 3,
        ..Planted::default()
    };
    let assessment = assess_reports(&run(small));
    assert!(finding(&assessment, "drift").is_none());
    assert!(assessment.ruled_out.iter().any(|r| r.rule == "drift"));
    let better = Planted {
        slower: -0.4,
        repeats: 3,
        ..Planted::default()
    };
    let assessment = assess_reports(&run(better));
    let found = finding(&assessment, "drift").unwrap();
    assert_eq!(found.kind, FindingKind::Information);
    assert!(
        found.title.starts_with("Calls get faster") && found.impact.is_none(),
        "{found:?}"
    );
    assert!(named(&assessment).is_empty());
}

#[test]
fn without_points_over_time_or_in_a_short_step_a_drift_is_unknown() {
    let mut reports = run(Planted::default());
    reports[0].series.clear();
    assert!(is_unknown(&assess_reports(&reports), "drift"));
    // Steps of a second.
    assert!(is_unknown(
        &assess_reports(&Server::default().run()),
        "drift"
    ));
}
