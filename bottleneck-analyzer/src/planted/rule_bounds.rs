//! Tests of rules on both sides of their bounds, and of the causes and the processes that they name.

use bench_report::{Load, Pacing, Report, Series};

use crate::assessment::{Assessment, Confidence, Finding, FindingKind};

use super::common::server::Server;
use super::common::{Plant, Recorded, SECOND, START, held_for};
use super::{assess, assess_reports, finding, is_unknown};

const MS: u64 = 1_000_000;

/// Adds the throughput of each step of 2,000 calls/s, in points of 100 ms. Nothing comes back in the fifth and the
/// sixth of them.
fn stall(report: &mut Report) {
    let mut throughput = Series::new("throughput_per_s");
    for step in &report.steps {
        let from = step.window.measure_start_ns;
        // The beginning of the first point.
        throughput.push(from, Some(2_000.0));
        let points = (step.window.measure_end_ns - from) / (100 * MS);
        for point in 1..=points {
            let is_still = point == 5 || point == 6;
            let rate = if is_still { 0.0 } else { 2_000.0 };
            throughput.push(from + point * 100 * MS, Some(rate));
        }
    }
    report.series.push(throughput);
}

/// Planted: an arrival each half of a millisecond for 20 s, and a stall of 200 ms. Those who arrive in it wait for
/// half of it, and 1 % of all arrive then: (200 ms)² ÷ (2 × 20 s) is 1 ms for each call.
#[test]
fn a_stall_of_an_open_load_costs_half_of_its_length_for_those_who_arrive_in_it() {
    let mut reports = Server::default().run_with(|_, step| {
        step.load = Load::Open {
            rate_per_s: 2_000.0,
            pacing: Pacing::Constant,
            in_flight_cap: 100,
            delayed_at_cap: 0,
        };
    });
    reports[0] = held_for(reports[0].clone(), 20);
    stall(&mut reports[0]);
    let assessment = assess_reports(&reports);
    let found = finding(&assessment, "stalls").unwrap();
    assert!(found.title.contains("for 200 ms"), "{}", found.title);
    let saved_ns = found.impact.unwrap().saved_ns.unwrap();
    assert!((saved_ns / 1e6 - 1.0).abs() < 1e-6, "{saved_ns}");
}

/// Planted: a stall of a fifth of each step, while 60 % of the sessions wait for `event`.
fn stalled_beside(event: &'static str) -> Assessment {
    let server = Server {
        waits: vec![(event, 0.6)],
        ..Server::default()
    };
    let mut reports = server.run();
    stall(&mut reports[0]);
    assess_reports(&reports)
}

#[test]
fn a_wait_for_locks_explains_a_stall_and_a_sleep_does_not() {
    let locked = stalled_beside("Lock.transactionid");
    let lock = finding(&locked, "lock_waits").unwrap();
    assert_eq!(lock.kind, FindingKind::Problem);
    let found = finding(&locked, "stalls").unwrap();
    assert_eq!(found.kind, FindingKind::Symptom);
    assert_eq!(found.parent.as_ref(), Some(&lock.id));
    let asleep = stalled_beside("Timeout.PgSleep");
    let sleep = finding(&asleep, "sleeps").unwrap();
    assert_eq!(sleep.kind, FindingKind::Problem);
    let found = finding(&asleep, "stalls").unwrap();
    assert_eq!(found.kind, FindingKind::Problem);
    assert_eq!(found.parent, None);
}

/// Returns the finding about a process that the kernel ended in the sample `point` of the recording, which has four
/// samples a second for 100 s. PostgreSQL is seen in all of them, and a program `report-job`, which held 3 GB, in
/// the first three.
fn killed_in(point: usize) -> Finding {
    let mut reports = Server::default().run();
    let machine = &mut reports[1];
    let mut series = machine.series.iter_mut();
    let kills = series.find(|s| s.name == "memory.oom_kills").unwrap();
    kills.mean[point] = Some(1.0);
    kills.max[point] = Some(1.0);
    let mut job = Series::new("process.rss_bytes")
        .label("pid", "7000")
        .label("name", "report-job");
    for sample in 1..=3 {
        job.push(START + sample * SECOND / 4, Some(3e9));
    }
    machine.series.push(job);
    let assessment = assess_reports(&reports);
    finding(&assessment, "oom_kill").unwrap().clone()
}

