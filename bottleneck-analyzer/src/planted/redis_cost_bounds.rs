//! Tests of what work of Redis's main thread costs calls: figures computed by hand, and lengths on both sides of the
//! bounds of the rules.

use crate::assessment::{Assessment, FindingKind};
use bench_report::{Load, Pacing, Report, Series, ServerEvidence, Step};

use super::common::parts::{PlantFigure, row};
use super::common::{Plant, SECOND, command};
use super::redis_server::{rows, server};
use super::{assess_reports, finding, is_unknown};

const TENTH: u64 = SECOND / 10;

/// Returns a healthy run of one step: 7 users and a pool of 8 connections, with about 20,000 calls in a second, in
/// which the main thread is busy 55 % of the time.
fn one_step() -> Report {
    let mut report = Plant::default().redis();
    report
        .steps
        .retain(|step| step.parameter("pool_size") == Some(8.0));
    report
}

/// Assesses the run of one step after `plant` changed it; returns the step, too.
fn pooled(plant: impl Fn(&mut Step)) -> (Assessment, Step) {
    let mut report = one_step();
    plant(&mut report.steps[0]);
    let step = report.steps[0].clone();
    (assess_reports(&[report]), step)
}

/// Makes the load of `step` an open one, in which a call waits for work by the square of its length.
fn open(step: &mut Step) {
    step.load = Load::Open {
        rate_per_s: 20_000.0,
        pacing: Pacing::Constant,
        in_flight_cap: 1_000,
        delayed_at_cap: 0,
    };
}

fn calls(step: &Step) -> f64 {
    let all: u64 = step.operations.values().map(|o| o.attempted).sum();
    all as f64
}

/// Returns the mean wait of a call in nanoseconds if each user waits once for work of `us` microseconds.
fn each_user_waits_ns(step: &Step, us: f64) -> f64 {
    let Load::Closed { users, .. } = step.load else {
        unreachable!("the load is closed")
    };
    1e3 * users as f64 * us / calls(step)
}

#[track_caller]
fn near(value: f64, expected: f64) {
    let difference = (value / expected - 1.0).abs();
    assert!(difference < 1e-6, "{value}, expected {expected}");
}

/// Returns the time that would be saved without the cause that `rule` found, in nanoseconds for each call.
fn saved_ns(assessment: &Assessment, rule: &str) -> f64 {
    let found = finding(assessment, rule).unwrap_or_else(|| panic!("{rule}"));
    found.impact.unwrap().saved_ns.unwrap()
}

fn detail<'a>(assessment: &'a Assessment, rule: &str) -> &'a str {
    let found = finding(assessment, rule).unwrap_or_else(|| panic!("{rule}"));
    &found.detail
}

fn ruled_out<'a>(assessment: &'a Assessment, rule: &str) -> Option<&'a str> {
    let mut all = assessment.ruled_out.iter();
    let found = all.find(|r| r.rule == rule);
    found.map(|r| r.statement.as_str())
}

/// Changes the value of the setting `name`.
fn set(server: &mut ServerEvidence, name: &str, value: &str) {
    let mut settings = rows(server, "settings").iter_mut();
    let setting = settings.find(|row| row.labels["setting"] == name).unwrap();
    setting.labels.insert("value".into(), value.into());
}

/// Planted: two forks of 3 ms. Each user of a closed load waits for both; in an open load 18 ms² cost 18 ÷ (2 × 0.45)
/// µs a call.
#[test]
fn forks_cost_their_number_times_their_length_or_times_its_square() {
    let forked = |is_open: bool| {
        pooled(|step| {
            if is_open {
                open(step);
            }
            let s = step.server.as_mut().unwrap();
            s.plant("forks", 2.0);
            s.plant("latest_fork_us", 3_000.0);
            s.plant("saving_ratio", 0.5);
        })
    };
    let (closed, step) = forked(false);
    let expected_ns = each_user_waits_ns(&step, 6_000.0);
    near(saved_ns(&closed, "redis_saving"), expected_ns);
    let (open, _) = forked(true);
    near(saved_ns(&open, "redis_saving"), 20_000.0);
}

/// Returns the time that a child process cost a call, in nanoseconds: it was at work in the tenths `from` to `to` of
/// the measured second, whose medians were `medians_us`, in microseconds. Before that second calls took 2 ms.
fn lost_beside((from, to): (u64, u64), medians_us: [f64; 10]) -> f64 {
    let mut report = one_step();
    let window = report.steps[0].window;
    let mut series = ["latency.p50_ns", "latency.p99_ns"].map(Series::new);
    for (series, times) in series.iter_mut().zip([1.0, 2.0]) {
        for tenth in 1..=5 {
            series.push(window.start_ns + tenth * TENTH, Some(2e6 * times));
        }
        for (tenth, us) in (1..).zip(medians_us) {
            let at_ns = window.measure_start_ns + tenth * TENTH;
            series.push(at_ns, Some(us * 1e3 * times));
        }
    }
    report.series.extend(series);
    let server = report.steps[0].server.as_mut().unwrap();
    server.plant("latest_fork_us", 400_000.0);
    server.plant("saving_ratio", 0.5);
    let at = |tenth: u64| (window.measure_start_ns + tenth * TENTH) as f64;
    let times = [("from_ns", at(from)), ("to_ns", at(to))];
    rows(server, "saving").push(row([("what", "snapshot")], times));
    saved_ns(&assess_reports(&[report]), "redis_saving")
}

