//! Tests of the rules about Redis on both sides of their bounds, and of what they add up.

use crate::assessment::{Assessment, Confidence, Finding, FindingKind};
use bench_report::{Load, Pacing, Series, ServerEvidence};

use super::common::parts::{PlantFigure, row};
use super::common::{Plant, SECOND, command};
use super::proven_costs::repeated;
use super::redis_server::{rows, run, server};
use super::{assess_reports, finding};

fn ruled_out<'a>(assessment: &'a Assessment, rule: &str) -> Option<&'a str> {
    let mut all = assessment.ruled_out.iter();
    let found = all.find(|r| r.rule == rule);
    found.map(|r| r.statement.as_str())
}

/// Adds a row of the slow log about one call of `name`, which took `us` microseconds.
fn log(server: &mut ServerEvidence, name: &str, us: f64) {
    let figures = [("calls", 1.0), ("usec", us), ("longest_us", us)];
    rows(server, "slow_calls").push(row([("command", name)], figures));
}

/// Returns true if one of 1,001 reads, which took `longest_us` microseconds, is told from the others, which took
/// `others_us` each.
fn is_outlier(longest_us: f64, others_us: f64) -> bool {
    let assessment = server(|s| {
        let mut all = rows(s, "commands").iter_mut();
        let get = all.find(|row| row.labels["command"] == "get").unwrap();
        let usec = 1_000.0 * others_us + longest_us;
        get.figures.insert("calls".into(), 1_001.0);
        get.figures.insert("usec".into(), usec);
        log(s, "get", longest_us);
    });
    let none = "no call of the load's commands took far longer than the others";
    match ruled_out(&assessment, "redis_outliers") {
        Some(statement) => statement != none,
        None => finding(&assessment, "redis_outliers").is_some(),
    }
}

#[test]
fn an_outlier_takes_a_millisecond_or_more_and_ten_times_what_the_others_take() {
    assert!(is_outlier(1_000.0, 2.0) && !is_outlier(999.0, 2.0));
    assert!(is_outlier(2_000.0, 200.0) && !is_outlier(2_000.0, 201.0));
}

/// Returns the finding about clients that do not read their answers, after `plant` changed the evidence.
fn output(plant: impl Fn(&mut ServerEvidence)) -> Option<Finding> {
    let assessment = server(plant);
    finding(&assessment, "redis_output").cloned()
}

/// Adds a client of `kind` that has left `bytes` of answers unread.
fn reader(server: &mut ServerEvidence, kind: &str, bytes: f64) {
    let labels = [("kind", kind), ("name", "ops")];
    let figures = [("clients", 1.0), ("output_bytes", bytes)];
    rows(server, "clients").push(row(labels, figures));
}

#[test]
fn a_client_with_a_mebibyte_of_unread_answers_is_told_and_one_with_less_is_not() {
    for kind in ["slow reader", "subscriber", "monitor", "replica"] {
        let found = output(|s| reader(s, kind, 1_048_576.0)).unwrap();
        assert_eq!(found.kind, FindingKind::Information, "{kind}");
        assert!(found.title.ends_with(": ops"), "{kind}: {}", found.title);
        assert!(output(|s| reader(s, kind, 1_048_575.0)).is_none(), "{kind}");
    }
    assert!(output(|s| reader(s, "pool", 9e6)).is_none());
    // Of several, the one with the most counts.
    let largest = output(|s| {
        reader(s, "slow reader", 3e6);
        rows(s, "clients").push(row(
            [("kind", "replica"), ("name", "copy")],
            [("clients", 1.0), ("output_bytes", 4e6)],
        ));
    });
    let title = largest.unwrap().title;
    assert!(title.ends_with(": copy"), "{title}");
}

#[test]
fn clients_that_were_cut_off_are_counted_whatever_limit_it_was() {
    let cut = |by_output: f64, by_memory: f64| {
        output(move |s| {
            s.plant("output_limit_disconnections", by_output);
            s.plant("evicted_clients", by_memory);
        })
    };
    for (by_output, by_memory, told) in [
        (1.0, 0.0, "cut off 1 client "),
        (0.0, 1.0, "cut off 1 client "),
        (1.0, 2.0, "cut off 3 clients "),
    ] {
        let title = cut(by_output, by_memory).unwrap().title;
        assert!(title.contains(told), "{title}");
    }
    assert!(cut(0.0, 0.0).is_none());
}

