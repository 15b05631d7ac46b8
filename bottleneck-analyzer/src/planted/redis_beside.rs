//! Tests with figures of live runs of a Redis under something else than the load: paused clients, forks,
//! MONITOR, subscribers, one core for server and load. Each is reported once, under its cause.

use crate::assessment::Assessment;
use crate::assessment::{ComponentKind, Finding, FindingKind};
use bench_report::{Report, Series, ServerEvidence, Step};

use super::common::parts::{PlantFigure, row};
use super::common::{Plant, SECOND, command, hist};
use super::{assess_reports, factor, finding, is_unknown, named};

/// Returns a series of throughput in intervals of 50 ms over the measured second of each step:
/// nothing is answered for `still_s` seconds, then 20,000 requests per second.
fn throughput(report: &Report, still_s: f64) -> Series {
    let mut series = Series::new("throughput_per_s");
    for step in &report.steps {
        for i in 0..20u64 {
            let at = step.window.measure_start_ns + (i + 1) * SECOND / 20;
            let stands = i as f64 * 0.05 < still_s;
            series.push(at - 1, Some(if stands { 0.0 } else { 20_000.0 }));
        }
    }
    series
}

/// Assesses a healthy run of Redis in which no user is answered for `still_s` seconds of each step,
/// after `plant` changed its steps.
fn run(still_s: f64, plant: impl Fn(&mut Step)) -> Assessment {
    let mut report = Plant::default().redis();
    for step in &mut report.steps {
        plant(step);
    }
    let series = throughput(&report, still_s);
    report.series.push(series);
    assess_reports(&[report])
}

fn server(still_s: f64, plant: impl Fn(&mut ServerEvidence)) -> Assessment {
    run(still_s, |step| plant(step.server.as_mut().unwrap()))
}

fn others(server: &mut ServerEvidence, name: &str, calls: (f64, f64), longest_us: f64) {
    let rows = server.tables.get_mut("commands").unwrap();
    rows.push(command(name, "others", calls, longest_us));
}

fn client(server: &mut ServerEvidence, kind: &str, clients: f64) {
    let labels = [("kind", kind), ("address", "10.0.0.7")];
    let labels = labels.map(|(name, value)| (name, value.to_owned()));
    let row = row(labels, [("clients", clients), ("output_bytes", 0.0)]);
    server.tables.entry("clients".into()).or_default().push(row);
}

/// Returns the first finding, and the rules of all problems and symptoms in the order of the
/// assessment.
fn first(assessment: &Assessment) -> (&Finding, Vec<&str>) {
    (&assessment.findings[0], named(assessment))
}

fn is_under(assessment: &Assessment, symptom: &str, cause: &str) -> bool {
    let parent = finding(assessment, symptom).and_then(|f| f.parent.clone());
    parent.is_some_and(|id| id.rule.name() == cause)
}

#[test]
fn paused_clients_are_the_cause_of_a_stall_that_is_told_once() {
    // A pause of all commands delays the bench's own polls, too.
    let all = server(0.4, |s| {
        others(s, "client|pause", (1.0, 9.0), 9.0);
        s.plant("answer_most_ns", 0.41e9);
        s.plant("answer_mean_ns", 41e6);
    });
    // A pause of writes does not delay polls, which only read.
    let writes = server(0.4, |s| others(s, "client|pause", (1.0, 9.0), 9.0));
    for assessment in [&all, &writes] {
        let (found, named) = first(assessment);
        assert_eq!(named[0], "redis_paused", "{named:?}");
        assert_eq!(found.thing.as_deref(), Some("CLIENT PAUSE"));
        assert!(is_under(assessment, "stalls", "redis_paused"));
        assert!(finding(assessment, "redis_stall").is_none(), "{named:?}");
        let stall = finding(assessment, "stalls").unwrap();
        assert!(
            !stall.detail.contains("not in the report"),
            "{}",
            stall.detail
        );
    }
    // A pause that no call felt is no problem.
    let felt_by_none = server(0.0, |s| others(s, "client|pause", (1.0, 9.0), 9.0));
    let found = finding(&felt_by_none, "redis_paused").unwrap();
    assert_eq!(found.kind, FindingKind::Information);
    // Before version 7.0 all subcommands of CLIENT are counted together.
    let old = server(0.0, |s| others(s, "client", (1.0, 9.0), 9.0));
    assert!(is_unknown(&old, "redis_paused"));
}