#[test]
fn a_child_process_costs_the_rise_of_the_median_in_the_measured_intervals_that_it_overlaps() {
    // 100 µs in three of ten intervals, of which the ones before and after only touch its time.
    let mut medians_us = [400.0; 10];
    medians_us[3..6].fill(500.0);
    near(lost_beside((3, 6), medians_us), 30_000.0);
    // 700 µs are in the middle of five, and 400 µs in that of the other five.
    let medians_us = [
        400.0, 300.0, 350.0, 450.0, 420.0, 700.0, 500.0, 600.0, 900.0, 800.0,
    ];
    near(lost_beside((5, 10), medians_us), 150_000.0);
}

/// A fork that is known, and a child process that was at work for more or less than a fifth of the step.
#[test]
fn one_fork_or_a_fifth_of_the_step_with_a_child_process_is_told() {
    let told = |forks: f64, saving: f64| {
        let assessment = server(|s| {
            s.plant("forks", forks);
            s.plant("latest_fork_us", 300.0);
            s.plant("saving_ratio", saving);
        });
        finding(&assessment, "redis_saving").is_some()
    };
    assert!(told(1.0, 0.0) && told(0.0, 0.21));
    assert!(!told(0.0, 0.19));
}

/// Planted: an answer that took `most_ns`, while the generator stood still for `own_ns`.
fn stalled(most_ns: f64, own_ns: u64, plant: impl Fn(&mut ServerEvidence)) -> (Assessment, Step) {
    pooled(|step| {
        step.generator.worst_stall_ns = own_ns;
        let s = step.server.as_mut().unwrap();
        s.plant("answer_most_ns", most_ns);
        s.plant("answer_mean_ns", 1e7);
        plant(s);
    })
}

#[test]
fn a_server_stood_still_from_an_answer_of_a_hundred_milliseconds_on() {
    let (long, step) = stalled(100_000_000.0, 2_000_000, |_| ());
    let expected_ns = each_user_waits_ns(&step, 100_000.0);
    near(saved_ns(&long, "redis_stall"), expected_ns);
    let (short, _) = stalled(99_999_999.0, 2_000_000, |_| ());
    assert!(finding(&short, "redis_stall").is_none());
    let statement = ruled_out(&short, "redis_stall").unwrap();
    let words = "Redis answered minimal commands within";
    assert!(statement.starts_with(words), "{statement}");
}

#[test]
fn a_stall_is_explained_by_what_took_half_of_it() {
    let (generators, _) = stalled(1e8, 50_000_000, |_| ());
    assert!(finding(&generators, "redis_stall").is_none());
    assert!(ruled_out(&generators, "redis_stall").is_some());
    let explained = |plant: &dyn Fn(&mut ServerEvidence)| {
        let (assessment, _) = stalled(1e8, 49_999_999, plant);
        detail(&assessment, "redis_stall").to_owned()
    };
    let none = "No command in the slow log, and no fork, explains it.";
    let fork = |us: f64| explained(&|s: &mut ServerEvidence| s.plant("latest_fork_us", us));
    let half = fork(50_000.0);
    let words = "Starting a child process took 50.0 ms.";
    assert!(half.contains(words), "{half}");
    let less = fork(49_999.0);
    assert!(less.contains(none), "{less}");
    let logged = |us: f64| {
        explained(&|s: &mut ServerEvidence| {
            let figures = [("calls", 1.0), ("usec", us), ("longest_us", us)];
            rows(s, "slow_calls").push(row([("command", "keys")], figures));
        })
    };
    let half = logged(50_000.0);
    assert!(half.contains("KEYS took 50.0 ms."), "{half}");
    let less = logged(49_999.0);
    assert!(less.contains(none), "{less}");
}

/// Adds a call of CLIENT PAUSE by another client.
fn pause(server: &mut ServerEvidence) {
    rows(server, "commands").push(command("client|pause", "others", (1.0, 9.0), 9.0));
}

#[test]
fn a_pause_costs_the_wait_for_an_answer_of_a_hundred_milliseconds_or_more() {
    let (long, step) = stalled(100_000_000.0, 2_000_000, pause);
    let told = detail(&long, "redis_paused");
    assert!(told.contains("It was called 1 time"), "{told}");
    assert!(told.contains("A minimal command took 100 ms."), "{told}");
    let expected_ns = each_user_waits_ns(&step, 100_000.0);
    near(saved_ns(&long, "redis_paused"), expected_ns);
    let (short, _) = stalled(99_999_999.0, 2_000_000, pause);
    let found = finding(&short, "redis_paused").unwrap();
    let words = "Commands that only read were answered meanwhile.";
    assert!(found.detail.contains(words), "{}", found.detail);
    assert_eq!((found.kind, found.impact), (FindingKind::Information, None));
}

