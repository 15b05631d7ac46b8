//! Tests of Redis's main thread: each cause is planted, then planted below its bound, then planted
//! without the figure that it is judged by.

use crate::assessment::Assessment;
use crate::assessment::{ComponentKind, Confidence, FindingKind};
use bench_report::{EvidenceRow, Report, Series, ServerEvidence, Step};

use super::common::parts::{PlantFigure, row};
use super::common::{Plant, SECOND, command};
use super::proven_costs::repeated;
use super::{assess_reports, factor, finding, is_unknown, named};

/// Assesses a healthy run of Redis after `plant` changed its steps.
pub(super) fn run(plant: impl Fn(&mut Step)) -> Assessment {
    let mut report = Plant::default().redis();
    for step in &mut report.steps {
        plant(step);
    }
    assess_reports(&[report])
}

/// Assesses a healthy run of Redis after `plant` changed the server's evidence in its steps.
pub(super) fn server(plant: impl Fn(&mut ServerEvidence)) -> Assessment {
    run(|step| plant(step.server.as_mut().unwrap()))
}

fn is_ruled_out(assessment: &Assessment, rule: &str) -> bool {
    assessment.ruled_out.iter().any(|r| r.rule == rule)
}

/// Returns the rows of a table of the evidence, to change them; adds an empty table if there is
/// none.
pub(super) fn rows<'a>(server: &'a mut ServerEvidence, table: &str) -> &'a mut Vec<EvidenceRow> {
    server.tables.entry(table.to_owned()).or_default()
}

#[test]
fn a_healthy_redis_has_no_problem_and_everything_was_looked_at() {
    let assessment = server(|_| ());
    assert_eq!(named(&assessment), Vec::<&str>::new());
    for rule in [
        "redis_command",
        "redis_outliers",
        "redis_bytes",
        "redis_saving",
        "redis_append_only",
        "redis_expiry",
        "redis_maxclients",
        "redis_churn",
        "redis_monitor",
        "redis_output",
        "redis_stall",
        "evictions",
    ] {
        assert!(is_ruled_out(&assessment, rule), "{rule}");
    }
}

#[test]
fn a_command_of_another_client_is_named_with_what_it_costs() {
    let keys = |calls: f64, each_us: f64| {
        server(move |s| {
            let row = command("keys", "others", (calls, calls * each_us), each_us);
            rows(s, "commands").push(row);
        })
    };
    let slow = keys(5.0, 60_000.0);
    let found = finding(&slow, "redis_command").unwrap();
    assert_eq!(named(&slow)[0], "redis_command");
    assert_eq!(found.thing.as_deref(), Some("KEYS"));
    assert!(found.advice.as_ref().unwrap().actions[0].contains("SCAN"));
    // Each of eight users waits for the calls' total time at most.
    let impact = found.impact.unwrap();
    let most = 8.0 * 300_000.0 / 20_000.0 * 1e3;
    assert!(impact.saved_ns.unwrap() <= most + 1.0, "{impact:?} {most}");
    let fast = keys(5.0, 50.0);
    assert!(is_ruled_out(&fast, "redis_command") && finding(&fast, "redis_command").is_none());
    let unread = server(|s| drop(s.tables.remove("commands")));
    assert!(is_unknown(&unread, "redis_command"));
}

#[test]
fn what_a_rare_slow_call_costs_goes_by_its_square() {
    let with = |calls: f64| {
        server(move |s| {
            let row = command("eval", "others", (calls, 100_000.0), 100_000.0 / calls);
            rows(s, "commands").push(row);
        })
    };
    assert_eq!(named(&with(1.0))[0], "redis_command");
    // The same total time in ten thousand short calls.
    assert!(finding(&with(10_000.0), "redis_command").is_none());
}

#[test]
fn looking_at_a_server_and_checking_a_connection_are_nobodys_fault() {
    let assessment = server(|s| {
        rows(s, "commands").push(command("ping", "pool", (20_000.0, 400_000.0), 60_000.0));
        rows(s, "commands").push(command("info", "bench", (20.0, 400_000.0), 60_000.0));
    });
    assert!(finding(&assessment, "redis_command").is_none());
}