/// Planted: a kill in the fourth sample, before which `report-job` was seen last; and one in the last sample, after
/// which nobody was seen.
#[test]
fn the_process_that_was_last_seen_before_a_kill_was_ended_unless_the_recording_ended_then() {
    let found = killed_in(3);
    let thing = found.thing.as_deref();
    assert_eq!(thing, Some("report-job (process 7000)"));
    let words = "It was probably report-job (process 7000), which held 2.79 GiB";
    assert!(found.detail.contains(words), "{}", found.detail);
    let at_the_end = killed_in(399);
    assert_eq!(at_the_end.thing, None);
    let detail = &at_the_end.detail;
    assert!(!detail.contains("It was probably"), "{detail}");
}

/// Planted: 10 ports are in use, and the recorder read 0 as the number of all.
#[test]
fn ports_whose_range_was_read_as_none_are_not_judged() {
    let assessment = assess(&Plant {
        recorded: vec![
            Recorded::flat("tcp.ephemeral_ports", &[], 0.0),
            Recorded::flat("tcp.ephemeral_ports_used", &[], 10.0),
        ],
        ..Plant::default()
    });
    assert!(finding(&assessment, "ports_used_up").is_none());
    assert!(is_unknown(&assessment, "ports_used_up"));
    let mut asked = assessment.unknown.iter();
    let asked = asked.find(|u| u.rule == "ports_used_up").unwrap();
    let words = "their range was not recorded";
    assert!(asked.question.contains(words), "{}", asked.question);
}

/// Planted: the pool of 8 carries 8,000 calls/s and the largest `more`, with a tail that is 1.5 times as long; a
/// sixteenth is noise, 500 calls/s.
#[test]
fn a_pool_that_carries_more_by_no_more_than_the_noise_is_too_large() {
    let told = |more: f64| {
        let plant = Plant::default();
        let mut report = plant.postgres();
        for recommended in &mut report.summary.recommendations {
            recommended.detectable_difference_ratio = Some(0.0625);
        }
        let steps = report.steps.iter_mut();
        for step in steps.filter(|step| step.is_with(&[("driver", "deadpool")])) {
            let (write_per_s, p99_ns) = match step.parameter("pool_size") {
                Some(8.0) => (1_600.0, 2_800_000),
                Some(32.0) => (more - 6_400.0, 4_200_000),
                _ => continue,
            };
            step.operations.get_mut("read").unwrap().throughput_per_s = 6_400.0;
            let write = step.operations.get_mut("write").unwrap();
            write.throughput_per_s = write_per_s;
            write.call.as_mut().unwrap().percentiles_ns.p99 = p99_ns;
        }
        let assessment = assess_reports(&[report, plant.sysmon()]);
        finding(&assessment, "pool_too_large").is_some()
    };
    assert!(told(8_500.0) && !told(8_501.0));
}

/// Planted: p90 of a cache is past its objective of 10 ms by 2, 7 and 20 %, where 5 % is noise.
#[test]
fn a_latency_that_is_past_its_objective_by_less_than_the_noise_is_in_doubt() {
    let cache = |redis_ns: f64| Plant {
        redis_ns,
        ..Plant::default()
    };
    let usual = cache(1e6).redis();
    // The last step has the highest throughput, and misses take longest.
    let slowest = &usual.steps.last().unwrap().operations["miss"];
    let usual_ns = slowest.call.as_ref().unwrap().percentiles_ns.p90 as f64;
    for (times, confidence) in [
        (1.02, Confidence::Low),
        (1.07, Confidence::Medium),
        (1.2, Confidence::High),
    ] {
        let assessment = assess(&cache(1e6 * times * 1e7 / usual_ns));
        let found = finding(&assessment, "latency_past_objective").unwrap();
        assert_eq!(found.confidence, confidence, "{times}: {}", found.title);
    }
}
