//! Tests of scripts, keys and nodes of Redis: what the slow log and the keys' sizes add to a finding, and a cluster
//! whose commands go to one node.

use crate::assessment::{Assessment, ComponentKind, FindingKind, ImpactOf};
use bench_report::{EvidenceRow, Parameter, Step};

use super::common::parts::{PlantFigure as _, row};
use super::common::{Plant, command};
use super::redis_server::{rows, server};
use super::{assess_reports, factor, finding, is_told, is_unknown, named, told};

/// Plants slow calls of `name` by another client, which called the script `script` if there is one.
fn slow(name: &'static str, script: Option<&'static str>) -> Assessment {
    server(move |s| {
        rows(s, "commands").push(command(name, "others", (5.0, 300_000.0), 60_000.0));
        let figures = [
            ("calls", 5.0),
            ("usec", 300_000.0),
            ("longest_us", 60_000.0),
        ];
        let mut logged = row([("command", name)], figures);
        let script = script.map(|script| ("script".to_owned(), script.to_owned()));
        logged.labels.extend(script);
        rows(s, "slow_calls").push(logged);
    })
}

#[test]
fn a_script_is_named_by_its_first_line_its_hash_or_its_function() {
    let named_as = |name, script| {
        let assessment = slow(name, script);
        let found = told(&assessment, "redis_command");
        (found.title.clone(), found.thing.clone().unwrap())
    };
    let (title, thing) = named_as("eval", Some("while true do end"));
    assert_eq!(
        title,
        "A script of another client holds Redis up: EVAL while true do end"
    );
    assert_eq!(thing, "EVAL while true do end");
    let (title, thing) = named_as("fcall", Some("take_stock"));
    assert!(title.starts_with("A function of another client"), "{title}");
    assert_eq!(thing, "FCALL take_stock");
    let (title, thing) = named_as("evalsha", None);
    assert!(title.ends_with("(EVALSHA)"), "{title}");
    assert_eq!(thing, "EVALSHA");
    let (title, thing) = named_as("lrange", None);
    assert_eq!(title, "The command LRANGE of another client holds Redis up");
    assert_eq!(thing, "LRANGE");
}

fn hint(why: &str, command: &str, key: &str, bytes: f64) -> EvidenceRow {
    let labels = [
        ("key", key),
        ("why", why),
        ("command", command),
        ("type", "list"),
        ("encoding", "quicklist"),
    ];
    row(labels, [("elements", 90_000.0), ("bytes", bytes)])
}

#[test]
fn the_largest_key_that_slow_calls_used_is_told_with_type_and_size() {
    let assessment = server(|s| {
        rows(s, "commands").push(command("lrange", "others", (5.0, 300_000.0), 60_000.0));
        rows(s, "key_hints").extend([
            hint("slow", "lrange", "plimsoll:r:orders", 1_048_576.0),
            hint("slow", "lrange", "plimsoll:r:small", 1_024.0),
            hint("slow", "hgetall", "plimsoll:r:other", 9e9),
            hint("big", "lrange", "plimsoll:r:big", 9e9),
        ]);
    });
    let found = told(&assessment, "redis_command");
    let words = "the key plimsoll:r:orders: a list (quicklist) of 90000 elements with 1.00 MiB.";
    assert!(found.detail.contains(words), "{}", found.detail);
}

/// Plants a cluster whose primaries executed these shares of the commands, the first one busy for `busy`.
fn cluster(shares: &'static [f64], busy: f64) -> Assessment {
    server(move |s| {
        for (index, ratio) in shares.iter().enumerate() {
            let node = format!("10.0.0.{index}:6379");
            let labels = [("node", node), ("role", "primary".to_owned())];
            let busy = if index == 0 { busy } else { 0.1 };
            rows(s, "nodes").push(row(labels, [("calls_ratio", *ratio), ("busy_ratio", busy)]));
        }
    })
}

#[test]
fn a_node_with_half_as_much_again_as_its_share_is_a_problem_where_it_is_busy() {
    let hot = cluster(&[0.8, 0.1, 0.1], 0.9);
    let found = told(&hot, "redis_hot_key");
    assert_eq!(named(&hot)[0], "redis_hot_key");
    assert_eq!(found.thing.as_deref(), Some("10.0.0.0:6379"));
    let impact = found.impact.unwrap();
    assert_eq!(impact.of, ImpactOf::Capacity);
    assert!((impact.ratio - 0.583).abs() < 0.01, "{impact:?}");
    let with_room = cluster(&[0.8, 0.1, 0.1], 0.3);
    assert_eq!(
        told(&with_room, "redis_hot_key").kind,
        FindingKind::Information
    );
    assert!(!is_told(&cluster(&[0.4, 0.3, 0.3], 0.9), "redis_hot_key"));
    assert!(finding(&cluster(&[0.9, 0.1], 0.9), "redis_hot_key").is_none());
}