#[test]
fn clients_that_wait_on_purpose_are_no_finding() {
    let blocked = server(0.0, |s| s.plant("blocked_clients_max", 30.0));
    assert!(named(&blocked).is_empty());
    let mut fine = blocked.ruled_out.iter();
    let fine = fine.find(|r| r.rule == "redis_paused").unwrap();
    assert!(
        fine.statement.contains("30 waited on purpose"),
        "{}",
        fine.statement
    );
}

#[test]
fn a_stopped_server_is_one_finding_with_both_measurements() {
    let stopped = server(0.4, |s| {
        s.plant("answer_most_ns", 0.4e9);
        s.plant("answer_mean_ns", 40e6);
    });
    assert_eq!(named(&stopped), ["stalls"]);
    let found = finding(&stopped, "stalls").unwrap();
    assert!(
        found.detail.contains("minimal command took 400 ms"),
        "{}",
        found.detail
    );
    let asked = found.evidence.iter();
    assert!(asked.clone().any(|e| e.pointer.ends_with("answer_most_ns")));
}

#[test]
fn a_stall_of_a_command_stands_under_it_without_guesses_at_its_length() {
    let slept = server(0.25, |s| {
        others(s, "debug", (1.0, 250_000.0), 250_000.0);
        s.plant("answer_most_ns", 0.25e9);
        s.plant("answer_mean_ns", 25e6);
        let figures = [
            ("calls", 1.0),
            ("usec", 250_000.0),
            ("longest_us", 250_000.0),
        ];
        let logged = row([("command", "debug|sleep")], figures);
        s.tables.insert("slow_calls".into(), vec![logged]);
    });
    assert_eq!(named(&slept)[0], "redis_command");
    assert!(is_under(&slept, "stalls", "redis_command"));
    let stall = finding(&slept, "stalls").unwrap();
    assert!(!stall.detail.contains("lost packet"), "{}", stall.detail);
}

#[test]
fn the_time_of_bgsave_is_that_of_its_fork() {
    let saved = server(0.0, |s| {
        others(s, "bgsave", (1.0, 200_000.0), 200_000.0);
        s.plant("forks", 1.0);
        s.plant("latest_fork_us", 199_000.0);
        s.plant("saving_ratio", 0.5);
    });
    assert_eq!(named(&saved), ["redis_saving"]);
    assert_eq!(first(&saved).0.thing.as_deref(), Some("fork"));
}

#[test]
fn what_monitors_are_sent_is_theirs() {
    let watched = |sent: f64| {
        server(0.0, move |s| {
            s.plant("cpu_main_thread_s", 0.72);
            s.plant("net_output_bytes", sent);
            client(s, "monitor", 3.0);
        })
    };
    let costly = watched(500e6);
    let (found, all) = first(&costly);
    assert_eq!(all, ["redis_monitor", "redis_bytes"]);
    assert!(
        found.title.starts_with("3 clients run MONITOR"),
        "{}",
        found.title
    );
    assert!(found.impact.unwrap().ratio > 0.3, "{:?}", found.impact);
    assert!(is_under(&costly, "redis_bytes", "redis_monitor"));
}

#[test]
fn bytes_go_to_whoever_asks_for_them() {
    let sent = |plant: fn(&mut ServerEvidence)| {
        server(0.0, move |s| {
            s.plant("cpu_main_thread_s", 0.5);
            s.plant("net_output_bytes", 500e6);
            plant(s);
        })
    };
    let published = sent(|s| {
        others(s, "publish", (400.0, 4_000.0), 40.0);
        client(s, "subscriber", 50.0);
    });
    let (found, _) = first(&published);
    assert_eq!(found.thing.as_deref(), Some("PUBLISH"));
    assert!(found.title.starts_with("50 subscribers"), "{}", found.title);
    let large = sent(|s| others(s, "hgetall", (20.0, 300_000.0), 20_000.0));
    assert_eq!(named(&large), ["redis_command", "redis_bytes"]);
    assert!(is_under(&large, "redis_bytes", "redis_command"));
}

