//! Tests of stampedes: a hot key whose expiries call the back-end many times, beside guards that keep them from it.

use crate::assessment::{Assessment, Confidence, FindingKind};
use bench_report::{Parameter, Step};

use super::common::Plant;
use super::{assess_reports, finding, is_told, is_unknown, named, told};

const RULE: &str = "cache_stampede";
const MS: f64 = 1e6;

/// Adds figures to a step; those that no program writes are refused.
fn plant(step: &mut Step, figures: &[(&str, f64)]) {
    for (name, value) in figures {
        let place = bench_report::names::Place::Step;
        assert!(bench_report::names::find(place, name).is_some(), "{name}");
        step.figures.insert((*name).to_owned(), *value);
    }
}

/// Assesses a run with one hot key: each guard with its mean number of calls at an expiry, and its number of
/// expiries.
fn guards(guards: &[(&str, f64, f64)]) -> Assessment {
    let mut report = Plant::default().redis();
    report.steps.truncate(guards.len());
    for (step, (guard, calls, expiries)) in report.steps.iter_mut().zip(guards) {
        step.name = format!("{guard}, 1 shared connection");
        step.parameters.remove("pool_size");
        for (name, text) in [("client", "multiplexed"), ("guard", guard)] {
            let text = Parameter::Text(text.to_owned());
            step.parameters.insert(name.to_owned(), text);
        }
        plant(
            step,
            &[
                ("stampede.expiries", *expiries),
                ("backend_mean_ns", 51.0 * MS),
            ],
        );
        if *expiries > 0.0 {
            plant(
                step,
                &[
                    ("stampede.calls_per_expiry", *calls),
                    ("stampede.worst_calls", calls.ceil() + 5.0),
                    ("stampede.most_at_once", calls.ceil() + 4.0),
                    ("stampede.stalled_per_expiry", *calls),
                ],
            );
        }
        if *guard == "none" {
            plant(step, &[("stampede.expected_calls", calls - 0.3)]);
        }
    }
    assess_reports(&[report])
}

/// As measured with 1,000 requests a second and a back-end of 50 ms.
#[test]
fn calls_of_a_key_without_a_guard_are_told_beside_those_that_its_guards_need() {
    let run = guards(&[
        ("none", 52.6, 8.0),
        ("lock", 1.0, 8.0),
        ("early", 2.2, 10.0),
    ]);
    assert_eq!(named(&run), [RULE]);
    let found = told(&run, RULE);
    assert_eq!(found.kind, FindingKind::Problem);
    assert_eq!(found.confidence, Confidence::High);
    assert_eq!(found.thing.as_deref(), Some("none"));
    let title = "Without a guard, the back-end is called 52.6 times at each expiry of a hot key";
    assert_eq!(found.title, title);
    for part in [
        "Its value expired 8 times",
        "At worst 57 calls ran at the same time.",
        "Theory expects 52.3 calls",
        "Guards of the same run need: lock 1, early 2.20.",
    ] {
        assert!(found.detail.contains(part), "{part}: {}", found.detail);
    }
    let advice = found.advice.as_ref().unwrap();
    assert!(advice.actions[0].contains("NX"), "{advice:?}");
    assert_eq!(advice.expected_gain, "1 call at an expiry, as with lock");
}

/// Planted: the same key at three rates.
#[test]
fn few_calls_are_information_and_a_single_one_is_healthy() {
    let alone = |calls: f64| guards(&[("none", calls, 8.0)]);
    assert_eq!(told(&alone(200.0), RULE).kind, FindingKind::Problem);
    assert_eq!(told(&alone(12.0), RULE).kind, FindingKind::Problem);
    let few = alone(6.5);
    assert_eq!(told(&few, RULE).kind, FindingKind::Information);
    let gain = &told(&few, RULE).advice.as_ref().unwrap().expected_gain;
    assert_eq!(gain, "about one call at an expiry");
    for calls in [1.0, 2.7, 5.9] {
        assert!(!is_told(&alone(calls), RULE), "{calls}");
    }
}

#[test]
fn guards_that_work_are_ruled_out_with_what_they_need() {
    let run = guards(&[("lock", 1.0, 8.0), ("early", 2.7, 9.0)]);
    assert!(!is_told(&run, RULE));
    let ruled_out = run.ruled_out.iter().find(|one| one.rule == RULE).unwrap();
    let statement = &ruled_out.statement;
    assert!(statement.ends_with("lock 1, early 2.70"), "{statement}");
    // A scenario without a hot key says nothing about it.
    let other = assess_reports(&[Plant::default().redis()]);
    assert!(finding(&other, RULE).is_none() && !is_unknown(&other, RULE));
}

/// Planted: the lock expires before the back-end has answered.
#[test]
fn a_guard_that_does_not_hold_is_told_with_advice_of_its_own() {
    let run = guards(&[("lock", 13.0, 8.0), ("early", 7.0, 2.0)]);
    let of = |guard: &str| {
        let mut findings = run.findings.iter();
        findings
            .find(|f| f.rule() == RULE && f.thing.as_deref() == Some(guard))
            .unwrap()
    };
    let (lock, early) = (of("lock"), of("early"));
    assert!(
        lock.title.starts_with("In spite of the guard lock"),
        "{}",
        lock.title
    );
    assert!(lock.advice.as_ref().unwrap().actions[0].contains("--lock-ttl"));
    assert_eq!(lock.kind, FindingKind::Problem);
    assert!(early.advice.as_ref().unwrap().actions[0].contains("sooner"));
    // Two expiries are too few for a certain mean.
    assert_eq!(
        (early.kind, early.confidence),
        (FindingKind::Information, Confidence::Medium)
    );
}

#[test]
fn a_key_that_did_not_expire_leaves_it_open() {
    let run = guards(&[("none", 0.0, 0.0)]);
    assert!(finding(&run, RULE).is_none() && is_unknown(&run, RULE));
    // The guard whose key did expire is judged.
    let run = guards(&[("none", 40.0, 3.0), ("lock", 0.0, 0.0)]);
    assert!(is_unknown(&run, RULE));
    assert!(!told(&run, RULE).detail.contains("Guards"));
}

/// Planted: two repeats of a setting, with one expiry and with three.
#[test]
fn repeats_of_a_guard_count_by_their_expiries() {
    let mut report = Plant::default().redis();
    report.steps.truncate(2);
    for ((repeat, step), (calls, expiries)) in report
        .steps
        .iter_mut()
        .enumerate()
        .zip([(40.0, 1.0), (20.0, 3.0)])
    {
        step.repeat = repeat as u64;
        step.name = "none, 1 shared connection".to_owned();
        step.parameters.clear();
        let guard = Parameter::Text("none".to_owned());
        step.parameters.insert("guard".to_owned(), guard);
        plant(
            step,
            &[
                ("stampede.expiries", expiries),
                ("stampede.calls_per_expiry", calls),
            ],
        );
    }
    let run = assess_reports(&[report]);
    assert!(
        told(&run, RULE).title.contains("25 times"),
        "{:?}",
        told(&run, RULE)
    );
    assert!(told(&run, RULE).detail.contains("expired 4 times"));
}