/// Returns the title of the finding about bytes that others read while `clients` subscribers are connected and
/// another client sends `sent`.
fn takers(sent: &str, clients: f64) -> String {
    let assessment = server(|s| {
        s.plant("net_output_bytes", 500e6);
        let published = command(sent, "others", (400.0, 4_000.0), 40.0);
        rows(s, "commands").push(published);
        let figures = [("clients", clients), ("output_bytes", 0.0)];
        rows(s, "clients").push(row([("kind", "subscriber")], figures));
    });
    finding(&assessment, "redis_bytes").unwrap().title.clone()
}

#[test]
fn subscribers_are_told_only_where_there_are_some_and_something_was_published() {
    for publishes in ["publish", "spublish"] {
        let title = takers(publishes, 2.0);
        assert!(title.starts_with("2 subscribers (PUBLISH) read"), "{title}");
    }
    assert!(takers("publish", 0.0).starts_with("Other clients read"));
    assert!(takers("lpush", 2.0).starts_with("Other clients read"));
}

/// Returns the finding about a command of others of which two calls took 150 ms each, the longest in the
/// histogram 190 ms, after `plant` changed the evidence.
fn slow_command(name: &str, plant: impl Fn(&mut ServerEvidence)) -> Finding {
    let assessment = server(|s| {
        let two = command(name, "others", (2.0, 300_000.0), 190_000.0);
        rows(s, "commands").push(two);
        plant(s);
    });
    finding(&assessment, "redis_command").unwrap().clone()
}

#[test]
fn the_longest_call_of_a_command_is_that_of_its_own_row_in_the_slow_log() {
    let logged = slow_command("keys", |s| {
        log(s, "hgetall", 177_000.0);
        log(s, "keys", 155_000.0);
    });
    let words = "150 ms on average, the longest 155 ms";
    assert!(logged.detail.contains(words), "{}", logged.detail);
    let other = slow_command("keys", |s| log(s, "hgetall", 177_000.0));
    let words = "the longest 190 ms";
    assert!(other.detail.contains(words), "{}", other.detail);
}

#[test]
fn the_advice_about_a_transaction_is_to_make_it_smaller() {
    let advised = |name: &str| {
        let advice = slow_command(name, |_| ()).advice.unwrap();
        advice.actions.join("; ")
    };
    assert_eq!(advised("exec"), "put fewer commands into one transaction");
    assert!(advised("evalsha").contains("shorten the script"));
    assert!(advised("hgetall").contains("ask for less at a time"));
}

#[test]
fn a_command_that_was_called_once_or_without_a_histogram_is_told_with_less_confidence() {
    let confidence = |calls: f64, has_histogram: bool| {
        let assessment = server(|s| {
            let mut row = command("keys", "others", (calls, 300_000.0), 300_000.0 / calls);
            if !has_histogram {
                row.figures.remove("squares_us2");
            }
            rows(s, "commands").push(row);
        });
        finding(&assessment, "redis_command").unwrap().confidence
    };
    assert_eq!(confidence(2.0, true), Confidence::High);
    assert_eq!(confidence(1.0, true), Confidence::Medium);
    assert_eq!(confidence(2.0, false), Confidence::Medium);
}

#[test]
fn a_thousand_scripts_are_told_if_their_number_grows() {
    let told = |cached: f64, new: f64| {
        let assessment = server(move |s| {
            s.plant("cached_scripts", cached);
            s.plant("scripts_cached", new);
        });
        finding(&assessment, "redis_scripts").is_some()
    };
    assert!(told(1_000.0, 1.0));
    assert!(!told(999.0, 1.0) && !told(1_000.0, 0.0));
}

/// Returns the time that saving cost a call, in nanoseconds: `forks` forks of 400 ms, and a child process at work
/// in the second half of each step, in which calls take `beside` times as long as 400 µs.
fn lost_to_saving(forks: f64, beside: f64) -> f64 {
    let mut report = Plant::default().redis();
    let mut series = ["latency.p50_ns", "latency.p99_ns"].map(Series::new);
    for step in &mut report.steps {
        let (from, half) = (step.window.measure_start_ns, SECOND / 2);
        let server = step.server.as_mut().unwrap();
        server.plant("forks", forks);
        server.plant("latest_fork_us", 400_000.0);
        server.plant("saving_ratio", 0.5);
        let times = [
            ("from_ns", (from + half) as f64),
            ("to_ns", (from + SECOND) as f64),
        ];
        rows(server, "saving").push(row([("what", "snapshot")], times));
        for series in &mut series {
            // The beginning of the first interval.
            series.push(from, Some(400_000.0));
        }
        for tenth in 0..10 {
            let at_ns = from + (tenth + 1) * SECOND / 10;
            let times = if tenth >= 5 { beside } else { 1.0 };
            for (series, ns) in series.iter_mut().zip([400_000.0, 900_000.0]) {
                series.push(at_ns, Some(ns * times));
            }
        }
    }
    report.series.extend(series);
    let assessment = assess_reports(&[report]);
    let found = finding(&assessment, "redis_saving").unwrap();
    found.impact.unwrap().saved_ns.unwrap()
}

