//! Tests of the memory of keys, on the report of a real run of `redis-bench memory` in which one thing is planted.

use crate::assessment::{Assessment, ComponentKind, Confidence, FindingKind};
use bench_report::{EvidenceRow, Report, Step, StepEnd};

use super::{assess_reports, factor, finding, is_told, is_unknown, named, told};

const RULES: [&str; 4] = [
    "redis_memory_limit",
    "redis_fragmentation",
    "redis_encodings",
    "redis_memory_prediction",
];

/// Returns the report of a healthy run on throwaway servers.
fn healthy() -> Report {
    let kept = include_str!("../../../crates/bench-report/tests/golden/redis-bench.memory-1.json");
    serde_json::from_str(kept).unwrap()
}

/// Assesses the healthy run after `plant` changed its steps.
fn run(plant: impl Fn(&mut Step)) -> Assessment {
    let mut report = healthy();
    report.steps.iter_mut().for_each(plant);
    assess_reports(&[report])
}

/// Assesses the healthy run with these figures in the steps whose `parameter` is `value`.
fn figures(parameter: (&str, &str), figures: &[(&str, f64)]) -> Assessment {
    run(|step| {
        if step.is_with(&[parameter]) {
            for (name, value) in figures {
                let figure = step.figures.get_mut(*name);
                *figure.unwrap_or_else(|| panic!("{name}")) = *value;
            }
        }
    })
}

/// Returns what is said of a rule that found nothing wrong.
fn statement<'a>(assessment: &'a Assessment, rule: &str) -> &'a str {
    let found = assessment.ruled_out.iter().find(|one| one.rule == rule);
    &found.unwrap_or_else(|| panic!("{rule}")).statement
}

#[test]
fn a_healthy_report_has_no_finding_and_says_what_was_looked_at() {
    let assessment = run(|_| ());
    assert_eq!(assessment.findings, []);
    for rule in RULES {
        assert!(!is_told(&assessment, rule));
    }
    let limit = statement(&assessment, "redis_memory_limit");
    for part in ["noeviction held", "(OOM)", "allkeys-lru held", "evicted"] {
        assert!(limit.contains(part), "{limit}");
    }
    let gaps = statement(&assessment, "redis_fragmentation");
    assert!(gaps.contains("with half of the keys gone"), "{gaps}");
    let encodings = statement(&assessment, "redis_encodings");
    assert!(
        encodings.contains("hash-max-listpack-entries"),
        "{encodings}"
    );
    assert!(!is_unknown(&assessment, "redis_server") && !is_unknown(&assessment, "evictions"));
    assert_eq!(factor(&assessment, ComponentKind::Redis), "inconclusive");
    let limiting = &assessment.components[0].limiting_factor;
    let reason = "the scenario memory makes no load: there is no throughput to explain";
    assert_eq!(limiting.reason, reason);
}

/// Planted: one key, a hundred, and every one that the server took.
#[test]
fn keys_that_are_gone_without_an_eviction_are_told_however_few_they_are() {
    for lost in [1.0, 100.0, 90_000.0] {
        let assessment = figures(("policy", "noeviction"), &[("limit.lost_keys", lost)]);
        let found = told(&assessment, "redis_memory_limit");
        assert_eq!(named(&assessment), ["redis_memory_limit"]);
        assert_eq!(found.thing.as_deref(), Some("noeviction"));
        assert!(
            found.title.contains("without evicting them"),
            "{}",
            found.title
        );
        assert!(found.impact.unwrap().ratio > 0.0);
    }
}

#[test]
fn a_server_that_refuses_or_evicts_against_its_policy_is_told() {
    let assessment = figures(
        ("policy", "allkeys-lru"),
        &[("limit.refused_writes", 700.0)],
    );
    let found = told(&assessment, "redis_memory_limit");
    assert!(
        found.title.starts_with("Redis refuses 700 writes"),
        "{}",
        found.title
    );
    let evicted = [("limit.evicted_keys", 30.0), ("limit.lost_keys", 30.0)];
    let assessment = figures(("policy", "volatile-lru"), &evicted);
    let found = told(&assessment, "redis_memory_limit");
    assert!(
        found.title.starts_with("Redis evicts 30 keys"),
        "{}",
        found.title
    );
}

#[test]
fn a_limit_that_was_not_tried_is_unknown_with_the_reason() {
    let mut report = healthy();
    report
        .steps
        .retain(|step| !step.parameters.contains_key("policy"));
    let mut none = report.steps.last().unwrap().clone();
    none.figures.clear();
    none.parameters.insert("part".into(), "limit".into());
    let unavailable = &mut none.server.get_or_insert_default().unavailable;
    unavailable.insert("limit".into(), "tried on throwaway servers only".into());
    report.steps.push(none);
    let assessment = assess_reports(&[report]);
    assert!(is_unknown(&assessment, "redis_memory_limit"));
    let mut unknown = assessment.unknown.iter();
    let unknown = unknown
        .find(|one| one.rule == "redis_memory_limit")
        .unwrap();
    assert!(
        unknown.question.ends_with("throwaway servers only"),
        "{unknown:?}"
    );
}

