//! Tests of the rules about Redis on both sides of their bounds, and of what they add up.

use crate::assessment::{Assessment, Confidence, Finding, FindingKind};
use bench_report::{Series, ServerEvidence};

use super::common::parts::{PlantFigure, row};
use super::common::{Plant, SECOND, command};
use super::redis_server::{rows, server};
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