/// Assesses a run with affinities on a machine of four cores, `busy` (0 to 1) of whose CPU is used:
/// the server may use `server_cores`, server and load together `either`. The main thread was ready
/// to run without a CPU for `ready_s` seconds of each step.
fn pinned(server_cores: f64, either: f64, ready_s: f64, busy: f64) -> Assessment {
    let plant = Plant {
        cpu: (busy, 0.0, 0.125),
        redis_main_thread: 0.5,
        ..Plant::default()
    };
    let mut report = plant.redis();
    for step in &mut report.steps {
        let server = step.server.as_mut().unwrap();
        server.plant("cores_allowed", server_cores);
        server.plant("cores_allowed_either", either);
        server.plant("main_thread_ready_s", ready_s);
        step.generator.cpu_ns = SECOND * 49 / 100;
    }
    assess_reports(&[report, plant.sysmon()])
}

#[test]
fn a_server_that_shares_its_one_core_with_the_load_is_told() {
    let shared = pinned(1.0, 1.0, 0.34, 0.26);
    let (found, all) = first(&shared);
    assert_eq!(all, ["redis_no_cpu"]);
    assert!(found.title.contains("34 %"), "{}", found.title);
    assert!(found.thing.as_deref().unwrap().starts_with("1 of 4 cores"));
    assert_eq!(factor(&shared, ComponentKind::Redis), "cpu_quota.server");
    // Enough cores for both, or a machine that is full: the affinity is no problem.
    for fine in [pinned(1.0, 4.0, 0.02, 0.26), pinned(4.0, 4.0, 0.34, 0.97)] {
        assert!(!named(&fine).contains(&"redis_no_cpu"));
    }
    assert!(
        is_unknown(&server(0.0, |_| ()), "redis_no_cpu"),
        "a server elsewhere"
    );
}

#[test]
fn keys_that_others_write_are_told_where_they_push_out_the_load_s() {
    let evicted = |written: f64| {
        server(0.0, move |s| {
            s.plant("evicted_keys", 9_000.0);
            s.plant("commands.set.calls", written);
        })
    };
    let told = |assessment: &Assessment| finding(assessment, "evictions").unwrap().detail.clone();
    let theirs = told(&evicted(40_000.0));
    assert!(theirs.contains("other clients'"), "{theirs}");
    let ours = told(&evicted(4_000.0));
    assert!(!ours.contains("other clients'"), "{ours}");
}

#[test]
fn what_an_older_bench_never_read_is_unknown_and_not_fine() {
    let old = server(0.0, |s| {
        s.tables.clear();
        for figure in ["aof_enabled", "maxclients", "connections_received"] {
            s.figures.remove(figure);
        }
    });
    for rule in [
        "redis_command",
        "redis_monitor",
        "redis_output",
        "redis_paused",
        "redis_append_only",
        "redis_maxclients",
        "redis_churn",
    ] {
        assert!(is_unknown(&old, rule), "{rule}");
        assert!(!old.ruled_out.iter().any(|r| r.rule == rule), "{rule}");
    }
}

#[test]
fn memory_in_swap_is_shown_and_none_is_ruled_out() {
    let swapped = |bytes: f64| server(0.0, move |s| s.plant("swap_bytes", bytes));
    let some = swapped(6e6);
    let found = finding(&some, "redis_swap").unwrap();
    assert_eq!(found.kind, FindingKind::Information);
    assert!(found.title.contains("10 %"), "{}", found.title);
    assert!(
        swapped(0.0)
            .ruled_out
            .iter()
            .any(|r| r.rule == "redis_swap")
    );
    assert!(is_unknown(&server(0.0, |_| ()), "redis_swap"));
}

#[test]
fn no_cause_takes_what_the_generator_and_the_way_took() {
    let assessment = run(0.0, |step| {
        let server = step.server.as_mut().unwrap();
        others(server, "keys", (8.0, 800_000.0), 100_000.0);
        for operation in step.operations.values_mut() {
            let count = operation.succeeded;
            operation.response = hist(1e6, count);
            operation.pacing_lag = hist(0.4e6, count);
        }
    });
    let saved = finding(&assessment, "redis_command")
        .unwrap()
        .impact
        .unwrap();
    assert!(saved.ratio < 0.6, "{saved:?}");
}

#[test]
fn a_server_that_does_not_count_clients_it_cuts_off_is_not_called_clean_of_them() {
    let said = |assessment: &Assessment| {
        let mut fine = assessment.ruled_out.iter();
        fine.find(|r| r.rule == "redis_output")
            .unwrap()
            .statement
            .clone()
    };
    assert!(said(&server(0.0, |_| ())).contains("does not count"));
    let counted = server(0.0, |s| s.plant("output_limit_disconnections", 0.0));
    assert!(said(&counted).contains("none was cut off"));
}