/// Assesses a run whose churn left `ratio` times the memory in use, of `mib` MiB of data.
fn churned(ratio: f64, mib: f64) -> Assessment {
    figures(
        ("part", "churn"),
        &[
            ("churn.refilled.fragmentation_ratio", ratio),
            ("churn.refilled.used_bytes", mib * 1_048_576.0),
            ("churn.refilled.rss_bytes", 1.1 * ratio * mib * 1_048_576.0),
        ],
    )
}

#[test]
fn gaps_are_information_from_two_fifths_on_and_a_problem_where_they_are_as_large_as_the_data() {
    for (ratio, kind) in [
        (3.0, FindingKind::Problem),
        (2.0, FindingKind::Problem),
        (1.5, FindingKind::Information),
    ] {
        let assessment = churned(ratio, 100.0);
        let found = told(&assessment, "redis_fragmentation");
        assert_eq!((found.kind, found.confidence), (kind, Confidence::Medium));
        let unused = format!("left about {:.0} MiB", 100.0 * (ratio - 1.0));
        let plain = found.detail.replace(".0 MiB", " MiB");
        assert!(plain.contains(&unused), "{unused}: {}", found.detail);
        assert!(found.advice.as_ref().unwrap().actions[0].contains("activedefrag"));
    }
    assert!(!is_told(&churned(1.39, 100.0), "redis_fragmentation"));
    // The same ratio of a nearly empty server.
    assert!(is_unknown(&churned(1.5, 8.0), "redis_fragmentation"));
}

#[test]
fn an_allocator_that_counts_no_gaps_and_a_server_that_does_not_tell_leave_it_open() {
    let silent = [
        ("churn.refilled.fragmentation_ratio", 1.0),
        ("churn.halved.fragmentation_ratio", 1.0),
    ];
    assert!(is_unknown(
        &figures(("part", "churn"), &silent),
        "redis_fragmentation"
    ));
    let old = run(|step| {
        let is_told = |name: &String| name.ends_with("fragmentation_ratio");
        step.figures.retain(|name, _| !is_told(name));
    });
    assert!(is_unknown(&old, "redis_fragmentation"));
}

/// Assesses a run on a server whose compact hashes end at `most` fields, where the measured ones are tables.
fn hashes_up_to(most: f64) -> Assessment {
    run(|step| {
        let tables = step.server.iter_mut().flat_map(|server| &mut server.tables);
        let rows = tables.flat_map(|(_, rows)| rows);
        let of_hash = |row: &&mut EvidenceRow| {
            row.labels
                .get("limit")
                .is_some_and(|limit| limit == "hash-max-listpack-entries")
        };
        for row in rows.filter(of_hash) {
            row.figures
                .extend([("found".to_owned(), most), ("configured".to_owned(), most)]);
        }
        if step.is_with(&[("type", "hash")]) && step.parameter("elements").unwrap() > most {
            step.parameters
                .insert("encoding".into(), "hashtable".into());
            step.figures.insert("memory.key_bytes".into(), 1_234.5);
        }
    })
}

/// Planted: limits below the ten fields of the measured hashes.
#[test]
fn a_small_hash_that_a_low_setting_keeps_from_its_compact_encoding_is_told_once() {
    for most in [1.0, 5.0, 9.0] {
        let assessment = hashes_up_to(most);
        let found: Vec<_> = assessment.findings.iter().collect();
        let [found] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!(found.rule(), "redis_encodings");
        assert_eq!(found.kind, FindingKind::Information);
        assert_eq!(found.thing.as_deref(), Some("hash-max-listpack-entries"));
        assert!(found.detail.contains("10 elements"), "{}", found.detail);
        let action = &found.advice.as_ref().unwrap().actions[0];
        assert!(action.contains("hash-max-listpack-entries 10"), "{action}");
    }
    assert!(!is_told(&hashes_up_to(10.0), "redis_encodings"));
    let unread = run(|step| step.server = None);
    assert!(is_unknown(&unread, "redis_encodings"));
}

/// Planted: predictions that are off by so much.
#[test]
fn a_prediction_that_is_off_by_a_tenth_is_told_with_both_figures() {
    for off in [0.5, -0.3, 0.1] {
        let plant = [("memory.prediction_error_ratio", off)];
        let assessment = figures(("encoding", "raw"), &plant);
        let found = told(&assessment, "redis_memory_prediction");
        assert_eq!(found.kind, FindingKind::Information);
        let shown = format!("{:.1} %", 100.0 * f64::abs(off));
        assert!(found.title.ends_with(&shown), "{}", found.title);
        assert!(named(&assessment).is_empty());
    }
    let near = figures(
        ("encoding", "raw"),
        &[("memory.prediction_error_ratio", 0.09)],
    );
    assert!(!is_told(&near, "redis_memory_prediction"));
    let none = run(|step| {
        step.figures.remove("memory.prediction_error_ratio");
    });
    assert!(finding(&none, "redis_memory_prediction").is_none());
    assert!(is_unknown(&none, "redis_memory_prediction"));
}

/// Planted: a user who may use none of the commands, so that every part failed.
#[test]
fn a_run_of_which_every_part_was_refused_says_so() {
    let assessment = run(|step| {
        step.figures.clear();
        step.server = None;
        step.end = StepEnd::Failed {
            reason: "NOPERM set".into(),
        };
    });
    for rule in RULES {
        assert!(is_unknown(&assessment, rule), "{rule}");
    }
}