/// Planted: an answer of 100 ms in 100 s, in which the main thread of an open load is busy 0.55 s. The square of
/// 100 ms, spread over 100 s, is 100 µs.
#[test]
fn a_stall_of_an_open_load_costs_the_square_of_its_length() {
    let (assessment, _) = pooled(|step| {
        open(step);
        let s = step.server.as_mut().unwrap();
        s.plant("interval_s", 100.0);
        s.plant("answer_most_ns", 1e8);
        s.plant("answer_mean_ns", 1e7);
        pause(s);
    });
    let expected_ns = 100_000.0 / (2.0 * (1.0 - 0.0055));
    near(saved_ns(&assessment, "redis_paused"), expected_ns);
}

/// Has each write of `server` wait for the disk: an answer takes 180 µs, and 100 µs at best.
fn flushing(server: &mut ServerEvidence) {
    server.plant("aof_enabled", 1.0);
    server.plant("answer_mean_ns", 180_000.0);
    set(server, "appendfsync", "always");
}

#[test]
fn five_answers_tell_what_flushes_cost_and_four_do_not() {
    let answers = |count: f64| {
        let (assessment, _) = pooled(|step| {
            let s = step.server.as_mut().unwrap();
            flushing(s);
            s.plant("answer_mean_ns", 250_000.0);
            s.plant("answers", count);
        });
        assessment
    };
    assert!(finding(&answers(5.0), "redis_append_only").is_some());
    let few = answers(4.0);
    assert!(finding(&few, "redis_append_only").is_none());
    assert!(is_unknown(&few, "redis_append_only"));
}

/// Planted: commands of the load, and a PING of the pool before each second call. Each answer waits for 80 µs.
#[test]
fn a_call_waits_for_a_flush_with_each_of_its_round_trips() {
    let (assessment, step) = pooled(|step| {
        let pings = calls(step) / 2.0;
        let s = step.server.as_mut().unwrap();
        flushing(s);
        rows(s, "commands").push(command("ping", "pool", (pings, pings), 60.0));
    });
    let all = step.server.as_ref().unwrap().tables["commands"].iter();
    let waited = all.filter(|row| row.labels["whose"] != "bench");
    let waited: f64 = waited.map(|row| row.figures["calls"]).sum();
    let trips = waited / calls(&step);
    assert!((1.5..1.6).contains(&trips), "{trips}");
    near(saved_ns(&assessment, "redis_append_only"), 80_000.0 * trips);
}

#[test]
fn an_append_only_file_is_told_from_none_and_from_one_that_held_writes_up() {
    let kept = |enabled: f64, delayed: f64| {
        server(move |s| {
            s.plant("aof_enabled", enabled);
            s.plant("aof_delayed_fsync", delayed);
        })
    };
    let (none, held_up_none) = (kept(0.0, 0.0), kept(1.0, 0.0));
    let statement = ruled_out(&none, "redis_append_only");
    assert_eq!(statement, Some("no append-only file is written"));
    let statement = ruled_out(&held_up_none, "redis_append_only");
    let words = "the append-only file (appendfsync everysec) held no write up";
    assert_eq!(statement, Some(words));
    let once = kept(1.0, 1.0);
    let title = &finding(&once, "redis_append_only").unwrap().title;
    assert!(title.contains("for the disk 1 time "), "{title}");
}

/// Planted: a write waited for the disk, beside a pause that was too short, the generator's own, or a command's.
#[test]
fn only_a_stall_that_nothing_else_explains_is_laid_to_the_append_only_file() {
    let delayed = |most_ns: f64, own_ns: u64, logged_us: f64| {
        let (assessment, _) = stalled(most_ns, own_ns, |s| {
            s.plant("aof_enabled", 1.0);
            s.plant("aof_delayed_fsync", 1.0);
            let figures = [
                ("calls", 1.0),
                ("usec", logged_us),
                ("longest_us", logged_us),
            ];
            rows(s, "slow_calls").push(row([("command", "keys")], figures));
        });
        let found = finding(&assessment, "redis_append_only").unwrap();
        (found.detail.clone(), found.impact.is_some())
    };
    let open = delayed(1e8, 2_000_000, 12_000.0);
    let words = "Redis once answered nobody for 100 ms, which neither a command";
    assert!(open.0.contains(words) && open.1, "{open:?}");
    for (most_ns, own_ns, logged_us) in [
        (99_999_999.0, 2_000_000, 12_000.0),
        (1e8, 50_000_000, 12_000.0),
        (1e8, 2_000_000, 50_000.0),
    ] {
        let explained = delayed(most_ns, own_ns, logged_us);
        let words = "No stall of the server is known to be due to that";
        assert!(explained.0.contains(words) && !explained.1, "{explained:?}");
    }
}