#[test]
fn the_most_used_key_is_named_where_the_server_tells_it_and_a_node_that_was_not_read_leaves_it_open()
 {
    let assessment = server(|s| {
        for (node, ratio) in [("a:1", 0.8), ("b:1", 0.1), ("c:1", 0.1)] {
            let labels = [("node", node), ("role", "primary")];
            rows(s, "nodes").push(row(labels, [("calls_ratio", ratio)]));
        }
        let labels = [("key", "plimsoll:r:k:1"), ("why", "hot")];
        rows(s, "key_hints").push(row(labels, [("frequency", 200.0)]));
    });
    let found = told(&assessment, "redis_hot_key");
    let words = "Of the sampled keys, plimsoll:r:k:1 is the most used one (access counter 200,";
    assert!(found.detail.contains(words), "{}", found.detail);
    assert!(found.detail.contains("not known"), "{}", found.detail);
    let unread = server(|s| {
        for node in ["a:1", "b:1", "c:1"] {
            let labels = [("node", node), ("role", "primary")];
            rows(s, "nodes").push(row(labels, [("busy_ratio", 0.5)]));
        }
    });
    assert!(is_unknown(&unread, "redis_hot_key"));
}

/// Adds two much used keys of a sample, and a large one that is used less.
fn sampled(step: &mut Step) {
    let server = step.server.as_mut().unwrap();
    server.plant("keys_sampled", 2_000.0);
    for (why, key, bytes, frequency) in [
        ("hot", "plimsoll:r:k:7", 164.0, 90.0),
        ("hot", "plimsoll:r:k:1", 196_608.0, 200.0),
        ("big", "plimsoll:r:k:9", 3_145_728.0, 30.0),
    ] {
        let labels = [("key", key), ("why", why), ("type", "string")];
        let figures = [("bytes", bytes), ("frequency", frequency)];
        rows(server, "key_hints").push(row(labels, figures));
    }
}

const MOST_USED: &str = "f 2000 sampled keys, plimsoll:r:k:1 is the most used one (a string with 192 KiB; access \
                         counter 200, which grows with the logarithm)";

#[test]
fn a_full_main_thread_is_told_with_the_most_used_key_of_the_sample() {
    let full = |plant: fn(&mut Step)| {
        let mut report = Plant {
            redis_main_thread: 0.98,
            ..Plant::default()
        }
        .redis();
        report.steps.iter_mut().for_each(plant);
        let assessment = assess_reports(&[report]);
        assert_eq!(
            factor(&assessment, ComponentKind::Redis),
            "redis_main_thread"
        );
        assessment.components[0].limiting_factor.clone()
    };
    let limiting = full(sampled);
    assert!(limiting.reason.contains(MOST_USED), "{}", limiting.reason);
    let labels: Vec<&str> = limiting.evidence.iter().map(|e| e.label.as_str()).collect();
    assert!(
        labels.contains(&"access counter of plimsoll:r:k:1"),
        "{labels:?}"
    );
    let sample = "keys whose size was sampled after the step";
    assert!(labels.contains(&sample), "{labels:?}");
    // A server that does not count accesses names no key.
    let unnamed = full(|_| ());
    assert!(
        unnamed.reason.ends_with("on this thread"),
        "{}",
        unnamed.reason
    );
}

#[test]
fn values_that_fill_the_network_are_told_with_the_keys_that_stand_out() {
    let mut report = Plant {
        redis_ns: 20e6,
        ..Plant::default()
    }
    .redis();
    report.config.remove("value_bytes");
    for step in &mut report.steps {
        let value = Parameter::Integer(1_000_000);
        step.parameters.insert("value_bytes".into(), value);
        let calls: u64 = step.operations.values().map(|o| o.attempted).sum();
        let server = step.server.as_mut().unwrap();
        server.plant("net_output_bytes", 1e6 * calls as f64);
        sampled(step);
    }
    let assessment = assess_reports(&[report]);
    let found = told(&assessment, "redis_network_bytes");
    assert!(found.detail.contains(MOST_USED), "{}", found.detail);
    let largest = "plimsoll:r:k:9 is the largest one (a string with 3.00 MiB";
    assert!(found.detail.contains(largest), "{}", found.detail);
}

/// Planted: a server that uses three of four cores with its threads.
#[test]
fn a_cpu_that_redis_uses_up_is_told_with_the_most_used_key_of_the_sample() {
    let plant = Plant {
        redis_main_thread: 2.9,
        cpu: (0.98, 0.0, 0.2),
        ..Plant::default()
    };
    let mut report = plant.redis();
    report.steps.iter_mut().for_each(sampled);
    let assessment = assess_reports(&[report, plant.sysmon()]);
    let found = told(&assessment, "cpu_saturated");
    assert!(found.title.ends_with("by the server"), "{}", found.title);
    assert!(found.detail.contains(MOST_USED), "{}", found.detail);
    let others = assess_reports(&[plant.redis(), plant.sysmon()]);
    let found = told(&others, "cpu_saturated");
    assert!(!found.detail.contains("sampled"), "{}", found.detail);
}