#[test]
fn saving_costs_what_forks_and_what_the_child_process_takes_together() {
    let stopped = lost_to_saving(1.0, 1.0);
    assert!(stopped > 10_000.0, "{stopped}");
    // A quarter longer for half of the time: 100 µs × 0.5.
    let beside = lost_to_saving(0.0, 1.25);
    assert!((beside / 50_000.0 - 1.0).abs() < 1e-6, "{beside}");
    let both = lost_to_saving(1.0, 1.25);
    let sum = stopped + beside;
    assert!((both / sum - 1.0).abs() < 1e-6, "{both}, expected {sum}");
    // Calls that are faster meanwhile give nothing back.
    let faster = lost_to_saving(1.0, 0.75);
    assert!((faster / stopped - 1.0).abs() < 1e-6, "{faster}");
}

/// Returns the thing at fault in a Redis without a CPU on a machine of four cores, of which the load may use two:
/// the server may use `server_cores`, and both together `either`.
fn confined(server_cores: f64, either: f64) -> String {
    let plant = Plant::default();
    let mut report = plant.redis();
    report.environment.cores_available = Some(2);
    for step in &mut report.steps {
        let server = step.server.as_mut().unwrap();
        server.plant("cores_allowed", server_cores);
        server.plant("cores_allowed_either", either);
        server.plant("main_thread_ready_s", 0.34);
    }
    let assessment = assess_reports(&[report, plant.sysmon()]);
    let found = finding(&assessment, "redis_no_cpu").unwrap();
    found.thing.clone().unwrap()
}

#[test]
fn cores_of_server_and_load_are_shared_if_both_have_fewer_than_they_would_have_apart() {
    assert_eq!(confined(1.0, 3.0), "1 of 4 cores");
    assert_eq!(confined(1.0, 2.0), "1 of 4 cores, shared with the load");
    assert_eq!(confined(3.0, 4.0), "3 of 4 cores, shared with the load");
    assert_eq!(confined(4.0, 4.0), "no CPU");
}

/// Planted: Redis answered nobody for 400 ms, with no fork and no slow command, and the slow log takes calls from
/// `slower_than` microseconds on.
#[test]
fn a_slow_log_that_is_off_explains_no_stall_and_is_not_said_to_be_empty() {
    let detail = |slower_than: &str| {
        let assessment = server(|s| {
            s.plant("answer_most_ns", 0.4e9);
            s.plant("answer_mean_ns", 40e6);
            let mut settings = rows(s, "settings").iter_mut();
            let slow_log = settings.find(|row| row.labels["setting"] == "slowlog-log-slower-than");
            let labels = &mut slow_log.unwrap().labels;
            labels.insert("value".into(), slower_than.into());
        });
        finding(&assessment, "redis_stall").unwrap().detail.clone()
    };
    let on = detail("10000");
    let words = "No command in the slow log, and no fork, explains it.";
    assert!(on.contains(words), "{on}");
    let off = detail("-1");
    let words = "No fork explains it; the slow log was not read.";
    assert!(off.contains(words), "{off}");
}

/// Returns true if calls beside a child process are compared with the others, where one is at work in the last
/// `tenths` of ten intervals of each step.
fn is_compared(tenths: u64) -> bool {
    let mut report = Plant::default().redis();
    let mut series = ["latency.p50_ns", "latency.p99_ns"].map(Series::new);
    for step in &mut report.steps {
        let from = step.window.measure_start_ns;
        let server = step.server.as_mut().unwrap();
        server.plant("forks", 1.0);
        server.plant("latest_fork_us", 300.0);
        server.plant("saving_ratio", tenths as f64 / 10.0);
        let begin = from + (10 - tenths) * SECOND / 10;
        let times = [("from_ns", begin as f64), ("to_ns", (from + SECOND) as f64)];
        rows(server, "saving").push(row([("what", "snapshot")], times));
        for tenth in 0..=10 {
            let slower = if tenth > 10 - tenths { 2.0 } else { 1.0 };
            for (series, ns) in series.iter_mut().zip([400_000.0, 900_000.0]) {
                series.push(from + tenth * SECOND / 10, Some(ns * slower));
            }
        }
    }
    report.series.extend(series);
    let assessment = assess_reports(&[report]);
    let found = finding(&assessment, "redis_saving").unwrap();
    let words = "While a child process was at work the median was";
    found.detail.contains(words)
}