#[test]
fn a_few_reads_of_a_large_value_are_told_from_the_load_s_own() {
    let assessment = server(|s| {
        s.plant("net_output_bytes", 500e6);
        let get = rows(s, "commands")
            .iter_mut()
            .find(|r| r.labels["command"] == "get");
        let get = get.unwrap();
        let (calls, usec) = (get.figures["calls"], get.figures["usec"]);
        *get = command("get", "load", (calls + 10.0, usec + 300_000.0), 33_000.0);
        let logged = [
            ("calls", 10.0),
            ("usec", 300_000.0),
            ("longest_us", 33_000.0),
            ("arguments_max", 1.0),
        ];
        let logged = row([("command", "get")], logged);
        rows(s, "slow_calls").push(logged);
    });
    assert_eq!(named(&assessment)[0], "redis_outliers");
    let found = finding(&assessment, "redis_outliers").unwrap();
    assert_eq!(found.thing.as_deref(), Some("GET"));
    assert!(found.detail.contains("another client"), "{}", found.detail);
    let bytes = finding(&assessment, "redis_bytes").unwrap();
    assert!(bytes.title.contains("MiB/s"), "{}", bytes.title);
    let old = server(|s| {
        for row in rows(s, "commands") {
            row.figures.remove("longest_us");
        }
    });
    assert!(is_unknown(&old, "redis_outliers"));
}

#[test]
fn saving_is_a_problem_where_it_costs_and_information_where_it_does_not() {
    let forked = |us: f64| {
        server(move |s| {
            s.plant("forks", 1.0);
            s.plant("latest_fork_us", us);
            s.plant("saving_ratio", 0.6);
        })
    };
    let slow = forked(200_000.0);
    assert_eq!(
        finding(&slow, "redis_saving").unwrap().kind,
        FindingKind::Problem
    );
    let fast = forked(300.0);
    assert_eq!(
        finding(&fast, "redis_saving").unwrap().kind,
        FindingKind::Information
    );
    assert!(named(&fast).is_empty());
    let unread = server(|s| {
        s.figures.remove("forks");
    });
    assert!(is_unknown(&unread, "redis_saving"));
}

/// A child process is at work in the second half of each step, in which calls take twice as long.
#[test]
fn calls_beside_a_child_process_are_compared_with_those_at_other_times() {
    let mut report = Plant::default().redis();
    let mut series = ["latency.p50_ns", "latency.p99_ns"].map(Series::new);
    for step in &mut report.steps {
        let (from, half) = (step.window.measure_start_ns, SECOND / 2);
        let server = step.server.as_mut().unwrap();
        server.plant("forks", 1.0);
        server.plant("latest_fork_us", 300.0);
        server.plant("saving_ratio", 0.5);
        let times = [
            ("from_ns", (from + half) as f64),
            ("to_ns", (from + SECOND) as f64),
        ];
        rows(server, "saving").push(row([("what", "snapshot")], times));
        for tenth in 0..10 {
            let at_ns = from + (tenth + 1) * SECOND / 10;
            let slower = if tenth >= 5 { 2.0 } else { 1.0 };
            for (series, ns) in series.iter_mut().zip([400_000.0, 900_000.0]) {
                series.push(at_ns, Some(ns * slower));
            }
        }
    }
    report.series.extend(series);
    let assessment = assess_reports(&[report]);
    let found = finding(&assessment, "redis_saving").unwrap();
    assert!(found.title.contains("1 fork (snapshot)"), "{}", found.title);
    let words = "the median was 800 µs (400 µs without)";
    assert!(found.detail.contains(words), "{}", found.detail);
}

#[test]
fn each_write_that_waits_for_the_disk_is_told_and_no_cpu_is_no_disk() {
    let always = |mean_ns: f64, ready_s: f64| {
        server(move |s| {
            s.plant("aof_enabled", 1.0);
            s.plant("answer_mean_ns", mean_ns);
            s.plant("main_thread_ready_s", ready_s);
            for row in rows(s, "settings") {
                if row.labels["setting"] == "appendfsync" {
                    row.labels.insert("value".into(), "always".into());
                }
            }
        })
    };
    let slow = always(350_000.0, 0.0);
    assert_eq!(named(&slow), ["redis_append_only"]);
    let found = finding(&slow, "redis_append_only").unwrap();
    assert_eq!(found.thing.as_deref(), Some("appendfsync always"));
    let model = slow.components[0].time_model.as_ref().unwrap();
    let disk = model.parts.iter().find(|p| p.name == "io.append_only");
    let disk = disk.unwrap();
    assert!((disk.ns - 250_000.0).abs() < 1_000.0, "{disk:?}");
    assert!(is_ruled_out(&always(120_000.0, 0.0), "redis_append_only"));
    // The mean of two answers tells nothing.
    let twice = server(|s| {
        s.plant("aof_enabled", 1.0);
        s.plant("answers", 2.0);
        for row in rows(s, "settings") {
            if row.labels["setting"] == "appendfsync" {
                row.labels.insert("value".into(), "always".into());
            }
        }
    });
    assert!(is_unknown(&twice, "redis_append_only"));
    // 22,000 commands each waited 0.25 ms for a CPU.
    assert!(is_ruled_out(&always(350_000.0, 5.5), "redis_append_only"));
    let unread = server(|s| {
        s.plant("aof_enabled", 1.0);
        s.tables.remove("settings");
    });
    assert!(is_unknown(&unread, "redis_append_only"));
}

