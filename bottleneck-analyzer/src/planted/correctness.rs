//! Tests of wrong results, which no load makes right: limiters that admit too much or lock users out, and sessions
//! that get lost.

use crate::assessment::{Assessment, FindingKind};
use bench_report::{Parameter, Step};

use super::redis_server::run;
use super::{finding, is_told, told};

/// Assesses a run in which each step compares the variant `name` of `parameter`, with these figures.
fn variant(parameter: &str, name: &str, figures: &[(&str, f64)]) -> Assessment {
    run(|step: &mut Step| {
        step.parameters
            .insert(parameter.into(), Parameter::Text(name.to_owned()));
        for (figure, value) in figures {
            step.figures.insert((*figure).to_owned(), *value);
        }
    })
}

fn limiter(name: &str, (over, worst): (f64, f64), more: &[(&str, f64)]) -> Assessment {
    let mut figures = vec![
        ("limiter.decisions", 9_000.0),
        ("limiter.windows", 80.0),
        ("limiter.admitted_ratio", 1.0 + over),
        ("limiter.over_admitted_ratio", over),
        ("limiter.worst_window_ratio", worst),
        ("limiter.never_expiring", 0.0),
    ];
    figures.extend_from_slice(more);
    variant("limiter", name, &figures)
}

#[test]
fn a_limiter_admits_too_much_only_past_what_its_algorithm_permits() {
    let over = |name: &str, figures, more: &[(&str, f64)]| {
        is_told(&limiter(name, figures, more), "limiter_over_admits")
    };
    assert!(over("fixed-window/racy", (0.3, 1.3), &[]));
    assert!(!over("fixed-window/racy", (0.005, 1.8), &[]));
    assert!(over("sliding-log/racy", (0.1, 1.1), &[]));
    assert!(!over("sliding-log/racy", (0.0, 1.0), &[]));
    // A bucket begins full, and refills in the same window.
    assert!(!over("token-bucket/racy", (0.1, 1.98), &[]));
    assert!(over("token-bucket/racy", (0.5, 2.4), &[]));
    let bound = [("limiter.bound_ratio", 1.2)];
    assert!(!over("gcra", (0.1, 1.2), &bound));
    assert!(over("gcra", (0.1, 1.3), &bound));
    let model = [("limiter.agreed", 8_990.0), ("limiter.disagreed", 10.0)];
    assert!(over("gcra", (0.0, 1.0), &model));
}

#[test]
fn a_racy_limiter_is_told_with_what_it_admitted() {
    let assessment = limiter("fixed-window/racy", (0.31, 1.5), &[]);
    let found = told(&assessment, "limiter_over_admits");
    assert_eq!(found.kind, FindingKind::Problem);
    assert_eq!(found.thing.as_deref(), Some("fixed-window/racy"));
    assert!(found.title.contains("31.0 %"), "{}", found.title);
    assert!(found.advice.as_ref().unwrap().actions[0].contains("EVALSHA"));
    assert!(finding(&assessment, "limiter_locks_out").is_none());
}

#[test]
fn a_counter_that_never_expires_locks_users_out() {
    let locked = [("limiter.never_expiring", 3.0)];
    let assessment = limiter("fixed-window/racy", (0.0, 1.0), &locked);
    let found = told(&assessment, "limiter_locks_out");
    assert!(found.title.contains("3 keys"), "{}", found.title);
    assert!(!is_told(
        &limiter("gcra", (0.0, 1.0), &[]),
        "limiter_locks_out"
    ));
}

fn sessions(name: &str, more: &[(&str, f64)]) -> Assessment {
    let mut figures = vec![
        ("sessions.log_ins", 100.0),
        ("sessions.updates", 1_000.0),
        ("sessions.lost_updates", 0.0),
        ("sessions.overwritten_updates", 0.0),
    ];
    figures.extend_from_slice(more);
    variant("store", name, &figures)
}

#[test]
fn a_store_that_loses_changes_is_told_with_their_number_and_one_that_does_not_is_fine() {
    assert!(!is_told(&sessions("string-cas", &[]), "session_races"));
    let assessment = sessions(
        "string",
        &[
            ("sessions.lost_updates", 7.0),
            ("sessions.overwritten_updates", 9.0),
            ("sessions.resurrected", 1.0),
        ],
    );
    let found = told(&assessment, "session_races");
    assert_eq!(found.kind, FindingKind::Problem);
    assert_eq!(found.thing.as_deref(), Some("string"));
    assert!(
        found.title.contains("acknowledged change"),
        "{}",
        found.title
    );
    assert!(found.title.contains("there again"), "{}", found.title);
    assert!(found.detail.contains("written over"), "{}", found.detail);
    assert!(found.impact.unwrap().ratio > 0.006);
}