#[test]
fn calls_are_compared_from_three_intervals_with_a_child_process_and_three_without_on() {
    assert!(!is_compared(2) && is_compared(3));
    assert!(is_compared(7) && !is_compared(8));
}

/// Planted: 21,000 calls in a second, of which 17,766 read a value of `value_bytes`. With 64 bytes for each call,
/// the load's answers take 3.12 MB at 100 bytes a value, and 19.1 MB at 1,000.
#[test]
fn bytes_to_others_are_told_from_a_mebibyte_a_second_and_a_tenth_of_all_on() {
    let told = |value_bytes: u64, sent: f64| {
        let mut report = Plant::default().redis();
        let size = value_bytes.into();
        report.config.insert("value_bytes".into(), size);
        for step in &mut report.steps {
            let server = step.server.as_mut().unwrap();
            server.plant("net_output_bytes", sent);
        }
        let assessment = assess_reports(&[report]);
        let is_told = finding(&assessment, "redis_bytes").is_some();
        assert_ne!(is_told, ruled_out(&assessment, "redis_bytes").is_some());
        is_told
    };
    // 1.18 MB are more than a mebibyte, and a quarter of all.
    assert!(told(100, 4_300_000.0));
    // 0.68 MB are 18 % of all.
    assert!(!told(100, 3_800_000.0));
    // 1.59 MB are 8 % of all.
    assert!(!told(1_000, 20_700_000.0));
}

/// Planted: of the reads of an open load 20 took 2 ms each, by the slow log, and the main thread is busy 55 % of the
/// second. The squares are 20 × 4 ms², which cost 80 µs ÷ (2 × 0.45) a call. One such call alone would cost 4.4 µs.
#[test]
fn all_calls_in_the_slow_log_cost_time_and_not_the_longest_alone() {
    let assessment = run(|step| {
        step.load = Load::Open {
            rate_per_s: 21_000.0,
            pacing: Pacing::Constant,
            in_flight_cap: 1_000,
            delayed_at_cap: 0,
        };
        let s = step.server.as_mut().unwrap();
        s.plant("net_output_bytes", 500e6);
        let mut all = rows(s, "commands").iter_mut();
        let get = all.find(|row| row.labels["command"] == "get").unwrap();
        let (calls, usec) = (get.figures["calls"], get.figures["usec"]);
        *get = command("get", "load", (calls + 20.0, usec + 40_000.0), 2_000.0);
        let figures = [("calls", 20.0), ("usec", 40_000.0), ("longest_us", 2_000.0)];
        rows(s, "slow_calls").push(row([("command", "get")], figures));
    });
    let found = finding(&assessment, "redis_outliers").unwrap();
    let saved_ns = found.impact.unwrap().saved_ns.unwrap();
    let expected_ns = 80_000.0 / 0.9;
    assert!((saved_ns / expected_ns - 1.0).abs() < 1e-6, "{saved_ns}");
}

/// Planted: KEYS of another client takes 40, 60 and 80 ms in three repeats, of which one carries 2 % more than the
/// others and is the operating point.
#[test]
fn of_a_cause_in_all_repeats_the_one_at_the_operating_point_is_shown() {
    for operating in 0..3 {
        let assessment = repeated(3, |repeat, step| {
            let us = 40_000.0 + 20_000.0 * repeat as f64;
            let keys = command("keys", "others", (5.0, 5.0 * us), us);
            rows(step.server.as_mut().unwrap(), "commands").push(keys);
            for operation in step.operations.values_mut() {
                operation.throughput_per_s *= if repeat == operating { 1.02 } else { 1.0 };
            }
        });
        let found = finding(&assessment, "redis_command").unwrap();
        let detail = &found.detail;
        assert!(detail.contains("In 3 of 3 repeats."), "{detail}");
        // The third step of each repeat has the highest throughput.
        let place = format!("/steps/{}/", 3 * operating + 2);
        let evidence = found.evidence.iter().map(|e| e.pointer.as_str());
        let mut of_server = evidence.filter(|pointer| pointer.contains("/server/"));
        let shown = of_server.next().expect("evidence of the server");
        assert!(shown.starts_with(&place), "{shown}, expected {place}");
    }
}