#[test]
fn keys_that_expire_together_are_told() {
    let spent = |ms: f64| {
        server(move |s| {
            s.plant("expire_cycle_cpu_ms", ms);
            s.plant("expired_keys", 90_000.0);
        })
    };
    assert_eq!(named(&spent(220.0)), ["redis_expiry"]);
    let some = spent(60.0);
    assert_eq!(
        finding(&some, "redis_expiry").unwrap().kind,
        FindingKind::Information
    );
    assert!(is_ruled_out(&spent(8.0), "redis_expiry"));
    let unread = server(|s| {
        s.figures.remove("expire_cycle_cpu_ms");
    });
    assert!(is_unknown(&unread, "redis_expiry"));
}

#[test]
fn a_server_that_stood_still_is_told_unless_the_generator_did() {
    let stalled = |own_ns: u64, logged: bool| {
        run(move |step| {
            step.generator.worst_stall_ns = own_ns;
            let server = step.server.as_mut().unwrap();
            server.plant("answer_most_ns", 0.4e9);
            server.plant("answer_mean_ns", 40e6);
            if logged {
                let figures = [
                    ("calls", 1.0),
                    ("usec", 390_000.0),
                    ("longest_us", 390_000.0),
                    ("arguments_max", 1.0),
                ];
                rows(server, "slow_calls").push(row([("command", "keys")], figures));
                rows(server, "commands").push(command(
                    "keys",
                    "others",
                    (1.0, 390_000.0),
                    390_000.0,
                ));
            }
        })
    };
    assert_eq!(named(&stalled(2_000_000, false)), ["redis_stall"]);
    assert!(is_ruled_out(&stalled(390_000_000, false), "redis_stall"));
    let slow = stalled(2_000_000, true);
    let (cause, stall) = (
        finding(&slow, "redis_command"),
        finding(&slow, "redis_stall"),
    );
    assert_eq!(stall.unwrap().parent, Some(cause.unwrap().id.clone()));
}

#[test]
fn a_main_thread_that_polls_is_not_full() {
    let polling = |s: &mut ServerEvidence| {
        s.plant("cpu_main_thread_s", 0.99);
        s.plant("eventloop_busy_us", 990_000.0);
        s.plant("eventloop_commands_us", 300_000.0);
        for row in rows(s, "settings") {
            if row.labels["setting"] == "io-threads" {
                row.labels.insert("value".into(), "4".into());
            }
        }
    };
    assert_ne!(
        factor(&server(polling), ComponentKind::Redis),
        "redis_main_thread"
    );
    let active = server(|s| {
        polling(s);
        s.plant("main_thread_active_s", 0.97);
    });
    assert_eq!(factor(&active, ComponentKind::Redis), "redis_main_thread");
}

#[test]
fn what_other_clients_run_is_not_what_the_load_s_command_takes() {
    let mut report: Report = Plant::default().redis();
    for step in &mut report.steps {
        let server = step.server.as_mut().unwrap();
        rows(server, "commands").push(command("keys", "others", (2.0, 500_000.0), 250_000.0));
        server.plant("commands.keys.calls", 2.0);
        server.plant("commands.keys.usec", 500_000.0);
    }
    let assessment = assess_reports(&[report]);
    let model = assessment.components[0].time_model.as_ref().unwrap();
    let part = |name: &str| {
        model
            .parts
            .iter()
            .find(|p| p.name == name)
            .map_or(0.0, |p| p.ns)
    };
    assert!(part("command") < 4_000.0, "{model:?}");
    assert!(part("behind_others") > part("command"), "{model:?}");
}

#[test]
fn what_happened_in_one_repeat_only_is_told_with_that() {
    for planted_in in 0..3 {
        let assessment = repeated(3, |repeat, step| {
            if repeat == planted_in {
                let server = step.server.as_mut().unwrap();
                let row = command("keys", "others", (5.0, 300_000.0), 60_000.0);
                rows(server, "commands").push(row);
            }
        });
        let found = finding(&assessment, "redis_command").unwrap();
        assert!(
            found.detail.contains("In 1 of 3 repeats"),
            "{}",
            found.detail
        );
        assert!(found.confidence < Confidence::High, "an episode");
        assert!(!is_ruled_out(&assessment, "redis_command"));
    }
}
